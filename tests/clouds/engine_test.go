//go:build lab

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/artifacts"
)

const checkout = "../.."

// TestDeclaredStacks has the real engine preview and make what the declared stacks have in a cloud, against plugins that
// make nothing.
func TestDeclaredStacks(t *testing.T) {
	engine := prepare(t)
	files, err := filepath.Glob(filepath.Join(checkout, "Pulumi.*-*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		t.Run(name, func(t *testing.T) { engine.stack(t, name, file) })
	}
}

// engine is the official CLI with the plugins that a declared stack asks for.
type engine struct {
	dir, cli string
	env      []string
}

func prepare(t *testing.T) *engine {
	t.Helper()
	root, err := filepath.Abs(checkout)
	require.NoError(t, err)
	e := &engine{dir: t.TempDir()}
	for target, source := range map[string]string{"program": "./tests/clouds", "planonly": "./tests/planonly", "lagrum": "./cmd/lagrum"} {
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(e.dir, target), source)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(e.dir, "kubernetes"), ".")
	cmd.Dir = filepath.Join(root, "lab/plugins/kubernetes")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for folder, target := range map[string]string{
		"language-go-v3.259.0": "lagrum", "resource-tls-v5.2.0": "lagrum", "resource-random-v4.18.0": "lagrum",
		"resource-kubernetes-v4.33.0": "kubernetes", "resource-aws-v6.83.0": "planonly", "resource-openstack-v3.13.3": "planonly",
	} {
		plugin := filepath.Join(e.dir, "home/plugins", folder)
		require.NoError(t, os.MkdirAll(plugin, 0o755))
		require.NoError(t, os.Symlink(filepath.Join(e.dir, target), filepath.Join(plugin, "pulumi-"+folder[:strings.LastIndex(folder, "-v")])))
	}
	cache := os.Getenv("LAGRUM_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		require.NoError(t, err)
		cache = filepath.Join(base, "lagrum")
	}
	store, err := artifacts.Open(cache, filepath.Join(root, "lab/programs"))
	require.NoError(t, err)
	program, err := store.Program(t.Context(), "pulumi")
	require.NoError(t, err)
	e.cli = filepath.Join(program, "pulumi")
	require.NoError(t, os.MkdirAll(filepath.Join(e.dir, "state"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(e.dir, "Pulumi.yaml"),
		[]byte("name: lagrum\nruntime:\n  name: go\n  options:\n    binary: ./program\n"), 0o600))
	e.env = append(os.Environ(), "PULUMI_HOME="+filepath.Join(e.dir, "home"), "PULUMI_BACKEND_URL=file://"+filepath.Join(e.dir, "state"),
		"PULUMI_CONFIG_PASSPHRASE=test", "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"PULUMI_SUPPRESS_NEO_LINK=true")
	return e
}

func (e *engine) run(stack string, args ...string) (string, error) {
	cmd := exec.Command("timeout", append([]string{"--signal=INT", "--kill-after=60", "300", e.cli}, append(args, "--stack", stack, "--non-interactive", "--color=never")...)...)
	cmd.Dir, cmd.Env = e.dir, e.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (e *engine) must(t *testing.T, stack string, args ...string) string {
	t.Helper()
	out, err := e.run(stack, args...)
	require.NoError(t, err, "pulumi %v\n%s", args, out)
	return out
}

// storeLogins are what a stack with stores at endpoints has in its configuration, by the beginning of their keys.
func storeLogins(t *testing.T, file string) []string {
	t.Helper()
	if !strings.Contains(file, "\n    objectStore:") {
		return nil
	}
	all := []string{
		"storeAdministrator", "auditPatientAccessCollector", "auditPatientAccessVerifier", "auditPlatformSecurityCollector",
		"auditPlatformSecurityVerifier", "etcdSnapshotsWriter", "etcdSnapshotsVerifier", "backupAdministrator", "backupVelero",
	}
	if strings.Contains(file, "\n      from:") {
		all = append(all, "restoreReader")
	}
	return all
}

func (e *engine) stack(t *testing.T, name, file string) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(e.dir, filepath.Base(file)), text, 0o600))
	e.must(t, name, "stack", "init")
	if strings.Contains(string(text), "\n      openstack:") {
		e.must(t, name, "config", "set", "--secret", "lagrum:openstackCredentialID", "sentinel-credential-id")
		e.must(t, name, "config", "set", "--secret", "lagrum:openstackCredentialSecret", "sentinel-credential-secret")
	}
	for _, who := range storeLogins(t, string(text)) {
		for _, part := range []string{"ID", "Secret"} {
			e.must(t, name, "config", "set", "--secret", "lagrum:"+who+part, "sentinel-credential-of-a-store")
		}
	}

	// The first preview shows all that the mock engine has seen, and the stack itself.
	graph, err := os.ReadFile(filepath.Join(checkout, "tests/stacks/testdata", name+".graph.txt"))
	require.NoError(t, err)
	var resources int
	_, err = fmt.Sscanf(string(graph), "%d resources", &resources)
	require.NoError(t, err)
	preview := e.must(t, name, "preview", "--diff")
	assert.Regexp(t, regexp.MustCompile(fmt.Sprintf(`\+ %d to create`, resources+1)), preview)
	assert.Contains(t, preview, "[unknown]", "what a cloud computes is not known before")

	in := func(args ...string) []string {
		for _, pattern := range []string{"**openstack**", "**aws**", "**tls**", "**random**", "**lagrum:pki:PKI**", "**lagrum:objectstore:Stores**", "**lagrum:cluster:Cluster::**", "**providers:kubernetes**"} {
			args = append(args, "--target", pattern)
		}
		return args
	}
	e.must(t, name, in("up", "--yes", "--skip-preview")...)
	e.must(t, name, in("preview", "--expect-no-changes")...)
	e.must(t, name, in("refresh", "--yes", "--skip-preview", "--expect-no-changes")...)

	state := e.must(t, name, "stack", "export")
	require.True(t, json.Valid([]byte(state)))
	for what, secret := range map[string]string{
		"a private key": "BEGIN EC PRIVATE KEY", "a credential of the stack": "sentinel-credential", "user-data that names a credential": "application_credential\\\":{",
	} {
		assert.NotContains(t, state, secret, "%s stands in the state in the clear", what)
	}
	t.Logf("%s: %d resources in the plan, a state of %d KiB", name, resources, len(state)/1024)

	// What patients depend on cannot be destroyed by one command.
	out, err := e.run(name, "destroy", "--yes", "--skip-preview")
	require.Error(t, err, out)
	require.Contains(t, out, "protected")
}
