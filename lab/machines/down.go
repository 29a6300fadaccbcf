package machines

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/process"
)

// Down removes everything of the lab from the host: processes, mounts, control groups, bridge, firewall, raised
// settings, and the state directory. It asks the kernel and not only the records, so it works after any crash; doing it
// twice is fine. It reports what it removed, even when it fails.
func (l *Lab) Down(ctx context.Context) ([]string, error) {
	removed, err := l.Leftovers(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(l.dir); err == nil {
		unlock, err := l.records.Lock()
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	groups, err := l.findCgroups("")
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return process.KillMarked(ctx, l.name) },
		func() error {
			return process.KillAll(ctx, func() ([]int, error) { return cgroupProcesses(groups) })
		},
		func() error { return removeCgroups(ctx, groups) },
		func() error { return l.unmount(ctx) },
		func() error { return l.removeVeths(ctx) },
		func() error { return l.removeBridge(ctx) },
		func() error { return l.removeFirewallTable(ctx) },
		l.lowerSysctls,
		func() error { return os.RemoveAll(l.dir) },
		func() error { return RemoveRoot(filepath.Dir(l.dir)) },
	} {
		if err := step(); err != nil {
			return removed, fmt.Errorf("lab %s: down: %w", l.name, err)
		}
	}
	// The kernel takes dead network namespaces, and with them the machines' interfaces, apart in its own time.
	deadline := time.Now().Add(process.KillTimeout)
	for {
		left, err := l.Leftovers(ctx)
		if err != nil || len(left) == 0 {
			return removed, err
		}
		if time.Now().After(deadline) {
			return removed, fmt.Errorf("lab %s: down: still there: %s; run it again", l.name, strings.Join(left, ", "))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// RemoveRoot removes the folder of all labs when no lab is left in it: what labs share goes with the last of them.
func RemoveRoot(root string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return ignoreVanished(err)
	}
	for _, entry := range entries {
		if entry.Name() != hostLock {
			return nil
		}
	}
	return os.RemoveAll(root)
}

// Leftovers lists what the lab has on the host, one line each; empty means that nothing is there.
func (l *Lab) Leftovers(ctx context.Context) ([]string, error) {
	var left []string
	processes, err := process.Marked(l.name)
	if err != nil {
		return nil, err
	}
	for pid, mark := range processes {
		left = append(left, fmt.Sprintf("process %d (%s)", pid, mark))
	}
	groups, err := l.findCgroups("")
	if err != nil {
		return nil, err
	}
	inside, err := cgroupProcesses(groups)
	if err != nil {
		return nil, err
	}
	for _, pid := range inside {
		if _, known := processes[pid]; !known {
			left = append(left, fmt.Sprintf("process %d (in a machine)", pid))
		}
	}
	for _, group := range groups {
		left = append(left, "control group "+group)
	}
	mounts, err := l.mounts()
	if err != nil {
		return nil, err
	}
	for _, mount := range mounts {
		left = append(left, "mount "+mount)
	}
	interfaces, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return nil, err
	}
	for _, entry := range interfaces {
		master, err := os.Readlink(filepath.Join("/sys/class/net", entry.Name(), "master"))
		if entry.Name() == l.bridge() || strings.HasPrefix(entry.Name(), l.veth("")) || err == nil && filepath.Base(master) == l.bridge() {
			left = append(left, "interface "+entry.Name())
		}
	}
	tables, err := run(ctx, "", "nft", "list", "tables", "inet")
	// A host on which the tools were never installed has no table of ours.
	if err != nil && !errors.Is(err, exec.ErrNotFound) {
		return nil, err
	}
	if slices.Contains(strings.Split(strings.TrimSpace(tables), "\n"), "table inet "+l.firewallTable()) {
		left = append(left, "nftables table inet "+l.firewallTable())
	}
	if _, err := os.Stat(l.dir); err == nil {
		left = append(left, "folder "+l.dir)
	}
	slices.Sort(left)
	return left, nil
}

// mounts lists what is mounted below the lab's state directory in the host's namespace, deepest first. Machines mount in
// namespaces of their own, so there should be none.
func (l *Lab) mounts() ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var found []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && strings.HasPrefix(fields[4], l.dir+"/") {
			found = append(found, fields[4])
		}
	}
	slices.Sort(found)
	slices.Reverse(found)
	return found, lines.Err()
}

func (l *Lab) unmount(ctx context.Context) error {
	mounts, err := l.mounts()
	if err != nil {
		return err
	}
	var errs []error
	for _, mount := range mounts {
		_, err := run(ctx, "", "umount", mount)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
