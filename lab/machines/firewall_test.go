package machines

import (
	"testing"

	"github.com/lagrum/lagrum/tests/golden"
)

func TestRuleset(t *testing.T) {
	t.Parallel()
	groups := map[string][]string{
		"load-balancer": {"10.88.0.2"},
		"control-plane": {"10.88.0.11", "10.88.0.10"},
	}
	rules := []Rule{
		{Name: "api", From: "worker", To: "load-balancer", Protocol: "tcp", FirstPort: 6443, LastPort: 6443, Reason: "the API"},
		{Name: "etcd", From: "control-plane", To: "control-plane", Protocol: "tcp", FirstPort: 2379, LastPort: 2380, Reason: "etcd"},
		{Name: "overlay", From: "control-plane", To: "worker", Protocol: "udp", FirstPort: 8472, LastPort: 8472, Reason: "pods"},
		{Name: "ping", From: "worker", To: "control-plane", Protocol: "icmp", Reason: "path MTU"},
		{
			Name: "people", From: "declared-sources", To: "load-balancer", Protocol: "tcp", FirstPort: 6443, LastPort: 6443, Reason: "kubectl",
			Sources: []string{"198.51.100.0/24", "198.51.0.0/16"},
		},
	}
	golden.Compare(t, "ruleset.nft", ruleset("lagrum_dev", "lgr-dev", "10.88.0.1", groups, rules, []int{7500}))
}

func TestFirewallSpecValidate(t *testing.T) {
	t.Parallel()
	good := Rule{Name: "api", From: "worker", To: "load-balancer", Protocol: "tcp", FirstPort: 6443, LastPort: 6443, Reason: "the API"}
	with := func(change func(*Rule)) FirewallSpec {
		rule := good
		change(&rule)
		return FirewallSpec{Name: "nodes", Network: "dev", Rules: []Rule{rule}}
	}
	const label = " is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first"
	for name, row := range map[string]struct {
		spec FirewallSpec
		want string
	}{
		"good":           {with(func(*Rule) {}), ""},
		"icmp":           {with(func(r *Rule) { r.Protocol, r.FirstPort, r.LastPort = "icmp", 0, 0 }), ""},
		"declared":       {with(func(r *Rule) { r.From, r.Sources = "declared-sources", []string{"0.0.0.0/0"} }), ""},
		"no name":        {FirewallSpec{Network: "dev"}, `name: ""` + label},
		"no network":     {FirewallSpec{Name: "nodes"}, `network: ""` + label},
		"rule name":      {with(func(r *Rule) { r.Name = "a b" }), `rules[0].name: "a b"` + label},
		"from":           {with(func(r *Rule) { r.From = "" }), `rules[0].from: ""` + label},
		"to":             {with(func(r *Rule) { r.To = "@all" }), `rules[0].to: "@all"` + label},
		"to the world":   {with(func(r *Rule) { r.To = "declared-sources" }), `rules[0].to: "declared-sources" can only be a source; name a machine role or load-balancer`},
		"protocol":       {with(func(r *Rule) { r.Protocol = "sctp" }), `rules[0].protocol: "sctp" is unknown; use tcp, udp or icmp`},
		"no port":        {with(func(r *Rule) { r.FirstPort = 0 }), `rules[0].firstPort: 0 to 6443 is no range of ports; use 1 to 65535, first before last`},
		"ports reversed": {with(func(r *Rule) { r.LastPort = 1 }), `rules[0].firstPort: 6443 to 1 is no range of ports; use 1 to 65535, first before last`},
		"port too high":  {with(func(r *Rule) { r.LastPort = 70000 }), `rules[0].firstPort: 6443 to 70000 is no range of ports; use 1 to 65535, first before last`},
		"icmp port":      {with(func(r *Rule) { r.Protocol = "icmp" }), `rules[0].firstPort: 6443 to 6443: icmp has no ports; use 0`},
		"no reason":      {with(func(r *Rule) { r.Reason = "" }), `rules[0].reason: is empty; say why the rule must exist`},
		"no sources": {with(func(r *Rule) { r.From = "declared-sources" }),
			`rules[0].sources: [] does not go with from "declared-sources"; list the ranges of declared-sources, and of no other group`},
		"sources of a role": {with(func(r *Rule) { r.Sources = []string{"192.0.2.0/24"} }),
			`rules[0].sources: [192.0.2.0/24] does not go with from "worker"; list the ranges of declared-sources, and of no other group`},
		"no range": {with(func(r *Rule) { r.From, r.Sources = "declared-sources", []string{"everyone"} }),
			`rules[0].sources[0]: "everyone" is no IPv4 range; use one like 192.0.2.0/24`},
		"twice": {FirewallSpec{Name: "nodes", Network: "dev", Rules: []Rule{good, good}},
			`rules[1].name: "api" is used twice; rule names are identities`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectError(t, row.spec.Validate(), row.want)
		})
	}
}
