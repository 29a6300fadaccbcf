package objectstore

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newUser makes the user of one consumer with its one policy, and a key that only the state knows. The user lies in the
// account that owns the bucket: there its own policy is all it has.
func newUser(
	ctx *pulumi.Context, name string, p *plan.Plan, store plan.Store, c plan.Consumer, parent pulumi.ResourceOption, opts ...pulumi.ResourceOption,
) (providers.Credential, error) {
	opts = slices.Concat([]pulumi.ResourceOption{parent}, opts)
	user, err := iam.NewUser(ctx, name, &iam.UserArgs{
		Name: pulumi.String(name), Path: pulumi.String("/lagrum/"), Tags: served(p, "aws:iam/user:User"),
	}, opts...)
	if err != nil {
		return providers.Credential{}, fmt.Errorf("user: %w", err)
	}
	text, err := rights.ForConsumer(store, c).JSON()
	if err != nil {
		return providers.Credential{}, err
	}
	policy, err := iam.NewUserPolicy(ctx, name, &iam.UserPolicyArgs{Name: pulumi.String(name), User: user.Name, Policy: pulumi.String(text)}, opts...)
	if err != nil {
		return providers.Credential{}, fmt.Errorf("rights: %w", err)
	}
	key, err := iam.NewAccessKey(ctx, name, &iam.AccessKeyArgs{User: user.Name}, slices.Concat(opts, []pulumi.ResourceOption{pulumi.DependsOn([]pulumi.Resource{policy})})...)
	if err != nil {
		return providers.Credential{}, fmt.Errorf("key: %w", err)
	}
	return providers.Credential{KeyID: key.ID().ToStringOutput(), Secret: key.Secret}, nil
}

// newKey makes the key that the buckets of a place are encrypted with, in the place's region and account. The alias is how
// people find it. AWS renews its material each year and waits 30 days before it deletes it.
func newKey(
	ctx *pulumi.Context, name string, p *plan.Plan, at plan.Place, parent pulumi.ResourceOption, opts ...pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	opts = slices.Concat([]pulumi.ResourceOption{parent}, opts)
	text, err := rights.ForKey(at).JSON()
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	keyTags := served(p, "aws:kms/key:Key")
	keyTags["Name"] = pulumi.String(name)
	key, err := kms.NewKey(ctx, name, &kms.KeyArgs{
		Description: pulumi.String("object stores of " + p.Name + ", " + at.Name), EnableKeyRotation: pulumi.Bool(true),
		DeletionWindowInDays: pulumi.Int(30), Policy: pulumi.String(text), Tags: keyTags,
	}, slices.Concat(opts, []pulumi.ResourceOption{pulumi.Protect(p.Protect)})...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("key: %w", err)
	}
	_, err = kms.NewAlias(ctx, name, &kms.AliasArgs{Name: pulumi.String("alias/lagrum/" + p.Name + "-" + at.Name), TargetKeyId: key.ID()}, opts...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("alias of the key: %w", err)
	}
	return key.Arn, nil
}
