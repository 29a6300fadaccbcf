package traffic

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
)

// metadata are the addresses at which clouds tell a machine its user-data, and on some clouds its credentials. Of IPv4 the
// whole link-local range: clouds have more services there. Of IPv6 Amazon's and OpenStack's.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fd00:ec2::254/128"), netip.MustParsePrefix("fe80::a9fe:a9fe/128"),
}

// Wider ranges than these say why they are.
const (
	widest4 = 8
	widest6 = 32
)

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// compare orders edges for reading.
func compare(a, b Edge) int {
	return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
}

// checker collects every mistake of a graph.
type checker struct {
	*Graph
	mistakes []error
}

func (c *checker) bad(format string, args ...any) {
	c.mistakes = append(c.mistakes, fmt.Errorf("traffic: "+format, args...))
}

func (g *Graph) check() error {
	c := &checker{Graph: g}
	known := map[string]bool{}
	for _, n := range g.Namespaces {
		if known[n.Name] {
			c.bad("namespace %q: declared twice; one component declares it", n.Name)
		}
		if n.Why == "" {
			c.bad("namespace %q: has no reason; say what it is for", n.Name)
		}
		known[n.Name] = true
	}
	names := map[string]bool{}
	for _, p := range g.Parties {
		if names[p.Name] {
			c.bad("party %q: declared twice; give one of them another name", p.Name)
		}
		names[p.Name] = true
		c.party(p, known)
	}
	for i, e := range g.Edges {
		if i > 0 && compare(g.Edges[i-1], e) == 0 {
			c.bad("%s: declared twice; keep one, with both reasons", e)
		}
		c.edge(e)
	}
	return errors.Join(c.mistakes...)
}

func (c *checker) party(p Party, namespaces map[string]bool) {
	if !label.MatchString(p.Name) || p.Name == defaultDeny {
		c.bad("party %q: is no name for a policy of its own; use lower-case letters, digits and hyphens, and not %s", p.Name, defaultDeny)
	}
	if p.pods() == (len(p.Networks) > 0) {
		c.bad("party %q: is pods of a namespace, or networks: say which", p.Name)
	}
	if len(p.Labels) > 0 && !p.pods() {
		c.bad("party %q: has labels and no namespace; name it", p.Name)
	}
	if p.pods() && !namespaces[p.Namespace] {
		c.bad("party %q: namespace %q is not in the graph, so nothing would close it; declare it", p.Name, p.Namespace)
	}
	for _, n := range p.Networks {
		c.network(p.Name, n)
	}
}

// network checks that a range is written as it is meant, and that no metadata service is in it.
func (c *checker) network(party string, n Network) {
	whole, ok := c.prefix(party, n.CIDR)
	if !ok {
		return
	}
	widest := widest4
	if whole.Addr().Is6() {
		widest = widest6
	}
	if whole.Bits() < widest && n.Why == "" {
		c.bad("party %q: network %s: is wider than a /%d; narrow it, or say why it cannot be", party, n.CIDR, widest)
	}
	var except []netip.Prefix
	for _, text := range n.Except {
		one, ok := c.prefix(party, text)
		if !ok {
			continue
		}
		if one.Bits() <= whole.Bits() || !whole.Contains(one.Addr()) {
			c.bad("party %q: network %s: its exception %s does not lie inside it; take it out", party, n.CIDR, text)
		}
		except = append(except, one)
	}
	for _, m := range metadata {
		if !whole.Overlaps(m) {
			continue
		}
		if !slices.ContainsFunc(except, func(e netip.Prefix) bool { return e.Bits() <= m.Bits() && e.Contains(m.Addr()) }) {
			c.bad("party %q: network %s: has the metadata service (%s) in it; except that, and where nothing is left, take the network out", party, n.CIDR, m)
		}
	}
}

func (c *checker) prefix(party, text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Masked() != p {
		c.bad("party %q: network %q: is no range of addresses; write one as 10.0.0.0/24", party, text)
		return p, false
	}
	return p, true
}

func (c *checker) edge(e Edge) {
	from, knownFrom := c.Party(e.From)
	to, knownTo := c.Party(e.To)
	if !knownFrom {
		c.bad("%s: nobody is called %q; declare the party", e, e.From)
	}
	if !knownTo {
		c.bad("%s: nobody is called %q; declare the party", e, e.To)
	}
	if strings.TrimSpace(e.Why) == "" {
		c.bad("%s: has no reason; say what breaks without it", e)
	}
	if !slices.Contains(requirements.Capabilities(), e.Serves) {
		c.bad("%s: serves %q, which is no capability; use one of package requirements", e, e.Serves)
	}
	switch {
	case !slices.Contains([]string{TCP, UDP, Any}, e.Protocol):
		c.bad("%s: protocol %q: use TCP, UDP or Any", e, e.Protocol)
	case e.Protocol == Any && e.Port != 0:
		c.bad("%s: has a port and no protocol; say TCP or UDP", e)
	case e.Port < 0 || e.Port > 65535:
		c.bad("%s: port %d: use 1 to 65535, or 0 for every port", e, e.Port)
	}
	if !knownFrom || !knownTo {
		return
	}
	if !to.pods() && !from.pods() {
		c.bad("%s: no policy can be about it, since neither end is pods of a namespace that is known; take it out", e)
	}
}

// String tells an edge in one line.
func (e Edge) String() string { return fmt.Sprintf("%s -> %s, %s", e.From, e.To, e.Ports()) }

// Ports tells what an edge opens.
func (e Edge) Ports() string {
	switch {
	case e.Protocol == Any:
		return "everything"
	case e.Port == 0:
		return e.Protocol + " every port"
	}
	return fmt.Sprintf("%s %d", e.Protocol, e.Port)
}
