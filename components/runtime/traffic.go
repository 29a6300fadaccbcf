package runtime

import (
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Traffic is nothing: what Falco tells leaves by its standard output, which the node keeps, and it asks nobody. A plan that
// watches no node has no namespace for it.
func Traffic(p *plan.Plan) traffic.Part {
	if len(p.Watched) == 0 {
		return traffic.Part{}
	}
	return traffic.Part{
		Namespaces: []traffic.Namespace{{Name: workload.RuntimeNamespace, Why: "what watches the nodes' kernels, and talks to nobody"}},
		Parties:    []traffic.Party{{Name: part, Namespace: workload.RuntimeNamespace, Labels: workload.Known(part)}},
	}
}
