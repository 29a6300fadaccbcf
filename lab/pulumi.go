package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/processes"
)

// Environment is what a shell of the lab has: the CLI, kubectl and the plugins on PATH, the lab's own backend, and the
// switches that keep the CLI from looking for updates or downloading plugins.
func (l *Lab) Environment() map[string]string {
	return map[string]string{
		"LAGRUM_LAB":       l.Name,
		processes.Variable: l.machineKind(),
		"LAGRUM_CACHE":     l.Cache,
		"PATH":             l.bin() + string(os.PathListSeparator) + os.Getenv("PATH"),
		"KUBECONFIG":       l.kubeconfig(),
		"KUBECACHEDIR":     filepath.Join(l.State, "kube-cache"),
		// The backend is a folder of the lab; logging in elsewhere is neither needed nor disturbed.
		"PULUMI_BACKEND_URL":                          "file://" + l.backend(),
		"PULUMI_HOME":                                 l.home(),
		"PULUMI_CONFIG_PASSPHRASE":                    Passphrase,
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
		"PULUMI_SUPPRESS_NEO_LINK":                    "true",
	}
}

// Shell prints the environment as export lines for eval.
func (l *Lab) Shell(out io.Writer) error {
	if _, err := os.Stat(l.State); err != nil {
		return fmt.Errorf("lab %s is not up; run: make up", l.Name)
	}
	env := l.Environment()
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(out, "export %s='%s'\n", name, strings.ReplaceAll(env[name], "'", `'\''`))
	}
	return nil
}

// command is the official CLI in the lab's environment, in the program's folder.
func (l *Lab) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(l.bin(), name), args...)
	cmd.Dir = l.Project
	cmd.Env = os.Environ()
	for key, value := range l.Environment() {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	// Down ends a CLI whose starter was killed.
	cmd.Env = append(cmd.Env, process.MarkEnvironment(l.Name+"/command/"+name))
	// An interrupted CLI finishes the step at hand and releases its lock; a second interrupt makes it drop both. Of a
	// terminal's Ctrl-C it must therefore hear through us alone: it gets a process group of its own.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// Pulumi runs the CLI and shows its output.
func (l *Lab) Pulumi(ctx context.Context, out io.Writer, args ...string) error {
	cmd := l.command(ctx, "pulumi", append(args, "--stack", l.Stack())...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pulumi %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// selectStack makes the stack if it does not exist, in the lab's own backend.
func (l *Lab) selectStack(ctx context.Context) error {
	if err := os.MkdirAll(l.backend(), 0o700); err != nil {
		return err
	}
	cmd := l.command(ctx, "pulumi", "stack", "select", "--create", "--stack", l.Stack(), "--non-interactive")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pulumi stack select %s: %w\n%s", l.Stack(), err, text)
	}
	return nil
}

// outputs reads the stack's outputs, secrets included; the caller must not print them.
func (l *Lab) outputs(ctx context.Context) (map[string]json.RawMessage, error) {
	cmd := l.command(ctx, "pulumi", "stack", "output", "--json", "--show-secrets", "--stack", l.Stack())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("pulumi stack output: %w\n%s", err, stderr.String())
	}
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("pulumi stack output: %w", err)
	}
	return values, nil
}

// writeKubeconfig puts the administrator's kubeconfig where the lab's shell finds it.
func (l *Lab) writeKubeconfig(ctx context.Context) error {
	values, err := l.outputs(ctx)
	if err != nil {
		return err
	}
	var config string
	if err := json.Unmarshal(values["kubeconfig"], &config); err != nil || config == "" {
		return fmt.Errorf("stack %s has no output kubeconfig yet; run: pulumi up", l.Stack())
	}
	temporary := l.kubeconfig() + ".new"
	if err := os.WriteFile(temporary, []byte(config), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, l.kubeconfig())
}
