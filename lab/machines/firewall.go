package machines

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/lab/records"
)

// FirewallSpec declares who may talk to whom on a network. All firewalls of a network add up; what none allows is dropped.
type FirewallSpec struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Rules   []Rule `json:"rules"`
}

// Rule lets the machines of one group reach ports of another. It has the fields of the product's firewall table.
type Rule struct {
	Name string `json:"name"`
	// From and To are machine roles, "load-balancer" (the API's), "gateway", or, for From only, "declared-sources".
	From      string   `json:"from"`
	To        string   `json:"to"`
	Protocol  string   `json:"protocol"`  // tcp, udp or icmp
	FirstPort int      `json:"firstPort"` // 1 to 65535; 0 for icmp
	LastPort  int      `json:"lastPort"`  // inclusive
	Reason    string   `json:"reason"`
	Sources   []string `json:"sources,omitempty"` // the ranges of declared-sources
}

// Firewall is a made firewall.
type Firewall struct {
	FirewallSpec
	Owner string `json:"owner,omitempty"`
}

// The groups that are no machine roles.
const (
	GroupLoadBalancer = "load-balancer"
	groupGateway      = "gateway"
	groupDeclared     = "declared-sources"
)

// Validate tells everything that is wrong with the rule, each with the path of the field below path.
func (r Rule) Validate(path string) error {
	var errs []error
	fail := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s.%s: %s", path, field, fmt.Sprintf(format, args...)))
	}
	if err := ValidName(r.Name); err != nil {
		fail("name", "%v", err)
	}
	for _, group := range []struct{ field, value string }{{"from", r.From}, {"to", r.To}} {
		if err := ValidName(group.value); err != nil {
			fail(group.field, "%v", err)
		}
	}
	if r.To == groupDeclared {
		fail("to", "%q can only be a source; name a machine role or %s", r.To, GroupLoadBalancer)
	}
	switch r.Protocol {
	case "tcp", "udp":
		if r.FirstPort < 1 || r.LastPort > 65535 || r.FirstPort > r.LastPort {
			fail("firstPort", "%d to %d is no range of ports; use 1 to 65535, first before last", r.FirstPort, r.LastPort)
		}
	case "icmp":
		if r.FirstPort != 0 || r.LastPort != 0 {
			fail("firstPort", "%d to %d: icmp has no ports; use 0", r.FirstPort, r.LastPort)
		}
	default:
		fail("protocol", "%q is unknown; use tcp, udp or icmp", r.Protocol)
	}
	if r.Reason == "" {
		fail("reason", "is empty; say why the rule must exist")
	}
	if (r.From == groupDeclared) != (len(r.Sources) > 0) {
		fail("sources", "%v does not go with from %q; list the ranges of %s, and of no other group", r.Sources, r.From, groupDeclared)
	}
	for i, source := range r.Sources {
		if prefix, err := netip.ParsePrefix(source); err != nil || !prefix.Addr().Is4() {
			fail(fmt.Sprintf("sources[%d]", i), "%q is no IPv4 range; use one like 192.0.2.0/24", source)
		}
	}
	return errors.Join(errs...)
}

// Validate tells everything that is wrong with the specification.
func (s FirewallSpec) Validate() error {
	var errs []error
	if err := ValidName(s.Name); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	}
	if err := ValidName(s.Network); err != nil {
		errs = append(errs, fmt.Errorf("network: %w", err))
	}
	seen := map[string]bool{}
	for i, rule := range s.Rules {
		path := fmt.Sprintf("rules[%d]", i)
		if err := rule.Validate(path); err != nil {
			errs = append(errs, err)
		}
		if seen[rule.Name] {
			errs = append(errs, fmt.Errorf("%s.name: %q is used twice; rule names are identities", path, rule.Name))
		}
		seen[rule.Name] = true
	}
	return errors.Join(errs...)
}

// CreateFirewall adds a firewall to a network.
func (l *Lab) CreateFirewall(ctx context.Context, spec FirewallSpec, owner string) (Firewall, error) {
	unlock, err := l.records.Lock()
	if err != nil {
		return Firewall{}, err
	}
	defer unlock()
	if _, err := l.Firewall(spec.Name); err == nil {
		return Firewall{}, fmt.Errorf("firewall %s %w; import it, or delete it first", spec.Name, ErrExists)
	}
	return l.putFirewall(ctx, Firewall{FirewallSpec: spec, Owner: owner})
}

// UpdateFirewall changes the rules of a firewall in one step: no packet sees half of them.
func (l *Lab) UpdateFirewall(ctx context.Context, spec FirewallSpec) (Firewall, error) {
	unlock, err := l.records.Lock()
	if err != nil {
		return Firewall{}, err
	}
	defer unlock()
	old, err := l.Firewall(spec.Name)
	if err != nil {
		return Firewall{}, err
	}
	return l.putFirewall(ctx, Firewall{FirewallSpec: spec, Owner: old.Owner})
}

func (l *Lab) putFirewall(ctx context.Context, firewall Firewall) (Firewall, error) {
	if err := firewall.Validate(); err != nil {
		return Firewall{}, fmt.Errorf("firewall %s: %w", firewall.Name, err)
	}
	if _, err := l.Network(firewall.Network); err != nil {
		return Firewall{}, fmt.Errorf("firewall %s: %w", firewall.Name, err)
	}
	if err := l.records.Save(records.Firewalls, firewall.Name, firewall); err != nil {
		return Firewall{}, err
	}
	return firewall, l.applyFirewall(ctx)
}

// Firewall returns a made firewall, or ErrNotFound.
func (l *Lab) Firewall(name string) (Firewall, error) {
	var firewall Firewall
	err := l.records.Load(records.Firewalls, name, &firewall)
	return firewall, err
}

// DeleteFirewall takes a firewall's rules away: what only they allowed is dropped from then on.
func (l *Lab) DeleteFirewall(ctx context.Context, name string) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.records.Remove(records.Firewalls, name); err != nil {
		return err
	}
	networks, err := l.records.Names(records.Networks)
	if err != nil || len(networks) == 0 {
		return err
	}
	return l.applyFirewall(ctx)
}

// firewallTable is the name of the lab's nftables table.
func (l *Lab) firewallTable() string { return "lagrum_" + l.name }

// applyFirewall renders the table from all records and swaps it in as one transaction. The caller holds the lock.
func (l *Lab) applyFirewall(ctx context.Context) error {
	networks, err := records.All[Network](l.records, records.Networks)
	if err != nil || len(networks) == 0 {
		return err
	}
	firewalls, err := records.All[Firewall](l.records, records.Firewalls)
	if err != nil {
		return err
	}
	machines, err := records.All[Machine](l.records, records.Machines)
	if err != nil {
		return err
	}
	balancers, err := records.All[LoadBalancer](l.records, records.Balancers)
	if err != nil {
		return err
	}
	groups := map[string][]string{}
	for _, machine := range machines {
		groups[machine.Role] = append(groups[machine.Role], machine.Address)
	}
	for _, balancer := range balancers {
		groups[balancer.group()] = append(groups[balancer.group()], balancer.Address)
	}
	var rules []Rule
	for _, firewall := range firewalls {
		rules = append(rules, firewall.Rules...)
	}
	var services []int
	if server, err := l.KeyServer(); err == nil {
		services = append(services, server.Port)
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err = run(ctx, ruleset(l.firewallTable(), networks[0].Bridge, networks[0].Gateway, groups, rules, services), "nft", "-f", "-")
	return err
}

func (l *Lab) removeFirewallTable(ctx context.Context) error {
	// Adding first makes the deletion succeed when the table is not there.
	_, err := run(ctx, fmt.Sprintf("add table inet %[1]s\ndelete table inet %[1]s\n", l.firewallTable()), "nft", "-f", "-")
	return err
}

// ruleset renders the nftables transaction. It stands in the inet family, which the bridge's packets reach because the
// bridge has nf_call_iptables on, and not in the bridge family, where kernels often lack connection tracking
// (CONFIG_NF_CONNTRACK_BRIDGE) and "established" could not be said. Services are TCP ports of the host's own that machines
// may reach, as nodes reach the outside in a cloud.
func ruleset(table, bridge, gateway string, groups map[string][]string, rules []Rule, services []int) string {
	members := map[string][]string{}
	for group, addresses := range groups {
		members[group] = slices.Clone(addresses)
	}
	for _, group := range []string{GroupLoadBalancer, groupGateway} {
		members[group] = append(members[group], []string{}...)
	}
	for _, rule := range rules {
		for _, group := range []string{rule.From, rule.To} {
			if group != groupDeclared {
				members[group] = append(members[group], []string{}...)
			}
		}
	}
	names := make([]string, 0, len(members))
	for group := range members {
		names = append(names, group)
	}
	slices.Sort(names)

	var b strings.Builder
	fmt.Fprintf(&b, "add table inet %[1]s\ndelete table inet %[1]s\ntable inet %[1]s {\n", table)
	for _, group := range names {
		fmt.Fprintf(&b, "\tset %s {\n\t\ttype ipv4_addr\n", group)
		if addresses := members[group]; len(addresses) > 0 {
			slices.Sort(addresses)
			fmt.Fprintf(&b, "\t\telements = { %s }\n", strings.Join(addresses, ", "))
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("\tchain allowed {\n")
	for _, rule := range rules {
		for _, line := range nftRules(rule) {
			fmt.Fprintf(&b, "\t\t%s\n", line)
		}
	}
	for _, port := range services {
		fmt.Fprintf(&b, "\t\tip daddr %s tcp dport %d accept\n", gateway, port)
	}
	b.WriteString("\t}\n")
	// The host itself may reach everything, so there is no output chain. What does not touch the lab is not judged.
	fmt.Fprintf(&b, `	chain input {
		type filter hook input priority filter; policy accept;
		iifname "lo" accept
		iifname != "%[1]s" ip daddr != @%[3]s ip daddr != @%[4]s accept
		iifname != "%[1]s" meta nfproto ipv6 accept
		ct state established,related accept
		jump allowed
		ip daddr %[2]s udp dport 53 reject with icmp port-unreachable comment "no name server: machines learn it at once"
		ip daddr %[2]s tcp dport 53 reject with tcp reset
		counter drop
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname != "%[1]s" oifname != "%[1]s" accept
		ct state established,related accept
		iifname "%[1]s" oifname "%[1]s" jump allowed
		counter drop
	}
}
`, bridge, gateway, GroupLoadBalancer, groupGateway)
	return b.String()
}

// nftRules renders a rule, once for each source range: nftables refuses ranges that overlap in one set.
func nftRules(rule Rule) []string {
	sources := []string{"@" + rule.From}
	if rule.From == groupDeclared {
		sources = rule.Sources
	}
	match := "ip protocol icmp"
	switch {
	case rule.Protocol != "icmp" && rule.FirstPort == rule.LastPort:
		match = fmt.Sprintf("%s dport %d", rule.Protocol, rule.FirstPort)
	case rule.Protocol != "icmp":
		match = fmt.Sprintf("%s dport %d-%d", rule.Protocol, rule.FirstPort, rule.LastPort)
	}
	var lines []string
	for _, source := range sources {
		lines = append(lines, fmt.Sprintf("ip saddr %s ip daddr @%s %s counter accept comment %q", source, rule.To, match, rule.Name))
	}
	return lines
}
