package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/stacks/plan"
)

// export declares the stack's outputs: few, typed, and all of them here.
func export(ctx *pulumi.Context, p *plan.Plan, made *cluster.Cluster) {
	// The API's address, https://host:port.
	ctx.Export("endpoint", made.Endpoint)
	// The administrator's kubeconfig; secret.
	ctx.Export("kubeconfig", made.Kubeconfig)
	// The Kubernetes version that the site declares.
	ctx.Export("kubernetesVersion", pulumi.String(p.Cluster.Version))
}
