package stacks

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/stacks/plan"
)

// export declares the stack's outputs: few, typed, and all of them here.
func export(ctx *pulumi.Context, p *plan.Plan, infra *infrastructure, made *cluster.Cluster) {
	// The API's address, https://host:port.
	ctx.Export("endpoint", made.Endpoint)
	// Where web traffic goes, a host name or an address, for the operator's DNS; only where the site has a gateway.
	if p.Gateway != nil {
		ctx.Export("gateway", infra.Foundation.Gateway)
	}
	// The kubeconfig of everybody who logs in, which holds no credential; only where the site lets people log in.
	if p.Cluster.Login != nil {
		ctx.Export("peoplesKubeconfig", peoplesKubeconfig(p, infra, made))
	}
	// The administrator's kubeconfig; secret.
	ctx.Export("kubeconfig", made.Kubeconfig)
	// The Kubernetes version that the site declares.
	ctx.Export("kubernetesVersion", pulumi.String(p.Cluster.Version))
}
