package lab

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
)

type foundation struct {
	pulumi.ResourceState
}

// own is what later resources need of the foundation: its ids.
type own struct {
	network, balancer pulumi.StringOutput
	gateway           *loadBalancer // nil where the plan has none
}

type network struct {
	pulumi.CustomResourceState
	Bridge pulumi.StringOutput `pulumi:"bridge"`
}

// Foundation makes the bridge, its firewall, the API's load balancer, and the gateway's where the plan has one.
func (c *Cloud) Foundation(
	ctx *pulumi.Context, name string, args *providers.FoundationArgs, opts ...pulumi.ResourceOption,
) (*providers.Foundation, error) {
	made := &providers.Foundation{}
	facts := pulumi.Map{"nodeCIDR": pulumi.String(args.Plan.Network.NodeCIDR)}
	err := construct.Component(ctx, "lagrum:lab:Foundation", name, &foundation{}, facts, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			net := &network{}
			err := ctx.RegisterResource("lab:index:Network", name+"-network", pulumi.Map{
				"name": pulumi.String(args.Plan.Cluster.Name),
				"cidr": pulumi.String(args.Plan.Network.NodeCIDR),
			}, net, parent, pulumi.Version(Version))
			if err != nil {
				return nil, err
			}
			// The id is the network's name; it carries the dependency on the bridge to everything that uses it.
			id := net.ID().ToStringOutput()
			if err := newFirewall(ctx, name+"-firewall", args, id, parent); err != nil {
				return nil, err
			}
			balancer, err := newLoadBalancer(ctx, name+"-api", args.Plan, id, parent)
			if err != nil {
				return nil, err
			}
			o := own{network: id, balancer: balancer.ID().ToStringOutput()}
			if args.Plan.Gateway != nil {
				if o.gateway, err = newGateway(ctx, name+"-gateway", args.Plan, id, balancer, parent); err != nil {
					return nil, err
				}
				made.Gateway = o.gateway.Address
			}
			made.Endpoint, made.Own = balancer.Address, o
			return pulumi.Map{"endpoint": made.Endpoint}, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}
