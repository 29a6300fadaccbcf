package traffic

import (
	"slices"
	"strings"
)

// defaultDeny is the policy that closes a namespace.
const defaultDeny = "default-deny"

// Policy is one NetworkPolicy.
type Policy struct {
	Namespace, Name string
	// Labels of the pods that it is about; none is every pod.
	Labels map[string]string
	// In and Out tell what it rules: what comes in, what goes out. Of that, only what a rule allows.
	In, Out bool
	Ingress []Rule
	Egress  []Rule
	// Why has a line for each edge that it opens, or what it is for.
	Why []string
}

// Closes tells whether the policy is the one that closes its namespace.
func (p Policy) Closes() bool { return p.Name == defaultDeny }

// Rule opens ports of, or to, one party.
type Rule struct {
	Peer  Party
	Ports []Port // none is everything
}

// Port of a protocol; 0 is every port.
type Port struct {
	Protocol string
	Port     int
}

// Policies are what the graph says: for each namespace one that denies everything, both ways, and for each party of pods one
// that opens its edges. An edge between pods is opened at both ends. Those that open come before the one that closes.
func (g *Graph) Policies() []Policy {
	var all []Policy
	for _, n := range g.Namespaces {
		all = append(all, g.In(n.Name)...)
	}
	return all
}

// In are the policies of one namespace.
func (g *Graph) In(namespace string) []Policy {
	var all []Policy
	for _, p := range g.Parties {
		if p.Namespace != namespace {
			continue
		}
		in, out := g.with(p.Name, answerer), g.with(p.Name, asker)
		if len(in)+len(out) == 0 {
			continue
		}
		made := Policy{Namespace: namespace, Name: p.Name, Labels: p.Labels, In: len(in) > 0, Out: len(out) > 0,
			Ingress: g.rules(in, asker), Egress: g.rules(out, answerer)}
		for _, e := range merged(append(in, out...)) {
			made.Why = append(made.Why, e.String()+": "+e.Why)
		}
		all = append(all, made)
	}
	return append(all, Policy{Namespace: namespace, Name: defaultDeny, In: true, Out: true,
		Why: []string{"what no edge of the traffic graph allows is denied, both ways"}})
}

// rules gather the edges that share the other end.
func (g *Graph) rules(edges []Edge, other func(Edge) string) []Rule {
	var rules []Rule
	for _, e := range edges {
		i := slices.IndexFunc(rules, func(r Rule) bool { return r.Peer.Name == other(e) })
		if i < 0 {
			peer, _ := g.Party(other(e))
			rules, i = append(rules, Rule{Peer: peer}), len(rules)
		}
		rules[i].Ports = append(rules[i].Ports, Port{e.Protocol, e.Port})
	}
	for i, r := range rules {
		if slices.ContainsFunc(r.Ports, func(p Port) bool { return p.Protocol == Any }) {
			rules[i].Ports = nil
		}
	}
	return rules
}

// merged are edges in their order, each once: one from a party to itself is both asked and answered.
func merged(edges []Edge) []Edge {
	edges = slices.Clone(edges)
	slices.SortStableFunc(edges, compare)
	return slices.Compact(edges)
}

// Where writes what a party is, for a table.
func (p Party) Where() string {
	switch {
	case len(p.Networks) > 0:
		var all []string
		for _, n := range p.Networks {
			text := n.CIDR
			if len(n.Except) > 0 {
				text += " but " + strings.Join(n.Except, ", ")
			}
			all = append(all, text)
		}
		return strings.Join(all, "; ")
	case len(p.Labels) == 0:
		return "namespace " + p.Namespace
	}
	return "namespace " + p.Namespace + ", " + strings.Join(sorted(p.Labels), ", ")
}
