package openstack

import (
	"fmt"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/loadbalancer"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/networking"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

// gateway is the load balancer of web traffic: its address, and its pools by the port that they lead to.
type gateway struct {
	address pulumi.StringOutput
	pools   map[int]pulumi.StringOutput
}

// newGateway makes a load balancer of its own, so that whatever reaches it is nowhere near the API's. Its address is a
// port of ours with the gateway's security group. A floating address leads there only where the site says public.
func newGateway(ctx *pulumi.Context, name string, p *plan.Plan, o own, parent pulumi.ResourceOption) (*gateway, error) {
	port, err := networking.NewPort(ctx, name, &networking.PortArgs{
		Name: physical(p, "gateway"), Tags: tags(p, "openstack:networking/port:Port"), Description: pulumi.String("address of the gateway of " + p.Cluster.Name),
		NetworkId: o.network, FixedIps: networking.PortFixedIpArray{networking.PortFixedIpArgs{SubnetId: o.subnet}},
		SecurityGroupIds: pulumi.StringArray{o.groups[firewall.Gateway]},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("port of the gateway: %w", err)
	}
	balancer, err := loadbalancer.NewLoadBalancer(ctx, name, &loadbalancer.LoadBalancerArgs{
		Name: physical(p, "gateway"), Tags: tags(p, "openstack:loadbalancer/loadBalancer:LoadBalancer"), VipPortId: port.ID(),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("load balancer: %w", err)
	}
	g := &gateway{address: port.AllFixedIps.Index(pulumi.Int(0)), pools: map[int]pulumi.StringOutput{}}
	ready := []any{nil}
	for _, each := range p.Gateway.Ports {
		var listener pulumi.Output
		g.pools[each.NodePort], listener, err = newGatewayPort(ctx, name+"-"+each.Name, p, each, balancer.ID(), parent)
		if err != nil {
			return nil, fmt.Errorf("port %d: %w", each.Port, err)
		}
		ready = append(ready, listener)
	}
	if p.Gateway.Public {
		floating, err := networking.NewFloatingIp(ctx, name, &networking.FloatingIpArgs{
			Pool: pulumi.String(p.Cloud.OpenStack.ExternalNetworkName), PortId: port.ID(), Tags: tags(p, "openstack:networking/floatingIp:FloatingIp"),
			// It has no name: the doctor knows it by how this begins, should the request that tags it never come.
			Description: physical(p, "gateway") + ": the one address on the Internet",
			// Neutron takes it where the router that leads there stands.
		}, parent, pulumi.DependsOn([]pulumi.Resource{o.way}))
		if err != nil {
			return nil, fmt.Errorf("floating address: %w", err)
		}
		g.address = floating.Address
	}
	// Whoever goes to the address finds its listeners there.
	ready[0] = g.address
	g.address = pulumi.All(ready...).ApplyT(first).(pulumi.StringOutput)
	return g, nil
}

// newGatewayPort makes the listener of one port, and behind it the pool that tells each member who the client is.
func newGatewayPort(
	ctx *pulumi.Context, name string, p *plan.Plan, port plan.GatewayPort, balancer pulumi.IDOutput, parent pulumi.ResourceOption,
) (pool pulumi.StringOutput, listener pulumi.Output, err error) {
	called := physical(p, "gateway-"+port.Name)
	front, err := loadbalancer.NewListener(ctx, name, &loadbalancer.ListenerArgs{
		Name: called, Tags: tags(p, "openstack:loadbalancer/listener:Listener"), LoadbalancerId: balancer, Protocol: pulumi.String("TCP"), ProtocolPort: pulumi.Int(port.Port),
		AllowedCidrs: allowed(p, p.Gateway.Sources),
	}, parent)
	if err != nil {
		return pool, nil, fmt.Errorf("listener: %w", err)
	}
	protocol := "TCP"
	if p.Gateway.ProxyProtocol {
		protocol = "PROXY"
	}
	members, err := loadbalancer.NewPool(ctx, name, &loadbalancer.PoolArgs{
		Name: called, ListenerId: front.ID(), Protocol: pulumi.String(protocol), LbMethod: pulumi.String("LEAST_CONNECTIONS"),
	}, parent)
	if err != nil {
		return pool, nil, fmt.Errorf("pool: %w", err)
	}
	// A node whose controller is gone takes no connection on the port. Seconds.
	_, err = loadbalancer.NewMonitor(ctx, name, &loadbalancer.MonitorArgs{
		Name: called, PoolId: members.ID(), Type: pulumi.String("TCP"),
		Delay: pulumi.Int(5), Timeout: pulumi.Int(3), MaxRetries: pulumi.Int(1), MaxRetriesDown: pulumi.Int(3),
	}, parent)
	if err != nil {
		return pool, nil, fmt.Errorf("monitor: %w", err)
	}
	return members.ID().ToStringOutput(), front.ID(), nil
}

// newGatewayMembers puts a worker behind the gateway, once the machine stands; it leaves before the machine goes.
func newGatewayMembers(
	ctx *pulumi.Context, name, node string, p *plan.Plan, o own, address pulumi.StringInput, machine pulumi.Resource, parent pulumi.ResourceOption,
) error {
	if p.Gateway == nil {
		return nil
	}
	for _, port := range p.Gateway.Ports {
		_, err := loadbalancer.NewMember(ctx, name+"-gateway-"+port.Name, &loadbalancer.MemberArgs{
			Name: pulumi.String(node), PoolId: o.gateway.pools[port.NodePort], Address: address, ProtocolPort: pulumi.Int(port.NodePort), SubnetId: o.subnet,
		}, parent, pulumi.DependsOn([]pulumi.Resource{machine}))
		if err != nil {
			return fmt.Errorf("gateway member %s, port %d: %w", node, port.NodePort, err)
		}
	}
	return nil
}
