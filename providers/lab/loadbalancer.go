package lab

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/stacks/plan"
)

type loadBalancer struct {
	pulumi.CustomResourceState
	Address pulumi.StringOutput `pulumi:"address"`
}

type loadBalancerMember struct {
	pulumi.CustomResourceState
}

func newLoadBalancer(
	ctx *pulumi.Context, name string, p *plan.Plan, network pulumi.StringInput, opts ...pulumi.ResourceOption,
) (*loadBalancer, error) {
	made := &loadBalancer{}
	err := ctx.RegisterResource("lab:index:LoadBalancer", name, pulumi.Map{
		"name": pulumi.String(p.Cluster.Name + "-api"), "network": network, "port": pulumi.Int(p.Cluster.APIPort),
	}, made, append(opts, pulumi.Version(Version))...)
	return made, err
}

func newMember(
	ctx *pulumi.Context, name, node string, balancer pulumi.StringInput, address pulumi.StringInput, opts ...pulumi.ResourceOption,
) (pulumi.Resource, error) {
	made := &loadBalancerMember{}
	err := ctx.RegisterResource("lab:index:LoadBalancerMember", name, pulumi.Map{
		"loadBalancer": balancer, "name": pulumi.String(node), "address": address,
	}, made, append(opts, pulumi.Version(Version))...)
	return made, err
}
