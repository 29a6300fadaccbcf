package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// standIns are the plugins that the lab stands in for, with the version that the program's SDKs ask for: the engine
// looks for exactly that in its home.
var standIns = []struct {
	name, version string
	// own says that it is a program of its own; the others are served by the companion command under their names.
	own bool
}{
	{name: "pulumi-language-go", version: "3.259.0"},
	{name: "pulumi-resource-kubernetes", version: "4.33.0", own: true},
	{name: "pulumi-resource-lab", version: "0.1.0"},
	{name: "pulumi-resource-random", version: "4.18.0"},
	{name: "pulumi-resource-tls", version: "5.2.0"},
}

// linkPrograms puts the CLI and kubectl on the lab's PATH, and the plugins into its Pulumi home. An official plugin on
// the caller's PATH or in its own Pulumi home wins over the stand-in.
func (l *Lab) linkPrograms(ctx context.Context, store *artifacts.Store) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	links := map[string]string{filepath.Join(l.bin(), "lagrum"): self}
	for _, p := range []struct{ program, file, name string }{
		{"pulumi", "pulumi", "pulumi"},
		{"kubernetes", "kube", "kubectl"},
		{"etcd", "etcdctl", "etcdctl"},
	} {
		dir, err := store.Program(ctx, p.program)
		if err != nil {
			return err
		}
		links[filepath.Join(l.bin(), p.name)] = filepath.Join(dir, p.file)
	}
	origin := map[string]string{}
	for _, p := range standIns {
		target := self
		if p.own {
			target = filepath.Join(l.Checkout, "bin", p.name)
		}
		origin[p.name] = "stand-in"
		if official, found := l.official(p.name); found {
			target, origin[p.name] = official, "official"
		}
		kind, pkg, _ := pluginName(p.name)
		links[filepath.Join(l.home(), "plugins", fmt.Sprintf("%s-%s-v%s", kind, pkg, p.version), p.name)] = target
	}
	if err := l.checkPlugins(origin); err != nil {
		return err
	}
	for link, target := range links {
		if err := relink(target, link); err != nil {
			return err
		}
	}
	return nil
}

// relink points a link at its target in one step.
func relink(target, link string) error {
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	fresh := link + ".new"
	if err := os.Remove(fresh); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Symlink(target, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, link)
}
