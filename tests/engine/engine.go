// Package engine readies the official CLI to run the product's stacks on clouds that cannot be had here, against plugins
// that make nothing (tests/planonly). What lies in a cluster is no part of it: no API server answers.
package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// Engine is the CLI with a project of its own.
type Engine struct {
	// Dir holds the project, its state and the plugins.
	Dir string
	// CLI is the official command, Companion is lagrum.
	CLI, Companion string
	Env            []string
}

// plugins are the folders that the CLI looks for, each with the program that stands behind it.
func plugins() map[string]string {
	return map[string]string{
		"language-go-v3.259.0": "lagrum", "resource-tls-v5.2.0": "lagrum", "resource-random-v4.18.0": "lagrum",
		"resource-kubernetes-v4.33.0": "kubernetes", "resource-aws-v6.83.0": "planonly", "resource-openstack-v3.13.3": "planonly",
	}
}

// Prepare builds the program and the plugins from the checkout at root, finds the CLI or builds it, and makes an empty
// project in dir.
func Prepare(ctx context.Context, root, dir string) (*Engine, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	for target, source := range map[string]string{"program": "tests/clouds", "planonly": "tests/planonly", "lagrum": "cmd/lagrum", "kubernetes": "lab/plugins/kubernetes"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, target), ".")
		cmd.Dir = filepath.Join(root, source)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", source, err, out)
		}
	}
	for folder, target := range plugins() {
		plugin := filepath.Join(dir, "home/plugins", folder)
		if err := os.MkdirAll(plugin, 0o755); err != nil {
			return nil, err
		}
		if err := os.Symlink(filepath.Join(dir, target), filepath.Join(plugin, "pulumi-"+folder[:strings.LastIndex(folder, "-v")])); err != nil {
			return nil, err
		}
	}
	cache := os.Getenv("LAGRUM_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(base, "lagrum")
	}
	store, err := artifacts.Open(cache, filepath.Join(root, "lab/programs"))
	if err != nil {
		return nil, err
	}
	cli, err := store.Program(ctx, "pulumi")
	if err != nil {
		return nil, err
	}
	e := &Engine{Dir: dir, CLI: filepath.Join(cli, "pulumi"), Companion: filepath.Join(dir, "lagrum")}
	e.Env = append(os.Environ(), "PULUMI_HOME="+filepath.Join(dir, "home"), "PULUMI_BACKEND_URL=file://"+filepath.Join(dir, "state"),
		"PULUMI_CONFIG_PASSPHRASE=test", "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"PULUMI_SUPPRESS_NEO_LINK=true")
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o755); err != nil {
		return nil, err
	}
	project := "name: lagrum\nruntime:\n  name: go\n  options:\n    binary: ./program\n"
	return e, os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte(project), 0o600)
}

// Command is the CLI on a stack, which ends by itself after so many seconds.
func (e *Engine) Command(seconds int, stack string, args ...string) *exec.Cmd {
	all := []string{"--signal=INT", "--kill-after=60", fmt.Sprint(seconds), e.CLI}
	cmd := exec.Command("timeout", append(append(all, args...), "--stack", stack, "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = e.Dir, e.Env
	return cmd
}

// Init makes a stack whose site is the file's, with the secrets that it asks for.
func (e *Engine) Init(stack string, file []byte) error {
	if err := os.WriteFile(filepath.Join(e.Dir, "Pulumi."+stack+".yaml"), file, 0o600); err != nil {
		return err
	}
	commands := [][]string{{"stack", "init"}}
	if strings.Contains(string(file), "openstack:") {
		commands = append(commands, []string{"config", "set", "--secret", "lagrum:openstackCredentialID", "sentinel-credential-id"},
			[]string{"config", "set", "--secret", "lagrum:openstackCredentialSecret", "sentinel-credential-secret"})
	}
	for _, args := range commands {
		if out, err := e.Command(300, stack, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("pulumi %s: %w\n%s", strings.Join(args[:2], " "), err, out)
		}
	}
	return nil
}
