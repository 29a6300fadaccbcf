package artifacts

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/process"
)

// lock takes the lock in the file at path, waiting for whoever holds it, and returns what releases it. The kernel releases it too when this process dies.
func lock(ctx context.Context, path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: another build holds it: %w", path, ctx.Err()), file.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Run runs cmd for the artifact called name, appends what it prints to the artifact's log unless cmd says otherwise, and counts its processor time. Its
// context ends it with an interrupt first. As root it gets a process namespace of its own, so that the kernel ends everything that it started when it ends
// or when this process is killed; without root, the lab's mark lets `lagrum lab down` find what is left.
func (s *Store) Run(ctx context.Context, name string, cmd *exec.Cmd) error {
	log, err := os.OpenFile(s.Log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = log
	}
	cmd.Env = append(cmd.Environ(), process.MarkEnvironment(machines.EnvironmentName()+"/build/"+name))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	}
	// The kernel sends Pdeathsig when the thread that started the child ends, not the process: keep the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	stopped := make(chan struct{})
	go end(ctx, cmd.Process.Pid, stopped)
	err = cmd.Wait()
	close(stopped)
	s.addUsed(name, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w; the whole log is %s\n%s", strings.Join(cmd.Args[:min(len(cmd.Args), 2)], " "), err, s.Log(name), tail(s.Log(name), 15))
	}
	return nil
}

// end interrupts the process group once ctx is done, and kills it 5 s later unless it has stopped.
func end(ctx context.Context, group int, stopped <-chan struct{}) {
	select {
	case <-stopped:
		return
	case <-ctx.Done():
	}
	_ = syscall.Kill(-group, syscall.SIGINT)
	select {
	case <-stopped:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
}

// tail is the last lines of a file, for an error message: empty when the file cannot be read, since the message names its path.
func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// removeTree removes dir after unmounting whatever is still mounted below it: a killed build of a root file system may have left the host's own devices there.
func removeTree(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for i := len(mounts) - 1; i >= 0; i-- { // The table lists a mount after what it is mounted on.
		if err := unix.Unmount(mounts[i], unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", mounts[i], err)
		}
	}
	return os.RemoveAll(dir)
}

// mountsBelow lists the mount points in or below dir, in the order of the kernel's table.
func mountsBelow(dir string) ([]string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	table, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer table.Close()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			return nil, fmt.Errorf("/proc/self/mountinfo: line %q has no mount point", lines.Text())
		}
		if point := unescape.Replace(fields[4]); point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points, lines.Err()
}
