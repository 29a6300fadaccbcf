package objectstore

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/stacks/plan"
)

// rule is one rule of a lifecycle. A store removes no version that is locked, so that the lock goes before each of them.
type rule struct {
	id                        string
	expire, noncurrent, abort int // days; 0: not
	markers                   bool
}

// abandonedDays is how long an upload in parts may take.
const abandonedDays = 7

func lifecycle(store plan.Store) []rule {
	return []rule{
		// Parts of an upload that nobody ends are seen by no list of objects, and no lock is on them. MinIO refuses a rule
		// that says this alone, and ends such uploads after a day by itself.
		{id: "versions", expire: store.ExpireDays, noncurrent: store.NoncurrentDays, abort: abandonedDays},
		// A marker above nothing. A rule that ends by days cannot say this as well.
		{id: "markers", markers: true},
	}
}

// newCeiling is the lifecycle as a resource of its own, on AWS.
func newCeiling(
	ctx *pulumi.Context, name string, store plan.Store, bucket *s3.BucketV2, opts []pulumi.ResourceOption,
) (*s3.BucketLifecycleConfigurationV2, error) {
	var rules s3.BucketLifecycleConfigurationV2RuleArray
	for _, r := range lifecycle(store) {
		made := s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String(r.id), Status: pulumi.String(enabled), Filter: s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")},
		}
		if r.expire > 0 {
			made.Expiration = s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(r.expire)}
		}
		if r.markers {
			made.Expiration = s3.BucketLifecycleConfigurationV2RuleExpirationArgs{ExpiredObjectDeleteMarker: pulumi.Bool(true)}
		}
		if r.noncurrent > 0 {
			made.NoncurrentVersionExpiration = s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{NoncurrentDays: pulumi.Int(r.noncurrent)}
		}
		if r.abort > 0 {
			made.AbortIncompleteMultipartUpload = s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{DaysAfterInitiation: pulumi.Int(r.abort)}
		}
		rules = append(rules, made)
	}
	return s3.NewBucketLifecycleConfigurationV2(ctx, name, &s3.BucketLifecycleConfigurationV2Args{Bucket: bucket.Bucket, Rules: rules}, opts...)
}

// setCeiling is the same lifecycle as a part of the bucket. The resource of its own waits, after it has written, for a
// header that only AWS answers with, and fails on every other store after three minutes
// (hashicorp/terraform-provider-aws#46021).
func setCeiling(args *s3.BucketV2Args, store plan.Store) {
	var rules s3.BucketV2LifecycleRuleArray
	for _, r := range lifecycle(store) {
		made := s3.BucketV2LifecycleRuleArgs{Id: pulumi.String(r.id), Enabled: pulumi.Bool(true)}
		if r.expire > 0 {
			made.Expirations = s3.BucketV2LifecycleRuleExpirationArray{s3.BucketV2LifecycleRuleExpirationArgs{Days: pulumi.Int(r.expire)}}
		}
		if r.markers {
			made.Expirations = s3.BucketV2LifecycleRuleExpirationArray{s3.BucketV2LifecycleRuleExpirationArgs{ExpiredObjectDeleteMarker: pulumi.Bool(true)}}
		}
		if r.noncurrent > 0 {
			made.NoncurrentVersionExpirations = s3.BucketV2LifecycleRuleNoncurrentVersionExpirationArray{
				s3.BucketV2LifecycleRuleNoncurrentVersionExpirationArgs{Days: pulumi.Int(r.noncurrent)},
			}
		}
		if r.abort > 0 {
			made.AbortIncompleteMultipartUploadDays = pulumi.Int(r.abort)
		}
		rules = append(rules, made)
	}
	//lint:ignore SA1019 see above: what takes its place works on AWS alone
	args.LifecycleRules = rules
}

// ignored is the one part of a lifecycle that some stores take and forget: no reason to write it again at each update.
func ignored(store plan.Store) []pulumi.ResourceOption {
	if store.Place.AWS() {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.IgnoreChanges([]string{"lifecycleRules[0].abortIncompleteMultipartUploadDays"})}
}
