package machines

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/lagrum/lagrum/lab/records"
)

// NetworkSpec declares a lab's network. A lab has one.
type NetworkSpec struct {
	Name string `json:"name"`
	CIDR string `json:"cidr"` // IPv4, /16 to /28, e.g. 10.88.0.0/24
}

// Network is a made network.
type Network struct {
	NetworkSpec
	// Owner is the Pulumi URN that made it.
	Owner string `json:"owner,omitempty"`
	// Bridge is the host's interface name, lgr-<lab>.
	Bridge string `json:"bridge"`
	// Gateway is the network's first address and the host's own. Nodes get no further than the host.
	Gateway string `json:"gateway"`
	// Last is the machine address that was given out last: a freed address is not given again at once.
	Last string `json:"last,omitempty"`
}

// balancerAddresses is how many addresses after the gateway's are kept for load balancers.
const balancerAddresses = 8

// Validate tells everything that is wrong with the specification.
func (s NetworkSpec) Validate() error {
	var errs []error
	if err := ValidName(s.Name); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	}
	if err := validRange(s.CIDR); err != nil {
		errs = append(errs, fmt.Errorf("cidr: %w", err))
	}
	return errors.Join(errs...)
}

func validRange(cidr string) error {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() {
		return fmt.Errorf("%q is no IPv4 range; use one like 10.88.0.0/24", cidr)
	}
	if prefix != prefix.Masked() {
		return fmt.Errorf("%q has host bits set; use %s", cidr, prefix.Masked())
	}
	if prefix.Bits() < 16 || prefix.Bits() > 28 {
		return fmt.Errorf("%q is a /%d; use /16 to /28", cidr, prefix.Bits())
	}
	if !prefix.Addr().IsPrivate() {
		return fmt.Errorf("%q is not private; use a range of RFC 1918", cidr)
	}
	return nil
}

// gateway is the network's first address.
func gateway(prefix netip.Prefix) netip.Addr { return prefix.Addr().Next() }

// balancerAddress picks the lowest free address of those kept for load balancers.
func balancerAddress(prefix netip.Prefix, used []netip.Addr) (netip.Addr, error) {
	addr := gateway(prefix)
	for range balancerAddresses {
		addr = addr.Next()
		if !slices.Contains(used, addr) {
			return addr, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("network %s: all %d load balancer addresses are in use; delete a load balancer", prefix, balancerAddresses)
}

// machineAddress picks the next free address after last, starting over at the end of the range: an address that has
// just become free may still be in other machines' caches and etcd's member list.
func machineAddress(prefix netip.Prefix, used []netip.Addr, last netip.Addr) (netip.Addr, error) {
	first := gateway(prefix)
	for range balancerAddresses + 1 {
		first = first.Next()
	}
	broadcast := lastAddress(prefix)
	if !last.IsValid() || last.Less(first) || !prefix.Contains(last) {
		last = first.Prev()
	}
	addr := last.Next()
	for range 1 << (32 - prefix.Bits()) {
		if !addr.Less(broadcast) {
			addr = first
		}
		if !slices.Contains(used, addr) {
			return addr, nil
		}
		addr = addr.Next()
	}
	return netip.Addr{}, fmt.Errorf("network %s: no free address; delete a machine or declare a larger range", prefix)
}

func lastAddress(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Addr().As4()
	for bit := prefix.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(bytes)
}

// CreateNetwork makes the lab's bridge with the gateway's address, and a firewall that lets nothing pass yet.
func (l *Lab) CreateNetwork(ctx context.Context, spec NetworkSpec, owner string) (Network, error) {
	if err := spec.Validate(); err != nil {
		return Network{}, fmt.Errorf("network %s: %w", spec.Name, err)
	}
	prefix, err := netip.ParsePrefix(spec.CIDR)
	if err != nil {
		return Network{}, err
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return Network{}, err
	}
	defer unlock()
	existing, err := l.records.Names(records.Networks)
	if err != nil {
		return Network{}, err
	}
	if slices.Contains(existing, spec.Name) {
		return Network{}, fmt.Errorf("network %s %w; import it, or delete it first", spec.Name, ErrExists)
	}
	if len(existing) > 0 {
		return Network{}, fmt.Errorf("network %s: the lab %s has the network %s already and can have only one; delete that first",
			spec.Name, l.name, existing[0])
	}
	if err := foreignRoute(ctx, prefix, l.bridge()); err != nil {
		return Network{}, fmt.Errorf("network %s: cidr: %w", spec.Name, err)
	}
	network := Network{NetworkSpec: spec, Owner: owner, Bridge: l.bridge(), Gateway: gateway(prefix).String()}
	if err := l.records.Save(records.Networks, spec.Name, network); err != nil {
		return Network{}, err
	}
	if err := l.raiseNetwork(ctx, network); err != nil {
		return Network{}, errors.Join(fmt.Errorf("network %s: %w", spec.Name, err), l.lowerNetwork(context.WithoutCancel(ctx), spec.Name))
	}
	return network, nil
}

// Network returns a made network, or ErrNotFound.
func (l *Lab) Network(name string) (Network, error) {
	var network Network
	err := l.records.Load(records.Networks, name, &network)
	return network, err
}

// DeleteNetwork removes the network; it must be empty. A network that is gone is fine.
func (l *Lab) DeleteNetwork(ctx context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := l.Network(name); errors.Is(err, ErrNotFound) {
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
	return l.lowerNetwork(ctx, name)
}

// bridge is the name of the lab's bridge; Linux allows 15 characters.
func (l *Lab) bridge() string { return "lgr-" + l.name }

// hardwareAddress is one that is locally administered (IEEE 802c) and the same for the same name.
func hardwareAddress(name string) string {
	sum := sha256.Sum256([]byte(name))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}.String()
}

// usedAddresses are those of all load balancers and machines.
func (l *Lab) usedAddresses() ([]netip.Addr, error) {
	var used []netip.Addr
	machines, err := records.All[Machine](l.records, records.Machines)
	if err != nil {
		return nil, err
	}
	for _, machine := range machines {
		if addr, err := netip.ParseAddr(machine.Address); err == nil {
			used = append(used, addr)
		}
	}
	balancers, err := records.All[LoadBalancer](l.records, records.Balancers)
	if err != nil {
		return nil, err
	}
	for _, balancer := range balancers {
		if addr, err := netip.ParseAddr(balancer.Address); err == nil {
			used = append(used, addr)
		}
	}
	return used, nil
}
