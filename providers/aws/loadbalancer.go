package aws

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newLoadBalancer makes the network load balancer of the API and returns its name and its target group. It has an address
// in each zone's node network and none on the Internet.
func newLoadBalancer(
	ctx *pulumi.Context, name string, p *plan.Plan, o own, parent pulumi.ResourceOption,
) (host, targets pulumi.StringOutput, err error) {
	var subnets pulumi.StringArray
	for _, zone := range p.Cloud.Zones {
		subnets = append(subnets, o.subnets[zone])
	}
	balancer, err := lb.NewLoadBalancer(ctx, name, &lb.LoadBalancerArgs{
		Name: physical(p, "api"), LoadBalancerType: pulumi.String("network"), Internal: pulumi.Bool(true),
		Tags: served(p, "aws:lb/loadBalancer:LoadBalancer"),
		// One made without a security group can never have one, and takes every source.
		SecurityGroups: pulumi.StringArray{o.groups[firewall.LoadBalancer]}, Subnets: subnets,
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: pulumi.String("on"),
		// A zone whose control plane is gone still leads to the API.
		EnableCrossZoneLoadBalancing: pulumi.Bool(true),
	}, parent)
	if err != nil {
		return host, targets, fmt.Errorf("load balancer: %w", err)
	}
	group, err := lb.NewTargetGroup(ctx, name, &lb.TargetGroupArgs{
		Name: physical(p, "api"), VpcId: o.vpc, TargetType: pulumi.String("instance"), Tags: served(p, "aws:lb/targetGroup:TargetGroup"),
		Protocol: pulumi.String("TCP"), Port: pulumi.Int(p.Cluster.APIPort),
		// With the client's address a control plane could not reach itself: the answer would not come from the load balancer.
		PreserveClientIp: pulumi.String("false"),
		// A member that leaves or fails takes its connections with it: clients come back by another, instead of waiting for
		// one that answers no more. Seconds.
		DeregistrationDelay: pulumi.Int(10), ConnectionTermination: pulumi.Bool(true),
		TargetHealthStates: lb.TargetGroupTargetHealthStateArray{
			lb.TargetGroupTargetHealthStateArgs{EnableUnhealthyConnectionTermination: pulumi.Bool(true)},
		},
		// /readyz fails as soon as an API server has lost its etcd. Seconds.
		HealthCheck: lb.TargetGroupHealthCheckArgs{
			Protocol: pulumi.String("HTTPS"), Path: pulumi.String("/readyz"), Port: pulumi.String("traffic-port"), Matcher: pulumi.String("200"),
			Interval: pulumi.Int(5), Timeout: pulumi.Int(3), HealthyThreshold: pulumi.Int(2), UnhealthyThreshold: pulumi.Int(3),
		},
	}, parent)
	if err != nil {
		return host, targets, fmt.Errorf("target group: %w", err)
	}
	listener, err := lb.NewListener(ctx, name, &lb.ListenerArgs{
		LoadBalancerArn: balancer.Arn, Protocol: pulumi.String("TCP"), Port: pulumi.Int(p.Cluster.APIPort),
		DefaultActions: lb.ListenerDefaultActionArray{
			lb.ListenerDefaultActionArgs{Type: pulumi.String("forward"), TargetGroupArn: group.Arn},
		},
		TcpIdleTimeoutSeconds: pulumi.Int(3600), // watches of the API are long
	}, parent)
	if err != nil {
		return host, targets, fmt.Errorf("listener: %w", err)
	}
	// Whoever goes to the name finds a listener there.
	return after(balancer.DnsName, listener.Arn), group.Arn, nil
}

// newMember puts a machine behind the API's load balancer.
func newMember(
	ctx *pulumi.Context, name string, p *plan.Plan, o own, instance pulumi.IDOutput, parent pulumi.ResourceOption,
) (pulumi.Resource, error) {
	made, err := lb.NewTargetGroupAttachment(ctx, name, &lb.TargetGroupAttachmentArgs{
		TargetGroupArn: o.targets, TargetId: instance, Port: pulumi.Int(p.Cluster.APIPort),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("load balancer member: %w", err)
	}
	return made, nil
}
