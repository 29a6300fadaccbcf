package main

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

func urn(kind string) resource.URN {
	return resource.NewURN("stack", "project", "", tokens.Type(kind), "name")
}

// Nothing is taken that is not done: no other type, no other input.
func TestCheckRefusesWhatItDoesNotDo(t *testing.T) {
	t.Parallel()
	p := &provider{Base: standin.NewBase("aws", version)}
	check := func(kind string, inputs map[string]any) (plugin.CheckResponse, error) {
		return p.Check(t.Context(), plugin.CheckRequest{URN: urn(kind), News: resource.NewPropertyMapFromMap(inputs)})
	}
	_, err := check("aws:ec2/instance:Instance", nil)
	require.ErrorContains(t, err, "needs the official plugin")
	_, err = check("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", nil)
	require.ErrorContains(t, err, "needs the official plugin")

	right := map[string]any{"bucket": "b", "objectLockEnabled": true, "forceDestroy": false}
	answer, err := check("aws:s3/bucketV2:BucketV2", right)
	require.NoError(t, err)
	assert.Empty(t, answer.Failures)
	right["acl"] = "public-read"
	answer, err = check("aws:s3/bucketV2:BucketV2", right)
	require.NoError(t, err)
	require.Len(t, answer.Failures, 1)
	assert.Contains(t, answer.Failures[0].Reason, "acl")
}

// Settings that the stand-in does not carry out are no settings: an account to stay in, a role to assume.
func TestConfigure(t *testing.T) {
	t.Parallel()
	right := func() map[string]any {
		return map[string]any{
			"region": "eu-north-1", "accessKey": "12345", "secretKey": "secret", "endpoints": `[{"s3":"https://s3.example.org"}]`, "s3UsePathStyle": "true",
			"skipCredentialsValidation": "true", "skipMetadataApiCheck": "true", "skipRegionValidation": "true", "skipRequestingAccountId": "true",
			"defaultTags": `{"tags":{"lagrum.dev/stack":"se-prod"}}`, "version": version,
		}
	}
	configure := func(change func(map[string]any)) error {
		settings := right()
		change(settings)
		p := &provider{Base: standin.NewBase("aws", version)}
		_, err := p.Configure(t.Context(), plugin.ConfigureRequest{Inputs: resource.NewPropertyMapFromMap(settings)})
		if err == nil {
			assert.Equal(t, map[string]string{"lagrum.dev/stack": "se-prod"}, p.tags)
			assert.NotNil(t, p.store)
		}
		return err
	}
	require.NoError(t, configure(func(map[string]any) {}))
	require.ErrorContains(t, configure(func(s map[string]any) { s["assumeRole"] = `{"roleArn":"arn"}` }), "assumeRole")
	require.ErrorContains(t, configure(func(s map[string]any) { s["allowedAccountIds"] = `["1"]` }), "allowedAccountIds")
	require.ErrorContains(t, configure(func(s map[string]any) { s["endpoints"] = `[{"s3":"https://a","iam":"https://b"}]` }), "want one endpoint")
	require.ErrorContains(t, configure(func(s map[string]any) { delete(s, "endpoints") }), "AWS itself needs the official plugin")
	require.ErrorContains(t, configure(func(s map[string]any) { s["s3UsePathStyle"] = "false" }), "s3UsePathStyle")
}

// A policy that says the same in another form is the same, and one that says less is not.
func TestNormal(t *testing.T) {
	t.Parallel()
	ours := `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Principal":"*","Action":["s3:b","s3:a"],"Resource":["r1","r2"],"Condition":{"Bool":{"k":"false"}}}]}`
	for name, same := range map[string]string{
		"folded":  `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Principal":{"AWS":["*"]},"Action":["s3:a","s3:b"],"Resource":["r2","r1"],"Condition":{"Bool":{"k":["false"]}}}]}`,
		"as said": ours,
	} {
		assert.Equal(t, normal(ours), normal(same), name)
	}
	for name, other := range map[string]string{
		"an action less":     `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Principal":"*","Action":["s3:a"],"Resource":["r1","r2"],"Condition":{"Bool":{"k":"false"}}}]}`,
		"another effect":     `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Principal":"*","Action":["s3:a","s3:b"],"Resource":["r1","r2"],"Condition":{"Bool":{"k":"false"}}}]}`,
		"without the clause": `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Principal":"*","Action":["s3:a","s3:b"],"Resource":["r1","r2"]}]}`,
		"no policy":          "",
	} {
		assert.NotEqual(t, normal(ours), normal(other), name)
	}
}
