package objectstore

import "github.com/lagrum/lagrum/requirements"

// Controls are what the buckets of a stack serve. A lock is as good as its store: the preflight shows that, and not these.
func Controls() []requirements.Control {
	lock := "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2"
	policy := "aws:s3/bucketPolicy:BucketPolicy"
	return []requirements.Control{
		{
			Capability: requirements.TamperProofLogStore, Resources: []string{"aws:s3/bucketV2:BucketV2", lock, policy},
			How:    "each class of log has a bucket locked in compliance mode, whose writer can put, lock what it puts, and nothing else",
			Proofs: []string{"policy TestEveryBucketIsLocked", "policy TestNobodyDestroys", "unit TestNobodyWritesBeforeTheLock"},
		},
		{
			Capability: requirements.LogRetention, Resources: []string{lock, "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"},
			How:    "the lock of an archive is its class's floor, and its lifecycle ends at the ceiling",
			Proofs: []string{"policy TestArchivesKeepTheFloorAndEndAtTheCeiling"},
		},
		{
			Capability: requirements.DataDeletion, Resources: []string{"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"},
			How:    "the lifecycle removes what has reached the ceiling of its class, old versions and parts of uploads with it",
			Proofs: []string{"policy TestArchivesKeepTheFloorAndEndAtTheCeiling"},
		},
		{
			Capability: requirements.BackupSeparation, Resources: []string{"pulumi:providers:aws", "aws:s3/bucketV2:BucketV2"},
			How:    "backups lie in the region and account that the site names for them, made by a login of their own",
			Proofs: []string{"policy TestStoresLieWhereTheSiteSays"},
		},
		{
			Capability: requirements.Backup, Resources: []string{"aws:s3/bucketV2:BucketV2", lock},
			How:    "what a backup consists of stays locked for as long as any backup rests on it, whatever its writer deletes",
			Proofs: []string{"policy TestBackupsEndByTheirWriterAlone", "policy TestNobodyDestroys"},
		},
		{
			Capability: requirements.EncryptionAtRest,
			Resources:  []string{"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "aws:kms/key:Key"},
			How:        "every bucket encrypts: on AWS with a key of the stack's own, at an endpoint with what the store has",
			Proofs:     []string{"policy TestEveryBucketIsLocked"},
		},
		{
			Capability: requirements.EncryptionInTransit, Resources: []string{policy},
			How:    "a bucket answers over TLS alone, on AWS from the version on that the country asks for",
			Proofs: []string{"policy TestNobodyDestroys"},
		},
		{
			Capability: requirements.RBAC, Resources: []string{"aws:iam/user:User", "aws:iam/userPolicy:UserPolicy"},
			How:    "each consumer has a login of its own for each bucket, with the rights that it needs",
			Proofs: []string{"policy TestEachConsumerHasItsOwnCredential", "unit TestCredentialsAreSecret"},
		},
	}
}
