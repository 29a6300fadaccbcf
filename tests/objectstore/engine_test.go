//go:build objectlock

// The real engine makes the stores that the plan of a declared site decides, in a real S3 server on loopback, with the
// users and policies that the documentation asks for. Then every consumer tries what it may and what it may not.
package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

const (
	checkout      = "../.."
	administrator = "stores-root"
	password      = "only-for-this-test"
	region        = "eu-north-1"
)

// world is a server, the users on it, and a stack of the engine.
type world struct {
	address, dir, cli, mc string
	env                   []string
	plan                  plan.Plan
}

func program(t *testing.T, name string) string {
	t.Helper()
	cache := os.Getenv("LAGRUM_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		require.NoError(t, err)
		cache = filepath.Join(base, "lagrum")
	}
	store, err := artifacts.Open(cache, filepath.Join(checkout, "lab/programs"))
	require.NoError(t, err)
	dir, err := store.Program(t.Context(), name)
	require.NoError(t, err)
	return filepath.Join(dir, name)
}

// decide is the plan of production in Sweden, its stores moved to the server, and what its recovery stack reads besides.
func decide(t *testing.T, address string) plan.Plan {
	t.Helper()
	of := func(stack string) plan.Plan {
		text, err := os.ReadFile(filepath.Join(checkout, "Pulumi."+stack+".yaml"))
		require.NoError(t, err)
		var file struct{ Config map[string]yaml.Node }
		require.NoError(t, yaml.Unmarshal(text, &file))
		node := file.Config["lagrum:site"]
		inner, err := yaml.Marshal(&node)
		require.NoError(t, err)
		s, _, err := site.Load(inner)
		require.NoError(t, err)
		profile, err := country.Lookup(s.Country.String())
		require.NoError(t, err)
		p, _, err := plan.Resolve(s, profile, time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		return p
	}
	p := of("se-prod")
	for _, store := range of("se-dr").Stores {
		if store.Of != "" {
			p.Stores = append(p.Stores, store)
		}
	}
	for i := range p.Stores {
		p.Stores[i].Place.Endpoint, p.Stores[i].Place.Region = "http://"+address, region
	}
	require.Len(t, p.Stores, 5)
	return p
}

func prepare(t *testing.T) *world {
	t.Helper()
	w := &world{address: free(t), dir: t.TempDir(), cli: program(t, "pulumi"), mc: program(t, "mc")}
	serve(t, "minio", w.address, []string{
		"MINIO_ROOT_USER=" + administrator, "MINIO_ROOT_PASSWORD=" + password, "MINIO_REGION=" + region, "MINIO_UPDATE=off", "MINIO_BROWSER=off",
		"MINIO_KMS_SECRET_KEY=test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", // the store's own key, of 32 bytes
	}, "server", "--quiet", "--address", w.address, t.TempDir())
	w.plan = decide(t, w.address)
	for _, store := range w.plan.Stores {
		for _, c := range store.Consumers {
			w.user(t, name(store, c), rights.ForConsumer(store, c))
		}
	}
	w.engine(t)
	return w
}

// name of a consumer's user, which is its key's id as well.
func name(store plan.Store, c plan.Consumer) string { return store.Name + "-" + c.Name }

// user makes a user with one policy, as its operator would.
func (w *world) user(t *testing.T, name string, p rights.Policy) {
	t.Helper()
	text, err := p.JSON()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "policy.json")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	for _, args := range [][]string{
		{"admin", "user", "add", "s3", name, password}, {"admin", "policy", "create", "s3", name, file}, {"admin", "policy", "attach", "s3", name, "--user", name},
	} {
		cmd := exec.Command(w.mc, append([]string{"--config-dir", filepath.Join(w.dir, "mc")}, args...)...)
		cmd.Env = append(os.Environ(), "MC_HOST_s3=http://"+administrator+":"+password+"@"+w.address)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
	}
}

func (w *world) client(t *testing.T, user string) *minio.Client {
	t.Helper()
	client, err := minio.New(w.address, &minio.Options{Creds: credentials.NewStaticV4(user, password, ""), Region: region, MaxRetries: 1})
	require.NoError(t, err)
	return client
}

// engine lays out the official CLI with the plugins of the lab.
func (w *world) engine(t *testing.T) {
	t.Helper()
	for target, source := range map[string]string{"program": "./tests/objectstore", "aws": "./lab/plugins/s3", "lagrum": "./cmd/lagrum"} {
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(w.dir, target), source)
		cmd.Dir = checkout
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	for folder, target := range map[string]string{"language-go-v3.259.0": "lagrum", "resource-aws-v6.83.0": "aws"} {
		plugin := filepath.Join(w.dir, "home/plugins", folder)
		require.NoError(t, os.MkdirAll(plugin, 0o755))
		require.NoError(t, os.Symlink(filepath.Join(w.dir, target), filepath.Join(plugin, "pulumi-"+folder[:strings.LastIndex(folder, "-v")])))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(w.dir, "state"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "Pulumi.yaml"), []byte("name: lagrum\nruntime:\n  name: go\n  options:\n    binary: ./program\n"), 0o600))
	w.env = append(os.Environ(), "PULUMI_HOME="+filepath.Join(w.dir, "home"), "PULUMI_BACKEND_URL=file://"+filepath.Join(w.dir, "state"),
		"PULUMI_CONFIG_PASSPHRASE=test", "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true", "PULUMI_SUPPRESS_NEO_LINK=true")
	text, err := json.Marshal(w.plan)
	require.NoError(t, err)
	w.must(t, "stack", "init")
	w.must(t, "config", "set", "lagrum:plan", string(text))
	w.must(t, "config", "set", "--path", "pulumi:disable-default-providers[0]", "*")
	login := func(id, secret, user string) {
		w.must(t, "config", "set", "--secret", "lagrum:"+id, user)
		w.must(t, "config", "set", "--secret", "lagrum:"+secret, password)
	}
	for _, store := range w.plan.Stores {
		id, secret := store.Place.AdministratorSecrets()
		login(id, secret, administrator)
		for _, c := range store.Consumers {
			id, secret := store.ConsumerSecrets(c.Name)
			login(id, secret, name(store, c))
		}
	}
}

func (w *world) run(args ...string) (string, error) {
	args = append([]string{"--signal=INT", "--kill-after=60", "180", w.cli}, append(args, "--stack", "se-prod", "--non-interactive", "--color=never")...)
	cmd := exec.Command("timeout", args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.run(args...)
	require.NoError(t, err, "pulumi %v\n%s", args, out)
	return out
}

func (w *world) store(t *testing.T, name string) plan.Store {
	t.Helper()
	for _, store := range w.plan.Stores {
		if store.Name == name {
			return store
		}
	}
	require.Fail(t, "no store "+name)
	return plan.Store{}
}
