// Package process starts the processes that a lab leaves running, and finds and ends exactly those again: by a mark in
// their environment, which needs no record, and by number and start time, which no later process shares. Both kinds of
// lab use it, the one with machines and the one without.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a process that outlives whoever started it.
type Process struct {
	PID int `json:"pid,omitempty"`
	// Start is the time since boot, in clock ticks, at which it began, and Boot the boot it began in: together they tell
	// the process from a later one of the same number.
	Start uint64 `json:"start,omitempty"`
	Boot  string `json:"boot,omitempty"`
}

// markVariable is in the environment of every process that the lab leaves running. Its value is
// <lab>/<kind>/<name>, so that a process is found even if the record of it was never written. It is not LAGRUM_LAB,
// which the user's own shell may carry.
const markVariable = "LAGRUM_LAB_PROCESS"

// Alive tells whether the process still runs.
func (p Process) Alive() bool {
	if p.PID <= 0 || p.Boot != BootID() {
		return false
	}
	start, state, err := Stat(p.PID)
	return err == nil && start == p.Start && state != 'Z' && state != 'X'
}

// BootID names the boot of the host that this is.
func BootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Stat reads the start time and the state of a process (proc(5), fields 22 and 3).
func Stat(pid int) (start uint64, state byte, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The second field is the command in parentheses and may hold anything; count from its end.
	end := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[end+1:]))
	if end < 0 || len(fields) < 20 {
		return 0, 0, fmt.Errorf("/proc/%d/stat: %q is too short", pid, data)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return start, fields[0][0], err
}

// runs tells a living process from one that is gone or only waits to be reaped.
func runs(pid int) bool {
	_, state, err := Stat(pid)
	return err == nil && state != 'Z' && state != 'X'
}

// Leftovers lists the processes that carry a mark or a part of it, and a folder if it exists, one line each; empty means
// that nothing is there.
func Leftovers(mark, dir string) ([]string, error) {
	var left []string
	found, err := Marked(mark)
	if err != nil {
		return nil, err
	}
	for pid, mark := range found {
		left = append(left, fmt.Sprintf("process %d (%s)", pid, mark))
	}
	if _, err := os.Stat(dir); err == nil {
		left = append(left, "folder "+dir)
	}
	slices.Sort(left)
	return left, nil
}

// MarkEnvironment is the mark as an environment variable, for a command whose end is awaited but which must also be
// found if its starter is killed meanwhile.
func MarkEnvironment(mark string) string { return markVariable + "=" + mark }

// Start runs a command of a lab in a session of its own, with its output appended to a log file and the mark in its
// environment, and does not wait for it. The mark begins with the lab's name.
func Start(lab, mark, log string, cmd *exec.Cmd) (Process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return Process{}, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return Process{}, err
	}
	defer out.Close()
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LAGRUM_LAB=" + lab,
		markVariable + "=" + mark,
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Process{}, err
	}
	process := Process{PID: cmd.Process.Pid, Boot: BootID()}
	process.Start, _, err = Stat(process.PID)
	// Reap it if it ends while we live; after that it is init's.
	go func() { _ = cmd.Wait() }()
	return process, err
}

// Marked lists the caller's living processes whose mark is prefix or begins with prefix/, by their marks. Another user's
// lab of the same name is another lab, for root too.
func Marked(prefix string) (map[int]string, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	found := map[int]string{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue // ended meanwhile
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
			continue
		}
		environment, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err != nil {
			continue // ended meanwhile
		}
		for variable := range bytes.SplitSeq(environment, []byte{0}) {
			mark, ok := strings.CutPrefix(string(variable), markVariable+"=")
			if ok && (mark == prefix || strings.HasPrefix(mark, prefix+"/")) && runs(pid) {
				found[pid] = mark
			}
		}
	}
	return found, nil
}

// KillMarked ends all processes with the mark and waits until they are gone.
func KillMarked(ctx context.Context, mark string) error {
	return KillAll(ctx, func() ([]int, error) {
		found, err := Marked(mark)
		pids := make([]int, 0, len(found))
		for pid := range found {
			pids = append(pids, pid)
		}
		return pids, err
	})
}

// KillTimeout bounds the wait for killed processes; only a process stuck in the kernel outlasts it.
const KillTimeout = 30 * time.Second

// KillAll sends SIGKILL to what list finds until it finds nothing: a process may fork before its own signal comes.
func KillAll(ctx context.Context, list func() ([]int, error)) error {
	deadline := time.Now().Add(KillTimeout)
	for {
		pids, err := list()
		if err != nil {
			return err
		}
		pids = slices.DeleteFunc(pids, func(pid int) bool { return !runs(pid) })
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v did not end within %s of SIGKILL; see /proc/<pid>/stack for what they wait on", pids, KillTimeout)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill %d: %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
