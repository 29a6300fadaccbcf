//go:build openstack

package openstack

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// stack is the test's stack and what the real engine needs to run it.
type stack struct {
	cli string
	dir string
	// bin holds the programs built from this checkout.
	bin string
	env []string
}

// outputs are what the program of lab/plugins/openstack/stack exports.
type outputs struct {
	Network, Subnet, SecurityGroup, LoadBalancer, Listener string
	Servers, Volumes                                       []string
}

// newStack builds the program, the companion command as its language host and the plugin, and takes the CLI from the lab's
// cache. An official plugin on PATH wins over the stand-in.
func newStack(t *testing.T) *stack {
	checkout, err := filepath.Abs("../..")
	require.NoError(t, err)
	s := &stack{dir: t.TempDir(), bin: filepath.Join(checkout, "bin")}
	require.NoError(t, os.MkdirAll(s.bin, 0o755))
	module := filepath.Join(checkout, "lab/plugins/openstack")
	build(t, checkout, "./cmd/lagrum", filepath.Join(s.bin, "lagrum"))
	build(t, module, "./stack", filepath.Join(s.dir, "stack"))
	official, err := exec.LookPath("pulumi-resource-openstack")
	if err == nil {
		t.Logf("with the official plugin %s", official)
	} else {
		official = filepath.Join(s.bin, "pulumi-resource-openstack")
		build(t, module, ".", official)
	}
	store, err := artifacts.Open(cache(t), filepath.Join(checkout, "lab/programs"))
	require.NoError(t, err)
	steps, err := store.Steps("pulumi")
	require.NoError(t, err)
	require.NoError(t, artifacts.Build(t.Context(), steps, lines{t}))
	engine, err := store.Program(t.Context(), "pulumi")
	require.NoError(t, err)
	s.cli = filepath.Join(engine, "pulumi")

	home := filepath.Join(s.dir, "home")
	for _, plugin := range []struct{ folder, name, target string }{
		{"language-go-v3.259.0", "pulumi-language-go", filepath.Join(s.bin, "lagrum")},
		{"resource-openstack-v3.13.3", "pulumi-resource-openstack", official},
	} {
		folder := filepath.Join(home, "plugins", plugin.folder)
		require.NoError(t, os.MkdirAll(folder, 0o755))
		require.NoError(t, os.Symlink(plugin.target, filepath.Join(folder, plugin.name)))
	}
	backend := filepath.Join(s.dir, "backend")
	require.NoError(t, os.MkdirAll(backend, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "Pulumi.yaml"), []byte("name: cloud\nruntime:\n  name: go\n  options:\n    binary: ./stack\n"), 0o600))
	s.env = append(os.Environ(), "PULUMI_HOME="+home, "PULUMI_BACKEND_URL=file://"+backend, "PULUMI_CONFIG_PASSPHRASE=test",
		"PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true", "PULUMI_SUPPRESS_NEO_LINK=true")
	return s
}

func cache(t *testing.T) string {
	dir, err := artifacts.DefaultDir()
	require.NoError(t, err)
	return dir
}

func build(t *testing.T, dir, pkg, target string) {
	started := time.Now()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", target, pkg)
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	t.Logf("built %s in %s", filepath.Base(target), time.Since(started).Round(time.Second))
}

// login lets the stack's provider find the cloud.
func (s *stack) login(t *testing.T, l *Lab) {
	environment, err := l.Environment()
	require.NoError(t, err)
	for name, value := range environment {
		s.env = append(s.env, name+"="+value)
	}
	s.run(t, "stack", "select", "--create", "test")
}

// pulumi runs the CLI on the stack, with a limit: a service that hangs would have the provider wait for very long.
func (s *stack) pulumi(t *testing.T, args ...string) {
	started := time.Now()
	text := s.run(t, append(args, "--stack", "test")...)
	all := strings.Split(strings.TrimSpace(text), "\n")
	t.Logf("pulumi %s: %s\n%s", strings.Join(args, " "), time.Since(started).Round(100*time.Millisecond), strings.Join(all[max(0, len(all)-6):], "\n"))
}

func (s *stack) run(t *testing.T, args ...string) string {
	cmd := exec.Command("timeout", append([]string{"--signal=INT", "--kill-after=60", "600", s.cli}, append(args, "--non-interactive")...)...)
	cmd.Dir, cmd.Env = s.dir, s.env
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, fmt.Sprintf("pulumi %v\n%s", args, text))
	return string(text)
}

func (s *stack) outputs(t *testing.T) outputs {
	cmd := exec.Command(s.cli, "stack", "output", "--json", "--stack", "test", "--non-interactive")
	cmd.Dir, cmd.Env = s.dir, s.env
	text, err := cmd.Output()
	require.NoError(t, err)
	var o outputs
	require.NoError(t, json.Unmarshal(text, &o))
	return o
}

func portText(name string) string { return fmt.Sprint(ports[name]) }
