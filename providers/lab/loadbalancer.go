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

// newGateway makes the load balancer of web traffic. It takes the encrypted port alone: who wants to see the redirect asks a
// worker. It comes after the API's, so that each lab has the same addresses.
func newGateway(
	ctx *pulumi.Context, name string, p *plan.Plan, network pulumi.StringInput, after pulumi.Resource, opts ...pulumi.ResourceOption,
) (*loadBalancer, error) {
	made := &loadBalancer{}
	err := ctx.RegisterResource("lab:index:LoadBalancer", name, pulumi.Map{
		"name": pulumi.String(p.Cluster.Name + "-gateway"), "network": network, "port": pulumi.Int(encryptedPort),
		"memberPort": pulumi.Int(p.Gateway.NodePort("https")),
	}, made, append(opts, pulumi.Version(Version), pulumi.DependsOn([]pulumi.Resource{after}))...)
	return made, err
}

const encryptedPort = 443

func newMember(
	ctx *pulumi.Context, name, node string, balancer pulumi.StringInput, address pulumi.StringInput, opts ...pulumi.ResourceOption,
) (pulumi.Resource, error) {
	made := &loadBalancerMember{}
	err := ctx.RegisterResource("lab:index:LoadBalancerMember", name, pulumi.Map{
		"loadBalancer": balancer, "name": pulumi.String(node), "address": address,
	}, made, append(opts, pulumi.Version(Version))...)
	return made, err
}
