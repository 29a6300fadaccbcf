// Package nodeimage makes what a node boots from: Debian with what a Kubernetes node needs of it, and the programs built
// from pinned Go modules. Nothing of it knows a cluster or a cloud.
//
// [Disk] is the whole as a disk that boots, for clouds and for the lab's virtual machines. The lab's system containers
// are made from the same parts, by package rootfs.
package nodeimage

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// files is the tree of the image's own files, as it lies on the node.
//
//go:embed all:files
var files embed.FS

// Suite is the release of Debian.
const Suite = "bookworm"

// Packages are what the contract asks of Debian on every node, a kernel of its own or not.
func Packages() []string {
	return []string{
		"ca-certificates", "cloud-init", "conntrack", "curl", "dbus", "ethtool", "iproute2", "ipset", "iptables",
		"iputils-ping", "kmod", "libnss-myhostname", "nftables", "procps", "runc", "socat", "systemd", "systemd-sysv",
	}
}

// Sums is the list of the programs' hashes on the node, as sha256sum reads it: the boot refuses a node whose programs differ.
const Sums = "etc/lagrum/image.sha256"

// excluded are files that no node reads; apt's lists and cache are removed by mmdebstrap.
func excluded() []string {
	return []string{"/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*", "/usr/share/i18n/*", "/lib/udev/hwdb.d/*"}
}

// programs of the artifacts that a node has, where each goes, and links to the one binary of a program that acts by the
// name it is called by.
var programs = []struct {
	name  string
	dir   string
	links []string // paths on the node
}{
	{"kubernetes", "usr/local/bin", []string{"usr/local/bin/kubelet", "usr/local/bin/kubectl", "usr/local/bin/kubeadm"}},
	{"containerd", "usr/local/bin", nil},
	{"cni", "opt/cni/bin", nil},
}

// Programs are the names of the artifacts that a node has.
func Programs() []string {
	var names []string
	for _, program := range programs {
		names = append(names, program.name)
	}
	return names
}

// Debian is a tree of Debian's packages.
type Debian struct {
	Name   string // of the artifact
	Recipe string // changes whenever the same packages would give another tree
	// Packages that are installed, with what they depend on.
	Packages []string
	// Masked units never start, Enabled ones do.
	Masked, Enabled []string
}

func (d Debian) inputs() []string {
	return slices.Concat([]string{d.Recipe, Suite, runtime.GOARCH}, d.Packages, d.Masked, d.Enabled, excluded())
}

// Cached tells whether the cache holds the tree.
func (d Debian) Cached(store *artifacts.Store) bool { return Cached(store, d.Name, d.inputs()) }

// Make makes the tree with mmdebstrap, from the archives that the host itself uses.
func (d Debian) Make(ctx context.Context, store *artifacts.Store) (string, error) {
	return store.Derived(ctx, d.Name, d.inputs(), func(dir string) error {
		sources, err := hostSources(os.DirFS("/etc/apt"))
		if err != nil {
			return err
		}
		// The mounts that mmdebstrap makes go with the mount namespace, whatever is killed.
		args := []string{
			"--mount", "--propagation", "private", "--mount-proc", "--", "mmdebstrap", "--variant=minbase", "--mode=root",
			"--include=" + strings.Join(d.Packages, ","),
			"--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
			"--dpkgopt=force-unsafe-io", // a build that is interrupted is thrown away as a whole
			// Nodes reach no archive, and the host's mirror is the host's business.
			`--customize-hook=rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap`,
			`--customize-hook=rm -f "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/machine-id; truncate --size 0 "$1"/etc/machine-id`,
			`--customize-hook=ln -sf /usr/share/zoneinfo/Etc/UTC "$1"/etc/localtime`,
			"--customize-hook=chroot \"$1\" systemctl enable " + strings.Join(d.Enabled, " "),
			"--customize-hook=chroot \"$1\" systemctl mask " + strings.Join(d.Masked, " "),
		}
		for _, pattern := range excluded() {
			args = append(args, "--dpkgopt=path-exclude="+pattern)
		}
		args = append(args, "--format=directory", Suite, dir)
		args = append(args, sources...)
		if err := store.Run(ctx, d.Name, exec.Command("unshare", args...)); err != nil {
			return fmt.Errorf("making Debian %s: %w\nwhen apt does not find packages, look at the host's /etc/apt/sources.list.d", Suite, err)
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
		if strings.Contains(string(data), Suite) {
			return []string{"/etc/apt/" + name}, nil
		}
	}
	return nil, nil
}

// Cached tells whether the cache holds an artifact, without waiting for whoever makes it now.
func Cached(store *artifacts.Store, name string, inputs []string) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := store.Derived(ctx, name, inputs, func(string) error { return errors.New("is not in the cache") })
	return err == nil
}

// Inputs is what the programs and files of a node depend on, and the directories of the programs, which are made where
// the cache has none.
func Inputs(ctx context.Context, store *artifacts.Store) (inputs []string, made map[string]string, err error) {
	inputs = []string{"node 2", Sums, fmt.Sprint(programs)}
	made = map[string]string{}
	for _, name := range Programs() {
		dir, err := store.Program(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		made[name] = dir
		inputs = append(inputs, filepath.Base(dir)) // holds the key; where the cache lies does not matter
	}
	sum, err := HashFiles(files)
	return append(inputs, sum), made, err
}

// HashFiles is the hash of a tree of embedded files.
func HashFiles(tree fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// Assemble fills dir with the image's own files, the programs from their directories, the list of their hashes, and the
// links that enable their units.
func Assemble(dir string, made map[string]string) error {
	if err := CopyFiles(files, dir); err != nil {
		return err
	}
	sums := map[string]string{}
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
			sum, err := copyProgram(filepath.Join(made[program.name], entry.Name()), filepath.Join(target, entry.Name()))
			if err != nil {
				return err
			}
			sums[path.Join("/", program.dir, entry.Name())] = sum
		}
		for _, link := range program.links {
			if err := os.Symlink(path.Join("/", program.dir, entries[0].Name()), filepath.Join(dir, link)); err != nil {
				return err
			}
		}
	}
	if err := writeSums(filepath.Join(dir, Sums), sums); err != nil {
		return err
	}
	return Enable(dir, "containerd.service", "kubelet.service")
}

func writeSums(file string, sums map[string]string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&text, "%s  %s\n", sums[name], name)
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}

// readSums reads what writeSums wrote.
func readSums(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(data)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			return nil, fmt.Errorf("%s: %q is no line of sha256sum", file, line)
		}
		sums[name] = sum
	}
	return sums, nil
}

func hashFile(file string) (string, error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, in)
	return hex.EncodeToString(sum.Sum(nil)), err
}

// CopyFiles copies a tree of embedded files, all below files/, into dir. What lies below usr/local is a program.
func CopyFiles(tree fs.FS, dir string) error {
	return fs.WalkDir(tree, "files", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
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
}

// Enable makes the links that start units of dir's own on every boot.
func Enable(dir string, units ...string) error {
	wants := filepath.Join(dir, "etc/systemd/system/multi-user.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		return err
	}
	for _, unit := range units {
		if err := os.Symlink("/etc/systemd/system/"+unit, filepath.Join(wants, unit)); err != nil {
			return err
		}
	}
	return nil
}

// copyProgram returns the hash of what it copied.
func copyProgram(from, to string) (string, error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, out.Close())
}
