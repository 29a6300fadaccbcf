package aws

import (
	"fmt"
	"net/netip"
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newFirewall makes a security group for each group of the shared table, and its rows as rules. A security group that is
// made here has no rule of AWS's own: the provider takes away the one that lets everything out.
func newFirewall(
	ctx *pulumi.Context, name string, args *providers.FoundationArgs, network pulumi.StringInput, parent pulumi.ResourceOption,
) (map[firewall.Group]pulumi.StringOutput, error) {
	p := args.Plan
	groups := map[firewall.Group]pulumi.StringOutput{}
	for _, group := range firewall.Groups(p) {
		made, err := ec2.NewSecurityGroup(ctx, name+"-"+string(group), &ec2.SecurityGroupArgs{
			Name: physical(p, string(group)), VpcId: network, Tags: named(p, "aws:ec2/securityGroup:SecurityGroup", string(group)),
			Description: pulumi.String(string(group) + " of " + p.Cluster.Name),
		}, parent)
		if err != nil {
			return nil, fmt.Errorf("security group %s: %w", group, err)
		}
		groups[group] = made.ID().ToStringOutput()
	}
	for _, group := range []firewall.Group{firewall.ControlPlane, firewall.Worker} {
		_, err := vpc.NewSecurityGroupEgressRule(ctx, name+"-"+string(group)+"-out", &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId: groups[group], IpProtocol: pulumi.String("-1"), CidrIpv4: pulumi.String(everywhere),
			Description: pulumi.String("images, names, time and services of the cloud; the policies of the cluster bound what pods reach"),
		}, parent)
		if err != nil {
			return nil, fmt.Errorf("security group rule %s-out: %w", group, err)
		}
	}
	for _, r := range args.Rules {
		if err := newRow(ctx, name+"-"+r.Name, p, r, groups, parent); err != nil {
			return nil, fmt.Errorf("security group rule %s: %w", r.Name, err)
		}
	}
	return groups, nil
}

// newRow makes one row of the table: what comes from a group names that group, what comes from outside its network.
func newRow(
	ctx *pulumi.Context, name string, p *plan.Plan, r firewall.Rule, groups map[firewall.Group]pulumi.StringOutput, parent pulumi.ResourceOption,
) error {
	reason, err := description(r.Reason)
	if err != nil {
		return err
	}
	protocol, from, to := pulumi.String(r.Protocol), pulumi.Int(r.FirstPort), pulumi.Int(r.LastPort)
	if r.Protocol == "icmp" {
		from, to = -1, -1 // every type and code
	}
	serves := served(p, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
	row := func() *vpc.SecurityGroupIngressRuleArgs {
		return &vpc.SecurityGroupIngressRuleArgs{
			SecurityGroupId: groups[r.To], IpProtocol: protocol, FromPort: from, ToPort: to, Description: reason,
			Tags: serves,
		}
	}
	if r.From.Balances() {
		// The load balancer is let out to where it forwards and checks health, and nowhere else.
		_, err := vpc.NewSecurityGroupEgressRule(ctx, name+"-out", &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId: groups[r.From], ReferencedSecurityGroupId: groups[r.To],
			IpProtocol: protocol, FromPort: from, ToPort: to, Description: reason,
		}, parent)
		if err != nil {
			return err
		}
	}
	if r.From != firewall.Declared {
		args := row()
		args.ReferencedSecurityGroupId = groups[r.From]
		_, err := vpc.NewSecurityGroupIngressRule(ctx, name, args, parent)
		return err
	}
	for _, source := range r.Sources {
		prefix, err := netip.ParsePrefix(source)
		if err != nil {
			return fmt.Errorf("source %q is no network: %w", source, err)
		}
		args := row()
		if prefix.Addr().Is6() {
			args.CidrIpv6 = pulumi.String(source)
		} else {
			args.CidrIpv4 = pulumi.String(source)
		}
		if _, err := vpc.NewSecurityGroupIngressRule(ctx, name+"-"+source, args, parent); err != nil {
			return err
		}
	}
	return nil
}

// describable is what AWS takes as the description of a rule.
var describable = regexp.MustCompile(`^[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)

// description is a row's reason as AWS takes it. A reason that has to be changed would no longer be the table's.
func description(reason string) (pulumi.String, error) {
	if !describable.MatchString(reason) {
		return "", fmt.Errorf("reason: %q cannot stand in a rule of AWS; use at most 255 of letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*", reason)
	}
	return pulumi.String(reason), nil
}
