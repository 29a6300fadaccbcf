package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/machines/rootfs"
)

// The steps beside the artifacts, and what the cluster's start waits for. Images that are not among its needs are
// handed to the running machines as they are made.
const (
	stepProgram = "lagrum-program"
	stepPlugin  = "kubernetes-stand-in"
	stepStack   = "stack"
)

// bootImages are the images that kubeadm's first static pods need.
var bootImages = []string{"image-kubernetes", "image-etcd", "image-pause"}

// Up builds what the cache lacks, starts the stack as soon as its first needs are there, and builds the rest meanwhile.
func (l *Lab) Up(ctx context.Context, out io.Writer) error {
	started := time.Now()
	fmt.Fprintf(out, "lab %s: a kubeadm cluster on this machine, by the program in %s\n", l.Name, l.Project)
	if err := l.readyHost(ctx, out); err != nil {
		return err
	}
	if err := l.makeState(); err != nil {
		return err
	}
	timing := &timings{}
	steps, err := l.steps(out)
	if err != nil {
		return err
	}
	if err := artifacts.Build(ctx, timing.watch(steps), out); err != nil {
		return err
	}
	if err := l.writeKubeconfig(ctx); err != nil {
		return err
	}
	if err := l.awaitNodes(ctx, out); err != nil {
		return err
	}
	timing.total = time.Since(started)
	return l.summary(ctx, out, timing)
}

// Build makes everything that the cache can hold and starts nothing.
func (l *Lab) Build(ctx context.Context, out io.Writer) error {
	if err := l.readyHost(ctx, out); err != nil {
		return err
	}
	store, err := l.store()
	if err != nil {
		return err
	}
	steps, err := l.buildSteps(store)
	if err != nil {
		return err
	}
	return artifacts.Build(ctx, steps, out)
}

// Prepare makes everything that the stack's first update needs, and stops before it.
func (l *Lab) Prepare(ctx context.Context, out io.Writer) error {
	if err := l.Build(ctx, out); err != nil {
		return err
	}
	if err := l.makeState(); err != nil {
		return err
	}
	store, err := l.store()
	if err != nil {
		return err
	}
	for _, archive := range artifacts.Archives() {
		if archive.OnDemand || l.noMachines != nil {
			continue
		}
		if err := l.publish(ctx, store, archive.Name); err != nil {
			return err
		}
	}
	if err := l.prepare(ctx, store); err != nil {
		return err
	}
	return l.selectStack(ctx)
}

func (l *Lab) store() (*artifacts.Store, error) {
	return artifacts.Open(l.Cache, filepath.Join(l.Checkout, "lab/programs"))
}

// buildSteps are the artifacts, the machines' root file system, the program and the stand-in for the Kubernetes plugin.
func (l *Lab) buildSteps(store *artifacts.Store) ([]artifacts.Step, error) {
	if l.noMachines != nil {
		steps, err := store.Steps(processPrograms...)
		return append(steps, l.ownSteps(store)...), err
	}
	steps, err := store.Steps()
	if err != nil {
		return nil, err
	}
	roots, err := rootfs.Steps(store)
	if err != nil {
		return nil, err
	}
	return append(append(steps, roots...), l.ownSteps(store)...), nil
}

// ownSteps are the program and the stand-in for the Kubernetes plugin.
func (l *Lab) ownSteps(store *artifacts.Store) []artifacts.Step {
	return []artifacts.Step{
		l.goStep(store, stepProgram, "the Pulumi program", l.Checkout, ".", "lagrum-program", 8*time.Minute),
		l.goStep(store, stepPlugin, "the Kubernetes stand-in", filepath.Join(l.Checkout, "lab/plugins/kubernetes"), ".", "pulumi-resource-kubernetes", 4*time.Minute),
	}
}

// steps adds what needs the lab's state: publishing images, and the stack itself.
func (l *Lab) steps(out io.Writer) ([]artifacts.Step, error) {
	store, err := l.store()
	if err != nil {
		return nil, err
	}
	made, err := l.buildSteps(store)
	if err != nil {
		return nil, err
	}
	if l.noMachines != nil {
		return append(made, l.stackStep(store, append([]string{stepProgram, stepPlugin}, processPrograms...), out)), nil
	}
	roots, err := rootfs.Steps(store)
	if err != nil {
		return nil, err
	}
	needs := append([]string{stepProgram, stepPlugin, "pulumi", "etcd"}, publishSteps(bootImages)...)
	for _, root := range roots {
		needs = append(needs, root.Name)
	}
	first := map[string]bool{}
	mark(made, first, append(needs, bootImages...))
	var early, late []artifacts.Step
	for _, s := range made {
		group := &late
		if first[s.Name] {
			group = &early
		}
		*group = append(*group, s)
		if archive, ok := archiveOf(s.Name); ok {
			*group = append(*group, l.publishStep(store, archive))
		}
	}
	return append(append(early, l.stackStep(store, needs, out)), late...), nil
}

// stackStep runs the program.
func (l *Lab) stackStep(store *artifacts.Store, needs []string, out io.Writer) artifacts.Step {
	return artifacts.Step{
		Name: stepStack, Title: "the stack " + l.Stack(), Needs: needs, Cost: store.Cost(stepStack, 4*time.Minute), Prints: true,
		Ready: func() bool { return false },
		Make:  func(ctx context.Context, _ int) error { return l.upStack(ctx, store, out) },
	}
}

// mark collects names and everything they need.
func mark(steps []artifacts.Step, into map[string]bool, names []string) {
	for _, name := range names {
		for _, s := range steps {
			if s.Name == name && !into[name] {
				into[name] = true
				mark(steps, into, s.Needs)
			}
		}
	}
}

const archivePrefix, publishPrefix = "image-", "publish-"

func archiveOf(step string) (string, bool) {
	return strings.CutPrefix(step, archivePrefix)
}

func publishSteps(images []string) []string {
	names := make([]string, len(images))
	for i, image := range images {
		names[i] = publishPrefix + image
	}
	return names
}

// publishStep lays an image archive where running machines find it.
func (l *Lab) publishStep(store *artifacts.Store, archive string) artifacts.Step {
	return artifacts.Step{
		Name: publishPrefix + archivePrefix + archive, Title: "handing " + archive + " to the machines",
		Needs: []string{archivePrefix + archive}, Cost: time.Second,
		Ready: func() bool { return false },
		Make:  func(ctx context.Context, _ int) error { return l.publish(ctx, store, archive) },
	}
}

func (l *Lab) publish(ctx context.Context, store *artifacts.Store, archive string) error {
	file, err := store.Archive(ctx, archive)
	if err != nil {
		return err
	}
	host, err := l.machines()
	if err != nil {
		return err
	}
	return host.Publish(file)
}

func (l *Lab) machines() (*machines.Lab, error) { return machines.Open(l.Name, l.State) }

// goStep builds one of our own programs with go build, whose own cache makes an unchanged one cheap.
func (l *Lab) goStep(store *artifacts.Store, name, title, dir, pkg, binary string, cost time.Duration) artifacts.Step {
	target := filepath.Join(l.Checkout, "bin", binary)
	if _, err := os.Stat(target); err == nil {
		cost = 15 * time.Second // Go's own cache has most of it
	}
	return artifacts.Step{
		Name: name, Title: title, Cost: cost,
		Ready: func() bool { return false },
		Make: func(ctx context.Context, _ int) error {
			cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", target, pkg)
			cmd.Dir = dir
			return store.Run(ctx, name, cmd)
		},
	}
}

// upStack prepares the lab's shell and runs the official CLI in it.
func (l *Lab) upStack(ctx context.Context, store *artifacts.Store, out io.Writer) error {
	if err := l.prepare(ctx, store); err != nil {
		return err
	}
	if err := l.selectStack(ctx); err != nil {
		return err
	}
	h, err := l.host()
	if err != nil {
		return err
	}
	return unlessBootFails(ctx, h, bootsEvery, func(ctx context.Context) error {
		return l.Pulumi(ctx, out, "up", "--yes", "--skip-preview", "--non-interactive", "--suppress-permalink")
	})
}

// prepare fills the lab's PATH and names the root file system of its machines.
func (l *Lab) prepare(ctx context.Context, store *artifacts.Store) error {
	if l.noMachines != nil {
		return l.prepareProcesses(ctx, store)
	}
	layers, err := rootfs.Layers(ctx, store)
	if err != nil {
		return err
	}
	host, err := l.machines()
	if err != nil {
		return err
	}
	if err := host.UseRootFS(layers...); err != nil {
		return err
	}
	given, err := l.given()
	if err != nil {
		return err
	}
	for _, archive := range given {
		if err := host.Publish(archive); err != nil {
			return err
		}
	}
	// After a reboot of this host nothing of the lab runs, and the stack would wait for an API in vain.
	if err := host.Resume(ctx); err != nil {
		return err
	}
	return l.linkPrograms(ctx, store)
}
