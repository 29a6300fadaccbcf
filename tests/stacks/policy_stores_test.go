package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/tests/harness"
)

// storeLogins are the logins that a stack with stores at an endpoint has in its configuration, by the beginning of their
// keys.
func storeLogins() []string {
	return []string{
		"storeAdministrator", "auditPatientAccessCollector", "auditPatientAccessVerifier", "auditPlatformSecurityCollector",
		"auditPlatformSecurityVerifier", "etcdSnapshotsWriter", "etcdSnapshotsVerifier", "backupAdministrator", "backupVelero", "restoreReader",
	}
}

const bucketType = "aws:s3/bucketV2:BucketV2"

// inClouds runs a policy over every declared stack in a cloud.
func inClouds(t *testing.T, check func(t *testing.T, name string, r *harness.Recording)) {
	t.Helper()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		if harness.Dig(siteOf(t, name), "cloud", "lab") != nil {
			require.Empty(t, r.Of(bucketType), "a laboratory has no store")
			return
		}
		check(t, name, r)
	})
}

// part finds the one resource of a type that belongs to a bucket.
func part(t *testing.T, r *harness.Recording, kind string, bucket *harness.Resource) *harness.Resource {
	t.Helper()
	var found []*harness.Resource
	for _, made := range r.Of(kind) {
		if made.Inputs["bucket"] == bucket.Inputs["bucket"] {
			found = append(found, made)
		}
	}
	require.Len(t, found, 1, "%s: want one %s", bucket.URN, kind)
	require.Equal(t, bucket.Provider, found[0].Provider, "%s: another login than the bucket's", found[0].URN)
	return found[0]
}

// amazon says that a bucket lies at AWS itself, and not at an endpoint that the site names.
func amazon(t *testing.T, r *harness.Recording, bucket *harness.Resource) bool {
	t.Helper()
	i := slices.IndexFunc(r.Resources, func(made *harness.Resource) bool { return made.URN == bucket.Provider })
	require.GreaterOrEqual(t, i, 0, "%s has no explicit provider", bucket.URN)
	return r.Resources[i].Inputs["endpoints"] == nil
}

// ends is what a bucket's lifecycle says, however the store is told.
type ends struct {
	expire, noncurrent, abort any
	markers                   bool
}

func endsOf(t *testing.T, r *harness.Recording, bucket *harness.Resource) ends {
	t.Helper()
	var e ends
	if !amazon(t, r, bucket) {
		for _, rule := range bucket.Inputs["lifecycleRules"].([]any) {
			require.Equal(t, true, harness.Dig(rule, "enabled"))
			for _, expiration := range list(harness.Dig(rule, "expirations")) {
				e.expire = first(e.expire, harness.Dig(expiration, "days"))
				e.markers = e.markers || harness.Dig(expiration, "expiredObjectDeleteMarker") == true
			}
			for _, expiration := range list(harness.Dig(rule, "noncurrentVersionExpirations")) {
				e.noncurrent = first(e.noncurrent, harness.Dig(expiration, "days"))
			}
			e.abort = first(e.abort, harness.Dig(rule, "abortIncompleteMultipartUploadDays"))
		}
		return e
	}
	require.NotContains(t, bucket.Inputs, "lifecycleRules", "%s: said twice, it would differ for ever", bucket.URN)
	for _, rule := range part(t, r, "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", bucket).Inputs["rules"].([]any) {
		require.Equal(t, "Enabled", harness.Dig(rule, "status"))
		e.expire = first(e.expire, harness.Dig(rule, "expiration", "days"))
		e.markers = e.markers || harness.Dig(rule, "expiration", "expiredObjectDeleteMarker") == true
		e.noncurrent = first(e.noncurrent, harness.Dig(rule, "noncurrentVersionExpiration", "noncurrentDays"))
		e.abort = first(e.abort, harness.Dig(rule, "abortIncompleteMultipartUpload", "daysAfterInitiation"))
	}
	return e
}

func first(known, found any) any {
	if known != nil {
		return known
	}
	return found
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

func lockOf(t *testing.T, r *harness.Recording, bucket *harness.Resource) float64 {
	t.Helper()
	lock := part(t, r, "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", bucket)
	require.Equal(t, "COMPLIANCE", harness.Dig(lock.Inputs["rule"], "defaultRetention", "mode"), lock.URN)
	require.Equal(t, "Enabled", lock.Inputs["objectLockEnabled"], lock.URN)
	return harness.Dig(lock.Inputs["rule"], "defaultRetention", "days").(float64)
}

// Every bucket locks in compliance mode from its first day, keeps versions, encrypts, is closed to the public, and cannot
// be deleted by an update.
func TestEveryBucketIsLocked(t *testing.T) {
	t.Parallel()
	inClouds(t, func(t *testing.T, _ string, r *harness.Recording) {
		buckets := r.Of(bucketType)
		require.Len(t, buckets, 4, "two archives, the snapshots, the backups")
		for _, bucket := range buckets {
			require.Equal(t, true, bucket.Inputs["objectLockEnabled"], bucket.URN)
			require.Equal(t, false, bucket.Inputs["forceDestroy"], bucket.URN)
			require.Positive(t, lockOf(t, r, bucket), bucket.URN)
			versions := part(t, r, "aws:s3/bucketVersioningV2:BucketVersioningV2", bucket)
			require.Equal(t, "Enabled", harness.Dig(versions.Inputs["versioningConfiguration"], "status"), versions.URN)
			part(t, r, "aws:s3/bucketPolicy:BucketPolicy", bucket)
			encryption := part(t, r, "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", bucket)
			rule := encryption.Inputs["rules"].([]any)[0]
			how := harness.Dig(rule, "applyServerSideEncryptionByDefault")
			if !amazon(t, r, bucket) {
				require.Equal(t, "AES256", harness.Dig(how, "sseAlgorithm"), encryption.URN)
				continue
			}
			require.Equal(t, "aws:kms", harness.Dig(how, "sseAlgorithm"), encryption.URN)
			require.NotEmpty(t, harness.Dig(how, "kmsMasterKeyId"), encryption.URN)
			require.Equal(t, true, harness.Dig(rule, "bucketKeyEnabled"), "%s: consumers' policies name the bucket as the key's context", encryption.URN)
			keys := 0
			for _, key := range r.Of("aws:kms/key:Key") {
				if slices.Contains(encryption.Dependencies, key.URN) {
					keys++
					require.Equal(t, bucket.Provider, key.Provider, "%s: encrypts with a key of another place", encryption.URN)
					require.Equal(t, true, key.Inputs["enableKeyRotation"], key.URN)
					require.Equal(t, 30.0, key.Inputs["deletionWindowInDays"], key.URN)
				}
			}
			require.Equal(t, 1, keys, encryption.URN)
			block := part(t, r, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket)
			for _, setting := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
				require.Equal(t, true, block.Inputs[setting], block.URN)
			}
			owner := part(t, r, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", bucket)
			require.Equal(t, "BucketOwnerEnforced", harness.Dig(owner.Inputs["rule"], "objectOwnership"), owner.URN)
		}
		require.Empty(t, r.Of("aws:s3/bucketAclV2:BucketAclV2"))
	})
}

// The settings of a bucket are written one after another: of two at once MinIO keeps one, without a word.
func TestPartsOfABucketTakeTurns(t *testing.T) {
	t.Parallel()
	inClouds(t, func(t *testing.T, _ string, r *harness.Recording) {
		for _, bucket := range r.Of(bucketType) {
			var parts []*harness.Resource
			for _, made := range r.Resources {
				if strings.HasPrefix(made.Type, "aws:s3/") && made.Inputs["bucket"] == bucket.Inputs["bucket"] && made != bucket {
					parts = append(parts, made)
				}
			}
			require.GreaterOrEqual(t, len(parts), 4, bucket.URN)
			first := 0
			followed := map[string]int{}
			for _, made := range parts {
				before := 0
				for _, other := range parts {
					if slices.Contains(made.Dependencies, other.URN) {
						before++
						followed[other.URN]++
					}
				}
				require.LessOrEqual(t, before, 1, made.URN)
				if before == 0 {
					first++
				}
			}
			require.Equal(t, 1, first, "%s: two parts begin at once", bucket.URN)
			for urn, times := range followed {
				require.Equal(t, 1, times, "%s: two parts follow it at once", urn)
			}
		}
	})
}

// An archive's lock is its class's floor, as the site declares it, and its lifecycle ends between floor and ceiling.
func TestArchivesKeepTheFloorAndEndAtTheCeiling(t *testing.T) {
	t.Parallel()
	inClouds(t, func(t *testing.T, name string, r *harness.Recording) {
		for _, class := range siteOf(t, name)["retention"].(map[string]any)["logs"].([]any) {
			floor, ceiling := harness.Dig(class, "floorDays").(float64), harness.Dig(class, "ceilingDays").(float64)
			bucket := r.Get(t, bucketType, name+"-audit-"+harness.Dig(class, "class").(string))
			require.Equal(t, floor, lockOf(t, r, bucket), bucket.URN)
			e := endsOf(t, r, bucket)
			require.GreaterOrEqual(t, e.expire, floor, "%s: hides what must be kept", bucket.URN)
			require.LessOrEqual(t, e.expire.(float64)+e.noncurrent.(float64), ceiling, bucket.URN)
			require.Equal(t, ends{e.expire, 1.0, 7.0, true}, e, bucket.URN)
		}
	})
}

// Age ends no backup: backups share what lies in a repository. What ends is what was marked, once its lock has passed.
func TestBackupsEndByTheirWriterAlone(t *testing.T) {
	t.Parallel()
	inClouds(t, func(t *testing.T, name string, r *harness.Recording) {
		bucket := r.Get(t, bucketType, name+"-backup")
		require.Equal(t, ends{nil, 1.0, 7.0, true}, endsOf(t, r, bucket), bucket.URN)
	})
}

// Backups lie where the site says, by a login of their own, and it is neither the account nor the region of the originals.
func TestStoresLieWhereTheSiteSays(t *testing.T) {
	t.Parallel()
	inClouds(t, func(t *testing.T, name string, r *harness.Recording) {
		site := siteOf(t, name)
		at := func(store, place string) *harness.Resource {
			bucket, provider := r.Get(t, bucketType, name+"-"+store), r.Get(t, "pulumi:providers:aws", name+"-s3-"+place)
			require.Equal(t, provider.URN, bucket.Provider)
			return provider
		}
		archive, backup := at("audit-patient-access", "store"), at("backup", "backup")
		require.Equal(t, archive, at("audit-platform-security", "store"))
		require.Equal(t, archive, at("etcd-snapshots", "store"))
		require.Equal(t, harness.Dig(site, "backup", "region"), backup.Inputs["region"])
		require.NotEqual(t, archive.Inputs["region"], backup.Inputs["region"])
		if aws := harness.Dig(site, "cloud", "aws"); aws != nil {
			require.Equal(t, harness.Dig(aws, "region"), archive.Inputs["region"])
			require.Equal(t, []any{harness.Dig(aws, "account")}, archive.Inputs["allowedAccountIds"])
			require.Equal(t, []any{harness.Dig(site, "backup", "account")}, backup.Inputs["allowedAccountIds"])
			require.Equal(t, harness.Dig(aws, "storeRole"), harness.Dig(archive.Inputs["assumeRole"], "roleArn"))
			require.Equal(t, harness.Dig(site, "backup", "role"), harness.Dig(backup.Inputs["assumeRole"], "roleArn"))
			for _, provider := range []*harness.Resource{archive, backup} {
				require.Equal(t, false, provider.Inputs["skipRequestingAccountId"], "the provider asks which account it is in")
				require.NotContains(t, provider.Inputs, "accessKey", "no credential of AWS is configured")
			}
			return
		}
		for provider, endpoint := range map[*harness.Resource]any{archive: harness.Dig(site, "objectStore", "endpoint"), backup: harness.Dig(site, "backup", "endpoint")} {
			require.Equal(t, []any{map[string]any{"s3": endpoint}}, provider.Inputs["endpoints"])
			require.Equal(t, harness.SecretText, provider.Inputs["accessKey"], provider.URN)
			require.Equal(t, harness.SecretText, provider.Inputs["secretKey"], provider.URN)
			for _, setting := range []string{"s3UsePathStyle", "skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation", "skipRequestingAccountId"} {
				require.Equal(t, true, provider.Inputs[setting], "%s: %s", provider.URN, setting)
			}
		}
	})
}

// users are the policies of a stack's users on AWS, by the user's name.
func users(t *testing.T, r *harness.Recording) map[string]string {
	t.Helper()
	policies := map[string]string{}
	for _, policy := range r.Of("aws:iam/userPolicy:UserPolicy") {
		require.NotContains(t, policies, policy.Name)
		require.Equal(t, policy.Name, policy.Inputs["user"], policy.URN)
		policies[policy.Name] = policy.Inputs["policy"].(string)
	}
	require.Len(t, r.Of("aws:iam/user:User"), len(policies), "each user has one policy")
	require.Len(t, r.Of("aws:iam/accessKey:AccessKey"), len(policies), "each user has one key")
	for _, key := range r.Of("aws:iam/accessKey:AccessKey") {
		require.Contains(t, policies, key.Inputs["user"], key.URN)
	}
	for _, kind := range []string{"aws:iam/userPolicyAttachment:UserPolicyAttachment", "aws:iam/userGroupMembership:UserGroupMembership"} {
		require.Empty(t, r.Of(kind), "rights that no policy here shows")
	}
	return policies
}

// One login for each consumer and bucket, its rights and no others. A recovery stack has one more, for the backups of the
// stack whose place it takes, and no bucket for that.
func TestEachConsumerHasItsOwnCredential(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, name string, r *harness.Recording) {
		want := map[string][]string{
			"-audit-patient-access-collector": {"put"}, "-audit-patient-access-verifier": {"get", "list", "versions"},
			"-audit-platform-security-collector": {"put"}, "-audit-platform-security-verifier": {"get", "list", "versions"},
			"-etcd-snapshots-writer": {"put"}, "-etcd-snapshots-verifier": {"get", "list"}, "-backup-velero": {"get", "list", "put", "marker"},
		}
		if harness.Dig(siteOf(t, name), "recovery", "of") != nil {
			want["-restore-reader"] = []string{"get", "list", "versions"}
		}
		made := users(t, r)
		require.ElementsMatch(t, slices.Collect(maps.Keys(want)), suffixes(name, made))
		action := map[string]string{"put": "s3:PutObject", "get": "s3:GetObject", "list": "s3:ListBucket", "versions": "s3:GetObjectVersion", "marker": "s3:DeleteObject"}
		for suffix, can := range want {
			itself := bucketIn(t, name, suffix, made[name+suffix])
			for what, asked := range action {
				on := itself + "/an/object"
				if what == "list" {
					on = itself
				}
				decided, err := rights.Evaluate(made[name+suffix], rights.Request{Action: asked, Resource: on})
				require.NoError(t, err)
				require.Equal(t, slices.Contains(can, what), decided == rights.Allowed, "%s%s: %s", name, suffix, asked)
				elsewhere, err := rights.Evaluate(made[name+suffix], rights.Request{Action: asked, Resource: strings.Replace(on, itself, itself+"x", 1)})
				require.NoError(t, err)
				require.Equal(t, rights.Silent, elsewhere, "%s%s: reaches another bucket", name, suffix)
			}
		}
	})
}

func suffixes(name string, made map[string]string) []string {
	var all []string
	for user := range made {
		all = append(all, strings.TrimPrefix(user, name))
	}
	return all
}

// bucketIn is the ARN of the bucket that a consumer's policy has to be about.
func bucketIn(t *testing.T, name, suffix, policy string) string {
	t.Helper()
	store, of := suffix[:strings.LastIndex(suffix, "-")], name
	if store == "-restore" {
		store, of = "-backup", harness.Dig(siteOf(t, name), "recovery", "of").(string)
	}
	account := harness.Dig(siteOf(t, name), "cloud", "aws", "account")
	if store == "-backup" {
		account = harness.Dig(siteOf(t, name), "backup", "account")
	}
	arn := fmt.Sprintf("arn:aws:s3:::%s%s-%s", of, store, account)
	require.Contains(t, policy, `"`+arn+`"`)
	return arn
}

// Whatever a consumer's own policy said, the bucket's denies what removes, unlocks or weakens, and over an unencrypted
// connection everything. On AWS the administrator alone sets; and not even it destroys while the policy stands.
func TestNobodyDestroys(t *testing.T) {
	t.Parallel()
	inClouds(t, func(t *testing.T, name string, r *harness.Recording) {
		for _, policy := range r.Of("aws:s3/bucketPolicy:BucketPolicy") {
			text := policy.Inputs["policy"].(string)
			require.NotContains(t, text, `"Allow"`, "%s: opens the bucket", policy.URN)
			itself := "arn:aws:s3:::" + policy.Inputs["bucket"].(string)
			ask := func(action, on string, context map[string]string) rights.Decision {
				decided, err := rights.Evaluate(text, rights.Request{Action: action, Resource: on, Context: context})
				require.NoError(t, err)
				return decided
			}
			i := slices.IndexFunc(r.Resources, func(made *harness.Resource) bool { return made.URN == policy.Provider })
			administrator, isAmazon := harness.Dig(r.Resources[i].Inputs["assumeRole"], "roleArn").(string)
			root := map[string]string{"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "aws:PrincipalArn": administrator}
			someone := map[string]string{"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "aws:PrincipalArn": "arn:aws:iam::123456789012:user/lagrum/x"}
			require.Equal(t, rights.Denied, ask("s3:GetObject", itself+"/o", map[string]string{"aws:SecureTransport": "false"}), policy.URN)
			require.Equal(t, rights.Silent, ask("s3:PutObject", itself+"/o", someone), policy.URN)
			for _, action := range rights.Destruction() {
				require.Equal(t, rights.Denied, ask(action, itself+"/o", someone), "%s: %s", policy.URN, action)
				require.Equal(t, rights.Denied, ask(action, itself+"/o", root), "%s: %s", policy.URN, action)
			}
			if !isAmazon {
				continue
			}
			require.Equal(t, rights.Denied, ask("s3:GetObject", itself+"/o", map[string]string{"aws:SecureTransport": "true", "s3:TlsVersion": "1.1"}), policy.URN)
			require.Equal(t, rights.Denied, ask("s3:PutObject", itself+"/o",
				map[string]string{"aws:SecureTransport": "true", "s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}), policy.URN)
			for _, action := range rights.Settings() {
				for _, on := range []string{itself, itself + "/o"} {
					require.Equal(t, rights.Denied, ask(action, on, someone), "%s: %s", policy.URN, action)
					require.Equal(t, rights.Silent, ask(action, on, root), "%s: %s", policy.URN, action)
				}
			}
		}
		if harness.Dig(siteOf(t, name), "cloud", "aws") == nil {
			return
		}
		for user, policy := range users(t, r) {
			itself := bucketIn(t, name, strings.TrimPrefix(user, name), policy)
			for _, action := range rights.Forbidden() {
				for _, on := range []string{itself, itself + "/o"} {
					decided, err := rights.Evaluate(policy, rights.Request{Action: action, Resource: on})
					require.NoError(t, err)
					require.Equal(t, rights.Denied, decided, "%s: %s", user, action)
				}
			}
		}
	})
}

// Keys that nobody configured are all named at once, and nothing is made.
func TestMissingStoreLogins(t *testing.T) {
	t.Parallel()
	secrets := credentials()
	for _, who := range []string{"storeAdministrator", "backupVelero"} {
		delete(secrets, "lagrum:"+who+"ID")
		delete(secrets, "lagrum:"+who+"Secret")
	}
	recording, err := harness.Record(stackAt().Run, harness.Options{Stack: "se-prod", Preview: true, Config: declared(t)["se-prod"], Secrets: secrets})
	require.Error(t, err)
	for _, key := range []string{"storeAdministratorID", "storeAdministratorSecret", "backupVeleroID", "backupVeleroSecret"} {
		require.ErrorContains(t, err, "lagrum:"+key+": not set")
	}
	require.Empty(t, recording.Of(bucketType))
}

// One site keeps the same things for the same time wherever its stores lie.
func TestStoresAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	onOpenStack := run(t, "se-prod", declared(t)["se-prod"], false)
	onAmazon := run(t, "se-prod", edited(t, "se-prod", func(site map[string]any) {
		site["cloud"] = map[string]any{"aws": map[string]any{
			"region": "eu-north-1", "account": "123456789012", "image": "ami-0123456789abcdef0", "storeRole": "arn:aws:iam::123456789012:role/stores",
		}}
		for i := range site["nodePools"].([]any) {
			pool(site, i)["size"] = "m5.large"
		}
		delete(site, "objectStore")
		backup := site["backup"].(map[string]any)
		delete(backup, "endpoint")
		backup["region"], backup["account"], backup["role"], backup["country"] = "eu-central-1", "210987654321", "arn:aws:iam::210987654321:role/stores", "de"
	}), false)
	kept := func(r *harness.Recording) map[string]string {
		all := map[string]string{}
		for _, bucket := range r.Of(bucketType) {
			all[bucket.Name] = fmt.Sprint(lockOf(t, r, bucket), endsOf(t, r, bucket))
		}
		return all
	}
	require.Len(t, kept(onOpenStack), 4)
	require.Equal(t, kept(onOpenStack), kept(onAmazon))
}
