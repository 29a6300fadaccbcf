// Package engine readies the official CLI to run a program against stand-in plugins: above all the product's stacks on clouds
// that cannot be had here, against plugins that make nothing (tests/planonly). What lies in a cluster is no part of that: no
// API server answers.
package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/locked"
)

// Engine is the CLI with a project of its own.
type Engine struct {
	// Dir holds the project, its state and the plugins.
	Dir string
	// CLI is the official command, Companion is lagrum.
	CLI, Companion string
	Env            []string
}

// Setup is what stands behind the CLI.
type Setup struct {
	// Program is the folder of the Pulumi program.
	Program string
	// Plugins are the folders of the plugins' sources, by the folder that the CLI looks for.
	Plugins map[string]string
}

// Clouds is the product's own program, with plugins of the clouds that make nothing.
func Clouds() Setup {
	return Setup{Program: "tests/clouds", Plugins: map[string]string{
		"language-go-v3.259.0": "cmd/lagrum", "resource-tls-v5.2.0": "cmd/lagrum", "resource-random-v4.18.0": "cmd/lagrum",
		"resource-kubernetes-v4.33.0": "lab/plugins/kubernetes", "resource-aws-v6.83.0": "tests/planonly", "resource-openstack-v3.13.3": "tests/planonly",
	}}
}

// Prepare builds the program and the plugins from the checkout at root, finds the CLI or builds it, and makes an empty
// project in dir.
func Prepare(ctx context.Context, root, dir string, setup Setup) (*Engine, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	targets := map[string]string{setup.Program: filepath.Join(dir, "program")}
	for _, source := range setup.Plugins {
		targets[source] = filepath.Join(dir, filepath.Base(source))
	}
	for source, target := range targets {
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", target, ".")
		cmd.Dir = filepath.Join(root, source)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", source, err, out)
		}
	}
	for folder, source := range setup.Plugins {
		plugin := filepath.Join(dir, "home/plugins", folder)
		if err := os.MkdirAll(plugin, 0o755); err != nil {
			return nil, err
		}
		if err := os.Symlink(targets[source], filepath.Join(plugin, "pulumi-"+folder[:strings.LastIndex(folder, "-v")])); err != nil {
			return nil, err
		}
	}
	cache, err := artifacts.DefaultDir()
	if err != nil {
		return nil, err
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

// Init makes a stack whose site is the file's, with the secrets that it asks for and a digest for every image.
func (e *Engine) Init(stack string, file []byte) error {
	if err := os.WriteFile(filepath.Join(e.Dir, "Pulumi."+stack+".yaml"), file, 0o600); err != nil {
		return err
	}
	p, _, err := plan.OfStack(file, time.Now())
	if err != nil {
		return err
	}
	if err := locked.For(p.Cluster).Save(e.Dir); err != nil {
		return err
	}
	secrets, err := Secrets(file)
	if err != nil {
		return err
	}
	commands := [][]string{{"stack", "init"}}
	if len(secrets) > 0 {
		all := []string{"config", "set-all"}
		for _, key := range slices.Sorted(maps.Keys(secrets)) {
			all = append(all, "--secret", key+"="+secrets[key])
		}
		commands = append(commands, all)
	}
	for _, args := range commands {
		if out, err := e.Command(300, stack, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("pulumi %s: %w\n%s", strings.Join(args[:2], " "), err, out)
		}
	}
	return nil
}

// Secrets are those that a stack's configuration has to hold besides its file, each a sentinel: the login to OpenStack,
// those of the stores that lie at endpoints, and those of identity providers.
func Secrets(file []byte) (map[string]string, error) {
	p, _, err := plan.OfStack(file, time.Now())
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	set := func(id, secret, value string) {
		all["lagrum:"+id], all["lagrum:"+secret] = value+"-id", value+"-secret"
	}
	if p.Cloud.OpenStack != nil {
		set("openstackCredentialID", "openstackCredentialSecret", "sentinel-credential")
	}
	if p.Cluster.Login != nil {
		for _, c := range p.Cluster.Login.Connectors {
			all["lagrum:"+c.Secret()] = "sentinel-secret-of-a-connector"
		}
	}
	for _, store := range p.Stores {
		if store.Place.AWS() {
			continue
		}
		id, secret := store.Place.AdministratorSecrets()
		set(id, secret, "sentinel-credential-of-a-store")
		for _, c := range store.Consumers {
			id, secret := store.ConsumerSecrets(c.Name)
			set(id, secret, "sentinel-credential-of-a-store")
		}
	}
	return all, nil
}
