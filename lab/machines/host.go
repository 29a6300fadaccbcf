package machines

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// run executes a host command and returns its output; the error holds what it said.
func run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// interfaceExists looks in sysfs.
func interfaceExists(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", name))
	return err == nil
}

// raiseNetwork makes what the record says, as far as it is not there: after a crash or a reboot of the host it repairs.
// The caller holds the lock.
func (l *Lab) raiseNetwork(ctx context.Context, network Network) error {
	prefix, err := netip.ParsePrefix(network.CIDR)
	if err != nil {
		return err
	}
	if err := l.raiseSysctls(); err != nil {
		return err
	}
	if err := l.applyFirewall(ctx); err != nil {
		return err
	}
	bridge := network.Bridge
	if !interfaceExists(bridge) {
		// nf_call_iptables makes this one bridge's packets pass the inet hooks, where the kernel tracks connections;
		// the host-wide switch of the same name stays as it is. Machines speak IPv4 only.
		//
		// The hardware address is fixed: a bridge without one takes the lowest of its ports', and when that machine goes,
		// the others would send what is meant for the load balancer to an address that nobody has until their caches end.
		if _, err := run(ctx, "", "ip", "link", "add", bridge, "address", hardwareAddress(bridge), "type", "bridge", "stp_state", "0", "forward_delay", "0",
			"mcast_snooping", "0", "nf_call_iptables", "1", "nf_call_ip6tables", "1"); err != nil {
			return err
		}
	}
	err = os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", bridge, "disable_ipv6"), []byte("1"), 0o644)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6 has no such file
		return err
	}
	addresses := []string{fmt.Sprintf("%s/%d", network.Gateway, prefix.Bits())}
	balancers, err := records.All[LoadBalancer](l.records, records.Balancers)
	if err != nil {
		return err
	}
	for _, balancer := range balancers {
		addresses = append(addresses, balancer.Address+"/32")
	}
	for _, address := range addresses {
		if _, err := run(ctx, "", "ip", "address", "replace", address, "dev", bridge); err != nil {
			return err
		}
	}
	if _, err = run(ctx, "", "ip", "link", "set", bridge, "up"); err != nil {
		return err
	}
	return l.raiseKeyServer(network)
}

// lowerNetwork removes bridge, firewall and record. The caller holds the lock.
func (l *Lab) lowerNetwork(ctx context.Context, name string) error {
	if err := process.KillMarked(ctx, l.keyServerMark()); err != nil {
		return err
	}
	if err := l.removeBridge(ctx); err != nil {
		return err
	}
	if err := l.removeFirewallTable(ctx); err != nil {
		return err
	}
	if err := l.lowerSysctls(); err != nil {
		return err
	}
	return l.records.Remove(records.Networks, name)
}

// veth is nspawn's name for the host's end of a machine's interface. A name that is too long gets another, and keeps
// this one as its alternative.
func (l *Lab) veth(machine string) string { return "vb-" + l.name + "-" + machine }

// veths lists the host's ends of the lab's interfaces. They may outlive their machines and the bridge: the kernel takes
// a dead network namespace apart in its own time, and until then a new machine cannot have the name.
func (l *Lab) veths() ([]string, error) {
	interfaces, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range interfaces {
		if strings.HasPrefix(entry.Name(), l.veth("")) {
			found = append(found, entry.Name())
		}
	}
	return found, nil
}

func (l *Lab) removeVeths(ctx context.Context) error {
	found, err := l.veths()
	if err != nil {
		return err
	}
	for _, name := range found {
		if err := removeInterface(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// removeInterface deletes an interface by its name or its alternative name; one that is not there is fine.
func removeInterface(ctx context.Context, name string) error {
	_, err := run(ctx, "", "ip", "link", "delete", "dev", name)
	if err != nil && (strings.Contains(err.Error(), "Cannot find device") || strings.Contains(err.Error(), "does not exist")) {
		return nil
	}
	return err
}

func (l *Lab) removeBridge(ctx context.Context) error {
	if !interfaceExists(l.bridge()) {
		return nil
	}
	_, err := run(ctx, "", "ip", "link", "delete", l.bridge())
	return err
}

// foreignRoute refuses a range that the host already uses for something else.
func foreignRoute(ctx context.Context, prefix netip.Prefix, bridge string) error {
	text, err := run(ctx, "", "ip", "-json", "-4", "route", "show", "table", "all")
	if err != nil {
		return err
	}
	var routes []struct{ Dst, Dev string }
	if err := json.Unmarshal([]byte(text), &routes); err != nil {
		return fmt.Errorf("ip route: %w", err)
	}
	for _, route := range routes {
		other, err := netip.ParsePrefix(route.Dst)
		if err != nil {
			addr, err := netip.ParseAddr(route.Dst)
			if err != nil {
				continue // the default route
			}
			other = netip.PrefixFrom(addr, addr.BitLen())
		}
		if route.Dev != bridge && prefix.Overlaps(other) {
			return fmt.Errorf("%s overlaps the host's own network %s on %s; declare a range that is free", prefix, other, route.Dev)
		}
	}
	return nil
}

// sysctlFloors are the host settings that several machines on one kernel need and that no namespace holds: every
// systemd, containerd and kubelet runs as the same user to the kernel, which by default allows that user 128 inotify
// instances in all.
var sysctlFloors = []struct {
	path  string
	floor int
}{
	{"/proc/sys/fs/inotify/max_user_instances", 4096},
	{"/proc/sys/fs/inotify/max_user_watches", 524288},
}

// hostRecord remembers what the host's settings were and which labs still need the raised ones.
type hostRecord struct {
	Before map[string]int `json:"before"`
	Labs   []string       `json:"labs"`
}

// hostLock guards that record, beside it.
const hostLock = "host.lock"

func (l *Lab) hostRecordPath() string { return filepath.Join(filepath.Dir(l.dir), "host.json") }

func (l *Lab) changeHostRecord(change func(*hostRecord) error) error {
	path := l.hostRecordPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	unlock, err := records.LockFile(filepath.Join(filepath.Dir(path), hostLock))
	if err != nil {
		return err
	}
	defer unlock()
	record := hostRecord{Before: map[string]int{}}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &record)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w; delete the file if no lab is up", path, err)
	}
	if err := change(&record); err != nil {
		return err
	}
	if len(record.Labs) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err = json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	return records.WriteFile(path, append(data, '\n'), 0o600)
}

// raiseSysctls records the host's values before it raises them.
func (l *Lab) raiseSysctls() error {
	raise := map[string]int{}
	if err := l.changeHostRecord(func(record *hostRecord) error {
		for _, setting := range sysctlFloors {
			value, err := readInt(setting.path)
			if err != nil {
				return err
			}
			if _, known := record.Before[setting.path]; !known {
				record.Before[setting.path] = value
			}
			if value < setting.floor {
				raise[setting.path] = setting.floor
			}
		}
		if !slices.Contains(record.Labs, l.name) {
			record.Labs = append(record.Labs, l.name)
		}
		return nil
	}); err != nil {
		return err
	}
	for path, value := range raise {
		if err := os.WriteFile(path, []byte(strconv.Itoa(value)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lowerSysctls restores the host's values when the last lab goes.
func (l *Lab) lowerSysctls() error {
	if _, err := os.Stat(l.hostRecordPath()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return l.changeHostRecord(func(record *hostRecord) error {
		record.Labs = slices.DeleteFunc(record.Labs, func(name string) bool { return name == l.name })
		if len(record.Labs) > 0 {
			return nil
		}
		for path, value := range record.Before {
			if err := os.WriteFile(path, []byte(strconv.Itoa(value)), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

func readInt(path string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return value, nil
}
