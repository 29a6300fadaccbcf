package site

import "fmt"

// gateway checks who may come in. Only a public gateway is open to everybody, and then it says so.
func (c *checker) gateway(s *Site) {
	g := s.Gateway
	if g == nil {
		return
	}
	if s.Cloud.Kind() == "lab" && g.Public && c.read("cloud") {
		c.bad("gateway.public", "true", "has no meaning in the lab, which has no way to the Internet", "take it out")
	}
	if len(g.Sources) == 0 {
		c.bad("gateway.sources", "", "is empty, so nobody reaches the gateway", "list the networks that people come from, or take gateway out")
	}
	seen := map[CIDR]bool{}
	for i, source := range g.Sources {
		path := fmt.Sprintf("gateway.sources[%d]", i)
		switch {
		case source.IsZero():
		case !source.Prefix().Addr().Is4():
			c.bad(path, source.String(), "is not IPv4, and the gateway has no other address", "list IPv4 networks; dual stack is not built")
		case source.Prefix().Bits() == 0 && !g.Public:
			c.bad(path, source.String(), "is the whole Internet, and the gateway is not public", "list the networks that people come from, or say public: true")
		case source.Prefix().Bits() > 0 && source.Prefix().Bits() < widestSource:
			c.bad(path, source.String(), "is a large part of the Internet", fmt.Sprintf("list networks of /%d or smaller, or 0.0.0.0/0 for everybody", widestSource))
		case seen[source]:
			c.bad(path, source.String(), "is listed twice", "keep one")
		}
		seen[source] = true
	}
	if o := s.Cloud.OpenStack; o != nil && g.Public && o.ExternalNetworkName.IsZero() {
		c.bad("cloud.openstack.externalNetworkName", "", "is missing, and a public gateway takes its address from that network",
			"write the name of the network whose id is externalNetwork")
	}
}

// widestSource is the shortest prefix that names somebody in particular.
const widestSource = 8
