// Package aws is the cloud adapter of Amazon Web Services: VPC, NLB, EC2, EBS, KMS and Secrets Manager behind the neutral
// contract. docs/providers/aws.md says which rights, quotas and prior objects an account needs.
//
// Every volume and every bundle is encrypted with the stack's own key, a machine proves to Secrets Manager by its role
// which pool it is of, and the API is never on the Internet: its addresses lie in the node network, and the site's
// declared sources reach it by the operator's own routes.
package aws

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Cloud is one account in one region behind the neutral contract.
type Cloud struct {
	facts    plan.AWS
	region   string
	provider *aws.Provider
}

// New makes the explicit provider of a stack on AWS. It logs in the way every tool of AWS does (environment, profile,
// web identity, role of the machine it runs on); no credential is part of the stack's configuration.
func New(ctx *pulumi.Context, p *plan.Plan, _ providers.Secrets) (providers.Cloud, error) {
	if err := check(p); err != nil {
		return nil, err
	}
	facts := *p.Cloud.AWS
	made, err := aws.NewProvider(ctx, p.Name+"-aws", &aws.ProviderArgs{
		Region: pulumi.String(p.Cloud.Region),
		// Whoever is logged in to another account builds nothing there. The provider must ask which account it is for that.
		AllowedAccountIds:       pulumi.StringArray{pulumi.String(facts.Account)},
		SkipRequestingAccountId: pulumi.Bool(false),
		// A tag that each resource had to set by itself would be forgotten on one.
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(providers.AWSTags(p))},
	})
	if err != nil {
		return nil, fmt.Errorf("provider aws: %w", err)
	}
	return &Cloud{facts: facts, region: p.Cloud.Region, provider: made}, nil
}

// options are what every component of this adapter is made with: the stack's provider and time limits, for it and its
// children.
func (c *Cloud) options(opts []pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(slices.Clone(opts), pulumi.Providers(c.provider), limits.Option())
}

var (
	imageID      = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
	instanceType = regexp.MustCompile(`^[a-z][a-z0-9-]*\.(metal|[a-z0-9-]+)$`)
)

// check reports at once all that AWS would refuse one by one, in the middle of an update.
func check(p *plan.Plan) error {
	var errs []error
	bad := func(path, value, message, remedy string) {
		errs = append(errs, fmt.Errorf("%s: %q %s; %s", path, value, message, remedy))
	}
	if region := p.Cloud.Region; strings.HasPrefix(region, "eusc-") {
		bad("cloud.aws.region", region, "is in a partition of its own, whose names and endpoints are not built", "use a region of the partition aws")
	}
	if image := p.Cloud.AWS.Image; !imageID.MatchString(image) {
		bad("cloud.aws.image", image, "is no id of a machine image", "write it as ami-0123456789abcdef0")
	}
	if name := p.Cluster.Name; strings.HasPrefix(name, "internal-") {
		bad("cluster.name", name, "begins as AWS lets no load balancer's name begin", "use another name")
	}
	for _, pool := range p.Pools {
		if !instanceType.MatchString(pool.Size) {
			bad("nodePools "+pool.Name+".size", pool.Size, "is no instance type", "write it as m5.large")
		}
		if _, err := devices(pool.Disks); err != nil {
			errs = append(errs, fmt.Errorf("nodePools %s.disks: %w", pool.Name, err))
		}
	}
	if _, err := carve(p); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// physical is the name that people see in the cloud.
func physical(p *plan.Plan, role string) pulumi.String {
	return pulumi.String(p.Cluster.Name + "-" + role)
}

// served are the tags with the requirements that resources of the type serve.
func served(p *plan.Plan, kind string) pulumi.StringMap {
	return providers.ServedOnAWS(p, Controls(), kind)
}

// named is served, and the tag by which the console shows what has no name of its own.
func named(p *plan.Plan, kind, role string) pulumi.StringMap {
	all := served(p, kind)
	all["Name"] = physical(p, role)
	return all
}

// after is a value that is known once all the others are: whoever uses it finds them there, and goes before they do.
func after(value pulumi.StringOutput, others ...any) pulumi.StringOutput {
	return pulumi.All(append([]any{value}, others...)...).ApplyT(first).(pulumi.StringOutput)
}

func first(all []any) string { return all[0].(string) }
