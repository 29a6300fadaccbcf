package network

import (
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Traffic is what cluster DNS needs. All else of the network runs on that of the nodes.
func Traffic(p *plan.Plan) traffic.Part {
	edges := append(
		traffic.ToDNS(traffic.EveryPod, traffic.ClusterDNS, "names are how pods find each other"),
		traffic.ToDNS(traffic.ClusterDNS, traffic.Resolvers, "names that are not the cluster's are asked where the nodes ask")...)
	return traffic.Part{
		Parties: []traffic.Party{{
			Name: traffic.ClusterDNS, Namespace: workload.Namespace, Labels: map[string]string{dnsLabel: dnsService},
		}},
		Edges: append(edges, traffic.ToAPI(p, traffic.ClusterDNS, "it learns there which Services there are, and who serves them", requirements.NetworkSegmentation)),
	}
}
