package machines

import (
	"fmt"
	"strings"
)

// boot is what the keeper script needs to know.
type boot struct {
	lab, machine string
	uuid         string // 32 hexadecimal digits
	bridge       string
	layers       []string // of the root file system, the upper first
	dir          string   // the machine's folder
	images       string   // the lab's folder of container images
	cgroups      []string // the machine's groups
	hasSecrets   bool
}

// Folders of a machine.
const (
	dirRoot    = "root"  // where its root file system is mounted, in the keeper's mount namespace only
	dirUpper   = "upper" // what it changed
	dirWork    = "work"  // overlayfs's own
	dirDisk    = "disk"  // directories that lie on the host's disk directly
	fileSecret = "secrets.tar"
	fileLog    = "console.log"
	fileKeeper = "keeper.sh"
)

// diskFolders lie on the host's disk and not on the overlay: containerd's own overlays cannot stand on an overlay, and
// etcd and the kubelet want a plain file system below them.
var diskFolders = []string{"containerd", "etcd", "kubelet"}

// nspawnArgs is the machine's command line. It holds no secret: the bundle is bind-mounted by path.
func nspawnArgs(b boot) []string {
	args := []string{
		"systemd-nspawn",
		"--quiet",
		"--boot",
		"--directory=" + b.dir + "/" + dirRoot,
		"--machine=" + b.lab + "-" + b.machine,
		"--hostname=" + b.machine,
		"--uuid=" + b.uuid,
		// No systemd on the host is needed, and none is told: the keeper put us where we belong.
		"--register=no",
		"--keep-unit",
		"--network-bridge=" + b.bridge,
		// The kubelet, containerd and the pods' own init need what a machine of their own would give them.
		"--capability=all",
		"--system-call-filter=@keyring bpf @mount",
		"--bind=/dev/kmsg",
		// The image says these; nspawn must not copy the host's.
		"--resolv-conf=off",
		"--timezone=off",
		"--link-journal=no",
		"--console=read-only",
		"--bind-ro=" + b.images + ":/var/lib/lagrum-images",
	}
	for _, folder := range diskFolders {
		args = append(args, "--bind="+b.dir+"/"+dirDisk+"/"+folder+":/var/lib/"+folder)
	}
	if b.hasSecrets {
		args = append(args, "--bind-ro="+b.dir+"/"+fileSecret+":/run/lagrum-lab/secrets.tar")
	}
	return args
}

// keeperScript starts the machine and starts it again when it reboots (nspawn then ends with 133). It runs in a mount
// namespace of its own, so that no mount can be left on the host, whatever is killed.
func keeperScript(b boot) string {
	var s strings.Builder
	fmt.Fprintf(&s, "#!/bin/sh\n# Keeps machine %s of lab %s. Written by the lab; changes are lost.\nset -eu\n", b.machine, b.lab)
	for _, group := range b.cgroups {
		fmt.Fprintf(&s, "echo 0 > %s/%s/cgroup.procs\n", quote(group), cgroupKeeper)
	}
	fmt.Fprintf(&s, "mount -t overlay lagrum-%s-%s -o %s %s\n", b.lab, b.machine,
		quote(fmt.Sprintf("lowerdir=%s,upperdir=%s/%s,workdir=%s/%s", strings.Join(b.layers, ":"), b.dir, dirUpper, b.dir, dirWork)), quote(b.dir+"/"+dirRoot))
	// nspawn leaves lock files behind when it is killed; here they go with the mount namespace.
	s.WriteString("mkdir -p /run/systemd/nspawn\nmount -t tmpfs lagrum-nspawn /run/systemd/nspawn\n")
	s.WriteString("while :; do\n\tcode=0\n\t(\n")
	for _, group := range b.cgroups {
		fmt.Fprintf(&s, "\t\techo 0 > %s/%s/cgroup.procs\n", quote(group), cgroupSystem)
	}
	s.WriteString("\t\texec")
	for _, arg := range nspawnArgs(b) {
		s.WriteString(" \\\n\t\t\t" + quote(arg))
	}
	s.WriteString("\n\t) || code=$?\n\t[ \"$code\" -eq 133 ] || exit \"$code\"\ndone\n")
	return s.String()
}

// quote makes a word of POSIX shell.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
