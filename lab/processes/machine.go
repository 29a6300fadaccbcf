package processes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// made is a machine's record.
type made struct {
	machines.Machine
	// Declared is an address of the network's range. It is on no interface; kubeadm and the API server want one to
	// advertise that is not loopback.
	Declared string `json:"declared"`
}

// Files of a machine's folder.
const (
	fileUserData = "user-data"
	fileSecrets  = "secrets.tar"
	fileLog      = "console.log"
	// fileSimulator is the kubeconfig of every machine's kwok; the initialising machine has it.
	fileSimulator = "simulator.conf"
	dirRoot       = "root" // what the machine would have below /
)

// CreateMachine starts a machine's keeper and returns; the machine then has yet to boot. If it fails it leaves nothing.
func (l *Lab) CreateMachine(ctx context.Context, spec machines.MachineSpec, owner string) (machines.Machine, error) {
	if err := spec.Validate(); err != nil {
		return machines.Machine{}, fmt.Errorf("machine %s: %w", spec.Name, err)
	}
	userData, err := machines.UserDataBytes(spec.UserData)
	if err != nil {
		return machines.Machine{}, fmt.Errorf("machine %s: %w", spec.Name, err)
	}
	if err := refuse(userData); err != nil {
		return machines.Machine{}, fmt.Errorf("machine %s: %w", spec.Name, err)
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return machines.Machine{}, err
	}
	defer unlock()
	if _, err := l.Machine(spec.Name); err == nil {
		return machines.Machine{}, fmt.Errorf("machine %s: %w; import it, or delete it first", spec.Name, machines.ErrExists)
	}
	// A folder without record is what a killed creation or deletion left.
	if err := l.purge(ctx, spec.Name); err != nil {
		return machines.Machine{}, err
	}
	m, err := l.reserve(spec, owner)
	if err == nil {
		err = errors.Join(
			records.WriteFile(l.machineFile(spec.Name, fileUserData), userData, 0o600),
			records.WriteFile(l.machineFile(spec.Name, fileSecrets), spec.Secrets, 0o600),
		)
	}
	if err == nil {
		m, err = l.startMachine(ctx, m)
	}
	if err != nil {
		return machines.Machine{}, errors.Join(fmt.Errorf("machine %s: %w", spec.Name, err), l.purge(context.WithoutCancel(ctx), spec.Name))
	}
	return m.Machine, nil
}

// refuse tells why a machine with this user-data cannot be had here, or nil.
func refuse(userData []byte) error {
	config, err := parseCloudConfig(userData)
	if err != nil {
		return err
	}
	facts, err := config.facts()
	if err != nil {
		return err
	}
	if facts.role == roleControlPlane {
		return errors.New("it would join as a control plane, which a lab without machines cannot show: nothing here drains a node or " +
			"removes an etcd member; declare one control plane without replacements, or use a host that can run machines")
	}
	return nil
}

// reserve gives the machine its addresses. The caller holds the lock.
func (l *Lab) reserve(spec machines.MachineSpec, owner string) (made, error) {
	network, err := l.Network(spec.Network)
	if err != nil {
		return made{}, err
	}
	prefix, err := netip.ParsePrefix(network.CIDR)
	if err != nil {
		return made{}, err
	}
	all, err := l.Machines()
	if err != nil {
		return made{}, err
	}
	used := map[int]bool{}
	for _, m := range all {
		used[number(m.Address)] = true
	}
	// The range's last address is for broadcasts.
	end := min(lastNumber, 1<<(32-prefix.Bits())-2)
	n, err := nextNumber(firstMachine, end, number(network.Last), used)
	if err != nil {
		return made{}, fmt.Errorf("network %s: %w", network.CIDR, err)
	}
	declared := prefix.Addr().As4()
	declared[3] += byte(n)
	network.Last = l.address(n)
	if err := l.records.Save(records.Networks, network.Name, network); err != nil {
		return made{}, err
	}
	m := made{
		Machine:  machines.Machine{MachineSpec: spec, Owner: owner, Address: l.address(n), Created: time.Now().UTC()},
		Declared: netip.AddrFrom4(declared).String(),
	}
	return m, l.records.Save(records.Machines, spec.Name, m)
}

// startMachine starts a keeper. The caller holds the lock.
func (l *Lab) startMachine(ctx context.Context, m made) (made, error) {
	// Nothing of an earlier life may remain.
	if err := process.KillMarked(ctx, l.machineMark(m.Name)); err != nil {
		return m, err
	}
	programs, err := l.programs()
	if err != nil {
		return m, err
	}
	m.Process, err = process.Start(l.name, l.machineMark(m.Name), l.ConsoleLog(m.Name), keeperCommand(programs, verbMachine, l, m.Name))
	if err != nil {
		return m, err
	}
	return m, l.records.Save(records.Machines, m.Name, m)
}

// Resume starts what a reboot of the host, or a kill, ended.
func (l *Lab) Resume(ctx context.Context) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	balancers, err := records.All[machines.LoadBalancer](l.records, records.Balancers)
	if err != nil {
		return err
	}
	for _, b := range balancers {
		if b.Process.Alive() || b.Gateway() {
			continue
		}
		if _, err := l.startBalancer(ctx, b); err != nil {
			return fmt.Errorf("load balancer %s: %w", b.Name, err)
		}
	}
	all, err := records.All[made](l.records, records.Machines)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Process.Alive() {
			continue
		}
		if _, err := l.startMachine(ctx, m); err != nil {
			return fmt.Errorf("machine %s: %w", m.Name, err)
		}
	}
	return nil
}

// address is the lab's loopback address with a number.
func (l *Lab) address(n int) string { return loopback(l.name, os.Geteuid(), n).String() }

func (l *Lab) machineMark(name string) string { return l.name + "/machine/" + name }

func (l *Lab) machineFile(name string, parts ...string) string {
	return l.records.Path(append([]string{records.Machines, name}, parts...)...)
}

// ConsoleLog is the file that a machine's keeper writes to.
func (l *Lab) ConsoleLog(name string) string { return l.machineFile(name, fileLog) }

// Machine returns a made machine without its user-data and secrets, or machines.ErrNotFound.
func (l *Lab) Machine(name string) (machines.Machine, error) {
	var m made
	err := l.records.Load(records.Machines, name, &m)
	return m.Machine, err
}

// Machines lists all machines, sorted by name.
func (l *Lab) Machines() ([]machines.Machine, error) {
	return records.All[machines.Machine](l.records, records.Machines)
}

// SetTags replaces a machine's tags.
func (l *Lab) SetTags(name string, tags map[string]string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	var m made
	if err := l.records.Load(records.Machines, name, &m); err != nil {
		return err
	}
	m.Tags = maps.Clone(tags)
	return l.records.Save(records.Machines, name, m)
}

// DeleteMachine ends a machine and removes its files. One that is gone is fine.
func (l *Lab) DeleteMachine(ctx context.Context, name string) error {
	if err := machines.ValidName(name); err != nil {
		return err
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return l.purge(ctx, name)
}

// purge removes all there is of a machine, whatever the state it is in. The caller holds the lock.
func (l *Lab) purge(ctx context.Context, name string) error {
	if err := process.KillMarked(ctx, l.machineMark(name)); err != nil {
		return err
	}
	entries, err := os.ReadDir(l.machineFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// The record goes last: until then the machine can be found and deleted again.
	record := filepath.Base(l.records.File(records.Machines, name))
	for _, entry := range entries {
		if entry.Name() == record {
			continue
		}
		if err := os.RemoveAll(l.machineFile(name, entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(l.machineFile(name))
}

// KeeperName is the name under which the companion command serves Main.
const KeeperName = "lagrum-lab-process"

// What a process of the lab does.
const (
	verbMachine  = "machine"
	verbBalancer = "loadbalancer"
)

// keeperCommand runs this program under KeeperName.
func keeperCommand(p Programs, verb string, l *Lab, object string) *exec.Cmd {
	cmd := exec.Command(p.Keeper, verb, l.name, l.dir, object)
	cmd.Args[0] = KeeperName
	return cmd
}

// Main is a process of the lab: a machine's keeper or a load balancer's forwarder. It runs until it is killed.
func Main(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("%s: %d arguments; the lab itself starts this program", KeeperName, len(args))
	}
	l, err := Open(args[1], args[2])
	if err != nil {
		return err
	}
	switch verb, object := args[0], args[3]; verb {
	case verbBalancer:
		return l.forward(context.Background(), object)
	case verbMachine:
		return l.keep(context.Background(), object)
	default:
		return fmt.Errorf("%s: no verb %q; the lab itself starts this program", KeeperName, verb)
	}
}

// tail is the last lines of a file.
func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
