// Package lab is the cloud adapter of the offline laboratory: machines, a bridge, a firewall and a load balancer on
// one Linux host, behind the same contract as a real cloud.
//
// It speaks to the provider plugin `lab`, which has no generated SDK: the few resource types are declared here, in
// the files that use them.
package lab

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Version of the provider plugin's contract.
const Version = "0.1.0"

// Cloud is the lab behind the neutral contract.
type Cloud struct {
	provider *provider
}

type provider struct {
	pulumi.ProviderResourceState
}

// New makes the explicit provider of a stack on the lab.
func New(ctx *pulumi.Context, p *plan.Plan, _ providers.Secrets) (providers.Cloud, error) {
	made := &provider{}
	args := pulumi.Map{"lab": pulumi.String(p.Cluster.Name)}
	err := ctx.RegisterResource("pulumi:providers:lab", p.Name+"-lab", args, made, pulumi.Version(Version))
	if err != nil {
		return nil, fmt.Errorf("provider lab: %w", err)
	}
	return &Cloud{provider: made}, nil
}

// options are what every component of this adapter is made with: the lab's provider for it and its children.
func (c *Cloud) options(opts []pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(append([]pulumi.ResourceOption{}, opts...), pulumi.Providers(c.provider))
}
