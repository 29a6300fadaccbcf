// Package rootfs makes the root file system of the lab's system containers, from the parts of the node image.
//
// It has two layers. The lower is Debian with what a Kubernetes node needs of Debian's packages. The upper holds the
// image's programs and files and the lab's quirks: all that a node needs because it is a system container on someone
// else's kernel. None of that may be in the product's own bytes; a cloud's image has none of it.
package rootfs

import (
	"context"
	"embed"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/nodeimage"
)

// files is the tree of the lab's own files, as it lies in the machine.
//
//go:embed all:files
var files embed.FS

const (
	nodeName   = "machine-node"
	nodeRecipe = "container 2"
)

// debian is the lower layer. The units that it masks have no use in a machine of the lab: there is no console to log in
// at, no disk to check, no clock to set, and no package to update.
func debian() nodeimage.Debian {
	return nodeimage.Debian{
		Name: "machine-debian", Recipe: "debian 1", Packages: nodeimage.Packages(),
		Enabled: []string{"systemd-networkd.service"},
		Masked: []string{
			"apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dpkg-db-backup.timer", "e2scrub_all.timer",
			"e2scrub_reap.service", "fstrim.timer", "getty.target", "systemd-pstore.service", "systemd-timesyncd.service",
		},
	}
}

// Steps are what a lab has to make before its first machine, for [artifacts.Build] beside the store's own steps.
func Steps(store *artifacts.Store) ([]artifacts.Step, error) {
	names := nodeimage.Programs()
	made, err := store.Steps(names...)
	if err != nil {
		return nil, err
	}
	lower := debian()
	return []artifacts.Step{
		{
			Name: lower.Name, Title: "Debian root file system", Cost: store.Cost(lower.Name, 140*time.Second),
			Ready: func() bool { return lower.Cached(store) },
			Make: func(ctx context.Context, _ int) error {
				_, err := lower.Make(ctx, store)
				return err
			},
		},
		{
			Name: nodeName, Title: "node programs and settings", Needs: names, Cost: store.Cost(nodeName, 2*time.Second),
			Ready: func() bool {
				if slices.ContainsFunc(made, func(step artifacts.Step) bool { return !step.Ready() }) {
					return false
				}
				inputs, _, err := inputs(context.Background(), store)
				return err == nil && nodeimage.Cached(store, nodeName, inputs)
			},
			Make: func(ctx context.Context, _ int) error {
				_, err := node(ctx, store)
				return err
			},
		},
	}, nil
}

// Layers returns the directories of the root file system, the upper first, and makes first what the cache does not hold.
func Layers(ctx context.Context, store *artifacts.Store) ([]string, error) {
	lower, err := debian().Make(ctx, store)
	if err != nil {
		return nil, err
	}
	upper, err := node(ctx, store)
	if err != nil {
		return nil, err
	}
	return []string{upper, lower}, nil
}

// inputs is what the upper layer depends on, and the directories of its programs.
func inputs(ctx context.Context, store *artifacts.Store) ([]string, map[string]string, error) {
	inputs, made, err := nodeimage.Inputs(ctx, store)
	if err != nil {
		return nil, nil, err
	}
	sum, err := nodeimage.HashFiles(files)
	return append(inputs, nodeRecipe, sum), made, err
}

// node makes the upper layer.
func node(ctx context.Context, store *artifacts.Store) (string, error) {
	inputs, made, err := inputs(ctx, store)
	if err != nil {
		return "", err
	}
	return store.Derived(ctx, nodeName, inputs, func(dir string) error { return assemble(dir, made) })
}

// kubeadm lies behind the script of that name in files/usr/local/bin.
const (
	kubeadm = "usr/local/bin/kubeadm"
	behind  = "usr/local/lib/kubernetes/kubeadm"
)

// assemble fills dir with the node's parts, and the lab's over them.
func assemble(dir string, made map[string]string) error {
	if err := nodeimage.Assemble(dir, made); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(behind)), 0o755); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, kubeadm), filepath.Join(dir, behind)); err != nil {
		return err
	}
	if err := nodeimage.CopyFiles(files, dir); err != nil {
		return err
	}
	return nodeimage.Enable(dir, "lagrum-images.service", "lagrum-kernel.service")
}
