package machines

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lagrum/lagrum/lab/process"
)

// Each machine lives in control groups of its own, in every hierarchy, at <base>/lagrum/<lab>/<machine>. The machine's
// cgroup namespace begins there, so that the kubelets of several machines on one kernel each have a /kubepods of their
// own and never end each other's pods. <base> is the group of the process that makes the machine: a lab stays within
// the limits that its user was given. Below the machine's group are two more, because cgroup v2 allows processes in
// leaves only: keeper holds the script that starts the machine, system the machine.
const (
	cgroupTop    = "lagrum"
	cgroupKeeper = "keeper"
	cgroupSystem = "system"
)

// hierarchy is one mounted cgroup hierarchy.
type hierarchy struct {
	mount       string   // where it is mounted
	root        string   // which of its groups is mounted there
	controllers []string // v1 only, e.g. cpu, cpuacct, name=systemd
	v2          bool
	// alone says that there is no other hierarchy, so that controllers are handed down in this one.
	alone bool
}

// hierarchies reads the mounted cgroup hierarchies, each once.
func hierarchies() ([]hierarchy, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseHierarchies(data), nil
}

// parseHierarchies reads proc_pid_mountinfo(5).
func parseHierarchies(mountinfo []byte) []hierarchy {
	var found []hierarchy
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		before, after := strings.Fields(left), strings.Fields(right)
		if !ok || len(before) < 5 || len(after) < 3 {
			continue
		}
		h := hierarchy{root: before[3], mount: before[4], v2: after[0] == "cgroup2"}
		if after[0] == "cgroup" {
			for option := range strings.SplitSeq(after[2], ",") {
				switch option {
				case "rw", "ro", "xattr", "clone_children", "noprefix":
				default:
					if !strings.HasPrefix(option, "release_agent=") {
						h.controllers = append(h.controllers, option)
					}
				}
			}
		}
		known := slices.ContainsFunc(found, func(o hierarchy) bool {
			return o.v2 == h.v2 && slices.Equal(o.controllers, h.controllers)
		})
		if (h.v2 || len(h.controllers) > 0) && !known {
			found = append(found, h)
		}
	}
	if len(found) == 1 && found[0].v2 {
		found[0].alone = true
	}
	return found
}

// ownGroups reads which group of each hierarchy this process is in (cgroups(7), /proc/self/cgroup), as directories. On a
// host with cgroup v2 alone it answers the root: a group that holds processes cannot hand controllers to groups below.
func ownGroups(all []hierarchy, self []byte) (map[string]string, error) {
	paths := map[string]string{}
	for line := range strings.Lines(string(self)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 {
			paths[fields[1]] = fields[2]
		}
	}
	groups := map[string]string{}
	for _, h := range all {
		path, ok := paths[strings.Join(h.controllers, ",")]
		if !ok {
			return nil, fmt.Errorf("control groups: this process is in none of %s", h.mount)
		}
		relative, err := filepath.Rel(h.root, path)
		if err != nil || strings.HasPrefix(relative, "..") || h.alone {
			relative = "."
		}
		groups[h.mount] = filepath.Join(h.mount, relative)
	}
	return groups, nil
}

// limits of a machine's control group.
type limits struct {
	cpus      int
	memoryMiB int
}

// makeCgroups makes a machine's groups in every hierarchy and returns the machine's directories, one per hierarchy.
func (l *Lab) makeCgroups(machine string, limit limits) ([]string, error) {
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	bases, err := ownGroups(all, self)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, h := range all {
		parent := bases[h.mount]
		for _, part := range []string{cgroupTop, l.name, machine} {
			dir := filepath.Join(parent, part)
			if err := makeCgroup(h, parent, dir); err != nil {
				return nil, err
			}
			parent = dir
		}
		if err := h.limit(parent, limit); err != nil {
			return nil, err
		}
		for _, leaf := range []string{cgroupKeeper, cgroupSystem} {
			if err := makeCgroup(h, parent, filepath.Join(parent, leaf)); err != nil {
				return nil, err
			}
		}
		dirs = append(dirs, parent)
	}
	return dirs, nil
}

func makeCgroup(h hierarchy, parent, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("control group: %w", err)
	}
	if h.alone {
		// What cannot be handed down here, the machine does without, as it would without this line.
		controllers, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("control group: %w", err)
		}
		for _, controller := range strings.Fields(string(controllers)) {
			_ = os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		}
	}
	if slices.Contains(h.controllers, "cpuset") {
		// A new cpuset is empty and takes no process before it has processors and memory nodes.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(parent, file))
			if err != nil {
				return fmt.Errorf("control group: %w", err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
				return fmt.Errorf("control group: %w", err)
			}
		}
	}
	return nil
}

// cpuPeriod is the kernel's default, in microseconds.
const cpuPeriod = 100000

// limit bounds what a machine may use; 0 leaves it unbounded.
func (h hierarchy) limit(dir string, limit limits) error {
	values := map[string]string{}
	has := func(controller, v2File string) bool {
		if !h.v2 {
			return slices.Contains(h.controllers, controller)
		}
		_, err := os.Stat(filepath.Join(dir, v2File))
		return err == nil
	}
	if limit.memoryMiB > 0 && has("memory", "memory.max") {
		file := "memory.limit_in_bytes"
		if h.v2 {
			file = "memory.max"
		}
		values[file] = strconv.Itoa(limit.memoryMiB << 20)
	}
	if limit.cpus > 0 && has("cpu", "cpu.max") {
		if h.v2 {
			values["cpu.max"] = fmt.Sprintf("%d %d", limit.cpus*cpuPeriod, cpuPeriod)
		} else {
			values["cpu.cfs_quota_us"] = strconv.Itoa(limit.cpus * cpuPeriod)
		}
	}
	for file, value := range values {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// findCgroups lists the groups <base>/lagrum/<lab>[/<machine>] in every hierarchy, wherever <base> is: the record may be
// lost and the maker's group another than ours. An empty machine means the whole lab.
func (l *Lab) findCgroups(machine string) ([]string, error) {
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, h := range all {
		err := filepath.WalkDir(h.mount, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil // removed while we walked
				}
				return err
			}
			if !entry.IsDir() || entry.Name() != cgroupTop {
				return nil
			}
			dir := filepath.Join(path, l.name, machine)
			if _, err := os.Stat(dir); err == nil {
				found = append(found, dir)
			}
			return fs.SkipDir
		})
		if err != nil {
			return nil, fmt.Errorf("control groups: %w", err)
		}
	}
	return found, nil
}

// cgroupProcesses lists the processes in the groups and all groups below them.
func cgroupProcesses(dirs []string) ([]int, error) {
	seen := map[int]bool{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return ignoreVanished(err)
			}
			data, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			if err != nil {
				return ignoreVanished(err)
			}
			for field := range strings.FieldsSeq(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					seen[pid] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("control groups: %w", err)
		}
	}
	pids := make([]int, 0, len(seen))
	for pid := range seen {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, nil
}

// ignoreVanished forgives what happens when a group is removed while it is read.
func ignoreVanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}

// removeCgroups removes the groups, and the lab's and the top group where they are then empty. All processes must be
// gone; the kernel takes a moment to notice.
func removeCgroups(ctx context.Context, dirs []string) error {
	deadline := time.Now().Add(process.KillTimeout)
	for _, dir := range dirs {
		for {
			err := removeCgroupTree(dir)
			if err == nil {
				break
			}
			if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
				return fmt.Errorf("control group: %w", err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
		for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
			// Others' machines keep these busy; that is no fault.
			if err := syscall.Rmdir(parent); err != nil || filepath.Base(parent) == cgroupTop {
				break
			}
		}
	}
	return nil
}

func removeCgroupTree(dir string) error {
	var groups []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return ignoreVanished(err)
		}
		if entry.IsDir() {
			groups = append(groups, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, group := range slices.Backward(groups) { // children come after their parents in the walk
		if err := syscall.Rmdir(group); err != nil && !errors.Is(err, syscall.ENOENT) {
			return &fs.PathError{Op: "rmdir", Path: group, Err: err}
		}
	}
	return nil
}
