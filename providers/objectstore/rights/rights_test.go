package rights_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/plan"
)

func amazon() plan.Place {
	return plan.Place{Name: "backup", Region: "eu-north-1", Account: "210987654321", Administrator: "arn:aws:iam::210987654321:role/lagrum-stores"}
}

func endpoint() plan.Place {
	return plan.Place{Name: "store", Endpoint: "https://s3.example.org", Region: "sto-1"}
}

const (
	bucket = "arn:aws:s3:::b"
	object = "arn:aws:s3:::b/path/to/object"
)

// everything that S3 lets somebody ask of a bucket or an object, as far as its contents, its lock or its settings go.
func everything() map[string]string {
	all := map[string]string{
		"s3:AbortMultipartUpload": object, "s3:DeleteObject": object, "s3:DeleteObjectTagging": object, "s3:DeleteObjectVersionTagging": object,
		"s3:GetObject": object, "s3:GetObjectAcl": object, "s3:GetObjectLegalHold": object, "s3:GetObjectRetention": object, "s3:GetObjectTagging": object,
		"s3:GetObjectVersion": object, "s3:GetObjectVersionTagging": object, "s3:ListMultipartUploadParts": object, "s3:ObjectOwnerOverrideToBucketOwner": object,
		"s3:PutObject": object, "s3:PutObjectTagging": object, "s3:PutObjectVersionTagging": object, "s3:ReplicateDelete": object, "s3:ReplicateObject": object,
		"s3:RestoreObject": object, "s3:PutObjectAcl": object, "s3:PutObjectVersionAcl": object, "s3:CreateBucket": bucket, "s3:DeleteBucketWebsite": bucket,
		"s3:GetBucketLocation": bucket, "s3:GetBucketObjectLockConfiguration": bucket, "s3:GetBucketPolicy": bucket, "s3:GetBucketVersioning": bucket,
		"s3:GetLifecycleConfiguration": bucket, "s3:ListBucket": bucket, "s3:ListBucketMultipartUploads": bucket, "s3:ListBucketVersions": bucket,
		"s3:PutBucketAcl": bucket, "s3:PutBucketCORS": bucket, "s3:PutBucketLogging": bucket, "s3:PutBucketOwnershipControls": bucket,
		"s3:PutBucketPublicAccessBlock": bucket, "s3:PutBucketTagging": bucket, "s3:PutBucketWebsite": bucket, "s3:PutInventoryConfiguration": bucket,
	}
	for _, action := range rights.Forbidden() {
		all[action] = bucket
		if strings.Contains(action, "Object") && !strings.Contains(action, "Bucket") || action == "s3:BypassGovernanceRetention" {
			all[action] = object
		}
	}
	return all
}

// Each right lets its holder do exactly what stands here, of everything that there is.
func TestRightsAllowNothingElse(t *testing.T) {
	t.Parallel()
	for right, want := range map[plan.Right][]string{
		plan.Put: {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"},
		plan.Get: {"s3:GetObject", "s3:GetObjectRetention"},
		plan.List: {"s3:GetBucketLocation", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration", "s3:ListBucket",
			"s3:ListBucketMultipartUploads"},
		plan.Versions: {"s3:GetObjectVersion", "s3:ListBucketVersions"},
		plan.Expire:   {"s3:DeleteObject"},
		plan.Lock:     {"s3:GetObjectRetention", "s3:PutObjectRetention"},
		"destroy":     nil, // a right that nobody defined
	} {
		for _, place := range []plan.Place{amazon(), endpoint()} {
			text, err := rights.ForConsumer(plan.Store{Bucket: "b", Place: place}, plan.Consumer{Rights: []plan.Right{right}}).JSON()
			require.NoError(t, err)
			var can []string
			for action, on := range everything() {
				decided, err := rights.Evaluate(text, rights.Request{Action: action, Resource: on, Context: map[string]string{"s3:object-lock-mode": "COMPLIANCE"}})
				require.NoError(t, err)
				if decided == rights.Allowed {
					can = append(can, action)
				}
			}
			assert.ElementsMatch(t, want, can, "%s at %s", right, place.Name)
			assert.NotContains(t, text, "s3:*")
		}
	}
}

// With all rights at once, and a wider policy of a group besides, nothing is lost or unlocked.
func TestDenialsOutweighAGroup(t *testing.T) {
	t.Parallel()
	all := []plan.Right{plan.Put, plan.Get, plan.List, plan.Versions, plan.Expire}
	for _, place := range []plan.Place{amazon(), endpoint()} {
		p := rights.ForConsumer(plan.Store{Bucket: "b", Place: place}, plan.Consumer{Rights: all})
		p.Statement = append(p.Statement, rights.Statement{Sid: "Group", Effect: "Allow", Action: []string{"s3:*"}, Resource: []string{"*"}})
		text, err := p.JSON()
		require.NoError(t, err)
		for _, action := range rights.Forbidden() {
			decided, err := rights.Evaluate(text, rights.Request{Action: action, Resource: everything()[action]})
			require.NoError(t, err)
			assert.Equal(t, rights.Denied, decided, action)
		}
	}
}

// Whoever locks what it puts can do it in compliance mode and for the floor alone, even within a group that may do anything.
func TestLocksHaveBounds(t *testing.T) {
	t.Parallel()
	for _, place := range []plan.Place{amazon(), endpoint()} {
		p := rights.ForConsumer(plan.Store{Bucket: "b", Place: place, FloorDays: 100}, plan.Consumer{Rights: []plan.Right{plan.Put, plan.Lock}})
		p.Statement = append(p.Statement, rights.Statement{Sid: "Group", Effect: "Allow", Action: []string{"s3:*"}, Resource: []string{"*"}})
		text, err := p.JSON()
		require.NoError(t, err)
		for _, row := range []struct {
			name, mode, days string
			want             rights.Decision
		}{
			{"the floor", "COMPLIANCE", "100", rights.Allowed},
			{"the floor, with what is added for clocks", "COMPLIANCE", "101", rights.Allowed},
			{"longer", "COMPLIANCE", "102", rights.Denied},
			{"a mode that can be lifted", "GOVERNANCE", "100", rights.Denied},
			{"no mode", "", "100", rights.Denied},
		} {
			asked := map[string]string{"s3:object-lock-mode": row.mode, "s3:object-lock-remaining-retention-days": row.days}
			decided, err := rights.Evaluate(text, rights.Request{Action: "s3:PutObjectRetention", Resource: object, Context: asked})
			require.NoError(t, err)
			assert.Equal(t, row.want, decided, row.name)
		}
		for _, action := range rights.Forbidden() {
			decided, err := rights.Evaluate(text, rights.Request{Action: action, Resource: everything()[action]})
			require.NoError(t, err)
			assert.Equal(t, rights.Denied, decided, "%s, with no lock named", action)
		}
	}
}

// On AWS the bucket's own policy lets a writer's lock through where one locks what it puts, within the same bounds, and
// nobody's elsewhere.
func TestTheBucketKnowsTheBounds(t *testing.T) {
	t.Parallel()
	ask := func(consumers []plan.Consumer, principal, mode, days string) rights.Decision {
		text, err := rights.ForBucket(plan.Store{Bucket: "b", Place: amazon(), FloorDays: 100, Consumers: consumers}, "1.2").JSON()
		require.NoError(t, err)
		decided, err := rights.Evaluate(text, rights.Request{Action: "s3:PutObjectRetention", Resource: object, Context: map[string]string{
			"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "aws:PrincipalArn": principal,
			"s3:object-lock-mode": mode, "s3:object-lock-remaining-retention-days": days,
		}})
		require.NoError(t, err)
		return decided
	}
	const writer = "arn:aws:iam::210987654321:user/lagrum/writer"
	locks, puts := []plan.Consumer{{Rights: []plan.Right{plan.Put, plan.Lock}}}, []plan.Consumer{{Rights: []plan.Right{plan.Put}}}
	assert.Equal(t, rights.Silent, ask(locks, writer, "COMPLIANCE", "101"))
	assert.Equal(t, rights.Denied, ask(locks, writer, "COMPLIANCE", "102"))
	assert.Equal(t, rights.Denied, ask(locks, writer, "GOVERNANCE", "101"))
	assert.Equal(t, rights.Silent, ask(locks, amazon().Administrator, "GOVERNANCE", "102"))
	assert.Equal(t, rights.Denied, ask(puts, writer, "COMPLIANCE", "101"))
}

// IAM takes 2048 characters, white space apart, of all policies that stand in a user, and 20 KiB as a bucket's.
func TestPoliciesFit(t *testing.T) {
	t.Parallel()
	place := amazon()
	place.Region, place.Administrator = "eu-central-1", "arn:aws:iam::210987654321:role/"+strings.Repeat("r", 128)
	store := plan.Store{Bucket: "dk-prod-audit-platform-security-210987654321", Place: place}
	text, err := rights.ForConsumer(store, plan.Consumer{Rights: []plan.Right{plan.Put, plan.Get, plan.List, plan.Versions, plan.Expire, plan.Lock}}).JSON()
	require.NoError(t, err)
	assert.LessOrEqual(t, len(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)), 2048)
	text, err = rights.ForBucket(store, "1.2").JSON()
	require.NoError(t, err)
	assert.LessOrEqual(t, len(text), 20*1024)
}

// The key of a place opens through S3 alone, and its end is the administrator's.
func TestKey(t *testing.T) {
	t.Parallel()
	place := amazon()
	text, err := rights.ForKey(place).JSON()
	require.NoError(t, err)
	ask := func(action string, context map[string]string) rights.Decision {
		decided, err := rights.Evaluate(text, rights.Request{Action: action, Resource: "arn:aws:kms:eu-north-1:210987654321:key/1", Context: context})
		require.NoError(t, err)
		return decided
	}
	through := map[string]string{"kms:ViaService": "s3.eu-north-1.amazonaws.com", "aws:PrincipalArn": "arn:aws:iam::210987654321:user/lagrum/u"}
	assert.Equal(t, rights.Allowed, ask("kms:Decrypt", through))
	assert.Equal(t, rights.Silent, ask("kms:Decrypt", map[string]string{"aws:PrincipalArn": place.Administrator}), "not by hand, not even the administrator")
	assert.Equal(t, rights.Silent, ask("kms:Decrypt", map[string]string{"kms:ViaService": "ec2.eu-north-1.amazonaws.com"}))
	for _, end := range []string{"kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy"} {
		assert.Equal(t, rights.Denied, ask(end, map[string]string{"aws:PrincipalArn": "arn:aws:iam::210987654321:role/builder"}), end)
		assert.Equal(t, rights.Allowed, ask(end, map[string]string{"aws:PrincipalArn": place.Administrator}), end)
		assert.Equal(t, rights.Allowed, ask(end, map[string]string{"aws:PrincipalArn": "arn:aws:iam::210987654321:root"}), "%s: a key that nobody governs is lost", end)
	}
}

// A consumer uses the key through S3 and for its own bucket; without a right to write it makes no key of an object.
func TestKeyUse(t *testing.T) {
	t.Parallel()
	reader, err := rights.ForConsumer(plan.Store{Bucket: "b", Place: amazon()}, plan.Consumer{Rights: []plan.Right{plan.Get}}).JSON()
	require.NoError(t, err)
	writer, err := rights.ForConsumer(plan.Store{Bucket: "b", Place: amazon()}, plan.Consumer{Rights: []plan.Right{plan.Put}}).JSON()
	require.NoError(t, err)
	right := map[string]string{"kms:ViaService": "s3.eu-north-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": bucket}
	for _, row := range []struct {
		name, policy, action string
		change               func(map[string]string)
		want                 rights.Decision
	}{
		{"read", reader, "kms:Decrypt", nil, rights.Allowed},
		{"read without S3", reader, "kms:Decrypt", func(c map[string]string) { delete(c, "kms:ViaService") }, rights.Silent},
		{"read another bucket", reader, "kms:Decrypt", func(c map[string]string) { c["kms:EncryptionContext:aws:s3:arn"] = bucket + "x" }, rights.Silent},
		{"write as a reader", reader, "kms:GenerateDataKey", nil, rights.Silent},
		{"write", writer, "kms:GenerateDataKey", nil, rights.Allowed},
	} {
		context := maps.Clone(right)
		if row.change != nil {
			row.change(context)
		}
		decided, err := rights.Evaluate(row.policy, rights.Request{Action: row.action, Resource: "arn:aws:kms:eu-north-1:210987654321:key/1", Context: context})
		require.NoError(t, err)
		assert.Equal(t, row.want, decided, row.name)
	}
	named, err := rights.ForConsumer(plan.Store{Bucket: "b", Place: endpoint()}, plan.Consumer{Rights: []plan.Right{plan.Get}}).JSON()
	require.NoError(t, err)
	assert.NotContains(t, named, "kms:")
}

// The evaluation is worth what it tells apart: it is tried on policies that are wrong.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, policy string
		want         rights.Decision
		err          string
	}{
		{"nothing", `{"Statement":[]}`, rights.Silent, ""},
		{"a star", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, rights.Allowed, ""},
		{"a family", `{"Statement":[{"Effect":"Allow","Action":"s3:Delete*","Resource":"arn:aws:s3:::b/*"}]}`, rights.Allowed, ""},
		{"in another case", `{"Statement":[{"Effect":"Allow","Action":"S3:deleteOBJECTversion","Resource":"*"}]}`, rights.Allowed, ""},
		{"one letter open", `{"Statement":[{"Effect":"Allow","Action":"s3:DeleteObjectVersio?","Resource":"*"}]}`, rights.Allowed, ""},
		{"another bucket", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::c/*"}]}`, rights.Silent, ""},
		{"the bucket alone", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b"}]}`, rights.Silent, ""},
		{"denied before", `{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]}`, rights.Denied, ""},
		{"denied after", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*"}]}`, rights.Denied, ""},
		{"a condition that does not hold", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"k":"v"}}}]}`, rights.Silent, ""},
		{"everything but", `{"Statement":[{"Sid":"x","Effect":"Allow","NotAction":["s3:GetObject"],"Resource":"*"}]}`, "", `policy: statement "x": not understood: NotAction, NotResource, NotPrincipal`},
		{"an operator of another kind", `{"Statement":[{"Sid":"x","Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"k":"v"}}}]}`, "", `policy: statement "x": condition "IpAddress" is not understood`},
		{"no policy", `nothing`, "", "policy: invalid character"},
	} {
		decided, err := rights.Evaluate(row.policy, rights.Request{Action: "s3:DeleteObjectVersion", Resource: object})
		assert.Equal(t, row.want, decided, row.name)
		if row.err == "" {
			assert.NoError(t, err, row.name)
		} else {
			assert.ErrorContains(t, err, row.err, row.name)
		}
	}
}

// Every statement says what it is for, and is one that stores read: a list of actions and of resources.
func TestStatementsAreComplete(t *testing.T) {
	t.Parallel()
	store := plan.Store{Bucket: "b", Place: amazon()}
	policies := []rights.Policy{rights.ForBucket(store, "1.2"), rights.ForBucket(plan.Store{Bucket: "b", Place: endpoint()}, "1.2"), rights.ForKey(amazon()),
		rights.ForConsumer(store, plan.Consumer{Rights: []plan.Right{plan.Put, plan.List, plan.Lock}})}
	for _, p := range policies {
		text, err := p.JSON()
		require.NoError(t, err)
		require.True(t, json.Valid([]byte(text)))
		assert.Contains(t, text, `"Version":"2012-10-17"`)
		var sids []string
		for _, s := range p.Statement {
			assert.NotEmpty(t, s.Action, s.Sid)
			assert.NotEmpty(t, s.Resource, s.Sid)
			sids = append(sids, s.Sid)
		}
		slices.Sort(sids)
		assert.Equal(t, slices.Compact(slices.Clone(sids)), sids)
	}
}
