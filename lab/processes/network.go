package processes

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/records"
)

// Every object has a loopback address of its own, 127.<a>.<b>.<number>, of which Linux lets anyone use all: so the
// ports are the real ones. <a> and <b> come from the lab's name and the user, so that labs stand side by side.
const (
	gatewayNumber = 1
	firstBalancer = 2
	firstMachine  = 10
	lastNumber    = 254
)

// loopback is the address of the lab's object with a number.
func loopback(lab string, user, number int) netip.Addr {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", lab, user)
	sum := h.Sum32()
	// 127.0 is left to the host's own services.
	return netip.AddrFrom4([4]byte{127, byte(1 + sum%254), byte(sum >> 8), byte(number)})
}

// nextNumber is the first free number after last, starting over at the end: what has just become free may still be in
// someone's cache.
func nextNumber(first, end, last int, used map[int]bool) (int, error) {
	count := end - first + 1
	start := first
	if last >= first && last < end {
		start = last + 1
	}
	for i := range count {
		n := first + (start-first+i)%count
		if !used[n] {
			return n, nil
		}
	}
	return 0, fmt.Errorf("all %d addresses are in use; delete something", count)
}

// number is what an address of the lab was made from.
func number(address string) int {
	addr, err := netip.ParseAddr(address)
	if err != nil || !addr.Is4() {
		return 0
	}
	return int(addr.As4()[3])
}

// CreateNetwork records a network. Its range is the one that node addresses would be from.
func (l *Lab) CreateNetwork(_ context.Context, spec machines.NetworkSpec, owner string) (machines.Network, error) {
	if err := spec.Validate(); err != nil {
		return machines.Network{}, fmt.Errorf("network %s: %w", spec.Name, err)
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return machines.Network{}, err
	}
	defer unlock()
	existing, err := l.records.Names(records.Networks)
	if err != nil {
		return machines.Network{}, err
	}
	if slices.Contains(existing, spec.Name) {
		return machines.Network{}, fmt.Errorf("network %s %w; import it, or delete it first", spec.Name, machines.ErrExists)
	}
	if len(existing) > 0 {
		return machines.Network{}, fmt.Errorf("network %s: the lab %s has the network %s already and can have only one; delete that first",
			spec.Name, l.name, existing[0])
	}
	made := machines.Network{NetworkSpec: spec, Owner: owner, Bridge: "lo", Gateway: l.address(gatewayNumber)}
	return made, l.records.Save(records.Networks, spec.Name, made)
}

// Network returns a made network, or machines.ErrNotFound.
func (l *Lab) Network(name string) (machines.Network, error) {
	var made machines.Network
	err := l.records.Load(records.Networks, name, &made)
	return made, err
}

// DeleteNetwork removes the network; it must be empty. A network that is gone is fine.
func (l *Lab) DeleteNetwork(_ context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := l.Network(name); errors.Is(err, machines.ErrNotFound) {
		return nil
	}
	for _, kind := range []string{records.Machines, records.Balancers, records.Firewalls} {
		users, err := l.records.Names(kind)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return fmt.Errorf("network %s: still used by %s %v; delete them first", name, kind, users)
		}
	}
	return l.records.Remove(records.Networks, name)
}

// CreateFirewall records a firewall. It enforces nothing.
func (l *Lab) CreateFirewall(_ context.Context, spec machines.FirewallSpec, owner string) (machines.Firewall, error) {
	unlock, err := l.records.Lock()
	if err != nil {
		return machines.Firewall{}, err
	}
	defer unlock()
	if _, err := l.Firewall(spec.Name); err == nil {
		return machines.Firewall{}, fmt.Errorf("firewall %s %w; import it, or delete it first", spec.Name, machines.ErrExists)
	}
	return l.putFirewall(machines.Firewall{FirewallSpec: spec, Owner: owner})
}

// UpdateFirewall changes the recorded rules.
func (l *Lab) UpdateFirewall(_ context.Context, spec machines.FirewallSpec) (machines.Firewall, error) {
	unlock, err := l.records.Lock()
	if err != nil {
		return machines.Firewall{}, err
	}
	defer unlock()
	old, err := l.Firewall(spec.Name)
	if err != nil {
		return machines.Firewall{}, err
	}
	return l.putFirewall(machines.Firewall{FirewallSpec: spec, Owner: old.Owner})
}

func (l *Lab) putFirewall(made machines.Firewall) (machines.Firewall, error) {
	if err := made.Validate(); err != nil {
		return machines.Firewall{}, fmt.Errorf("firewall %s: %w", made.Name, err)
	}
	if _, err := l.Network(made.Network); err != nil {
		return machines.Firewall{}, fmt.Errorf("firewall %s: %w", made.Name, err)
	}
	return made, l.records.Save(records.Firewalls, made.Name, made)
}

// Firewall returns a made firewall, or machines.ErrNotFound.
func (l *Lab) Firewall(name string) (machines.Firewall, error) {
	var made machines.Firewall
	err := l.records.Load(records.Firewalls, name, &made)
	return made, err
}

// DeleteFirewall removes a firewall. One that is gone is fine.
func (l *Lab) DeleteFirewall(_ context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return l.records.Remove(records.Firewalls, name)
}
