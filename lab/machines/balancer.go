package machines

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// LoadBalancerSpec declares a TCP load balancer with an address of its own.
type LoadBalancerSpec struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Port    int    `json:"port"`
	// MemberPort makes it the gateway, which leads to a port of nodes, to whoever speaks TLS there. 0: the API's balancer, whose
	// members have the same port and say at /readyz whether they are ready.
	MemberPort int `json:"memberPort,omitempty"`
}

// Gateway tells the load balancer of web traffic from the API's.
func (s LoadBalancerSpec) Gateway() bool { return s.MemberPort != 0 }

// group is that of the firewall which the balancer's address is in.
func (s LoadBalancerSpec) group() string {
	if s.Gateway() {
		return groupGateway
	}
	return GroupLoadBalancer
}

// memberPort is where its members listen.
func (s LoadBalancerSpec) memberPort() int {
	if s.Gateway() {
		return s.MemberPort
	}
	return s.Port
}

// LoadBalancer is a made load balancer: one haproxy process.
type LoadBalancer struct {
	LoadBalancerSpec
	Owner   string          `json:"owner,omitempty"`
	Address string          `json:"address"`
	Process process.Process `json:"process"`
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
	if s.MemberPort < 0 || s.MemberPort > 65535 {
		errs = append(errs, fmt.Errorf("memberPort: %d is no port; use 1 to 65535, or 0 for the API's", s.MemberPort))
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
	return l.syncMembers(ctx, balancer.Name)
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

func (l *Lab) balancerDir(name string) string { return l.records.Path("haproxy", name) }

func (l *Lab) balancerMark(name string) string { return l.name + "/loadbalancer/" + name }

// startBalancer starts the haproxy of a balancer, without members. The caller holds the lock.
func (l *Lab) startBalancer(ctx context.Context, balancer LoadBalancer) error {
	dir := l.balancerDir(balancer.Name)
	config := filepath.Join(dir, "haproxy.cfg")
	if err := records.WriteFile(config, []byte(haproxyConfig(dir, balancer)), 0o600); err != nil {
		return err
	}
	// One that was started by a creation that was killed before it could record it.
	err := process.KillMarked(ctx, l.balancerMark(balancer.Name))
	if err != nil {
		return err
	}
	balancer.Process, err = process.Start(l.name, l.balancerMark(balancer.Name), filepath.Join(dir, "haproxy.log"), exec.Command("haproxy", "-db", "-f", config))
	if err != nil {
		return fmt.Errorf("load balancer %s: %w", balancer.Name, err)
	}
	if err := l.records.Save(records.Balancers, balancer.Name, balancer); err != nil {
		return err
	}
	return l.awaitBalancer(ctx, balancer)
}

// balancerTimeout bounds the wait for a starting haproxy, and for the connections of a removed member to end.
const balancerTimeout = 10 * time.Second

// awaitBalancer waits until a new haproxy answers.
func (l *Lab) awaitBalancer(ctx context.Context, balancer LoadBalancer) error {
	deadline := time.Now().Add(balancerTimeout)
	for {
		_, err := l.balancerMembers(balancer.Name)
		if err == nil {
			return nil
		}
		if !balancer.Process.Alive() || time.Now().After(deadline) {
			return fmt.Errorf("load balancer %s: haproxy did not start: %w; the end of its log:\n%s", balancer.Name, err,
				tail(filepath.Join(l.balancerDir(balancer.Name), "haproxy.log"), 1000))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// haproxyConfig renders the balancer's configuration. Members come and go while it runs.
func haproxyConfig(dir string, balancer LoadBalancer) string {
	check := "\toption httpchk GET /readyz\n\thttp-check expect status 200\n"
	if balancer.Gateway() {
		check = "" // that something takes connections will do
	}
	// Watches of the API are long: an hour without a byte in either direction.
	return fmt.Sprintf(`# Load balancer %[1]s. Written by the lab; changes are lost.
global
	maxconn 4096
	stats socket %[2]s mode 600 level admin

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
%[5]s`, balancer.Name, adminSocket(dir), balancer.Address, balancer.Port, check)
}

func adminSocket(dir string) string { return filepath.Join(dir, "admin.sock") }
