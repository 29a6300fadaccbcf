package processes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// CreateLoadBalancer gives the balancer an address and starts its forwarder. Without a living member it closes every
// connection at once.
func (l *Lab) CreateLoadBalancer(ctx context.Context, spec machines.LoadBalancerSpec, owner string) (machines.LoadBalancer, error) {
	if err := spec.Validate(); err != nil {
		return machines.LoadBalancer{}, fmt.Errorf("load balancer %s: %w", spec.Name, err)
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return machines.LoadBalancer{}, err
	}
	defer unlock()
	if _, err := l.LoadBalancer(spec.Name); err == nil {
		return machines.LoadBalancer{}, fmt.Errorf("load balancer %s %w; import it, or delete it first", spec.Name, machines.ErrExists)
	}
	if _, err := l.Network(spec.Network); err != nil {
		return machines.LoadBalancer{}, err
	}
	all, err := records.All[machines.LoadBalancer](l.records, records.Balancers)
	if err != nil {
		return machines.LoadBalancer{}, err
	}
	used := map[int]bool{}
	for _, b := range all {
		used[number(b.Address)] = true
	}
	n, err := nextNumber(firstBalancer, firstMachine-1, 0, used)
	if err != nil {
		return machines.LoadBalancer{}, fmt.Errorf("load balancer %s: %w", spec.Name, err)
	}
	made := machines.LoadBalancer{LoadBalancerSpec: spec, Owner: owner, Address: l.address(n)}
	if err := l.records.Save(records.Balancers, spec.Name, made); err != nil {
		return machines.LoadBalancer{}, err
	}
	if spec.Gateway() {
		return made, nil // it is recorded: no pod runs, so there is nothing that it could lead to
	}
	if made, err = l.startBalancer(ctx, made); err != nil {
		return machines.LoadBalancer{}, errors.Join(fmt.Errorf("load balancer %s: %w", spec.Name, err),
			l.removeBalancer(context.WithoutCancel(ctx), spec.Name))
	}
	return made, nil
}

// startBalancer starts a forwarder and waits until it listens. The caller holds the lock.
func (l *Lab) startBalancer(ctx context.Context, b machines.LoadBalancer) (machines.LoadBalancer, error) {
	// One that was started by a creation that was killed before it could record it.
	if err := process.KillMarked(ctx, l.balancerMark(b.Name)); err != nil {
		return b, err
	}
	programs, err := l.programs()
	if err != nil {
		return b, err
	}
	log := l.balancerLog(b.Name)
	b.Process, err = process.Start(l.name, l.balancerMark(b.Name), log, keeperCommand(programs, verbBalancer, l, b.Name))
	if err != nil {
		return b, err
	}
	if err := l.records.Save(records.Balancers, b.Name, b); err != nil {
		return b, err
	}
	for deadline := time.Now().Add(startLimit); ; {
		conn, err := net.DialTimeout("tcp", join(b.Address, b.Port), time.Second)
		if err == nil {
			return b, conn.Close()
		}
		if !b.Process.Alive() || time.Now().After(deadline) {
			return b, fmt.Errorf("does not listen on %s; its log:\n%s", join(b.Address, b.Port), tail(log, 10))
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startLimit bounds the wait for a process to listen.
const startLimit = 30 * time.Second

func join(address string, port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }

func (l *Lab) balancerMark(name string) string { return l.name + "/loadbalancer/" + name }

func (l *Lab) balancerLog(name string) string { return l.records.Path(records.Balancers, name+".log") }

// LoadBalancer returns a made load balancer, or machines.ErrNotFound.
func (l *Lab) LoadBalancer(name string) (machines.LoadBalancer, error) {
	var made machines.LoadBalancer
	err := l.records.Load(records.Balancers, name, &made)
	return made, err
}

// DeleteLoadBalancer removes a load balancer, which must have no members. One that is gone is fine.
func (l *Lab) DeleteLoadBalancer(ctx context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := l.LoadBalancer(name); errors.Is(err, machines.ErrNotFound) {
		return nil
	}
	members, err := l.membersOf(name)
	if err != nil {
		return err
	}
	if len(members) > 0 {
		return fmt.Errorf("load balancer %s: still has the member %s; delete it first", name, members[0].Name)
	}
	return l.removeBalancer(ctx, name)
}

func (l *Lab) removeBalancer(ctx context.Context, name string) error {
	if err := process.KillMarked(ctx, l.balancerMark(name)); err != nil {
		return err
	}
	if err := os.Remove(l.balancerLog(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return l.records.Remove(records.Balancers, name)
}

// AddMember puts a machine behind a load balancer. Connections that exist are not disturbed.
func (l *Lab) AddMember(_ context.Context, spec machines.MemberSpec, owner string) (machines.Member, error) {
	if err := spec.Validate(); err != nil {
		return machines.Member{}, fmt.Errorf("load balancer member %s: %w", spec.Name, err)
	}
	unlock, err := l.records.Lock()
	if err != nil {
		return machines.Member{}, err
	}
	defer unlock()
	if _, err := l.Member(spec.Name); err == nil {
		return machines.Member{}, fmt.Errorf("load balancer member %s %w; import it, or delete it first", spec.Name, machines.ErrExists)
	}
	if _, err := l.LoadBalancer(spec.LoadBalancer); err != nil {
		return machines.Member{}, err
	}
	made := machines.Member{MemberSpec: spec, Owner: owner}
	return made, l.records.Save(records.Members, spec.Name, made)
}

// Member returns a made member, or machines.ErrNotFound.
func (l *Lab) Member(name string) (machines.Member, error) {
	var made machines.Member
	err := l.records.Load(records.Members, name, &made)
	return made, err
}

// RemoveMember takes a machine out from behind its load balancer: no new connection goes there. One that is gone is fine.
func (l *Lab) RemoveMember(_ context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return l.records.Remove(records.Members, name)
}

func (l *Lab) membersOf(balancer string) ([]machines.Member, error) {
	all, err := records.All[machines.Member](l.records, records.Members)
	var members []machines.Member
	for _, m := range all {
		if m.LoadBalancer == balancer {
			members = append(members, m)
		}
	}
	return members, err
}

// forward is the forwarder's process: it listens until it is killed. Members are looked up for every connection, so
// that nothing has to be told when they change.
func (l *Lab) forward(ctx context.Context, name string) error {
	b, err := l.LoadBalancer(name)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", join(b.Address, b.Port))
	if err != nil {
		return err
	}
	return serve(listener, func() ([]string, error) { return l.healthy(name, b.Port) })
}

// healthy lists the members whose machines have booted. An API server that answers before its administrators have their
// rights would be of no use yet.
func (l *Lab) healthy(balancer string, port int) ([]string, error) {
	members, err := l.membersOf(balancer)
	if err != nil {
		return nil, err
	}
	all, err := l.Machines()
	if err != nil {
		return nil, err
	}
	booting := map[string]bool{}
	for _, m := range all {
		status, err := os.ReadFile(l.machineFile(m.Name, dirRoot, statusPath))
		booting[m.Address] = err != nil || strings.TrimSpace(string(status)) != statusBooted
	}
	var addresses []string
	for _, m := range members {
		if !booting[m.Address] {
			addresses = append(addresses, join(m.Address, port))
		}
	}
	return addresses, nil
}

// dialLimit bounds the wait for one member.
const dialLimit = 2 * time.Second

// serve hands each connection to the first target that answers, beginning with another one every time, and closes it
// when none does.
func serve(listener net.Listener, targets func() ([]string, error)) error {
	var turn atomic.Uint64
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // too many open files, say: it passes
			fmt.Fprintln(os.Stderr, "accept:", err)
			time.Sleep(time.Second)
			continue
		}
		go func() {
			defer client.Close()
			all, err := targets()
			if err != nil {
				fmt.Fprintln(os.Stderr, "members:", err)
				return
			}
			first := int(turn.Add(1) % uint64(max(1, len(all))))
			for i := range all {
				server, err := net.DialTimeout("tcp", all[(first+i)%len(all)], dialLimit)
				if err != nil {
					continue
				}
				defer server.Close()
				pipe(client, server)
				return
			}
		}()
	}
}

// pipe copies both ways until both sides have ended.
func pipe(a, b net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, err := io.Copy(way[0], way[1])
			if tcp, ok := way[0].(*net.TCPConn); ok && err == nil {
				_ = tcp.CloseWrite()
				return
			}
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
}
