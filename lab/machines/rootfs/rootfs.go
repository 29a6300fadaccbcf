// Package rootfs makes the root file system of the lab's machines, which stands for the node image of a cloud.
//
// It has two layers. The lower is Debian with cloud-init and what a Kubernetes node needs of Debian's packages. The
// upper holds the programs built from Go modules and the lab's quirks: all that a node needs because it is a system
// container on someone else's kernel. None of that may be in the product's own bytes; a cloud's image has none of it.
package rootfs

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// files is the tree of the lab's own files, as it lies in the machine.
//
//go:embed all:files
var files embed.FS

const (
	suite        = "bookworm"
	debianName   = "machine-debian"
	debianRecipe = "debian 1" // changes whenever the same packages would give another tree
	nodeName     = "machine-node"
	nodeRecipe   = "node 1"
)

// packages are what the node image contract asks of Debian, with what systemd in a container needs.
func packages() []string {
	return []string{
		"ca-certificates", "cloud-init", "conntrack", "curl", "dbus", "ethtool", "iproute2", "ipset", "iptables",
		"iputils-ping", "kmod", "libnss-myhostname", "nftables", "procps", "runc", "socat", "systemd", "systemd-sysv",
	}
}

// excluded are files that no machine reads; apt's lists and cache are removed by mmdebstrap.
func excluded() []string {
	return []string{"/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*", "/usr/share/i18n/*", "/lib/udev/hwdb.d/*"}
}

// enabled units, by the target that wants them.
func enabled() map[string][]string {
	return map[string][]string{
		"multi-user.target.wants": {"containerd.service", "kubelet.service", "lagrum-images.service", "lagrum-kernel.service"},
	}
}

// masked units have no use in a machine of the lab: there is no console to log in at, no disk to check, no clock to set,
// and no package to update.
func masked() []string {
	return []string{
		"apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dpkg-db-backup.timer", "e2scrub_all.timer",
		"e2scrub_reap.service", "fstrim.timer", "getty.target", "systemd-pstore.service", "systemd-timesyncd.service",
	}
}

// programs of the artifacts that a node has, where each goes, and links to the one binary of a program that acts by the
// name it is called by.
var programs = []struct {
	name  string
	dir   string
	links []string // paths in the machine
}{
	// kubeadm itself lies behind the script in files/usr/local/bin.
	{"kubernetes", "usr/local/bin", []string{"usr/local/bin/kubelet", "usr/local/bin/kubectl", "usr/local/lib/kubernetes/kubeadm"}},
	{"containerd", "usr/local/bin", nil},
	{"cni", "opt/cni/bin", nil},
}

// Steps are what a lab has to make before its first machine, for [artifacts.Build] beside the store's own steps.
func Steps(store *artifacts.Store) ([]artifacts.Step, error) {
	var names []string
	for _, program := range programs {
		names = append(names, program.name)
	}
	made, err := store.Steps(names...)
	if err != nil {
		return nil, err
	}
	return []artifacts.Step{
		{
			Name: debianName, Title: "Debian root file system", Cost: store.Cost(debianName, 140*time.Second),
			Ready: func() bool { return cached(store, debianName, debianInputs()) },
			Make: func(ctx context.Context, _ int) error {
				_, err := debian(ctx, store)
				return err
			},
		},
		{
			Name: nodeName, Title: "node programs and settings", Needs: names, Cost: store.Cost(nodeName, 2*time.Second),
			Ready: func() bool {
				if slices.ContainsFunc(made, func(step artifacts.Step) bool { return !step.Ready() }) {
					return false
				}
				inputs, _, err := nodeInputs(context.Background(), store)
				return err == nil && cached(store, nodeName, inputs)
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
	lower, err := debian(ctx, store)
	if err != nil {
		return nil, err
	}
	upper, err := node(ctx, store)
	if err != nil {
		return nil, err
	}
	return []string{upper, lower}, nil
}

// cached tells whether the cache holds an artifact, without waiting for whoever makes it now.
func cached(store *artifacts.Store, name string, inputs []string) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := store.Derived(ctx, name, inputs, func(string) error { return errors.New("is not in the cache") })
	return err == nil
}

func debianInputs() []string {
	return slices.Concat([]string{debianRecipe, suite, runtime.GOARCH}, packages(), excluded())
}

// debian makes the lower layer with mmdebstrap, from the archives that the host itself uses.
func debian(ctx context.Context, store *artifacts.Store) (string, error) {
	return store.Derived(ctx, debianName, debianInputs(), func(dir string) error {
		sources, err := hostSources(os.DirFS("/etc/apt"))
		if err != nil {
			return err
		}
		// The mounts that mmdebstrap makes go with the mount namespace, whatever is killed.
		args := []string{
			"--mount", "--propagation", "private", "--mount-proc", "--", "mmdebstrap", "--variant=minbase", "--mode=root",
			"--include=" + strings.Join(packages(), ","),
			"--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
			"--dpkgopt=force-unsafe-io", // a build that is interrupted is thrown away as a whole
			// Machines reach no archive, and the host's mirror is the host's business.
			`--customize-hook=rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap`,
			`--customize-hook=rm -f "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/machine-id; truncate --size 0 "$1"/etc/machine-id`,
			`--customize-hook=ln -sf /usr/share/zoneinfo/Etc/UTC "$1"/etc/localtime`,
			`--customize-hook=chroot "$1" systemctl enable systemd-networkd.service`,
			"--customize-hook=chroot \"$1\" systemctl mask " + strings.Join(masked(), " "),
		}
		for _, pattern := range excluded() {
			args = append(args, "--dpkgopt=path-exclude="+pattern)
		}
		args = append(args, "--format=directory", suite, dir)
		args = append(args, sources...)
		if err := store.Run(ctx, debianName, exec.Command("unshare", args...)); err != nil {
			return fmt.Errorf("making Debian %s: %w\nwhen apt does not find packages, look at the host's /etc/apt/sources.list.d", suite, err)
		}
		return nil
	})
}

// hostSources lists the host's apt sources of this suite, as absolute paths; none means Debian's own archive.
func hostSources(apt fs.FS) ([]string, error) {
	for _, name := range []string{"sources.list.d/debian.sources", "sources.list"} {
		data, err := fs.ReadFile(apt, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(data), suite) {
			return []string{"/etc/apt/" + name}, nil
		}
	}
	return nil, nil
}

// nodeInputs is what the upper layer depends on, and the directories of its programs.
func nodeInputs(ctx context.Context, store *artifacts.Store) (inputs []string, made map[string]string, err error) {
	inputs = []string{nodeRecipe, fmt.Sprint(enabled()), fmt.Sprint(programs)}
	made = map[string]string{}
	for _, program := range programs {
		dir, err := store.Program(ctx, program.name)
		if err != nil {
			return nil, nil, err
		}
		made[program.name] = dir
		inputs = append(inputs, filepath.Base(dir)) // holds the key; where the cache lies does not matter
	}
	sum := sha256.New()
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
		return err
	})
	return append(inputs, hex.EncodeToString(sum.Sum(nil))), made, err
}

// node makes the upper layer.
func node(ctx context.Context, store *artifacts.Store) (string, error) {
	inputs, made, err := nodeInputs(ctx, store)
	if err != nil {
		return "", err
	}
	return store.Derived(ctx, nodeName, inputs, func(dir string) error { return assemble(dir, made) })
}

// assemble fills dir with the lab's files, the programs and the links that enable units.
func assemble(dir string, made map[string]string) error {
	err := fs.WalkDir(files, "files", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		inside := strings.TrimPrefix(name, "files/")
		mode := os.FileMode(0o644)
		if strings.HasPrefix(inside, "usr/local/") {
			mode = 0o755
		}
		target := filepath.Join(dir, inside)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, data, mode)
	})
	if err != nil {
		return err
	}
	for _, program := range programs {
		target := filepath.Join(dir, program.dir)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		entries, err := os.ReadDir(made[program.name])
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := copyProgram(filepath.Join(made[program.name], entry.Name()), filepath.Join(target, entry.Name())); err != nil {
				return err
			}
		}
		for _, link := range program.links {
			if err := os.MkdirAll(filepath.Join(dir, path.Dir(link)), 0o755); err != nil {
				return err
			}
			if err := os.Symlink(path.Join("/", program.dir, entries[0].Name()), filepath.Join(dir, link)); err != nil {
				return err
			}
		}
	}
	for target, units := range enabled() {
		wants := filepath.Join(dir, "etc/systemd/system", target)
		if err := os.MkdirAll(wants, 0o755); err != nil {
			return err
		}
		for _, unit := range units {
			if err := os.Symlink("/etc/systemd/system/"+unit, filepath.Join(wants, unit)); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
