// Package openstack is the cloud adapter of OpenStack: Neutron, Octavia, Nova, Cinder and Barbican behind the neutral
// contract. docs/providers/openstack.md says which rights, quotas and prior objects a project needs.
//
// Every volume is of the site's encrypted type, and the API is never on the Internet: its address lies in the node
// network, and the site's declared sources reach it by the operator's own routes.
package openstack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Cloud is one OpenStack project behind the neutral contract.
type Cloud struct {
	facts    plan.OpenStack
	provider *openstack.Provider
}

// New makes the explicit provider of a stack on OpenStack. It logs in with an application credential, whose id and
// secret are the configuration secrets openstackCredentialID and openstackCredentialSecret.
func New(ctx *pulumi.Context, p *plan.Plan, secrets providers.Secrets) (providers.Cloud, error) {
	id, noID := secrets("openstackCredentialID")
	secret, noSecret := secrets("openstackCredentialSecret")
	if err := errors.Join(noID, noSecret); err != nil {
		return nil, err
	}
	facts := *p.Cloud.OpenStack
	made, err := openstack.NewProvider(ctx, p.Name+"-openstack", &openstack.ProviderArgs{
		AuthUrl: pulumi.String(facts.AuthURL),
		Region:  pulumi.String(p.Cloud.Region),
		// The SDK marks only passwords secret.
		ApplicationCredentialId:     pulumi.ToSecret(id).(pulumi.StringOutput),
		ApplicationCredentialSecret: pulumi.ToSecret(secret).(pulumi.StringOutput),
		// A request that the cloud answers with an error of its own is tried again, three times.
		MaxRetries: pulumi.Int(3),
	})
	if err != nil {
		return nil, fmt.Errorf("provider openstack: %w", err)
	}
	return &Cloud{facts: facts, provider: made}, nil
}

// options are what every component of this adapter is made with: the stack's provider and time limits, for it and its
// children.
func (c *Cloud) options(opts []pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(slices.Clone(opts), pulumi.Providers(c.provider), limits.Option())
}

// tags are what Neutron and Octavia take as tags on a resource of the type: whose it is, and a tag for each requirement
// that it serves.
func tags(p *plan.Plan, kind string) pulumi.StringArray {
	all := whose(p)
	for _, id := range p.Serves(Controls(), kind) {
		all = append(all, pulumi.String("lagrum-requirement="+id))
	}
	return all
}

// whose are the plan's tags as Neutron and Nova take them: no slash, at most 60 characters. What does not fit stays in
// the metadata.
func whose(p *plan.Plan) pulumi.StringArray {
	var all []string
	for key, value := range p.Tags {
		if tag := keyed(key) + "=" + value; len(tag) <= 60 && !strings.ContainsAny(tag, "/,") {
			all = append(all, tag)
		}
	}
	slices.Sort(all)
	return pulumi.ToStringArray(all)
}

// metadata are the plan's tags and the requirements that a resource of the type serves, as Nova and Cinder take them: at
// most 255 characters in a value. Both change it under a living machine or volume.
func metadata(p *plan.Plan, kind string) pulumi.Map {
	all := pulumi.Map{}
	for key, value := range p.Tags {
		all[keyed(key)] = pulumi.String(value)
	}
	for key, ids := range providers.Served("lagrum-requirements", p.Serves(Controls(), kind), 255) {
		all[key] = pulumi.String(ids)
	}
	return all
}

// keyed is a tag's key as all services take it: letters, digits, hyphens and underscores.
func keyed(key string) string { return strings.Replace(key, "lagrum.dev/", "lagrum-", 1) }

// physical is the name that people see in the cloud.
func physical(p *plan.Plan, role string) pulumi.String {
	return pulumi.String(p.Cluster.Name + "-" + role)
}
