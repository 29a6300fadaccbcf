package aws

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

// gateway is the load balancer of web traffic: its name, and its target groups (ARN) by the port that they lead to.
type gateway struct {
	host    pulumi.StringOutput
	targets map[int]pulumi.StringOutput
}

// newGateway makes a network load balancer of its own, so that whatever reaches it is nowhere near the API's. It stands in
// the public subnets with addresses on the Internet only where the site says public, else in the nodes'.
func newGateway(ctx *pulumi.Context, name string, p *plan.Plan, o own, parent pulumi.ResourceOption) (*gateway, error) {
	where := o.subnets
	if p.Gateway.Public {
		where = o.public
	}
	var subnets pulumi.StringArray
	for _, zone := range p.Cloud.Zones {
		subnets = append(subnets, where[zone])
	}
	balancer, err := lb.NewLoadBalancer(ctx, name, &lb.LoadBalancerArgs{
		Name: physical(p, "gateway"), LoadBalancerType: pulumi.String("network"), Internal: pulumi.Bool(!p.Gateway.Public),
		Tags: served(p, "aws:lb/loadBalancer:LoadBalancer"),
		// One made without a security group can never have one, and takes every source.
		SecurityGroups: pulumi.StringArray{o.groups[firewall.Gateway]}, Subnets: subnets,
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: pulumi.String("on"),
		// A zone whose workers are gone still leads to the others'.
		EnableCrossZoneLoadBalancing: pulumi.Bool(true),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("load balancer: %w", err)
	}
	g := &gateway{targets: map[int]pulumi.StringOutput{}}
	var listeners []any
	for _, each := range p.Gateway.Ports {
		var listener pulumi.Output
		g.targets[each.NodePort], listener, err = newGatewayPort(ctx, name+"-"+each.Name, p, each, balancer.Arn, o, parent)
		if err != nil {
			return nil, fmt.Errorf("port %d: %w", each.Port, err)
		}
		listeners = append(listeners, listener)
	}
	// Whoever goes to the name finds its listeners there.
	g.host = after(balancer.DnsName, listeners...)
	return g, nil
}

// newGatewayPort makes the listener of one port, and behind it the target group that tells each member who the client is.
func newGatewayPort(
	ctx *pulumi.Context, name string, p *plan.Plan, port plan.GatewayPort, balancer pulumi.StringInput, o own, parent pulumi.ResourceOption,
) (targets pulumi.StringOutput, listener pulumi.Output, err error) {
	group, err := lb.NewTargetGroup(ctx, name, &lb.TargetGroupArgs{
		// At most 32 characters, of which the cluster's name takes 24.
		Name: physical(p, fmt.Sprintf("gw-%d", port.Port)), VpcId: o.vpc, TargetType: pulumi.String("instance"),
		Protocol: pulumi.String("TCP"), Port: pulumi.Int(port.NodePort), Tags: served(p, "aws:lb/targetGroup:TargetGroup"),
		// The client's address stands in a line before its first byte, as on every cloud. Preserved in the packet, it would
		// have to be let in to every worker, and a worker could not reach itself.
		ProxyProtocolV2: pulumi.Bool(p.Gateway.ProxyProtocol), PreserveClientIp: pulumi.String("false"),
		// A member that leaves or fails takes its connections with it. Seconds.
		DeregistrationDelay: pulumi.Int(10), ConnectionTermination: pulumi.Bool(true),
		TargetHealthStates: lb.TargetGroupTargetHealthStateArray{
			lb.TargetGroupTargetHealthStateArgs{EnableUnhealthyConnectionTermination: pulumi.Bool(true)},
		},
		// A node whose controller is gone takes no connection on the port. Seconds.
		HealthCheck: lb.TargetGroupHealthCheckArgs{
			Protocol: pulumi.String("TCP"), Port: pulumi.String("traffic-port"),
			Interval: pulumi.Int(5), Timeout: pulumi.Int(3), HealthyThreshold: pulumi.Int(2), UnhealthyThreshold: pulumi.Int(3),
		},
	}, parent)
	if err != nil {
		return targets, nil, fmt.Errorf("target group: %w", err)
	}
	front, err := lb.NewListener(ctx, name, &lb.ListenerArgs{
		LoadBalancerArn: balancer, Protocol: pulumi.String("TCP"), Port: pulumi.Int(port.Port),
		DefaultActions: lb.ListenerDefaultActionArray{
			lb.ListenerDefaultActionArgs{Type: pulumi.String("forward"), TargetGroupArn: group.Arn},
		},
	}, parent)
	if err != nil {
		return targets, nil, fmt.Errorf("listener: %w", err)
	}
	return group.Arn, front.Arn, nil
}

// newGatewayMembers puts a worker behind the gateway, once the machine stands; it leaves before the machine goes.
func newGatewayMembers(ctx *pulumi.Context, name string, p *plan.Plan, o own, instance pulumi.IDOutput, parent pulumi.ResourceOption) error {
	if p.Gateway == nil {
		return nil
	}
	for _, port := range p.Gateway.Ports {
		_, err := lb.NewTargetGroupAttachment(ctx, name+"-gateway-"+port.Name, &lb.TargetGroupAttachmentArgs{
			TargetGroupArn: o.gateway.targets[port.NodePort], TargetId: instance, Port: pulumi.Int(port.NodePort),
		}, parent)
		if err != nil {
			return fmt.Errorf("gateway member, port %d: %w", port.NodePort, err)
		}
	}
	return nil
}
