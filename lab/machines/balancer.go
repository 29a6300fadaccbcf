package machines

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// LoadBalancerSpec declares a TCP load balancer with an address of its own.
type LoadBalancerSpec struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Port    int    `json:"port"` // both the balancer's and its members'
}

// LoadBalancer is a made load balancer: one haproxy process.
type LoadBalancer struct {
	LoadBalancerSpec
	Owner   string          `json:"owner,omitempty"`
	Address string          `json:"address"`
	Process process.Process `json:"process"`
}

// MemberSpec declares a machine's place behind a load balancer.
type MemberSpec struct {
	LoadBalancer string `json:"loadBalancer"`
	Name         string `json:"name"` // unique within the lab
	Address      string `json:"address"`
}

// Member is a made member.
type Member struct {
	MemberSpec
	Owner string `json:"owner,omitempty"`
}

// Validate tells everything that is wrong with the specification.
func (s LoadBalancerSpec) Validate() error {
	var errs []error
	if err := ValidName(s.Name); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	}
	if err := ValidName(s.Network); err != nil {
		errs = append(errs, fmt.Errorf("network: %w", err))
	}
	if s.Port < 1 || s.Port > 65535 {
		errs = append(errs, fmt.Errorf("port: %d is no port; use 1 to 65535", s.Port))
	}
	return errors.Join(errs...)
}

// Validate tells everything that is wrong with the specification.
func (s MemberSpec) Validate() error {
	var errs []error
	if err := ValidName(s.Name); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	}
	if err := ValidName(s.LoadBalancer); err != nil {
		errs = append(errs, fmt.Errorf("loadBalancer: %w", err))
	}
	if addr, err := netip.ParseAddr(s.Address); err != nil || !addr.Is4() {
		errs = append(errs, fmt.Errorf("address: %q is no IPv4 address; use the machine's", s.Address))
	}
	return errors.Join(errs...)
}

// CreateLoadBalancer gives the balancer an address and starts it. Without a living member it closes every connection at
// once.
func (l *Lab) CreateLoadBalancer(ctx context.Context, spec LoadBalancerSpec, owner string) (LoadBalancer, error) {
	if err := spec.Validate(); err != nil {
		return LoadBalancer{}, fmt.Errorf("load balancer %s: %w", spec.Name, err)
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return LoadBalancer{}, err
	}
	defer unlock()
	if _, err := l.LoadBalancer(spec.Name); err == nil {
		return LoadBalancer{}, fmt.Errorf("load balancer %s %w; import it, or delete it first", spec.Name, ErrExists)
	}
	network, err := l.Network(spec.Network)
	if err != nil {
		return LoadBalancer{}, err
	}
	prefix, err := netip.ParsePrefix(network.CIDR)
	if err != nil {
		return LoadBalancer{}, err
	}
	used, err := l.usedAddresses()
	if err != nil {
		return LoadBalancer{}, err
	}
	address, err := balancerAddress(prefix, used)
	if err != nil {
		return LoadBalancer{}, err
	}
	balancer := LoadBalancer{LoadBalancerSpec: spec, Owner: owner, Address: address.String()}
	if err := l.records.Save(records.Balancers, spec.Name, balancer); err != nil {
		return LoadBalancer{}, err
	}
	if err := l.raiseBalancer(ctx, network, balancer); err != nil {
		return LoadBalancer{}, errors.Join(fmt.Errorf("load balancer %s: %w", spec.Name, err),
			l.removeBalancer(context.WithoutCancel(ctx), balancer))
	}
	return l.LoadBalancer(spec.Name)
}

// raiseBalancer makes what the record says, as far as it is not there. The caller holds the lock.
func (l *Lab) raiseBalancer(ctx context.Context, network Network, balancer LoadBalancer) error {
	if err := l.raiseNetwork(ctx, network); err != nil { // brings the new address and the new group member with it
		return err
	}
	return l.reloadBalancer(ctx, balancer.Name)
}

// LoadBalancer returns a made load balancer, or ErrNotFound.
func (l *Lab) LoadBalancer(name string) (LoadBalancer, error) {
	var balancer LoadBalancer
	err := l.records.Load(records.Balancers, name, &balancer)
	return balancer, err
}

// DeleteLoadBalancer removes a load balancer, which must have no members. One that is gone is fine.
func (l *Lab) DeleteLoadBalancer(ctx context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	balancer, err := l.LoadBalancer(name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	members, err := l.membersOf(name)
	if err != nil {
		return err
	}
	if len(members) > 0 {
		return fmt.Errorf("load balancer %s: still has the member %s; delete it first", name, members[0].Name)
	}
	return l.removeBalancer(ctx, balancer)
}

func (l *Lab) removeBalancer(ctx context.Context, balancer LoadBalancer) error {
	if err := process.KillMarked(ctx, l.balancerMark(balancer.Name)); err != nil {
		return err
	}
	if interfaceExists(l.bridge()) {
		held, err := run(ctx, "", "ip", "-brief", "address", "show", "dev", l.bridge(), "to", balancer.Address+"/32")
		if err != nil {
			return err
		}
		if held != "" {
			if _, err := run(ctx, "", "ip", "address", "delete", balancer.Address+"/32", "dev", l.bridge()); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(l.balancerDir(balancer.Name)); err != nil {
		return err
	}
	if err := l.records.Remove(records.Balancers, balancer.Name); err != nil {
		return err
	}
	return l.applyFirewall(ctx)
}

// AddMember puts a machine behind a load balancer. Connections that exist are not disturbed.
func (l *Lab) AddMember(ctx context.Context, spec MemberSpec, owner string) (Member, error) {
	if err := spec.Validate(); err != nil {
		return Member{}, fmt.Errorf("load balancer member %s: %w", spec.Name, err)
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return Member{}, err
	}
	defer unlock()
	if _, err := l.Member(spec.Name); err == nil {
		return Member{}, fmt.Errorf("load balancer member %s %w; import it, or delete it first", spec.Name, ErrExists)
	}
	if _, err := l.LoadBalancer(spec.LoadBalancer); err != nil {
		return Member{}, err
	}
	member := Member{MemberSpec: spec, Owner: owner}
	if err := l.records.Save(records.Members, spec.Name, member); err != nil {
		return Member{}, err
	}
	if err := l.reloadBalancer(ctx, spec.LoadBalancer); err != nil {
		return Member{}, errors.Join(err, l.records.Remove(records.Members, spec.Name))
	}
	return member, nil
}

// Member returns a made member, or ErrNotFound.
func (l *Lab) Member(name string) (Member, error) {
	var member Member
	err := l.records.Load(records.Members, name, &member)
	return member, err
}

// RemoveMember takes a machine out from behind its load balancer: no new connection goes there. One that is gone is fine.
func (l *Lab) RemoveMember(ctx context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	member, err := l.Member(name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.records.Remove(records.Members, name); err != nil {
		return err
	}
	if _, err := l.LoadBalancer(member.LoadBalancer); errors.Is(err, ErrNotFound) {
		return nil
	}
	return l.reloadBalancer(ctx, member.LoadBalancer)
}

func (l *Lab) membersOf(balancer string) ([]Member, error) {
	members, err := records.All[Member](l.records, records.Members)
	return slices.DeleteFunc(members, func(m Member) bool { return m.LoadBalancer != balancer }), err
}

func (l *Lab) balancerDir(name string) string { return l.records.Path("haproxy", name) }

func (l *Lab) balancerMark(name string) string { return l.name + "/loadbalancer/" + name }

// reloadBalancer writes the configuration and hands it to the running haproxy, or starts one. The caller holds the lock.
func (l *Lab) reloadBalancer(ctx context.Context, name string) error {
	balancer, err := l.LoadBalancer(name)
	if err != nil {
		return err
	}
	members, err := l.membersOf(name)
	if err != nil {
		return err
	}
	dir := l.balancerDir(name)
	config := filepath.Join(dir, "haproxy.cfg")
	if err := records.WriteFile(config, []byte(haproxyConfig(dir, balancer, members)), 0o600); err != nil {
		return err
	}
	if _, err := run(ctx, "", "haproxy", "-c", "-q", "-f", config); err != nil {
		return fmt.Errorf("load balancer %s: %w", name, err)
	}
	if balancer.Process.Alive() {
		// The master hands the listening sockets to a new worker; the old one keeps its connections until they end.
		return syscall.Kill(balancer.Process.PID, syscall.SIGUSR2)
	}
	// A master that was started by a creation that was killed before it could record it.
	if err := process.KillMarked(ctx, l.balancerMark(name)); err != nil {
		return err
	}
	balancer.Process, err = process.Start(l.name, l.balancerMark(name), filepath.Join(dir, "haproxy.log"), exec.Command("haproxy", "-W", "-db", "-f", config))
	if err != nil {
		return fmt.Errorf("load balancer %s: %w", name, err)
	}
	if err := l.records.Save(records.Balancers, name, balancer); err != nil {
		return err
	}
	return awaitBalancer(ctx, dir, balancer)
}

// balancerTimeout bounds the wait for a starting haproxy.
const balancerTimeout = 10 * time.Second

// awaitBalancer waits until a new haproxy listens and has taken over SIGUSR2, which would end it before.
func awaitBalancer(ctx context.Context, dir string, balancer LoadBalancer) error {
	deadline := time.Now().Add(balancerTimeout)
	for {
		connection, err := net.Dial("unix", filepath.Join(dir, "admin.sock"))
		if err == nil {
			err = connection.Close()
		}
		if err == nil && process.Catches(balancer.Process.PID, syscall.SIGUSR2) {
			return nil
		}
		if !balancer.Process.Alive() || time.Now().After(deadline) {
			return fmt.Errorf("load balancer %s: haproxy did not start; the end of its log:\n%s", balancer.Name, tail(filepath.Join(dir, "haproxy.log"), 1000))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// haproxyConfig renders the balancer's configuration. Members are in order of their names.
func haproxyConfig(dir string, balancer LoadBalancer, members []Member) string {
	var b strings.Builder
	// Watches of the API are long: an hour without a byte in either direction, and as long for an old worker to end.
	fmt.Fprintf(&b, `# Load balancer %[1]s. Written by the lab; changes are lost.
global
	maxconn 4096
	hard-stop-after 1h
	stats socket %[2]s/admin.sock mode 600 level admin expose-fd listeners

defaults
	mode tcp
	timeout connect 2s
	timeout client 1h
	timeout server 1h
	timeout tunnel 1h
	timeout check 3s
	retries 3
	option redispatch 1
	option clitcpka
	option srvtcpka

frontend %[1]s
	bind %[3]s:%[4]d
	tcp-request connection reject if { nbsrv(members) eq 0 }
	default_backend members

backend members
	balance leastconn
	option httpchk GET /readyz
	http-check expect status 200
	default-server check check-ssl verify none inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
`, balancer.Name, dir, balancer.Address, balancer.Port)
	for _, member := range members {
		fmt.Fprintf(&b, "\tserver %s %s:%d\n", member.Name, member.Address, balancer.Port)
	}
	return b.String()
}
