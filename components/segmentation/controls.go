package segmentation

import "github.com/lagrum/lagrum/requirements"

// Controls are what closed namespaces serve.
func Controls() []requirements.Control {
	return []requirements.Control{{
		Capability: requirements.NetworkSegmentation, Resources: []string{"kubernetes:networking.k8s.io/v1:NetworkPolicy"},
		How: "every namespace that is declared is closed both ways before anything runs in it; what is open is an edge of one graph, with its reason, and " +
			"no edge leads to a metadata service",
		Proofs: []string{"policy TestEveryNamespaceIsClosed", "policy TestEveryEdgeIsOpenAndNothingElse", "lab only declared traffic passes"},
	}}
}
