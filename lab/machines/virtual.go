package machines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// A virtual machine has a kernel and disks of its own: qemu boots the node image that [Lab.UseImage] names. What cannot be
// shown in a system container (encrypted disks, WireGuard, control groups v2) is shown in one. It is emulated, since a
// host that is itself a virtual machine often has a /dev/kvm that starts no ordinary kernel; it boots in half a minute.

// Files of a virtual machine.
const (
	fileRoot    = "root.raw"
	fileData    = "data.raw"
	fileSeed    = "seed.img"
	fileMonitor = "monitor.sock"
)

// virtualInterface is the one interface of a virtual machine, as its kernel names it.
const virtualInterface = "eth0"

// imageRecord is the file in the state directory that names the image for virtual machines to come.
const imageRecord = "image.json"

// UseImage names the disk image that later virtual machines start from; each gets a copy.
func (l *Lab) UseImage(file string) error {
	if !filepath.IsAbs(file) {
		return fmt.Errorf("node image %q: the path is relative; give an absolute one", file)
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("node image: %w", err)
	}
	data, err := json.Marshal(file)
	if err != nil {
		return err
	}
	return records.WriteFile(l.records.Path(imageRecord), append(data, '\n'), 0o600)
}

func (l *Lab) image() (string, error) {
	data, err := os.ReadFile(l.records.Path(imageRecord))
	if err != nil {
		return "", fmt.Errorf("lab %s: no node image is set (%w); run: lagrum lab virtual", l.name, err)
	}
	var file string
	if err := json.Unmarshal(data, &file); err != nil {
		return "", fmt.Errorf("%s: %w; run: lagrum lab virtual", l.records.Path(imageRecord), err)
	}
	return file, nil
}

// tap is the host's end of a virtual machine's interface. Linux allows 15 characters, so the name is a hash.
func (l *Lab) tap(machine string) string {
	sum := sha256.Sum256([]byte(machine))
	return (l.veth("") + hex.EncodeToString(sum[:]))[:15]
}

// writeDisks fills a virtual machine's folder: a copy of the image that has the declared size, an empty data disk, and
// cloud-init's seed.
func (l *Lab) writeDisks(ctx context.Context, machine Machine) error {
	image, err := l.image()
	if err != nil {
		return err
	}
	dir := l.machineDir(machine.Name)
	root := filepath.Join(dir, fileRoot)
	if _, err := run(ctx, "", "cp", "--sparse=always", "--reflink=auto", image, root); err != nil {
		return err
	}
	sizes := map[string]int{root: machine.DiskGiB}
	if machine.DataGiB > 0 {
		sizes[filepath.Join(dir, fileData)] = machine.DataGiB
	}
	for file, gib := range sizes {
		if _, err := run(ctx, "", "truncate", "--size", fmt.Sprintf("%dG", gib), file); err != nil {
			return err
		}
	}
	if err := l.writeSecrets(machine); err != nil {
		return err
	}
	return l.writeSeed(ctx, machine)
}

// writeSeed makes the disk by which cloud-init's NoCloud is told what the machine is to become.
func (l *Lab) writeSeed(ctx context.Context, machine Machine) error {
	network, err := l.Network(machine.Network)
	if err != nil {
		return err
	}
	files, err := seedFiles(machine, network, virtualInterface)
	if err != nil {
		return err
	}
	files["vendor-data"] = []byte(vendorData)
	disk := filepath.Join(l.machineDir(machine.Name), fileSeed)
	if _, err := run(ctx, "", "mkfs.vfat", "-n", "CIDATA", "-C", disk, "1024"); err != nil {
		return err
	}
	for name, data := range files {
		if _, err := run(ctx, string(data), "mcopy", "-i", disk, "-", "::"+name); err != nil {
			return err
		}
	}
	return os.Chmod(disk, 0o600)
}

// vendorData is what the lab adds as a cloud would: container images come on a read-only disk, and containerd has started
// once they are imported. The image itself has nothing of the lab in it.
const vendorData = `#cloud-config
bootcmd:
- |
  mkdir -p /var/lib/lagrum-images /run/systemd/system/containerd.service.d
  mountpoint -q /var/lib/lagrum-images || mount -o ro LABEL=lagrum-images /var/lib/lagrum-images
  printf '%s\n' '[Service]' 'TimeoutStartSec=30min' 'ExecStartPost=/bin/sh /var/lib/lagrum-images/lagrum-images.sh once' \
    >/run/systemd/system/containerd.service.d/lab.conf
  systemctl daemon-reload
`

// importScript imports container images on a machine, as it lies in a system container.
const importScript = "usr/local/sbin/lagrum-images"

// imagesDisk makes the read-only disk of container images and of the script that imports them, anew where archives came
// since. Machines that run keep the one that they started with.
func (l *Lab) imagesDisk(ctx context.Context) (string, error) {
	disk, from := l.records.Path("images.img"), l.imagesDir()
	if err := l.layScript(from); err != nil {
		return "", err
	}
	folder, err := os.Stat(from)
	if err != nil {
		return "", err
	}
	// Archives come by renaming, which the folder's time tells.
	if made, err := os.Stat(disk); err == nil && made.ModTime().After(folder.ModTime()) {
		return disk, nil
	}
	archives, err := os.ReadDir(from)
	if err != nil {
		return "", err
	}
	size := int64(64 << 20)
	for _, archive := range archives {
		info, err := archive.Info()
		if err != nil {
			return "", err
		}
		size += info.Size() + info.Size()/16
	}
	fresh := disk + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if _, err := run(ctx, "", "mkfs.ext4", "-q", "-L", "lagrum-images", "-d", from, fresh, strconv.FormatInt(size>>10, 10)+"k"); err != nil {
		return "", err
	}
	return disk, os.Rename(fresh, disk)
}

// layScript puts the import script of the system containers beside the archives.
func (l *Lab) layScript(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	target := filepath.Join(dir, "lagrum-images.sh")
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	layers, err := l.rootFS()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		script, err := os.ReadFile(filepath.Join(layer, importScript))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		return records.WriteFile(target, script, 0o755)
	}
	return fmt.Errorf("root file system %v: no %s in it; make the layers with package rootfs", layers, importScript)
}

// startVirtual starts qemu. The caller holds the lock.
func (l *Lab) startVirtual(ctx context.Context, machine Machine, network Network) (process.Process, error) {
	images, err := l.imagesDisk(ctx)
	if err != nil {
		return process.Process{}, err
	}
	tap := l.tap(machine.Name)
	if err := removeInterface(ctx, tap); err != nil {
		return process.Process{}, err
	}
	for _, args := range [][]string{
		{"tuntap", "add", tap, "mode", "tap"},
		{"link", "set", tap, "master", network.Bridge, "up"},
	} {
		if _, err := run(ctx, "", "ip", args...); err != nil {
			return process.Process{}, err
		}
	}
	dir := l.machineDir(machine.Name)
	_, err = os.Stat(filepath.Join(dir, fileSecret))
	argv := qemuArgs(l.name, machine, dir, tap, images, err == nil)
	return process.Start(l.name, l.machineMark(machine.Name), l.ConsoleLog(machine.Name), exec.Command(argv[0], argv[1:]...))
}

// qemuArgs is a virtual machine's command line. It holds no secret: the bundle is named by path. What the guest writes is in
// the host's page cache at once, so cutting its power is a power cut for the guest and loses nothing else.
func qemuArgs(lab string, machine Machine, dir, tap, images string, hasSecrets bool) []string {
	drive := func(file, more string) string { return "file=" + file + ",format=raw,if=virtio" + more }
	args := []string{
		"qemu-system-x86_64", "-name", lab + "-" + machine.Name,
		"-machine", "pc", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes,+pclmulqdq",
		"-smp", strconv.Itoa(max(machine.CPUs, 1)), "-m", strconv.Itoa(machine.MemoryMiB),
		"-display", "none", "-nodefaults", "-no-user-config",
		"-chardev", "file,id=console,append=on,path=" + filepath.Join(dir, fileLog), "-serial", "chardev:console",
		"-monitor", "unix:" + filepath.Join(dir, fileMonitor) + ",server=on,wait=off",
		"-netdev", "tap,id=net,script=no,downscript=no,ifname=" + tap, "-device", "virtio-net-pci,netdev=net,mac=" + hardwareAddress(machine.UUID),
		"-device", "virtio-rng-pci",
		"-drive", drive(filepath.Join(dir, fileRoot), ",cache=unsafe"),
	}
	if machine.DataGiB > 0 {
		args = append(args, "-drive", drive(filepath.Join(dir, fileData), ",cache=unsafe"))
	}
	args = append(args, "-drive", drive(filepath.Join(dir, fileSeed), ",readonly=on"), "-drive", drive(images, ",readonly=on"))
	if hasSecrets {
		args = append(args, "-fw_cfg", "name=opt/lagrum/secrets,file="+filepath.Join(dir, fileSecret))
	}
	return args
}

// askMonitor gives qemu's monitor a command.
func (l *Lab) askMonitor(name, command string) error {
	monitor, err := net.DialTimeout("unix", filepath.Join(l.machineDir(name), fileMonitor), 5*time.Second)
	if err != nil {
		return err
	}
	defer monitor.Close()
	_, err = monitor.Write([]byte(command + "\n"))
	return err
}

// validateVirtual tells what is wrong with the specification of a virtual machine, and with that of a container which
// asks for what only a virtual machine has.
func (s MachineSpec) validateVirtual() error {
	if !s.Virtual {
		if s.DataGiB > 0 {
			return fmt.Errorf("dataGiB: %d: a system container has no disks of its own; declare a virtual machine", s.DataGiB)
		}
		return nil
	}
	var errs []error
	if s.DiskGiB < 2 {
		errs = append(errs, fmt.Errorf("diskGiB: %d: the node image does not fit; use 2 or more", s.DiskGiB))
	}
	if s.MemoryMiB < 768 {
		errs = append(errs, fmt.Errorf("memoryMiB: %d does not boot a virtual machine; use 768 or more", s.MemoryMiB))
	}
	return errors.Join(errs...)
}
