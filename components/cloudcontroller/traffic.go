package cloudcontroller

import (
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Traffic is what the manager needs, where the cloud has one and it is not on the node's network.
func Traffic(p *plan.Plan) traffic.Part {
	m, known := managers(images.For(p.Cluster))[p.Cloud.Kind]
	if !known || m.host {
		return traffic.Part{}
	}
	return traffic.Part{
		Parties: []traffic.Party{{Name: part, Namespace: workload.Namespace, Labels: workload.Known(part)}},
		Edges: append(traffic.ToDNS(part, traffic.Resolvers, "it knows the cloud by name, and starts before cluster DNS"),
			traffic.ToAPI(p, part, "it tells Kubernetes of a node's machine, and takes a Node away whose machine has gone", requirements.Redundancy),
			traffic.Edge{From: part, To: traffic.CloudAPI, Protocol: traffic.TCP, Why: "it asks the cloud for the machines", Serves: requirements.Redundancy}),
	}
}
