//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const checkout = "../.."

// world is one lab under test: a project folder of its own with the program's Pulumi.yaml and a site derived from
// Pulumi.dev.yaml.
type world struct {
	name    string
	project string
	env     []string
}

// newWorld declares a site like the dev stack's, changed by edits.
func newWorld(t *testing.T, name string, edits ...func(site map[string]any)) *world {
	t.Helper()
	root, err := filepath.Abs(checkout)
	require.NoError(t, err)
	w := &world{name: name, project: filepath.Join(root, ".lagrum", name)}
	require.NoError(t, os.MkdirAll(w.project, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(w.project)) })

	project, err := os.ReadFile(filepath.Join(root, "Pulumi.yaml"))
	require.NoError(t, err)
	moved := strings.Replace(string(project), "./bin/lagrum-program", "../../bin/lagrum-program", 1)
	require.NotEqual(t, string(project), moved, "Pulumi.yaml no longer names the binary as this test expects")
	require.NoError(t, os.WriteFile(filepath.Join(w.project, "Pulumi.yaml"), []byte(moved), 0o644))

	dev, err := os.ReadFile(filepath.Join(root, "Pulumi.dev.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.stackFile(), dev, 0o644))
	w.edit(t, append([]func(map[string]any){func(site map[string]any) {
		cluster(site)["name"] = name
		cluster(site)["nodeCIDR"] = nodeCIDR(name)
	}}, edits...)...)
	w.env = append(os.Environ(), "LAGRUM_LAB="+name)
	return w
}

// nodeCIDR gives each lab a network of its own, so that one can stand beside another and beside the dev lab.
func nodeCIDR(name string) string {
	sum := 0
	for _, letter := range name {
		sum += int(letter)
	}
	return fmt.Sprintf("172.31.%d.0/24", 1+sum%200)
}

func (w *world) stackFile() string { return filepath.Join(w.project, "Pulumi."+w.name+".yaml") }

// edit changes the declared site.
func (w *world) edit(t *testing.T, edits ...func(site map[string]any)) {
	t.Helper()
	text, err := os.ReadFile(w.stackFile())
	require.NoError(t, err)
	var stack map[string]any
	require.NoError(t, yaml.Unmarshal(text, &stack))
	site := stack["config"].(map[string]any)["lagrum:site"].(map[string]any)
	for _, change := range edits {
		change(site)
	}
	text, err = yaml.Marshal(stack)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.stackFile(), text, 0o644))
}

// configure sets a key of the stack's configuration beside the site.
func (w *world) configure(t *testing.T, key, value string) {
	t.Helper()
	text, err := os.ReadFile(w.stackFile())
	require.NoError(t, err)
	var stack map[string]any
	require.NoError(t, yaml.Unmarshal(text, &stack))
	stack["config"].(map[string]any)[key] = value
	text, err = yaml.Marshal(stack)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.stackFile(), text, 0o644))
}

func cluster(site map[string]any) map[string]any { return site["cluster"].(map[string]any) }

// pool finds a node pool of the site by name.
func pool(site map[string]any, name string) map[string]any {
	for _, p := range site["nodePools"].([]any) {
		if m := p.(map[string]any); m["name"] == name {
			return m
		}
	}
	panic("no pool " + name)
}

// result of a command.
type result struct {
	out  string
	code int
}

// timedOut is the code of a command that did not end in time.
const timedOut = -2

// try runs a command in the world and returns whatever comes of it.
func (w *world) try(t *testing.T, limit time.Duration, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.find(name), args...)
	cmd.Dir, cmd.Env = w.project, w.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return result{out: fmt.Sprintf("not done after %s\n%s", limit, out.String()), code: timedOut}
	}
	r := result{out: out.String(), code: cmd.ProcessState.ExitCode()}
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		require.NoError(t, err)
	}
	return r
}

// find looks a command up in the world's PATH, which exec would not: it looks in this process's own.
func (w *world) find(name string) string {
	path := ""
	for _, variable := range w.env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			path = value // the last one counts
		}
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && !filepath.IsAbs(name) {
			return file
		}
	}
	return name
}

// run is try, and the command must succeed.
func (w *world) run(t *testing.T, limit time.Duration, name string, args ...string) string {
	t.Helper()
	r := w.try(t, limit, name, args...)
	require.Zero(t, r.code, "%s %s\n%s", name, strings.Join(args, " "), r.out)
	return r.out
}

func (w *world) lagrum(t *testing.T, limit time.Duration, args ...string) string {
	t.Helper()
	root, err := filepath.Abs(checkout)
	require.NoError(t, err)
	return w.run(t, limit, filepath.Join(root, "bin/lagrum"), args...)
}

// enter takes over the lab's environment, as eval "$(lagrum lab env)" does.
func (w *world) enter(t *testing.T) {
	t.Helper()
	for _, line := range strings.Split(w.lagrum(t, time.Minute, "lab", "env"), "\n") {
		if assignment, ok := strings.CutPrefix(line, "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			w.env = append(w.env, name+"="+strings.Trim(value, "'"))
		}
	}
}

func (w *world) pulumi(t *testing.T, args ...string) string {
	t.Helper()
	return w.run(t, 25*time.Minute, "pulumi", append(args, "--stack", w.name, "--non-interactive")...)
}

func (w *world) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return w.run(t, 10*time.Minute, "kubectl", args...)
}

// apply hands a manifest to kubectl.
func (w *world) apply(t *testing.T, manifest string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	require.NoError(t, os.WriteFile(file, []byte(manifest), 0o600))
	w.kubectl(t, "apply", "-f", file)
}

// names lists objects of a kind.
func (w *world) names(t *testing.T, kind string, args ...string) []string {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(w.kubectl(t, append([]string{"get", kind, "-o", "json"}, args...)...)), &list))
	found := []string{}
	for _, item := range list.Items {
		found = append(found, item.Metadata.Name)
	}
	return found
}

// eventually repeats a check until it holds. Each try is spaced, so that the machine's two cores stay free for the lab.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			require.NoError(t, fmt.Errorf("%s: not within %s: %w", what, limit, err))
		}
		time.Sleep(2 * time.Second)
	}
}
