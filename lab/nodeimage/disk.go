package nodeimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/debian"
)

// The files of a disk image.
const (
	Raw      = "node.raw"
	QCOW2    = "node.qcow2"
	Manifest = "manifest.json"
)

const (
	diskName   = "node-image"
	diskRecipe = "disk 1"
)

// hostPackages are what making an image needs on the host, besides mmdebstrap.
func hostPackages() []string {
	return []string{"dosfstools", "e2fsprogs", "fdisk", "mmdebstrap", "mtools", "qemu-utils", "syslinux", "syslinux-common", "systemd-boot-efi"}
}

// system is Debian with a kernel, and what a machine with disks of its own needs.
func system() Debian {
	return Debian{
		Name: "node-debian", Recipe: "debian 1",
		Packages: slices.Concat(Packages(), []string{
			"clevis", "clevis-luks", "cloud-guest-utils", "cryptsetup-bin", "e2fsprogs", "initramfs-tools", "linux-image-cloud-amd64",
			"systemd-resolved", "systemd-timesyncd", "udev", "zstd",
		}),
		Enabled: []string{"systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service"},
		// Nobody logs in to a node, and nothing updates it: it is replaced.
		Masked: []string{
			"apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dpkg-db-backup.timer", "e2scrub_all.timer",
			"e2scrub_reap.service", "getty.target", "getty@.service", "serial-getty@.service", "systemd-pstore.service",
		},
	}
}

// debianPrograms are Debian's own programs that touch keys, disks or containers: the boot checks them beside ours.
func debianPrograms() []string {
	return []string{
		"/usr/bin/clevis", "/usr/bin/clevis-decrypt-tang", "/usr/bin/clevis-encrypt-tang", "/usr/bin/clevis-luks-bind",
		"/usr/bin/clevis-luks-unlock", "/usr/sbin/cryptsetup", "/usr/sbin/nft", "/usr/sbin/runc",
	}
}

// Disk returns the directory that holds the image as raw disk and as qcow2, with its manifest, and makes them first when
// the cache does not hold them. The disk starts under BIOS and under UEFI; both start the same kernel from the same small
// partition. It grows to the size of the volume that it is written to.
func Disk(ctx context.Context, store *artifacts.Store) (string, error) {
	missing, err := debian.Missing(ctx, hostPackages()...)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		if err := debian.Install(ctx, missing...); err != nil {
			return "", fmt.Errorf("tools for the node image: %w", err)
		}
	}
	base, err := system().Make(ctx, store)
	if err != nil {
		return "", err
	}
	inputs, made, err := Inputs(ctx, store)
	if err != nil {
		return "", err
	}
	inputs = append(inputs, diskRecipe, filepath.Base(base), strings.Join(debianPrograms(), " "))
	return store.Derived(ctx, diskName, inputs, func(dir string) error {
		d := disk{ctx: ctx, store: store, dir: dir, scratch: filepath.Join(filepath.Dir(dir), "scratch")}
		return d.make(base, made)
	})
}

// DiskStep is Disk as a step of a build.
func DiskStep(store *artifacts.Store) artifacts.Step {
	return artifacts.Step{
		Name: diskName, Title: "node image", Needs: Programs(), Cost: store.Cost(diskName, 90*time.Second),
		Ready: func() bool { return false },
		Make: func(ctx context.Context, _ int) error {
			_, err := Disk(ctx, store)
			return err
		},
	}
}

type disk struct {
	ctx          context.Context
	store        *artifacts.Store
	dir, scratch string
}

func (d disk) run(name string, args ...string) error {
	return d.store.Run(d.ctx, diskName, exec.Command(name, args...))
}

// MiB of the parts of a disk. The root file system's is what its files need and room for the first boot, which grows it.
const (
	espStart = 1
	espSize  = 96
	rootSize = 1536
)

// kernelOptions are the same under both firmwares. The last console is the one that a cloud records.
const kernelOptions = "root=LABEL=lagrum-root ro console=tty0 console=ttyS0,115200 net.ifnames=0 quiet"

func (d disk) make(base string, made map[string]string) error {
	tree := filepath.Join(d.scratch, "tree")
	if err := os.MkdirAll(d.scratch, 0o755); err != nil {
		return err
	}
	if err := d.run("cp", "--archive", "--reflink=auto", base, tree); err != nil {
		return err
	}
	if err := Assemble(tree, made); err != nil {
		return err
	}
	if err := d.finish(tree); err != nil {
		return err
	}
	esp, root, raw := filepath.Join(d.scratch, "esp"), filepath.Join(d.scratch, "root"), filepath.Join(d.dir, Raw)
	if err := d.bootPartition(esp, tree); err != nil {
		return err
	}
	if err := d.run("mkfs.ext4", "-q", "-L", "lagrum-root", "-d", tree, root, fmt.Sprintf("%dM", rootSize)); err != nil {
		return err
	}
	if err := d.partition(raw, esp, root); err != nil {
		return err
	}
	if err := d.run("qemu-img", "convert", "-c", "-O", "qcow2", raw, filepath.Join(d.dir, QCOW2)); err != nil {
		return err
	}
	return d.writeManifest(tree)
}

// finish makes a tree of Debian's and our files one node: names are resolved by systemd-resolved, and the hashes of
// Debian's own programs stand beside those of ours.
func (d disk) finish(tree string) error {
	if err := os.Symlink("/run/systemd/resolve/stub-resolv.conf", filepath.Join(tree, "etc/resolv.conf")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, "etc/fstab"), []byte("LABEL=lagrum-root / ext4 errors=remount-ro 0 1\n"), 0o644); err != nil {
		return err
	}
	sums, err := readSums(filepath.Join(tree, Sums))
	if err != nil {
		return err
	}
	for _, program := range debianPrograms() {
		sum, err := hashFile(filepath.Join(tree, program))
		if err != nil {
			return err
		}
		sums[program] = sum
	}
	return writeSums(filepath.Join(tree, Sums), sums)
}

// bootPartition fills a FAT file system with the kernel and the loaders of both firmwares.
func (d disk) bootPartition(esp, tree string) error {
	kernels, err := filepath.Glob(filepath.Join(tree, "boot/vmlinuz-*"))
	if err != nil {
		return err
	}
	if len(kernels) != 1 {
		return fmt.Errorf("kernels of the node image: %v; want exactly one", kernels)
	}
	initrd := strings.Replace(kernels[0], "vmlinuz-", "initrd.img-", 1)
	if err := d.run("truncate", "--size", fmt.Sprintf("%dM", espSize), esp); err != nil {
		return err
	}
	if err := d.run("mkfs.vfat", "-F", "32", "-n", "LAGRUM-ESP", esp); err != nil {
		return err
	}
	if err := d.run("mmd", "-i", esp, "::/EFI", "::/EFI/BOOT", "::/loader", "::/loader/entries", "::/syslinux"); err != nil {
		return err
	}
	texts := map[string]string{
		"/loader/loader.conf":         "default lagrum\ntimeout 0\n",
		"/loader/entries/lagrum.conf": "title Lagrum node\nlinux /vmlinuz\ninitrd /initrd.img\noptions " + kernelOptions + "\n",
		"/syslinux/syslinux.cfg":      "DEFAULT lagrum\nPROMPT 0\nTIMEOUT 1\nLABEL lagrum\n LINUX /vmlinuz\n INITRD /initrd.img\n APPEND " + kernelOptions + "\n",
	}
	copies := map[string]string{
		"/EFI/BOOT/BOOTX64.EFI": "/usr/lib/systemd/boot/efi/systemd-bootx64.efi",
		"/syslinux/ldlinux.c32": "/usr/lib/syslinux/modules/bios/ldlinux.c32",
		"/vmlinuz":              kernels[0],
		"/initrd.img":           initrd,
	}
	for target, text := range texts {
		source := filepath.Join(d.scratch, filepath.Base(target))
		if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
			return err
		}
		copies[target] = source
	}
	for _, target := range slices.Sorted(maps.Keys(copies)) {
		if err := d.run("mcopy", "-i", esp, copies[target], "::"+target); err != nil {
			return err
		}
	}
	// It reaches the file through /proc, which has to be that of the process namespace it runs in.
	return d.run("unshare", "--mount", "--propagation", "private", "--mount-proc", "--", "syslinux", "--install", "--directory", "syslinux", esp)
}

// partition joins the parts to a disk. Its table is of the old kind, which both firmwares read.
func (d disk) partition(raw, esp, root string) error {
	rootStart := espStart + espSize
	if err := d.run("truncate", "--size", fmt.Sprintf("%dM", rootStart+rootSize), raw); err != nil {
		return err
	}
	table := exec.Command("sfdisk", "--quiet", raw)
	table.Stdin = strings.NewReader(fmt.Sprintf("label: dos\nstart=%dMiB, size=%dMiB, type=ef, bootable\nstart=%dMiB, type=83\n", espStart, espSize, rootStart))
	if err := d.store.Run(d.ctx, diskName, table); err != nil {
		return err
	}
	// The first 440 bytes are code; what follows is the table.
	return errors.Join(
		d.run("dd", "if=/usr/lib/syslinux/mbr/mbr.bin", "of="+raw, "bs=440", "count=1", "conv=notrunc", "status=none"),
		d.run("dd", "if="+esp, "of="+raw, "bs=1M", fmt.Sprintf("seek=%d", espStart), "conv=notrunc,sparse", "status=none"),
		d.run("dd", "if="+root, "of="+raw, "bs=1M", fmt.Sprintf("seek=%d", rootStart), "conv=notrunc,sparse", "status=none"),
	)
}

// manifest says what an image holds.
type manifest struct {
	Recipe string `json:"recipe"`
	// Programs built from modules, with their versions.
	Programs map[string]string `json:"programs"`
	// Files are the SHA-256 sums that every boot checks, by path.
	Files map[string]string `json:"files"`
	// Packages of Debian, with their versions.
	Packages map[string]string `json:"packages"`
	// Images are the SHA-256 sums of the two forms of the disk.
	Images map[string]string `json:"images"`
}

func (d disk) writeManifest(tree string) error {
	m := manifest{Recipe: diskRecipe, Programs: map[string]string{}, Packages: map[string]string{}, Images: map[string]string{}}
	for _, program := range artifacts.Programs() {
		if slices.Contains(Programs(), program.Name) {
			m.Programs[program.Name] = program.Version
		}
	}
	var err error
	if m.Files, err = readSums(filepath.Join(tree, Sums)); err != nil {
		return err
	}
	listed, err := exec.CommandContext(d.ctx, "dpkg-query", "--admindir", filepath.Join(tree, "var/lib/dpkg"), "--show").Output()
	if err != nil {
		return fmt.Errorf("packages of the node image: %w", err)
	}
	for line := range strings.Lines(string(listed)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			m.Packages[name] = version
		}
	}
	for _, name := range []string{Raw, QCOW2} {
		if m.Images[name], err = hashFile(filepath.Join(d.dir, name)); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, Manifest), append(text, '\n'), 0o644)
}
