package machines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// poweroff is the signal on which systemd as first process shuts down: SIGRTMIN+4 (systemd(1)).
const poweroff = syscall.Signal(34 + 4)

// stopTimeout is how long a machine may take to shut down, as long as systemd gives one unit.
const stopTimeout = 90 * time.Second

// StopMachine shuts a machine down in order; after 90 s it is killed. One that does not run is fine.
func (l *Lab) StopMachine(ctx context.Context, name string) error {
	machine, err := l.Machine(name)
	if err != nil {
		return err
	}
	press := l.signalPoweroff
	if machine.Virtual {
		press = func(name string) error { return l.askMonitor(name, "system_powerdown") }
	}
	if machine.Status() == Running {
		if err := press(name); err != nil {
			return fmt.Errorf("machine %s: %w", name, err)
		}
		deadline := time.Now().Add(stopTimeout)
		for machine.Status() == Running && time.Now().Before(deadline) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return l.KillMachine(ctx, name)
}

func (l *Lab) signalPoweroff(name string) error {
	leader, err := l.leader(name)
	if err != nil {
		return nil // it is on its way down already
	}
	if err := syscall.Kill(leader, poweroff); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// KillMachine cuts a machine's power: everything in it ends at once, the disk stays as it was. StartMachine boots it
// again. One that does not run is fine.
func (l *Lab) KillMachine(ctx context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	machine, err := l.Machine(name)
	if err != nil {
		return err
	}
	if err := l.killMachine(ctx, name); err != nil {
		return err
	}
	machine.Process = process.Process{} // so that Resume knows that somebody wanted it off
	return l.records.Save(records.Machines, name, machine)
}

// killMachine ends the keeper and everything in the machine's control groups, and removes the groups. It needs no
// record. The caller holds the lock.
func (l *Lab) killMachine(ctx context.Context, name string) error {
	// The keeper first: it would start the machine again.
	if err := process.KillMarked(ctx, l.machineMark(name)); err != nil {
		return err
	}
	groups, err := l.findCgroups(name)
	if err != nil {
		return err
	}
	if err := process.KillAll(ctx, func() ([]int, error) { return cgroupProcesses(groups) }); err != nil {
		return err
	}
	if err := removeCgroups(ctx, groups); err != nil {
		return err
	}
	return errors.Join(removeInterface(ctx, l.veth(name)), removeInterface(ctx, l.tap(name)))
}

// Resume brings back what a reboot of the host ended, or whoever else ended a process that nobody asked to end: network,
// load balancers, and machines. A machine that was switched off stays off.
func (l *Lab) Resume(ctx context.Context) error {
	if err := l.resumeNetwork(ctx); err != nil {
		return err
	}
	machines, err := l.Machines()
	if err != nil {
		return err
	}
	for _, machine := range machines {
		if machine.Process.PID == 0 || machine.Process.Alive() {
			continue
		}
		if err := l.StartMachine(ctx, machine.Name); err != nil {
			return fmt.Errorf("machine %s: %w", machine.Name, err)
		}
	}
	return nil
}

func (l *Lab) resumeNetwork(ctx context.Context) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	networks, err := records.All[Network](l.records, records.Networks)
	if err != nil {
		return err
	}
	for _, network := range networks {
		if err := l.raiseNetwork(ctx, network); err != nil {
			return err
		}
	}
	balancers, err := records.All[LoadBalancer](l.records, records.Balancers)
	if err != nil {
		return err
	}
	for _, balancer := range balancers {
		if err := l.syncMembers(ctx, balancer.Name); err != nil {
			return err
		}
	}
	return nil
}

// leader finds the machine's first process, as the host counts: the one in the machine's groups that is number 1 in a
// process namespace directly below the host's.
func (l *Lab) leader(name string) (int, error) {
	groups, err := l.findCgroups(name)
	if err != nil {
		return 0, err
	}
	pids, err := cgroupProcesses(groups)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue // ended meanwhile
		}
		for line := range strings.Lines(string(status)) {
			numbers, ok := strings.CutPrefix(line, "NSpid:")
			if !ok {
				continue
			}
			if fields := strings.Fields(numbers); len(fields) == 2 && fields[1] == "1" {
				return pid, nil
			}
		}
	}
	return 0, fmt.Errorf("machine %s: is not running; see %s", name, l.ConsoleLog(name))
}

// Command prepares a command that runs inside a running machine, as root.
func (l *Lab) Command(ctx context.Context, name string, argv ...string) (*exec.Cmd, error) {
	if machine, err := l.Machine(name); err == nil && machine.Virtual {
		return nil, fmt.Errorf("machine %s: is a virtual machine, which nothing enters from outside; see %s", name, l.ConsoleLog(name))
	}
	leader, err := l.leader(name)
	if err != nil {
		return nil, err
	}
	args := append([]string{"--target", strconv.Itoa(leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"}, argv...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LANG=C.UTF-8", "TERM=dumb",
	}
	return cmd, nil
}
