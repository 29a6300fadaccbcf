package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/retirement"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newServices is the last hand-over: everything that runs inside the cluster.
func newServices(ctx *pulumi.Context, p *plan.Plan, infra *infrastructure, made *cluster.Cluster) error {
	inCluster := pulumi.Provider(made.Provider)
	_, err := network.New(ctx, p.Name+"-network", &network.Args{Plan: p, Endpoint: infra.Foundation.Endpoint}, inCluster)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	_, err = retirement.New(ctx, p.Name+"-retirement", &retirement.Args{
		Plan: p, Endpoint: infra.Foundation.Endpoint, Machines: infra.machines(),
	}, inCluster)
	if err != nil {
		return fmt.Errorf("retirement: %w", err)
	}
	return nil
}
