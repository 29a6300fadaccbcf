// Package rights says who may do what with a bucket under object lock: the policy of each consumer, of the bucket, and of
// the key that encrypts it, as S3 and IAM read them. It is data without any SDK, so that what a document shows, what a
// test evaluates and what a store is given are one thing.
package rights

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/lagrum/lagrum/stacks/plan"
)

// Policy is a policy of IAM or of a bucket.
type Policy struct {
	Version   string
	Statement []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal any `json:",omitempty"` // "*", or {"AWS": ARN}; only in policies of buckets and keys
	Action    []string
	Resource  []string
	Condition map[string]map[string]any `json:",omitempty"`
}

const (
	allow, deny = "Allow", "Deny"
	everybody   = "*"
	// setLock is asked for by a put that says how long its version is locked, and by a change of a lock.
	setLock = "s3:PutObjectRetention"
)

// JSON is the policy as a store takes it, on one line: IAM counts characters.
func (p Policy) JSON() (string, error) {
	p.Version = "2012-10-17"
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("policy: %w", err)
	}
	return string(text), nil
}

// Actions of S3 by the right that asks for them: on objects, and on the bucket.
func actions(right plan.Right) (objects, bucket []string) {
	switch right {
	case plan.Put:
		return []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}, nil
	case plan.Get:
		// Whoever verifies reads the lock of each object too.
		return []string{"s3:GetObject", "s3:GetObjectRetention"}, nil
	case plan.List:
		return nil, []string{"s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation", "s3:GetBucketVersioning",
			"s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration"}
	case plan.Versions:
		return []string{"s3:GetObjectVersion"}, []string{"s3:ListBucketVersions"}
	case plan.Expire:
		return []string{"s3:DeleteObject"}, nil // without a version id: it sets a marker
	case plan.Lock:
		return []string{setLock, "s3:GetObjectRetention"}, nil
	}
	return nil, nil
}

// Destruction removes or unlocks what is kept. Nobody has it, whoever administers the bucket included: versions end by the
// lifecycle alone.
func Destruction() []string {
	return []string{"s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"}
}

// Settings decide what later objects are kept by, and who reaches them. Only the administrator has them.
func Settings() []string {
	return []string{
		setLock, "s3:PutObjectLegalHold", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning",
		"s3:PutLifecycleConfiguration", "s3:PutEncryptionConfiguration", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy",
		"s3:PutReplicationConfiguration", "s3:PutBucketNotification", "s3:DeleteBucket",
	}
}

// amazonSettings are settings that other stores do not know, or do not let a policy name.
func amazonSettings() []string {
	return []string{"s3:PutBucketPublicAccessBlock", "s3:PutBucketOwnershipControls", "s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"}
}

// Forbidden is what no consumer may ever do, but for whoever locks what it puts: that one sets locks, within bounds.
func Forbidden() []string { return slices.Concat(Destruction(), Settings()) }

func arns(bucket string) (itself, objects string) {
	return "arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"
}

// ForConsumer is the policy of the one user that a consumer logs in as. The denials say again what is not allowed: they
// hold where a user is in a group as well, and where a store evaluates no policy of the bucket for a user (MinIO).
func ForConsumer(store plan.Store, c plan.Consumer) Policy {
	itself, within := arns(store.Bucket)
	var objects, bucket []string
	for _, right := range c.Rights {
		o, b := actions(right)
		objects, bucket = append(objects, o...), append(bucket, b...)
	}
	var p Policy
	if len(objects) > 0 {
		p.Statement = append(p.Statement, Statement{Sid: "Objects", Effect: allow, Action: objects, Resource: []string{within}})
	}
	if len(bucket) > 0 {
		p.Statement = append(p.Statement, Statement{Sid: "Bucket", Effect: allow, Action: bucket, Resource: []string{itself}})
	}
	if store.Place.AWS() {
		p.Statement = append(p.Statement, keyUse(store, c))
	}
	never := Forbidden()
	if slices.Contains(c.Rights, plan.Lock) {
		never = withoutLock(never)
		p.Statement = append(p.Statement, lockBounds(store)...)
	}
	p.Statement = append(p.Statement, Statement{Sid: "Never", Effect: deny, Action: never, Resource: []string{itself, within}})
	return p
}

func withoutLock(actions []string) []string {
	return slices.DeleteFunc(actions, func(action string) bool { return action == setLock })
}

// lockBounds keep a writer's locks in compliance mode, and from a version that nobody could remove when it has to go. A lock
// is never shortened, whoever asks; a day more than the floor is what the writer adds for a clock that goes wrong.
func lockBounds(store plan.Store) []Statement {
	itself, within := arns(store.Bucket)
	bound := func(sid, operator, key, value string) Statement {
		return Statement{Sid: sid, Effect: deny, Action: []string{setLock}, Resource: []string{itself, within},
			Condition: map[string]map[string]any{operator: {key: value}}}
	}
	return []Statement{
		bound("Compliance", "StringNotEquals", "s3:object-lock-mode", "COMPLIANCE"),
		bound("NoLonger", "NumericGreaterThan", "s3:object-lock-remaining-retention-days", strconv.Itoa(store.FloorDays+1)),
	}
}

// keyUse lets a consumer use the place's key through S3 for its bucket. The bucket tells which key that is, and not the
// policy: a recovery stack reads what another stack's key encrypts. Whoever writes in parts must decrypt as well; without a right to read that
// opens nothing.
func keyUse(store plan.Store, c plan.Consumer) Statement {
	itself, _ := arns(store.Bucket)
	use := []string{"kms:Decrypt"}
	if slices.Contains(c.Rights, plan.Put) {
		use = append(use, "kms:GenerateDataKey")
	}
	return Statement{Sid: "Key", Effect: allow, Action: use, Resource: []string{"arn:aws:kms:" + store.Place.Region + ":" + store.Place.Account + ":key/*"},
		Condition: map[string]map[string]any{
			"StringEquals": {"kms:ViaService": "s3." + store.Place.Region + ".amazonaws.com", "kms:EncryptionContext:aws:s3:arn": itself},
		}}
}

// ForBucket is the policy of the bucket: it allows nothing, and denies whatever the policies of users may say.
//
// On AWS the administrator alone changes settings, and takes away this policy first to destroy what has no lock any more.
// Elsewhere no policy can name the administrator in a way that all stores read, so that only what nobody needs is denied.
func ForBucket(store plan.Store, tlsMinimum string) Policy {
	itself, within := arns(store.Bucket)
	both := []string{itself, within}
	no := func(sid string, actions []string, condition map[string]map[string]any) Statement {
		return Statement{Sid: sid, Effect: deny, Principal: everybody, Action: actions, Resource: both, Condition: condition}
	}
	p := Policy{Statement: []Statement{
		no("OnlyEncryptedTransport", []string{"s3:*"}, map[string]map[string]any{"Bool": {"aws:SecureTransport": "false"}}),
		{Sid: "NoDestruction", Effect: deny, Principal: everybody, Action: Destruction(), Resource: []string{within}},
	}}
	if !store.Place.AWS() {
		return p
	}
	settings := Settings()
	if slices.ContainsFunc(store.Consumers, func(c plan.Consumer) bool { return slices.Contains(c.Rights, plan.Lock) }) {
		settings = withoutLock(settings)
		for _, bound := range lockBounds(store) {
			bound.Principal, bound.Condition["ArnNotEquals"] = everybody, map[string]any{"aws:PrincipalArn": store.Place.Administrator}
			p.Statement = append(p.Statement, bound)
		}
	}
	p.Statement = append(p.Statement,
		no("OnlyRecentTLS", []string{"s3:*"}, map[string]map[string]any{"NumericLessThan": {"s3:TlsVersion": tlsMinimum}}),
		no("OnlyTheAdministratorSets", slices.Concat(settings, amazonSettings()),
			map[string]map[string]any{"ArnNotEquals": {"aws:PrincipalArn": store.Place.Administrator}}),
		// Objects encrypted with a key that their writer keeps could be read by nobody else.
		Statement{Sid: "NoKeyOfTheWriter", Effect: deny, Principal: everybody, Action: []string{"s3:PutObject"}, Resource: []string{within},
			Condition: map[string]map[string]any{"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}}},
	)
	return p
}

// ForKey is the policy of the key that a place's buckets are encrypted with. Without it everything under it is lost, so
// that its end is the administrator's to decide, or the account's root's, who could not be kept from it.
func ForKey(place plan.Place) Policy {
	root := "arn:aws:iam::" + place.Account + ":root"
	account := map[string]string{"AWS": root}
	return Policy{Statement: []Statement{
		{Sid: "Administer", Effect: allow, Principal: account, Resource: []string{everybody}, Action: []string{
			"kms:Describe*", "kms:Get*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Enable*", "kms:Disable*", "kms:RevokeGrant",
			"kms:CreateAlias", "kms:DeleteAlias", "kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion",
		}},
		{Sid: "OnlyTheAdministratorEndsIt", Effect: deny, Principal: everybody, Resource: []string{everybody},
			Action:    []string{"kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:DeleteAlias", "kms:UpdateAlias"},
			Condition: map[string]map[string]any{"ArnNotEquals": {"aws:PrincipalArn": []string{place.Administrator, root}}}},
		{Sid: "ObjectsThroughS3", Effect: allow, Principal: account, Resource: []string{everybody},
			Action:    []string{"kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"},
			Condition: map[string]map[string]any{"StringEquals": {"kms:ViaService": "s3." + place.Region + ".amazonaws.com"}}},
	}}
}
