// Package stacks runs every declared stack whole against the mock engine, and looks at all of its resources at once.
package stacks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/cluster"
	program "github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
	"github.com/lagrum/lagrum/tests/locked"
)

// at is the time at which every declared stack is resolved in tests.
var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// declared finds the configuration of every declared stack at the root of the project, by stack name.
func declared(t testing.TB) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../Pulumi.*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	stacks := map[string]map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var content struct{ Config map[string]any }
		require.NoError(t, yaml.Unmarshal(text, &content), file)
		config := map[string]string{}
		for key, value := range content.Config {
			// The engine hands structured configuration over as JSON.
			encoded, err := json.Marshal(value)
			require.NoError(t, err)
			config[key] = string(encoded)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		stacks[name] = config
	}
	return stacks
}

func run(t *testing.T, name string, config map[string]string, preview bool) *harness.Recording {
	t.Helper()
	return harness.Run(t, stackAt().Run, harness.Options{Stack: name, Preview: preview, Config: config, Secrets: credentials()})
}

// stackAt is the program at the time of tests, with an API that answers.
func stackAt() program.Stack {
	return program.Stack{Now: func() time.Time { return at }, Probe: func(context.Context, cluster.API) error { return nil }, Lock: locked.Beside("../..")}
}

// credentials are the secrets that a stack's configuration has, each a sentinel.
func credentials() map[string]string {
	all := map[string]string{
		"lagrum:openstackCredentialID": "sentinel-openstack-credential-id", "lagrum:openstackCredentialSecret": "sentinel-openstack-credential",
		"lagrum:connectorSecret-region-idp": "sentinel-connector",
	}
	for _, who := range storeLogins() {
		all["lagrum:"+who+"ID"], all["lagrum:"+who+"Secret"] = "sentinel-id-"+who, "sentinel-secret-"+who
	}
	return all
}

// both runs every declared stack in preview and in update mode.
func both(t *testing.T, check func(t *testing.T, name string, r *harness.Recording)) {
	for name, config := range declared(t) {
		for mode, preview := range map[string]bool{"preview": true, "update": false} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				check(t, name, run(t, name, config, preview))
			})
		}
	}
}

// The first preview, before any cluster exists, shows every resource that the update makes.
func TestGraph(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		golden.Compare(t, name+".graph.txt", fmt.Sprintf("%d resources\n%s", len(r.Resources), r.Graph()))
		golden.Compare(t, name+".urns.txt", r.URNs())
	})
}

func TestEveryStackDisablesDefaultProviders(t *testing.T) {
	t.Parallel()
	for name, config := range declared(t) {
		require.Equal(t, `["*"]`, config["pulumi:disable-default-providers"], name)
	}
}

// On the lab nothing is protected: it must be destroyable. Where patients depend on a stack, the engine refuses to delete
// what its identity rests on, and machines that nobody drained. Machines keep what they
// were born with everywhere.
func TestLifecycleOptions(t *testing.T) {
	t.Parallel()
	keys := regexp.MustCompile(`-pki-(ca|etcd-ca|front-proxy-ca|login-ca|service-accounts|encryption)$`)
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		serious := name != "dev"
		for _, made := range r.Resources {
			machine := made.Type == "openstack:compute/instance:Instance" || made.Type == "openstack:blockstorage/volume:Volume" ||
				made.Type == "aws:ec2/instance:Instance" || made.Type == "aws:ebs/volume:Volume"
			key := made.Type == "aws:kms/key:Key" // its end is the end of every disk, or of every object
			bucket := strings.HasPrefix(made.Type, "aws:s3/bucket")
			// With it goes all that the tenant has, or every login. In the gateway's there is nothing that is not made again.
			namespace := made.Type == "kubernetes:core/v1:Namespace" && !strings.HasSuffix(made.Name, "-gateway-controller")
			want := serious && (key || keys.MatchString(made.Name) || machine || bucket || namespace)
			require.Equal(t, want, made.Protect, made.URN)
		}
		for kind, ignored := range map[string][]string{
			"aws:ec2/instance:Instance":                                      {"ami", "userData", "userDataBase64"},
			"aws:secretsmanager/secretVersion:SecretVersion":                 {"secretString"},
			"lab:index:Machine":                                              {"userData", "secrets", "hosts"},
			"openstack:compute/instance:Instance":                            {"userData"},
			"openstack:blockstorage/volume:Volume":                           {"imageId"},
			"openstack:keymanager/secretV1:SecretV1":                         {"payload"},
			"openstack:identity/applicationCredential:ApplicationCredential": {"expiresAt"},
		} {
			for _, made := range r.Of(kind) {
				if strings.Contains(made.Name, "-integration-") {
					continue // it lives as long as the cluster
				}
				require.Equal(t, ignored, made.IgnoreChanges, made.URN)
			}
		}
	})
}

// The label by which the doctor knows an object of ours after a crash.
func TestEveryObjectSaysWhoManagesIt(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, _ string, r *harness.Recording) {
		for _, made := range r.Resources {
			// What patches another's object is no object of its own.
			if !strings.HasPrefix(made.Type, "kubernetes:") || strings.HasSuffix(made.Type, "Patch") {
				continue
			}
			metadata, _ := made.Inputs["metadata"].(map[string]any)
			labels, _ := metadata["labels"].(map[string]any)
			require.Equal(t, "lagrum", labels["app.kubernetes.io/managed-by"], made.URN)
		}
	}
	both(t, check)
	r := run(t, "dev", edit(t, func(site map[string]any) { pool(site, 0)["replacements"] = []any{1} }), false)
	require.Len(t, r.Of("kubernetes:batch/v1:Job"), 1)
	check(t, "dev", r)
}

// ConfigMaps, environment variables and annotations are no place for a secret: the recorder fails on one in clear, and
// nothing here may be marked secret only because a secret was woven into it.
func TestOnlySecretsAreSecret(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		for _, made := range r.Resources {
			if made.Type == "kubernetes:core/v1:ConfigMap" {
				require.NotContains(t, fmt.Sprint(made.Inputs), "[secret]", made.URN)
			}
		}
	})
}

// edit changes the site of the dev stack.
func edit(t testing.TB, change func(site map[string]any)) map[string]string {
	t.Helper()
	return edited(t, "dev", change)
}

// edited is the configuration of a declared stack with a changed site.
func edited(t testing.TB, stack string, change func(site map[string]any)) map[string]string {
	t.Helper()
	config := declared(t)[stack]
	var site map[string]any
	require.NoError(t, json.Unmarshal([]byte(config["lagrum:site"]), &site))
	change(site)
	text, err := json.Marshal(site)
	require.NoError(t, err)
	config["lagrum:site"] = string(text)
	return config
}

func pool(site map[string]any, i int) map[string]any {
	return site["nodePools"].([]any)[i].(map[string]any)
}

// Replacing the initialiser: its successor joins, its retirement is declared, and it is itself no longer.
func TestReplacement(t *testing.T) {
	t.Parallel()
	config := edit(t, func(site map[string]any) { pool(site, 0)["replacements"] = []any{1} })
	golden.Compare(t, "replacement.graph.txt", run(t, "dev", config, false).Graph())
}

// Three control planes and two workers differ from the dev stack in the site only.
func TestThreeAndTwo(t *testing.T) {
	t.Parallel()
	config := edit(t, func(site map[string]any) {
		pool(site, 0)["count"], pool(site, 1)["count"] = 3, 2
	})
	golden.Compare(t, "three-and-two.graph.txt", run(t, "dev", config, false).Graph())
}

// A bad site fails before the first resource exists, with everything that is wrong.
func TestBadSiteBuildsNothing(t *testing.T) {
	t.Parallel()
	config := edit(t, func(site map[string]any) {
		site["cluster"].(map[string]any)["version"] = "v1.2.3"
		pool(site, 1)["count"] = -1
		site["colour"] = "blue"
	})
	stack := program.Stack{Now: func() time.Time { return at }}
	recording, err := harness.Record(stack.Run, harness.Options{Stack: "dev", Preview: true, Config: config})
	require.Error(t, err)
	for _, path := range []string{"cluster.version", "nodePools[1].count", "colour"} {
		require.ErrorContains(t, err, path)
	}
	require.Empty(t, recording.Resources)
}
