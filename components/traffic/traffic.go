// Package traffic is the graph of who may talk to whom in a cluster, with a reason for every edge, and the NetworkPolicies
// that follow from it.
//
// Each component declares its own pods and what they need, as a Part; a stack collects the parts of all. What no edge allows
// is denied, both ways, in every namespace of the graph. The graph is decided by the plan alone and knows no Pulumi, so that
// it can be checked, printed and reviewed before there is a cluster: package segmentation builds what it says.
//
// Pods on the network of their node are in no graph. NetworkPolicies do not hold for them: what they reach is the firewall's
// to say (package firewall).
package traffic

import (
	"maps"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
)

// The protocols of an edge.
const (
	TCP = "TCP"
	UDP = "UDP"
	// Any is every protocol, and with it every port.
	Any = ""
)

// Graph is who may talk to whom. Collect makes one that holds together.
type Graph struct {
	// Namespaces, Parties and Edges are sorted by name.
	Namespaces []Namespace
	Parties    []Party
	Edges      []Edge
}

// Part is what one component adds to the graph.
type Part struct {
	Namespaces []Namespace
	Parties    []Party
	Edges      []Edge
}

// Namespace is one that is closed.
type Namespace struct {
	Name string
	// Builtin are those that Kubernetes makes. All others are made, and closed, by the component that declares them.
	Builtin bool
	Why     string // it is there
}

// Party is somebody who asks or answers: pods, or addresses.
type Party struct {
	// Name in the graph, a DNS label. The policy of a party of pods bears it.
	Name string
	// Namespace of its pods, and the labels by which they are known: without labels, every pod of the namespace.
	Namespace string
	Labels    map[string]string
	// Networks are addresses. No policy is about them, so that an edge opens the other end alone.
	Networks []Network
}

// Network is a range of addresses.
type Network struct {
	CIDR string
	// Except are the ranges in it that stay closed.
	Except []string
	// Why a range is as wide as it is; only one wider than a /8 (IPv6: /32) needs to say.
	Why string
}

// Edge lets one party open connections to another. Answers need no edge.
type Edge struct {
	From, To string // names of parties
	Protocol string // TCP, UDP, Any
	Port     int    // 0 is every port
	Why      string
	// Serves is the capability that the edge is there for; network-segmentation where it is for nothing but work.
	Serves requirements.Capability
}

// pods tells whether a policy can be about the party.
func (p Party) pods() bool { return p.Namespace != "" }

// Party of a name; the second result is false where there is none.
func (g *Graph) Party(name string) (Party, bool) {
	i := slices.IndexFunc(g.Parties, func(p Party) bool { return p.Name == name })
	if i < 0 {
		return Party{}, false
	}
	return g.Parties[i], true
}

// Selects tells whether the pods of a namespace with these labels are of the party.
func (p Party) Selects(namespace string, labels map[string]string) bool {
	if !p.pods() || p.Namespace != namespace {
		return false
	}
	for key, value := range p.Labels {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// Collect puts parts together, or tells every mistake in them.
func Collect(parts ...Part) (*Graph, error) {
	g := &Graph{}
	for _, p := range parts {
		g.Namespaces = append(g.Namespaces, p.Namespaces...)
		g.Parties = append(g.Parties, p.Parties...)
		g.Edges = append(g.Edges, p.Edges...)
	}
	slices.SortStableFunc(g.Namespaces, func(a, b Namespace) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(g.Parties, func(a, b Party) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(g.Edges, compare)
	if err := g.check(); err != nil {
		return nil, err
	}
	return g, nil
}

// with are the edges that a party has as the one who asks, or as the one who answers.
func (g *Graph) with(name string, end func(Edge) string) []Edge {
	var found []Edge
	for _, e := range g.Edges {
		if end(e) == name {
			found = append(found, e)
		}
	}
	return found
}

func asker(e Edge) string    { return e.From }
func answerer(e Edge) string { return e.To }

func sorted(labels map[string]string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return all
}
