package tenancy

import (
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Traffic is what tenants have: the cluster's DNS, and their own pods among each other. No tenant reaches another, the
// platform, or the world outside.
func Traffic(p *plan.Plan) traffic.Part {
	var made traffic.Part
	for _, t := range p.Tenants {
		party := "tenant-" + t.Name
		made.Namespaces = append(made.Namespaces, traffic.Namespace{Name: t.Name, Why: "a tenant's"})
		made.Parties = append(made.Parties, traffic.Party{Name: party, Namespace: t.Name})
		made.Edges = append(made.Edges, traffic.ToDNS(party, traffic.ClusterDNS, "names are how pods find each other")...)
		made.Edges = append(made.Edges, traffic.Edge{From: party, To: party, Protocol: traffic.Any,
			Why: "the pods of a tenant are one system, and find nobody else's", Serves: requirements.NetworkSegmentation})
	}
	return made
}
