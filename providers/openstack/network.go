package openstack

import (
	"fmt"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/networking"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
)

type foundation struct {
	pulumi.ResourceState
}

// own is what later resources need of the foundation.
type own struct {
	network, subnet pulumi.StringOutput
	groups          map[firewall.Group]pulumi.StringOutput
	pool            pulumi.StringOutput // of the API's load balancer
	way             pulumi.Resource     // out of the subnet, and for a floating address in
	gateway         *gateway            // nil where the plan has none
}

// Foundation makes the node network with a way out, the security groups, the API's load balancer and the gateway's.
func (c *Cloud) Foundation(
	ctx *pulumi.Context, name string, args *providers.FoundationArgs, opts ...pulumi.ResourceOption,
) (*providers.Foundation, error) {
	made := &providers.Foundation{}
	p := args.Plan
	facts := pulumi.Map{"nodeCIDR": pulumi.String(p.Network.NodeCIDR), "project": pulumi.String(c.facts.Project)}
	err := construct.Component(ctx, "lagrum:openstack:Foundation", name, &foundation{}, facts, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			network, err := networking.NewNetwork(ctx, name+"-network", &networking.NetworkArgs{
				Name: physical(p, "nodes"), Tags: tags(p, "openstack:networking/network:Network"),
				Description:         pulumi.String("nodes of " + p.Cluster.Name),
				PortSecurityEnabled: pulumi.Bool(true), // without it no security group holds
			}, parent)
			if err != nil {
				return nil, fmt.Errorf("network: %w", err)
			}
			subnet, err := networking.NewSubnet(ctx, name+"-subnet", &networking.SubnetArgs{
				Name: physical(p, "nodes"), Tags: tags(p, "openstack:networking/subnet:Subnet"), NetworkId: network.ID(),
				Cidr: pulumi.String(p.Network.NodeCIDR), IpVersion: pulumi.Int(4),
			}, parent)
			if err != nil {
				return nil, fmt.Errorf("subnet: %w", err)
			}
			router, err := networking.NewRouter(ctx, name+"-router", &networking.RouterArgs{
				Name: physical(p, "out"), Tags: tags(p, "openstack:networking/router:Router"),
				Description:       pulumi.String("the way out of " + p.Cluster.Name + "; none in"),
				ExternalNetworkId: pulumi.String(c.facts.ExternalNetwork),
			}, parent)
			if err != nil {
				return nil, fmt.Errorf("router: %w", err)
			}
			way, err := networking.NewRouterInterface(ctx, name+"-router", &networking.RouterInterfaceArgs{
				RouterId: router.ID(), SubnetId: subnet.ID(),
			}, parent)
			if err != nil {
				return nil, fmt.Errorf("router interface: %w", err)
			}
			o := own{network: network.ID().ToStringOutput(), subnet: subnet.ID().ToStringOutput(), way: way}
			if o.groups, err = newFirewall(ctx, name, args, parent); err != nil {
				return nil, err
			}
			made.Endpoint, o.pool, err = newLoadBalancer(ctx, name+"-api", p, o, parent)
			if err != nil {
				return nil, err
			}
			outputs := pulumi.Map{"endpoint": made.Endpoint}
			if p.Gateway != nil {
				if o.gateway, err = newGateway(ctx, name+"-gateway", p, o, parent); err != nil {
					return nil, fmt.Errorf("gateway: %w", err)
				}
				made.Gateway, outputs["gateway"] = o.gateway.address, o.gateway.address
			}
			made.Own = o
			return outputs, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}
