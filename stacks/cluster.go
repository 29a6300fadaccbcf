package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newCluster is the second hand-over: an API that answers, and the one provider into it.
func (s Stack) newCluster(ctx *pulumi.Context, p *plan.Plan, infra *infrastructure) (*cluster.Cluster, error) {
	return cluster.New(ctx, p.Name+"-cluster", &cluster.Args{
		Plan: p, PKI: infra.PKI, Endpoint: infra.Foundation.Endpoint, Machines: infra.firstMachines(p),
		Prober: s.Probe, BootLogHint: bootLogHint(p),
	})
}

// bootLogHint says where a node's boot can be read, by cloud.
func bootLogHint(p *plan.Plan) string {
	node := firstControlPlane(p)
	switch p.Cloud.Kind {
	case "lab":
		return "bin/lagrum lab logs " + node
	default:
		return "the console log of machine " + p.Cluster.Name + "-" + node
	}
}

// firstControlPlane is the node whose boot decides whether there is a cluster.
func firstControlPlane(p *plan.Plan) string {
	first := ""
	for _, pool := range p.Pools {
		if pool.Role != plan.ControlPlane {
			continue
		}
		for _, node := range pool.Nodes {
			if node.Initialises {
				return node.Name
			}
			if first == "" {
				first = node.Name
			}
		}
	}
	return first
}
