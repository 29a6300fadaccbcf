package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/processes"
)

// host is what the lab asks of its machines, whatever they are.
type host interface {
	Machines() ([]machines.Machine, error)
	ConsoleLog(name string) string
	Down(ctx context.Context) ([]string, error)
}

func (l *Lab) host() (host, error) {
	if l.noMachines != nil {
		return processes.Open(l.Name, l.State)
	}
	return l.machines()
}

func (l *Lab) machineKind() string {
	if l.noMachines != nil {
		return processes.Processes
	}
	return processes.Nspawn
}

// chooseMachines decides whether the lab has machines: as asked, else as the host can, which is nil or says why not. A
// lab that exists stays what it is, since only that way all of it is found again.
func (l *Lab) chooseMachines(asked string, host error) error {
	switch asked {
	case processes.Processes:
		l.noMachines = fmt.Errorf("%s=%s asks for none", processes.Variable, processes.Processes)
	case "":
		l.noMachines = host
	}
	if l.noMachines == nil && !l.has(processes.Record) {
		return nil
	}
	if l.noMachines == nil {
		if asked == processes.Nspawn {
			return fmt.Errorf("lab %s was made without machines, and %s=%s asks for them; run make down without it first", l.Name, processes.Variable, asked)
		}
		l.noMachines = errors.New("the lab was made without machines; make down, then make up, to have them")
	}
	if l.has(machines.Record) {
		return fmt.Errorf("lab %s was made with machines and cannot be used without (%w); run make down as it was made", l.Name, l.noMachines)
	}
	return nil
}

func (l *Lab) has(record string) bool {
	_, err := os.Stat(filepath.Join(l.State, record))
	return err == nil
}

// readyHost sees that the host has what the lab's machines need, or says that the lab makes do without machines.
func (l *Lab) readyHost(ctx context.Context, out io.Writer) error {
	if l.noMachines == nil {
		if err := checkHost(); err != nil {
			return fmt.Errorf("lab %s: %w", l.Name, err)
		}
		return installTools(ctx, out)
	}
	fmt.Fprintf(out, `
DEGRADED: %v.
etcd and the control plane run as plain processes on loopback, nodes are simulated, and no pod runs. The program and
every object that it makes are the same. What this does not prove:
`, l.noMachines)
	for _, what := range processes.Missing() {
		fmt.Fprintln(out, "  - "+what)
	}
	fmt.Fprintln(out)
	return nil
}

// processPrograms are all that a lab without machines needs of the artifacts; no image is among them.
var processPrograms = []string{"kubernetes", "etcd", "pulumi", "kwok"}

// prepareProcesses fills the lab's PATH and names the programs that take the place of machines.
func (l *Lab) prepareProcesses(ctx context.Context, store *artifacts.Store) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	used := processes.Programs{Keeper: self}
	for _, p := range []struct {
		program, file string
		path          *string
	}{{"kubernetes", "kube", &used.Kube}, {"etcd", "etcd", &used.Etcd}, {"kwok", "kwok", &used.Kwok}} {
		dir, err := store.Program(ctx, p.program)
		if err != nil {
			return err
		}
		*p.path = filepath.Join(dir, p.file)
	}
	host, err := processes.Open(l.Name, l.State)
	if err != nil {
		return err
	}
	if err := host.UsePrograms(used); err != nil {
		return err
	}
	if err := host.Resume(ctx); err != nil {
		return err
	}
	return l.linkPrograms(ctx, store)
}
