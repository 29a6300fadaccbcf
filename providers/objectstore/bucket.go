package objectstore

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/plan"
)

// The modes and states as S3 spells them.
const (
	enabled    = "Enabled"
	compliance = "COMPLIANCE"
)

// turns has the parts of one bucket made one after another. MinIO writes all settings of a bucket as one, and of two that
// come at once it keeps one; AWS refuses the second.
type turns struct {
	opts []pulumi.ResourceOption
	last []pulumi.Resource
}

// next are the options of the part whose turn it is.
func (t *turns) next() []pulumi.ResourceOption {
	return slices.Concat(t.opts, []pulumi.ResourceOption{pulumi.DependsOn(t.last)})
}

func (t *turns) took(part pulumi.Resource) { t.last = []pulumi.Resource{part} }

// newBucket makes a bucket and all that its promise rests on. Its result is known once the last part of it is there: nobody
// writes before the lock does. Where patients depend on the stack, the engine deletes none of the parts.
func newBucket(
	ctx *pulumi.Context, name string, p *plan.Plan, store plan.Store, at *place, parent pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	none := pulumi.StringOutput{}
	turn := &turns{opts: slices.Concat([]pulumi.ResourceOption{parent, pulumi.Protect(p.Protect)}, at.options)}
	// The lock can only be had from a bucket's first day, and what is in one is never swept away with it.
	args := &s3.BucketV2Args{Bucket: pulumi.String(store.Bucket), ObjectLockEnabled: pulumi.Bool(true), ForceDestroy: pulumi.Bool(false)}
	if store.Place.AWS() {
		args.Tags = served(p, "aws:s3/bucketV2:BucketV2")
	} else {
		setCeiling(args, store)
	}
	bucket, err := s3.NewBucketV2(ctx, name, args, slices.Concat(turn.opts, ignored(store))...)
	if err != nil {
		return none, fmt.Errorf("bucket: %w", err)
	}
	versions, err := s3.NewBucketVersioningV2(ctx, name+"-versions", &s3.BucketVersioningV2Args{
		Bucket: bucket.Bucket, VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String(enabled)},
	}, turn.opts...)
	if err != nil {
		return none, fmt.Errorf("versions: %w", err)
	}
	turn.took(versions) // lock and lifecycle refuse a bucket without
	lock, err := s3.NewBucketObjectLockConfigurationV2(ctx, name+"-lock", &s3.BucketObjectLockConfigurationV2Args{
		Bucket: bucket.Bucket, ObjectLockEnabled: pulumi.String(enabled),
		Rule: s3.BucketObjectLockConfigurationV2RuleArgs{DefaultRetention: s3.BucketObjectLockConfigurationV2RuleDefaultRetentionArgs{
			Mode: pulumi.String(compliance), Days: pulumi.Int(store.FloorDays),
		}},
	}, turn.next()...)
	if err != nil {
		return none, fmt.Errorf("lock: %w", err)
	}
	turn.took(lock)
	encryption, err := s3.NewBucketServerSideEncryptionConfigurationV2(ctx, name+"-encryption", &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: bucket.Bucket, Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{encrypted(store, at)},
	}, turn.next()...)
	if err != nil {
		return none, fmt.Errorf("encryption: %w", err)
	}
	turn.took(encryption)
	if store.Place.AWS() {
		if err := newOnAmazon(ctx, name, store, bucket, turn); err != nil {
			return none, err
		}
	}
	text, err := rights.ForBucket(store, p.Duties.TLSMinimum).JSON()
	if err != nil {
		return none, err
	}
	policy, err := s3.NewBucketPolicy(ctx, name+"-policy", &s3.BucketPolicyArgs{Bucket: bucket.Bucket, Policy: pulumi.String(text)}, turn.next()...)
	if err != nil {
		return none, fmt.Errorf("policy: %w", err)
	}
	ready := pulumi.All(bucket.Bucket, policy.ID())
	return ready.ApplyT(func(all []any) string { return all[0].(string) }).(pulumi.StringOutput), nil
}

// newOnAmazon adds what only AWS has: the lifecycle as a resource of its own, and its two means to close a bucket to the
// public. At an endpoint there are none that all stores know: a bucket there is closed as long as no policy opens it, and
// ours opens nothing.
func newOnAmazon(ctx *pulumi.Context, name string, store plan.Store, bucket *s3.BucketV2, turn *turns) error {
	ceiling, err := newCeiling(ctx, name+"-ceiling", store, bucket, turn.next())
	if err != nil {
		return fmt.Errorf("lifecycle: %w", err)
	}
	turn.took(ceiling)
	yes := pulumi.Bool(true)
	block, err := s3.NewBucketPublicAccessBlock(ctx, name+"-closed", &s3.BucketPublicAccessBlockArgs{
		Bucket: bucket.Bucket, BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes,
	}, turn.next()...)
	if err != nil {
		return fmt.Errorf("block of public access: %w", err)
	}
	turn.took(block)
	owner, err := s3.NewBucketOwnershipControls(ctx, name+"-owner", &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.Bucket, Rule: s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")}, // no access lists
	}, turn.next()...)
	if err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	turn.took(owner)
	return nil
}

// encrypted has AWS encrypt by the place's own key, asked for once for many objects. Another store encrypts by what it
// has; its keys are its operator's.
func encrypted(store plan.Store, at *place) s3.BucketServerSideEncryptionConfigurationV2RuleArgs {
	if !store.Place.AWS() {
		return s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
			ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{SseAlgorithm: pulumi.String("AES256")},
		}
	}
	return s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
		ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
			SseAlgorithm: pulumi.String("aws:kms"), KmsMasterKeyId: at.key,
		},
		BucketKeyEnabled: pulumi.Bool(true),
	}
}
