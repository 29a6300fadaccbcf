package lab

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
)

type firewallTable struct {
	pulumi.CustomResourceState
}

// newFirewall puts the shared rule table on the lab's bridge.
func newFirewall(
	ctx *pulumi.Context, name string, args *providers.FoundationArgs, network pulumi.StringInput, opts ...pulumi.ResourceOption,
) error {
	rules := make(pulumi.Array, 0, len(args.Rules))
	for _, r := range args.Rules {
		row := pulumi.Map{
			"name": pulumi.String(r.Name), "from": pulumi.String(r.From), "to": pulumi.String(r.To),
			"protocol": pulumi.String(r.Protocol), "reason": pulumi.String(r.Reason),
			"firstPort": pulumi.Int(r.FirstPort), "lastPort": pulumi.Int(r.LastPort),
		}
		if len(r.Sources) > 0 {
			row["sources"] = pulumi.ToStringArray(r.Sources)
		}
		rules = append(rules, row)
	}
	return ctx.RegisterResource("lab:index:Firewall", name, pulumi.Map{
		"name": pulumi.String(args.Plan.Cluster.Name), "network": network, "rules": rules,
	}, &firewallTable{}, append(opts, pulumi.Version(Version))...)
}
