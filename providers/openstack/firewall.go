package openstack

import (
	"fmt"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/networking"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
)

// newFirewall makes a security group for each group of the shared table, and its rows as rules.
func newFirewall(
	ctx *pulumi.Context, name string, args *providers.FoundationArgs, parent pulumi.ResourceOption,
) (map[firewall.Group]pulumi.StringOutput, error) {
	p := args.Plan
	groups := map[firewall.Group]pulumi.StringOutput{}
	for _, group := range firewall.Groups(p) {
		made, err := networking.NewSecGroup(ctx, name+"-"+string(group), &networking.SecGroupArgs{
			Name: physical(p, string(group)), Tags: tags(p, "openstack:networking/secGroup:SecGroup"), Description: pulumi.String(string(group) + " of " + p.Cluster.Name),
			DeleteDefaultRules: pulumi.Bool(true), // OpenStack's own let everything out over IPv6 too
		}, parent)
		if err != nil {
			return nil, fmt.Errorf("security group %s: %w", group, err)
		}
		groups[group] = made.ID().ToStringOutput()
		if err := newRule(ctx, name+"-"+string(group)+"-out", &networking.SecGroupRuleArgs{
			Direction: pulumi.String("egress"), Ethertype: pulumi.String("IPv4"), SecurityGroupId: groups[group],
			Description: pulumi.String("images, names, time and the cloud's own services; the cluster's policies bound what pods reach"),
		}, parent); err != nil {
			return nil, err
		}
	}
	for _, r := range args.Rules {
		sources := r.Sources
		if r.From.Balances() {
			// Octavia forwards from ports of its own in the node network, which are in no group of ours.
			sources = []string{p.Network.NodeCIDR}
		}
		if len(sources) == 0 {
			row := rule(r, groups[r.To])
			row.RemoteGroupId = groups[r.From]
			if err := newRule(ctx, name+"-"+r.Name, row, parent); err != nil {
				return nil, err
			}
		}
		for _, source := range sources {
			row := rule(r, groups[r.To])
			row.RemoteIpPrefix = pulumi.String(source)
			if isIPv6(source) {
				row.Ethertype = pulumi.String("IPv6")
			}
			if err := newRule(ctx, name+"-"+r.Name+"-"+source, row, parent); err != nil {
				return nil, err
			}
		}
	}
	return groups, nil
}

// rule is a row of the table without its source.
func rule(r firewall.Rule, to pulumi.StringInput) *networking.SecGroupRuleArgs {
	args := &networking.SecGroupRuleArgs{
		Direction: pulumi.String("ingress"), Ethertype: pulumi.String("IPv4"), SecurityGroupId: to,
		Protocol: pulumi.String(r.Protocol), Description: pulumi.String(r.Reason),
	}
	if r.Protocol != "icmp" {
		args.PortRangeMin, args.PortRangeMax = pulumi.Int(r.FirstPort), pulumi.Int(r.LastPort)
	}
	return args
}

func newRule(ctx *pulumi.Context, name string, args *networking.SecGroupRuleArgs, parent pulumi.ResourceOption) error {
	if _, err := networking.NewSecGroupRule(ctx, name, args, parent); err != nil {
		return fmt.Errorf("security group rule %s: %w", name, err)
	}
	return nil
}
