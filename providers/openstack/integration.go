package openstack

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/identity"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

type integration struct {
	pulumi.ResourceState
}

// MachineID is how cloud-provider-openstack calls an instance, without its region: one cluster is in one.
func (*Cloud) MachineID(plan.Node) string { return "openstack:///" }

// Integration gives the cloud controller manager and the storage driver an application credential each, which Keystone
// limits to the requests that they make. A service of OpenStack checks that limit only where its own service_type is set,
// and lets nothing through where it is not.
func (c *Cloud) Integration(
	ctx *pulumi.Context, name string, args *providers.IntegrationArgs, opts ...pulumi.ResourceOption,
) (*providers.Integration, error) {
	p := args.Plan
	made := &providers.Integration{
		Encryption: map[string]pulumi.StringOutput{"type": pulumi.String(c.facts.VolumeType).ToStringOutput()},
	}
	err := construct.Component(ctx, "lagrum:openstack:Integration", name, &integration{}, pulumi.Map{}, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			id, secret, err := newCredential(ctx, name+"-machines", physical(p, "machines"),
				"the cloud controller manager: looks at machines", []string{"member"}, machineRules(), parent)
			if err != nil {
				return nil, err
			}
			made.Machines = c.configuration(p, id, secret, noLoadBalancers)
			// An encrypted volume makes a key in Barbican, in the name of whoever asked for the volume.
			id, secret, err = newCredential(ctx, name+"-volumes", physical(p, "volumes"),
				"the storage driver: makes, attaches and deletes volumes", []string{"member", "creator"}, volumeRules(), parent)
			if err != nil {
				return nil, err
			}
			made.Volumes = c.configuration(p, id, secret, "")
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func newCredential(
	ctx *pulumi.Context, name string, physical pulumi.String, use string, roles []string, rules []accessRule, parent pulumi.ResourceOption,
) (pulumi.IDOutput, pulumi.StringOutput, error) {
	var allowed identity.ApplicationCredentialAccessRuleArray
	for _, r := range rules {
		allowed = append(allowed, identity.ApplicationCredentialAccessRuleArgs{
			Service: pulumi.String(r.service), Method: pulumi.String(r.method), Path: pulumi.String(r.path),
		})
	}
	made, err := identity.NewApplicationCredential(ctx, name, &identity.ApplicationCredentialArgs{
		Name: physical, Description: pulumi.String(use), Roles: pulumi.ToStringArray(roles), AccessRules: allowed,
		Unrestricted: pulumi.Bool(false), // it makes no other credential
	}, parent, pulumi.AdditionalSecretOutputs([]string{"secret"}))
	if err != nil {
		return pulumi.IDOutput{}, pulumi.StringOutput{}, fmt.Errorf("credential %s: %w", name, err)
	}
	return made.ID(), made.Secret, nil
}

// accessRule is one kind of request that a credential may make. In a path, * is one part of it and ** any number.
type accessRule struct{ service, method, path string }

// machineRules are what the node controllers of cloud-provider-openstack v1.36.0 ask: a server, its flavour, its ports. Where
// a service is served below a prefix, its paths begin with that.
func machineRules() []accessRule {
	return []accessRule{
		{"compute", "GET", "/**/servers/*"},
		{"compute", "GET", "/**/flavors/*"},
		{"network", "GET", "/**/ports"},
	}
}

// volumeRules are what the controller of Cinder CSI v1.36.0 asks without snapshots. A catalogue calls Cinder by its official
// name or by that of its third version; the rule has to use the catalogue's.
func volumeRules() []accessRule {
	rules := []accessRule{
		{"compute", "GET", "/**/servers/*"},
		{"compute", "POST", "/**/servers/*/os-volume_attachments"},
		{"compute", "DELETE", "/**/servers/*/os-volume_attachments/*"},
	}
	for _, cinder := range []string{"block-storage", "volumev3"} {
		rules = append(rules,
			accessRule{cinder, "POST", "/**/volumes"},
			accessRule{cinder, "GET", "/**/volumes/*"}, // also /volumes/detail, the list
			accessRule{cinder, "DELETE", "/**/volumes/*"},
			accessRule{cinder, "POST", "/**/volumes/*/action"}, // to make one larger
		)
	}
	return rules
}

// noLoadBalancers, since the cluster's are resources of this program.
const noLoadBalancers = "\n[LoadBalancer]\nenabled = false\n"

// configuration is the cloud.conf of a component.
func (c *Cloud) configuration(p *plan.Plan, id pulumi.IDOutput, secret pulumi.StringOutput, more string) pulumi.StringOutput {
	authURL, region := c.facts.AuthURL, p.Cloud.Region
	text := pulumi.All(id, secret).ApplyT(func(all []any) string {
		return cloudConf(authURL, region, string(all[0].(pulumi.ID)), all[1].(string)) + more
	})
	return pulumi.ToSecret(text).(pulumi.StringOutput)
}

// cloudConf is what both programs of cloud-provider-openstack log in with. Its format takes strings in double quotes, with
// backslashes before quotes and backslashes.
func cloudConf(authURL, region, id, secret string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var text strings.Builder
	text.WriteString("[Global]\n")
	for _, line := range [][2]string{
		{"auth-url", authURL}, {"region", region}, {"application-credential-id", id}, {"application-credential-secret", secret},
	} {
		fmt.Fprintf(&text, "%s = \"%s\"\n", line[0], quote.Replace(line[1]))
	}
	return text.String()
}
