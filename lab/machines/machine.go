package machines

import (
	"context"
	"crypto/rand"
	"encoding/hex"
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

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// MachineSpec declares a machine.
type MachineSpec struct {
	Name    string `json:"name"` // also the host name
	Network string `json:"network"`
	Role    string `json:"role"` // the firewall group, e.g. control-plane
	// CPUs and MemoryMiB bound what the machine may use; 0 means unbounded.
	CPUs      int `json:"cpus"`
	MemoryMiB int `json:"memoryMiB"`
	// DiskGiB is the size of a virtual machine's disk. For a system container it is recorded only: they share the host's file
	// system and nothing bounds them there.
	DiskGiB int `json:"diskGiB"`
	// Virtual machines have a kernel of their own, and may have a second disk, which is empty at first.
	Virtual bool `json:"virtual,omitempty"`
	DataGiB int  `json:"dataGiB,omitempty"`
	// UserData is cloud-init's, as text or as base64 of gzip. It holds no secret.
	UserData string `json:"-"`
	// Secrets is a tar archive, readable by root alone: a system container finds it at /run/lagrum-lab/secrets.tar, a virtual
	// machine as the firmware's configuration file opt/lagrum/secrets.
	Secrets []byte `json:"-"`
	// Hosts are names that a system container finds by itself, with their addresses: nothing resolves names for the lab.
	Hosts map[string]string `json:"hosts,omitempty"`
	Tags  map[string]string `json:"tags,omitempty"`
}

// Machine is a made machine.
type Machine struct {
	MachineSpec
	// Owner is the Pulumi URN that made it: a machine that no state knows is found by it.
	Owner   string `json:"owner,omitempty"`
	Address string `json:"address"`
	// UUID is new for every creation: a machine of the same name made later is another machine.
	UUID    string          `json:"uuid"`
	Created time.Time       `json:"created"`
	RootFS  []string        `json:"rootFS,omitempty"` // layers, the upper first; a virtual machine has a disk instead
	Process process.Process `json:"process"`
}

// Status of a machine.
type Status string

// The statuses.
const (
	Running Status = "running"
	Stopped Status = "stopped" // shut down, crashed, or never started
)

// Status tells whether the machine's process lives; a dead machine still exists.
func (m Machine) Status() Status {
	if m.Process.Alive() {
		return Running
	}
	return Stopped
}

// Validate tells everything that is wrong with the specification.
func (s MachineSpec) Validate() error {
	var errs []error
	if err := ValidName(s.Name); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	} else if len(s.Name) > maxMachineName {
		errs = append(errs, fmt.Errorf("name: %q has %d characters; use up to %d", s.Name, len(s.Name), maxMachineName))
	}
	if err := ValidName(s.Network); err != nil {
		errs = append(errs, fmt.Errorf("network: %w", err))
	}
	if err := ValidName(s.Role); err != nil {
		errs = append(errs, fmt.Errorf("role: %w", err))
	} else if s.Role == GroupLoadBalancer || s.Role == groupGateway || s.Role == groupDeclared {
		errs = append(errs, fmt.Errorf("role: %q is no role of machines; use one like control-plane or worker", s.Role))
	}
	for _, size := range []struct {
		field string
		value int
	}{{"cpus", s.CPUs}, {"memoryMiB", s.MemoryMiB}, {"diskGiB", s.DiskGiB}, {"dataGiB", s.DataGiB}} {
		if size.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %d is negative; use 0 for unbounded, or more", size.field, size.value))
		}
	}
	if s.MemoryMiB > 0 && s.MemoryMiB < minMemoryMiB {
		errs = append(errs, fmt.Errorf("memoryMiB: %d does not boot; use %d or more, or 0 for unbounded", s.MemoryMiB, minMemoryMiB))
	}
	if err := s.validateVirtual(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, s.validateHosts()...)
	if _, err := UserDataBytes(s.UserData); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

const (
	// maxMachineName leaves room for <lab>- within the 64 characters of a nspawn machine name.
	maxMachineName = 55
	minMemoryMiB   = 128
)

// CreateMachine makes a machine and boots it, and returns as soon as it runs; cloud-init then has yet to begin. If it
// fails it leaves nothing.
func (l *Lab) CreateMachine(ctx context.Context, spec MachineSpec, owner string) (Machine, error) {
	if err := spec.Validate(); err != nil {
		return Machine{}, fmt.Errorf("machine %s: %w", spec.Name, err)
	}
	machine := Machine{MachineSpec: spec, Owner: owner}
	write := l.writeDisks
	if !spec.Virtual {
		var err error
		if machine.RootFS, err = l.rootFS(); err != nil {
			return Machine{}, err
		}
		write = l.writeFiles
	}
	machine, err := l.reserve(ctx, machine)
	if err != nil {
		return Machine{}, fmt.Errorf("machine %s: %w", spec.Name, err)
	}
	err = write(ctx, machine)
	if err == nil {
		err = l.StartMachine(ctx, spec.Name)
	}
	if err != nil {
		return Machine{}, errors.Join(fmt.Errorf("machine %s: %w", spec.Name, err), l.DeleteMachine(context.WithoutCancel(ctx), spec.Name))
	}
	return l.Machine(spec.Name)
}

// reserve takes the name and an address, and lets the firewall know the machine.
func (l *Lab) reserve(ctx context.Context, machine Machine) (Machine, error) {
	unlock, err := l.records.Lock()
	if err != nil {
		return Machine{}, err
	}
	defer unlock()
	if _, err := l.Machine(machine.Name); err == nil {
		return Machine{}, fmt.Errorf("%w; import it, or delete it first", ErrExists)
	}
	// A folder without record is what a killed creation or deletion left.
	if err := l.purge(ctx, machine.Name); err != nil {
		return Machine{}, err
	}
	network, err := l.Network(machine.Network)
	if err != nil {
		return Machine{}, err
	}
	prefix, err := netip.ParsePrefix(network.CIDR)
	if err != nil {
		return Machine{}, err
	}
	used, err := l.usedAddresses()
	if err != nil {
		return Machine{}, err
	}
	last, _ := netip.ParseAddr(network.Last) // the zero address when none was given out
	address, err := machineAddress(prefix, used, last)
	if err != nil {
		return Machine{}, err
	}
	network.Last = address.String()
	if err := l.records.Save(records.Networks, network.Name, network); err != nil {
		return Machine{}, err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return Machine{}, err
	}
	machine.Address, machine.UUID, machine.Created = address.String(), hex.EncodeToString(id), time.Now().UTC()
	if err := l.records.Save(records.Machines, machine.Name, machine); err != nil {
		return Machine{}, err
	}
	return machine, l.applyFirewall(ctx)
}

func (l *Lab) machineDir(name string) string { return l.records.Path(records.Machines, name) }

func (l *Lab) machineMark(name string) string { return l.name + "/machine/" + name }

// writeFiles fills the machine's folder: its disk, and in the upper layer what makes it this machine.
func (l *Lab) writeFiles(_ context.Context, machine Machine) error {
	network, err := l.Network(machine.Network)
	if err != nil {
		return err
	}
	seed, err := seedFiles(machine, network, machineInterface)
	if err != nil {
		return err
	}
	dir := l.machineDir(machine.Name)
	folders := []string{dirRoot, dirUpper, dirWork}
	for _, folder := range diskFolders {
		folders = append(folders, filepath.Join(dirDisk, folder))
	}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return err
		}
	}
	// These are the machine's own / and below, not ours to close.
	for _, folder := range []string{"", "etc", "var", "var/lib", "var/lib/cloud", "var/lib/cloud/seed"} {
		path := filepath.Join(dir, dirUpper, folder)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(l.imagesDir(), 0o755); err != nil {
		return err
	}
	for name, data := range seed {
		if err := records.WriteFile(filepath.Join(dir, dirUpper, "var/lib/cloud/seed/nocloud", name), data, 0o600); err != nil {
			return err
		}
	}
	for _, file := range []struct {
		path string
		data []byte
		mode os.FileMode
	}{
		{"etc/machine-id", []byte(machine.UUID + "\n"), 0o444},
		{"etc/hostname", []byte(machine.Name + "\n"), 0o644},
		{"etc/resolv.conf", fmt.Appendf(nil, "nameserver %s\n", network.Gateway), 0o644},
		{"etc/hosts", hostsFile(machine.Hosts), 0o644},
	} {
		if err := records.WriteFile(filepath.Join(dir, dirUpper, file.path), file.data, file.mode); err != nil {
			return err
		}
	}
	return l.writeSecrets(machine)
}

// writeSecrets lays the machine's bundle into its folder, from where it is handed over; a machine without has no file.
func (l *Lab) writeSecrets(machine Machine) error {
	if len(machine.Secrets) == 0 {
		return nil
	}
	return records.WriteFile(filepath.Join(l.machineDir(machine.Name), fileSecret), machine.Secrets, 0o600)
}

// StartMachine boots a machine that does not run, with the disk it has. One that runs is fine.
func (l *Lab) StartMachine(ctx context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	machine, err := l.Machine(name)
	if err != nil {
		return err
	}
	if machine.Status() == Running {
		return nil
	}
	network, err := l.Network(machine.Network)
	if err != nil {
		return err
	}
	if err := l.raiseNetwork(ctx, network); err != nil {
		return err
	}
	// Nothing of an earlier life may remain: a keeper that was never recorded, or processes that outlived theirs.
	if err := l.killMachine(ctx, name); err != nil {
		return err
	}
	start := l.startContainer
	if machine.Virtual {
		start = l.startVirtual
	}
	if machine.Process, err = start(ctx, machine, network); err != nil {
		return err
	}
	if err := l.records.Save(records.Machines, name, machine); err != nil {
		return err
	}
	return l.awaitBoot(ctx, machine)
}

// startContainer starts the keeper of a system container. The caller holds the lock.
func (l *Lab) startContainer(_ context.Context, machine Machine, network Network) (process.Process, error) {
	name := machine.Name
	cgroups, err := l.makeCgroups(name, limits{cpus: machine.CPUs, memoryMiB: machine.MemoryMiB})
	if err != nil {
		return process.Process{}, err
	}
	dir := l.machineDir(name)
	_, err = os.Stat(filepath.Join(dir, fileSecret))
	script := keeperScript(boot{
		lab: l.name, machine: name, uuid: machine.UUID, bridge: network.Bridge, layers: machine.RootFS, dir: dir,
		images: l.imagesDir(), cgroups: cgroups, hasSecrets: err == nil,
	})
	keeper := filepath.Join(dir, fileKeeper)
	if err := records.WriteFile(keeper, []byte(script), 0o700); err != nil {
		return process.Process{}, err
	}
	command := exec.Command("unshare", "--mount", "--propagation", "private", "--", "/bin/sh", keeper)
	return process.Start(l.name, l.machineMark(name), filepath.Join(dir, fileLog), command)
}

// bootTimeout bounds the wait for the machine's first process.
const bootTimeout = 60 * time.Second

// awaitBoot waits until the machine's own first process lives, or the virtual one's processors run, so that a machine which cannot boot fails its creation.
func (l *Lab) awaitBoot(ctx context.Context, machine Machine) error {
	deadline := time.Now().Add(bootTimeout)
	lives := func() bool {
		_, err := l.leader(machine.Name)
		return err == nil
	}
	if machine.Virtual {
		// Its monitor listens once qemu has taken everything that it was told.
		lives = func() bool { return l.askMonitor(machine.Name, "info status") == nil }
	}
	for {
		if lives() {
			return nil
		}
		if machine.Status() != Running || time.Now().After(deadline) {
			return fmt.Errorf("did not boot; the end of its console:\n%s", tail(l.ConsoleLog(machine.Name), 2000))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func tail(path string, size int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data[max(0, len(data)-size):]))
}

// Machine returns a made machine without its user-data and secrets, or ErrNotFound.
func (l *Lab) Machine(name string) (Machine, error) {
	var machine Machine
	err := l.records.Load(records.Machines, name, &machine)
	return machine, err
}

// Machines lists all machines, sorted by name.
func (l *Lab) Machines() ([]Machine, error) { return records.All[Machine](l.records, records.Machines) }

// SetTags replaces a machine's tags.
func (l *Lab) SetTags(name string, tags map[string]string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	machine, err := l.Machine(name)
	if err != nil {
		return err
	}
	machine.Tags = maps.Clone(tags)
	return l.records.Save(records.Machines, name, machine)
}

// ConsoleLog is the file that a machine's console is written to.
func (l *Lab) ConsoleLog(name string) string { return filepath.Join(l.machineDir(name), fileLog) }

// DeleteMachine ends a machine and removes its disk. One that is gone is fine.
func (l *Lab) DeleteMachine(ctx context.Context, name string) error {
	if err := ValidName(name); err != nil {
		return err
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.purge(ctx, name); err != nil {
		return fmt.Errorf("machine %s: %w", name, err)
	}
	return l.applyFirewall(ctx)
}

// purge removes all there is of a machine, whatever the state it is in. The caller holds the lock.
func (l *Lab) purge(ctx context.Context, name string) error {
	if err := l.killMachine(ctx, name); err != nil {
		return err
	}
	dir := l.machineDir(name)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// The record goes last: until then the machine can be found and deleted again.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	record := filepath.Base(l.records.File(records.Machines, name))
	for _, entry := range entries {
		if entry.Name() == record {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}
