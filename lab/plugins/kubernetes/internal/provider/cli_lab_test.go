//go:build lab

package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stack is a project with the real Pulumi CLI, this plugin, and a stack of its own.
type stack struct {
	dir, cli string
	env      []string
}

func newStack(t *testing.T, config map[string]string) *stack {
	t.Helper()
	cli, err := artifact("pulumi", "pulumi")
	require.NoError(t, err)
	dir := t.TempDir()
	for target, source := range map[string]string{
		"project/bin/program": "./testdata/program", "bin/plugins": "./testdata/plugins", "bin/pulumi-resource-kubernetes": "../..",
	} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, target), source).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	for _, name := range []string{"pulumi-language-go", "pulumi-resource-random"} {
		require.NoError(t, os.Symlink("plugins", filepath.Join(dir, "bin", name)))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "state"), 0o755))
	const project = "name: standin\nruntime: {name: go, options: {binary: ./bin/program}}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "project/Pulumi.yaml"), []byte(project), 0o644))
	s := &stack{dir: dir, cli: cli, env: []string{
		"PATH=" + filepath.Join(dir, "bin") + ":/usr/bin:/bin", "HOME=" + dir, "PULUMI_HOME=" + filepath.Join(dir, "home"),
		"PULUMI_BACKEND_URL=file://" + filepath.Join(dir, "state"), "PULUMI_CONFIG_PASSPHRASE=test", "PULUMI_SKIP_UPDATE_CHECK=true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
	}}
	s.must(t, "stack", "init", "dev")
	s.must(t, "config", "set", "--path", "pulumi:disable-default-providers[0]", "kubernetes")
	for key, value := range config {
		flag := "--plaintext"
		if key == "kubeconfig" {
			flag = "--secret"
		}
		s.must(t, "config", "set", flag, key, "--", value)
	}
	return s
}

func (s *stack) run(args ...string) (string, error) {
	cmd := exec.Command(s.cli, append(args, "--non-interactive", "--color=never")...)
	if i := strings.Index(strings.Join(args, "\x00"), "\x00--\x00"); i >= 0 {
		cmd = exec.Command(s.cli, append([]string{"--non-interactive", "--color=never"}, args...)...)
	}
	cmd.Dir, cmd.Env = filepath.Join(s.dir, "project"), s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *stack) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.run(args...)
	require.NoError(t, err, "pulumi %s\n%s", strings.Join(args, " "), out)
	return out
}

func TestWithTheRealCLI(t *testing.T) {
	t.Parallel()
	ns := fmt.Sprintf("cli-%x", time.Now().UnixNano()&0xffffff)
	s := newStack(t, map[string]string{"kubeconfig": shared.kubeconfig, "namespace": ns, "value": "1", "plays": "running"})

	// The first preview: no kubeconfig is known, every resource shows.
	first := s.must(t, "preview")
	for _, want := range []string{
		"kubernetes:core/v1:Namespace", "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:Secret", "kubernetes:apps/v1:Deployment", "+ 7 to create",
	} {
		assert.Contains(t, first, want)
	}

	up := s.must(t, "up", "--yes", "--skip-preview")
	assert.Contains(t, up, "+ 7 created")
	assert.Contains(t, up, "available: 2")
	s.must(t, "preview", "--expect-no-changes")
	s.must(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes")

	state := s.must(t, "stack", "export")
	assert.NotContains(t, state, "sentinel-")
	assert.NotContains(t, state, "test-admin-token", "the kubeconfig is encrypted in the provider's inputs and outputs")
	assert.Contains(t, state, `"__standIn": "kubernetes"`)

	// A new value gives a new ConfigMap under a new name, rolls the Deployment, and then deletes the old one.
	old := strings.TrimSpace(s.must(t, "stack", "output", "settings"))
	s.must(t, "config", "set", "value", "2")
	changed := s.must(t, "preview", "--diff")
	assert.Contains(t, changed, "+-kubernetes:core/v1:ConfigMap: (replace)")
	assert.Contains(t, changed, "~ kubernetes:apps/v1:Deployment: (update)")
	up = s.must(t, "up", "--yes", "--skip-preview")
	assert.Contains(t, up, "+-1 replaced")
	assert.Contains(t, up, "~ 1 updated")
	current := strings.TrimSpace(s.must(t, "stack", "output", "settings"))
	assert.NotEqual(t, old, current)
	_, err := client(t, live(nil, "ConfigMap", ns, old)).Get(t.Context(), old, metav1.GetOptions{})
	assert.Error(t, err, "the old one is gone")

	// Deleted by hand: a refresh shows it, an update restores it.
	remove(t, live(nil, "Secret", ns, "key"))
	refreshed := s.must(t, "refresh", "--yes", "--skip-preview")
	assert.Contains(t, refreshed, "- 1 deleted")
	assert.Contains(t, s.must(t, "up", "--yes", "--skip-preview"), "+ 1 created")

	// Changed by hand: a refresh shows it; taking it back is a conflict that names who changed it.
	web := live(nil, "Deployment", ns, "web")
	web.SetAPIVersion("apps/v1")
	edit(t, web, `{"spec":{"replicas":1}}`)
	refreshed = s.must(t, "refresh", "--yes", "--skip-preview", "--diff")
	assert.Contains(t, refreshed, "replicas: 2 => 1")
	out, err := s.run("preview")
	require.Error(t, err)
	assert.Contains(t, out, `.spec.replicas is owned by "kubectl-edit"`)
	edit(t, web, `{"spec":{"replicas":2}}`)
	require.Eventually(t, func() bool {
		out, err := s.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
		return err == nil && !strings.Contains(out, "unhealthy")
	}, time.Minute, time.Second)
	s.must(t, "preview", "--expect-no-changes")

	// A failed wait keeps the object and its reasons in the state; the next update waits again.
	s.must(t, "config", "set", "plays", "waiting")
	out, err = s.run("up", "--yes", "--skip-preview")
	require.Error(t, err)
	assert.Contains(t, out, "Deployment "+ns+"/web is not ready after 5s: ")
	assert.Contains(t, out, "container main waits: ImagePullBackOff: Back-off pulling image")
	s.must(t, "config", "set", "plays", "running")
	assert.Contains(t, s.must(t, "up", "--yes", "--skip-preview"), "~ 1 updated")
	s.must(t, "preview", "--expect-no-changes")

	// What the stack made and the state lost is adopted by import.
	var export struct {
		Deployment struct {
			Resources []struct {
				URN, Type string
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.must(t, "stack", "export")), &export))
	urns := map[string]string{}
	for _, r := range export.Deployment.Resources {
		urns[r.Type] = r.URN
	}
	const deployment, secret = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Secret"
	for _, row := range []struct{ typ, name, id string }{
		{deployment, "web", ns + "/web"}, {secret, "key", ns + "/key"},
	} {
		s.must(t, "state", "delete", "--yes", urns[row.typ])
		s.must(t, "import", "--yes", "--protect=false", "--generate-code=false",
			"--provider=cluster="+urns["pulumi:providers:kubernetes"], row.typ, row.name, row.id)
	}
	assert.NotContains(t, s.must(t, "stack", "export"), "c2VudGluZWwt")
	// All that is left is how the API server spells a quantity.
	adopted := s.must(t, "preview", "--diff")
	assert.Contains(t, adopted, `~ cpu: "1" => "1000m"`)
	assert.Contains(t, adopted, "~ 1 to update\n    6 unchanged")
	s.must(t, "up", "--yes", "--skip-preview")
	s.must(t, "preview", "--expect-no-changes")

	s.must(t, "destroy", "--yes", "--skip-preview")
	_, err = client(t, live(nil, "Namespace", "", ns)).Get(t.Context(), ns, metav1.GetOptions{})
	assert.Error(t, err)
	assert.Empty(t, processesOf(t, s.dir))
}

// processesOf lists the programs that still run from a directory.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	var found []string
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir) {
			found = append(found, target)
		}
	}
	return found
}
