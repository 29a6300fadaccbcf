package site

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// checker judges what values say together. It needs no law and no clock.
type checker struct {
	// unread are the decoder's problems with values: whatever they touch is not judged, neither the value itself nor the
	// whole that it is part of.
	unread   Problems
	problems Problems
	warnings []Warning
}

func (c *checker) bad(path, value, message, remedy string) {
	if c.read(path) {
		c.problems = append(c.problems, Problem{path, value, message, remedy})
	}
}

// read tells whether the decoder had nothing against a value, its parts, or what it is part of.
func (c *checker) read(path string) bool {
	return !slices.ContainsFunc(c.unread, func(p Problem) bool {
		return p.Path == key || within(p.Path, path) || within(path, p.Path)
	})
}

func (c *checker) warn(path, message, remedy string) {
	c.warnings = append(c.warnings, Warning{Path: path, Message: message, Remedy: remedy})
}

// within tells whether the inner path is the outer one or lies below it.
func within(inner, outer string) bool {
	rest, found := strings.CutPrefix(inner, outer)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (c *checker) site(s *Site) {
	c.operator(s)
	c.cloud(s)
	c.cluster(s)
	c.networks(s)
	c.pools(s)
	c.encryption(s)
	c.guestEncryption(s)
	c.gateway(s)
	c.identity(s)
	c.tenants(s.Tenants)
	c.access(s)
	c.retention(&s.Retention)
	c.stores(s)
	c.backup(s)
	c.recovery(s)
	c.waivers(s.Waivers)
}

func (c *checker) operator(s *Site) {
	if !s.Environment.Serious() {
		return
	}
	contacts := s.Operator.Contacts
	for _, need := range []struct {
		key     string
		contact Contact
	}{{"security", contacts.Security}, {"onCall", contacts.OnCall}} {
		if need.contact == (Contact{}) {
			c.bad("operator.contacts."+need.key, "", "is missing", "name who answers for a "+string(s.Environment)+" stack")
		}
	}
}

func (c *checker) cloud(s *Site) {
	named := 0
	for _, there := range []bool{s.Cloud.OpenStack != nil, s.Cloud.AWS != nil, s.Cloud.Lab != nil} {
		if there {
			named++
		}
	}
	if named != 1 {
		c.bad("cloud", "", fmt.Sprintf("names %d clouds", named), "keep exactly one of: openstack, aws, lab")
	}
	if s.Cloud.Lab != nil && s.Environment.Serious() {
		c.warn("cloud.lab", "is a laboratory, where neither encrypted disks nor a place can be proved",
			"rehearse here, and keep patient data elsewhere")
	}
	if s.Cloud.Lab == nil && named == 1 && len(s.Cluster.APISources) == 0 {
		c.warn("cluster.apiSources", "is empty, so nothing outside the node network reaches the API",
			"list the networks that administrators and pipelines come from")
	}
}

func (c *checker) cluster(s *Site) {
	k := &s.Cluster
	c.longest("cluster.name", k.Name, 24)
	c.lasts("cluster.joinLifetime", k.JoinLifetime, 10*time.Minute, 24*time.Hour, "10m to 24h")
	seen := map[CIDR]bool{}
	for i, source := range k.APISources {
		path := fmt.Sprintf("cluster.apiSources[%d]", i)
		switch {
		case source.IsZero():
		case source.Prefix().Bits() == 0:
			c.bad(path, source.String(), "is the whole Internet", "list the networks that administrators and pipelines come from")
		case seen[source]:
			c.bad(path, source.String(), "is listed twice", "keep one")
		}
		seen[source] = true
	}
	pool := s.ControlPlane()
	if pool == nil || k.InitialisedBy.IsZero() || !c.read("nodePools") {
		return
	}
	for slot := 1; slot <= pool.Count; slot++ {
		for generation := 1; generation <= pool.SlotGeneration(slot); generation++ {
			if k.InitialisedBy.String() == NodeName(pool.Name, slot, generation) {
				return
			}
		}
	}
	c.bad("cluster.initialisedBy", k.InitialisedBy.String(), "is no node that the control-plane pool has or had",
		"name one, e.g. "+NodeName(pool.Name, 1, 1))
}

// networks checks the three networks of the cluster one by one and against each other. Limits of the service network
// are those of the API server (at most 20 host bits) and of its fixed tenth address; those of the pod network are the
// controller manager's (a /24 for each node, at most 16 bits of nodes).
func (c *checker) networks(s *Site) {
	nodes, surge := 0, 1
	for _, p := range s.NodePools {
		nodes += max(p.Count, 0) + len(p.Leaving)
		surge = max(surge, p.Count)
	}
	networks := []struct {
		path        string
		cidr        CIDR
		least, most int // prefix length
		remedy      string
	}{
		{"cluster.serviceCIDR", s.Cluster.ServiceCIDR, 12, 24, "use /12 to /24"},
		{"cluster.podCIDR", s.Cluster.PodCIDR, 8, 24, "use /8 to /24"},
		{"cluster.nodeCIDR", s.Cluster.NodeCIDR, 8, 28, "use /8 to /28"},
	}
	for i, n := range networks {
		p := n.cidr.Prefix()
		switch {
		case n.cidr.IsZero():
			continue
		case !p.Addr().Is4():
			c.bad(n.path, n.cidr.String(), "is not IPv4", "use an IPv4 network; dual stack is not built")
			continue
		case p.Bits() < n.least || p.Bits() > n.most:
			c.bad(n.path, n.cidr.String(), "has a prefix length that does not work", n.remedy)
			continue
		}
		for _, taken := range []struct{ cidr, what string }{
			{"0.0.0.0/8", "this-network addresses"}, {"127.0.0.0/8", "loopback addresses"},
			{"169.254.0.0/16", "link-local addresses, where clouds serve metadata"},
			{"224.0.0.0/3", "multicast and reserved addresses"},
		} {
			if reserved, err := netip.ParsePrefix(taken.cidr); err == nil && p.Overlaps(reserved) {
				c.bad(n.path, n.cidr.String(), "holds "+taken.what, "use a private network (RFC 1918)")
			}
		}
		for _, other := range networks[:i] {
			if other.cidr.Prefix().Overlaps(p) {
				c.bad(n.path, n.cidr.String(), "overlaps "+other.path+" "+other.cidr.String(), "keep the networks apart")
			}
		}
		switch n.path {
		case "cluster.podCIDR":
			if room := 1 << (24 - p.Bits()); room < nodes+surge {
				c.bad(n.path, n.cidr.String(), fmt.Sprintf("has a /24 for %d nodes, and %d may exist during a replacement", room, nodes+surge),
					"use a larger network")
			}
		case "cluster.nodeCIDR":
			// Clouds keep up to five addresses, and gateway and load balancer take two more.
			if room := 1<<(32-p.Bits()) - 8; room < nodes+surge {
				c.bad(n.path, n.cidr.String(), fmt.Sprintf("has room for %d nodes, and %d may exist during a replacement", room, nodes+surge),
					"use a larger network")
			}
		}
	}
}

func (c *checker) longest(path string, name Name, limit int) {
	if n := len(name.String()); n > limit {
		c.bad(path, name.String(), fmt.Sprintf("has %d characters", n),
			fmt.Sprintf("use at most %d, so that every cloud can take the names made from it", limit))
	}
}

func (c *checker) lasts(path string, d Duration, least, most time.Duration, limits string) {
	if !d.IsZero() && (d.Std() < least || d.Std() > most) {
		c.bad(path, d.String(), "is out of range", "use "+limits)
	}
}
