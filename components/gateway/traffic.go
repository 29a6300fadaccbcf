package gateway

import (
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// balancers is the party of who leads web traffic to the nodes.
const balancers = "load-balancers"

// Traffic is what the gateway needs. A plan without one has none of it. Nobody is let in to where the node asks how Traefik is:
// what a node asks of its own pods needs no edge.
func Traffic(p *plan.Plan) traffic.Part {
	if p.Gateway == nil {
		return traffic.Part{}
	}
	const serves = requirements.EncryptionInTransit
	made := traffic.Part{
		Namespaces: []traffic.Namespace{{Name: workload.GatewayNamespace, Why: "who leads web traffic to what runs here, with certificates and their keys"}},
		Parties: []traffic.Party{
			{Name: part, Namespace: workload.GatewayNamespace, Labels: workload.Known(part)},
			{Name: balancers},
		},
		Edges: []traffic.Edge{
			{From: balancers, To: part, Protocol: traffic.TCP, Port: httpsPort, Why: "people and systems come in, over TLS", Serves: serves},
			{From: balancers, To: part, Protocol: traffic.TCP, Port: httpPort, Why: "who comes without TLS is told to come with it", Serves: serves},
			traffic.ToAPI(p, part, "it reads routes and certificates", serves),
		},
	}
	for _, cidr := range p.Gateway.Balancers {
		made.Parties[1].Networks = append(made.Parties[1].Networks, traffic.Network{CIDR: cidr})
	}
	if p.Cluster.Login == nil {
		return made
	}
	made.Edges = append(made.Edges, traffic.ToDNS(part, traffic.ClusterDNS, "it knows Dex by name")...)
	made.Edges = append(made.Edges, traffic.Edge{
		From: part, To: identity.Party, Protocol: traffic.TCP, Port: identity.Port,
		Why: "people log in, and API servers fetch the keys of tokens", Serves: requirements.IdentitySSO,
	})
	return made
}
