package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lagrum/lagrum/lab/debian"
)

// hostTools are the commands that the lab calls on the host, or files that they need, and the Debian package that brings
// each.
var hostTools = []struct{ command, pkg, why string }{
	{"systemd-nspawn", "systemd-container", "boots machines as system containers"},
	{"mmdebstrap", "mmdebstrap", "makes the machines' root file system from Debian's packages"},
	{"ip", "iproute2", "makes the lab's bridge"},
	{"nft", "nftables", "puts the shared firewall table on the bridge"},
	{"haproxy", "haproxy", "stands before the API servers"},
	{"gcc", "gcc", "flannel is built with cgo"},
	{"/usr/include/stdio.h", "libc6-dev", "flannel is built with cgo"},
	{"curl", "curl", "probes the API"},
}

// ErrNoMachines says that this host cannot run the lab's machines; the degraded lab remains.
var ErrNoMachines = errors.New("this host cannot run machines")

// checkHost tells why machines cannot run here, or nil.
func checkHost() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: not root (user id %d); run as root, or in a virtual machine where you are", ErrNoMachines, os.Geteuid())
	}
	for _, need := range []struct{ path, why string }{
		{"/proc/self/ns/net", "network namespaces"},
		{"/proc/self/ns/cgroup", "cgroup namespaces"},
		{"/sys/fs/cgroup", "control groups"},
	} {
		if _, err := os.Stat(need.path); err != nil {
			return fmt.Errorf("%w: the kernel offers no %s (%s)", ErrNoMachines, need.why, need.path)
		}
	}
	// Namespaces that exist may still be forbidden, as in a container.
	if text, err := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: namespaces cannot be made: %w: %s", ErrNoMachines, err, strings.TrimSpace(string(text)))
	}
	if _, err := exec.LookPath("systemd-nspawn"); err != nil {
		if _, err := exec.LookPath("apt-get"); err != nil {
			return fmt.Errorf("%w: there is no systemd-nspawn, and no apt-get to install it with; install systemd-container", ErrNoMachines)
		}
	}
	for _, need := range []struct {
		module, what string
		there        func() bool
	}{
		{"overlay", "overlay file system", func() bool {
			filesystems, err := os.ReadFile("/proc/filesystems")
			return err != nil || strings.Contains(string(filesystems), "\toverlay\n")
		}},
		// Without it neither the lab's firewall nor a pod's policy sees what crosses a bridge.
		{"br_netfilter", "filter for bridges", func() bool { return exists("/proc/sys/net/bridge") }},
	} {
		if need.there() {
			continue
		}
		// A distribution's kernel has it as a module, which nobody has asked for yet. The machines cannot load it themselves.
		if text, err := exec.Command("modprobe", need.module).CombinedOutput(); err != nil || !need.there() {
			return fmt.Errorf("%w: the kernel has no %s (module %s) %s", ErrNoMachines, need.what, need.module, strings.TrimSpace(string(text)))
		}
	}
	return nil
}

// installTools installs what is missing from Debian's packages, and says so. Services that the packages bring are
// kept from starting: the lab starts what it needs itself.
func installTools(ctx context.Context, out io.Writer) error {
	if err := debian.RemovePolicy(); err != nil {
		return fmt.Errorf("host tools: %w", err)
	}
	var missing []string
	for _, tool := range hostTools {
		if !present(tool.command) {
			fmt.Fprintf(out, "  %s is missing (%s): installing %s\n", tool.command, tool.why, tool.pkg)
			missing = append(missing, tool.pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := debian.Install(ctx, missing...); err != nil {
		return fmt.Errorf("host tools: %w", err)
	}
	return nil
}

// present tells whether a command is on PATH, or a file exists.
func present(tool string) bool {
	if filepath.IsAbs(tool) {
		return exists(tool)
	}
	_, err := exec.LookPath(tool)
	return err == nil
}
