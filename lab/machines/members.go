package machines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/records"
)

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

// AddMember puts a machine behind a load balancer. It gets connections once its /readyz says so; those that exist are not
// disturbed.
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
	if err := l.syncMembers(ctx, spec.LoadBalancer); err != nil {
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

// RemoveMember takes a machine out from behind its load balancer and ends its connections, so that their clients go
// elsewhere at once. One that is gone is fine.
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
	return l.syncMembers(ctx, member.LoadBalancer)
}

func (l *Lab) membersOf(balancer string) ([]Member, error) {
	members, err := records.All[Member](l.records, records.Members)
	return slices.DeleteFunc(members, func(m Member) bool { return m.LoadBalancer != balancer }), err
}

// syncMembers brings the running haproxy to what the records say, and starts it if it does not run. It is never reloaded:
// an old worker that keeps its connections checks no member's health any more, and a connection to a dead API server
// would last until its client gives up. The caller holds the lock.
func (l *Lab) syncMembers(ctx context.Context, name string) error {
	balancer, err := l.LoadBalancer(name)
	if err != nil {
		return err
	}
	if !balancer.Process.Alive() {
		if err := l.startBalancer(ctx, balancer); err != nil {
			return err
		}
	}
	members, err := l.membersOf(name)
	if err != nil {
		return err
	}
	wanted := map[string]string{}
	for _, member := range members {
		wanted[member.Name] = net.JoinHostPort(member.Address, strconv.Itoa(balancer.memberPort()))
	}
	have, err := l.balancerMembers(name)
	if err != nil {
		return err
	}
	for member, address := range have {
		if wanted[member] == address {
			delete(wanted, member)
			continue
		}
		if err := l.dropMember(ctx, name, member); err != nil {
			return err
		}
	}
	for member, address := range wanted {
		if err := l.putMember(name, member, address+" "+balancer.check()); err != nil {
			return err
		}
	}
	return nil
}

// putMember counts a new member as down until its first check, so that no client meets an API server that is only
// starting.
func (l *Lab) putMember(balancer, member, settings string) error {
	server := "members/" + member
	// One line, so that whoever is killed meanwhile leaves no member that nobody checks.
	return l.order(balancer, strings.Join([]string{
		"add server " + server + " " + settings,
		"enable server " + server,
		"set server " + server + " health down",
		"enable health " + server,
	}, "; "), "New server registered.")
}

// check is how members are asked whether they are well; a member that is added while haproxy runs knows no defaults. A check may
// take as long as two are apart: one that is slow on a busy host must not end every connection of the only member. A gateway's
// members are only connected to, as by the load balancers of clouds: who has no name to ask for gets no handshake there.
func (s LoadBalancerSpec) check() string {
	const often = "inter 2s fall 3 rise 1 on-marked-down shutdown-sessions"
	if s.Gateway() {
		return "check " + often
	}
	return "check check-ssl verify none " + often
}

// dropMember ends a member's connections and waits until they are gone, since haproxy forgets none that has any.
func (l *Lab) dropMember(ctx context.Context, balancer, member string) error {
	server := "members/" + member
	if err := l.order(balancer, "set server "+server+" state maint", ""); err != nil {
		return err
	}
	deadline := time.Now().Add(balancerTimeout)
	for {
		if err := l.order(balancer, "shutdown sessions server "+server, ""); err != nil {
			return err
		}
		err := l.order(balancer, "del server "+server, "Server deleted.")
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// balancerMembers are the members that the running haproxy has: their addresses with port, by name.
func (l *Lab) balancerMembers(balancer string) (map[string]string, error) {
	answer, err := l.ask(balancer, "show servers state members")
	if err != nil {
		return nil, err
	}
	// A version, a line of column names, and a line for each server (haproxy's management guide, "show servers state").
	version, table, _ := strings.Cut(answer, "\n")
	if version != "1" {
		return nil, fmt.Errorf("load balancer %s: haproxy's servers state is %q and not of version 1", balancer, version)
	}
	const name, address, port = 3, 4, 18
	found := map[string]string{}
	for row := range strings.Lines(table) {
		columns := strings.Fields(row)
		if len(columns) > port && columns[0] != "#" {
			found[columns[name]] = net.JoinHostPort(columns[address], columns[port])
		}
	}
	return found, nil
}

// order has haproxy do something; any answer but the wanted one is an error.
func (l *Lab) order(balancer, command, want string) error {
	answer, err := l.ask(balancer, command)
	if err == nil && answer != want {
		err = fmt.Errorf("load balancer %s: %s: %s", balancer, command, answer)
	}
	return err
}

// ask sends haproxy one command and gives its answer, without the empty lines at its end.
func (l *Lab) ask(balancer, command string) (string, error) {
	connection, err := net.DialTimeout("unix", adminSocket(l.balancerDir(balancer)), balancerTimeout)
	if err != nil {
		return "", fmt.Errorf("load balancer %s: %w", balancer, err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(balancerTimeout)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(connection, command); err != nil {
		return "", fmt.Errorf("load balancer %s: %s: %w", balancer, command, err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil {
		return "", fmt.Errorf("load balancer %s: %s: %w", balancer, command, err)
	}
	return strings.TrimSpace(string(answer)), nil
}
