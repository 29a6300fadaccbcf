package openstack

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/loadbalancer"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/networking"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

func isIPv6(cidr string) bool {
	p, err := netip.ParsePrefix(cidr)
	return err == nil && p.Addr().Is6()
}

// newLoadBalancer makes Octavia's load balancer for the API and returns its address and its pool. The address is a port
// of ours, so that our security group holds on it; Octavia's own would be open to every source.
func newLoadBalancer(
	ctx *pulumi.Context, name string, p *plan.Plan, o own, parent pulumi.ResourceOption,
) (address, pool pulumi.StringOutput, err error) {
	port, err := networking.NewPort(ctx, name, &networking.PortArgs{
		Name: physical(p, "api"), Tags: tags(p, "openstack:networking/port:Port"), Description: pulumi.String("address of the API of " + p.Cluster.Name),
		NetworkId: o.network, FixedIps: networking.PortFixedIpArray{networking.PortFixedIpArgs{SubnetId: o.subnet}},
		SecurityGroupIds: pulumi.StringArray{o.groups[firewall.LoadBalancer]},
	}, parent)
	if err != nil {
		return address, pool, fmt.Errorf("port of the API: %w", err)
	}
	balancer, err := loadbalancer.NewLoadBalancer(ctx, name, &loadbalancer.LoadBalancerArgs{
		Name: physical(p, "api"), Tags: tags(p, "openstack:loadbalancer/loadBalancer:LoadBalancer"), VipPortId: port.ID(),
	}, parent)
	if err != nil {
		return address, pool, fmt.Errorf("load balancer: %w", err)
	}
	listener, err := loadbalancer.NewListener(ctx, name, &loadbalancer.ListenerArgs{
		Name: physical(p, "api"), Tags: tags(p, "openstack:loadbalancer/listener:Listener"), LoadbalancerId: balancer.ID(),
		Protocol: pulumi.String("TCP"), ProtocolPort: pulumi.Int(p.Cluster.APIPort), AllowedCidrs: allowed(p, p.Cluster.APISources),
		// Watches of the API are long. Milliseconds.
		TimeoutClientData: pulumi.Int(hourMillis), TimeoutMemberData: pulumi.Int(hourMillis),
	}, parent)
	if err != nil {
		return address, pool, fmt.Errorf("listener: %w", err)
	}
	members, err := loadbalancer.NewPool(ctx, name, &loadbalancer.PoolArgs{
		Name: physical(p, "api"), ListenerId: listener.ID(), Protocol: pulumi.String("TCP"), LbMethod: pulumi.String("LEAST_CONNECTIONS"),
	}, parent)
	if err != nil {
		return address, pool, fmt.Errorf("pool: %w", err)
	}
	// /readyz fails as soon as an API server has lost its etcd. Seconds.
	_, err = loadbalancer.NewMonitor(ctx, name, &loadbalancer.MonitorArgs{
		Name: physical(p, "api"), PoolId: members.ID(), Type: pulumi.String("HTTPS"), UrlPath: pulumi.String("/readyz"),
		ExpectedCodes: pulumi.String("200"), Delay: pulumi.Int(5), Timeout: pulumi.Int(3), MaxRetries: pulumi.Int(1), MaxRetriesDown: pulumi.Int(3),
	}, parent)
	if err != nil {
		return address, pool, fmt.Errorf("monitor: %w", err)
	}
	address = port.AllFixedIps.Index(pulumi.Int(0))
	// Whoever goes to the address finds a listener there.
	address = pulumi.All(address, listener.ID()).ApplyT(first).(pulumi.StringOutput)
	return address, members.ID().ToStringOutput(), nil
}

// allowed are the sources of a listener, which refuses by itself what the security group drops; nodes are among them.
// Octavia answers in the order of their letters, and in any other order each preview would show a change.
func allowed(p *plan.Plan, sources []string) pulumi.StringArray {
	all := slices.Concat([]string{p.Network.NodeCIDR}, sources)
	slices.Sort(all)
	return pulumi.ToStringArray(slices.Compact(all))
}

const hourMillis = 3600 * 1000

func first(all []any) string { return all[0].(string) }

// newMember puts a machine behind the API's load balancer.
func newMember(
	ctx *pulumi.Context, name, node string, p *plan.Plan, o own, address pulumi.StringInput, parent pulumi.ResourceOption,
) (pulumi.Resource, error) {
	made, err := loadbalancer.NewMember(ctx, name, &loadbalancer.MemberArgs{
		Name: pulumi.String(node), PoolId: o.pool, Address: address, ProtocolPort: pulumi.Int(p.Cluster.APIPort), SubnetId: o.subnet,
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("load balancer member %s: %w", node, err)
	}
	return made, nil
}
