package storage

import (
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Traffic is what the halves of the driver need that are not on the node's network. Driver and sidecars talk over a socket.
func Traffic(p *plan.Plan) traffic.Part {
	d, known := drivers(&Args{Plan: p}, images.For(p.Cluster))[p.Cloud.Kind]
	if !known {
		return traffic.Part{}
	}
	var made traffic.Part
	add := func(part string, edges ...traffic.Edge) {
		made.Parties = append(made.Parties, traffic.Party{Name: part, Namespace: workload.Namespace, Labels: workload.Known(part)})
		made.Edges = append(made.Edges, edges...)
	}
	if part := d.part + "-controller"; !d.controller.host {
		add(part, append(traffic.ToDNS(part, traffic.Resolvers, "it knows the cloud by name"),
			traffic.ToAPI(p, part, "it learns there which volumes are claimed, and says which there are", requirements.EncryptionAtRest),
			traffic.Edge{From: part, To: traffic.CloudAPI, Protocol: traffic.TCP, Why: "it has the cloud make, attach and delete encrypted volumes",
				Serves: requirements.EncryptionAtRest})...)
	}
	if part := d.part + "-node"; !d.node.host {
		add(part)
		if len(d.nodeReads) > 0 {
			made.Edges = append(made.Edges, traffic.ToAPI(p, part, "it reads of its own Node", requirements.EncryptionAtRest))
			made.Edges = append(made.Edges, traffic.ToDNS(part, traffic.Resolvers, "the API's load balancer has a name there, and no address that stays")...)
		}
	}
	return made
}
