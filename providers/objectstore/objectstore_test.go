package objectstore

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/harness"
)

// decided is a plan with one store, and a second that another stack made.
func decided(at plan.Place, protect bool) *plan.Plan {
	consumer := []plan.Consumer{{Name: "collector", Rights: []plan.Right{plan.Put}}}
	other := at
	other.Name = "restore"
	return &plan.Plan{Name: "se-prod", Protect: protect, Duties: plan.Duties{TLSMinimum: "1.2"}, Stores: []plan.Store{
		{Name: "audit-x", Bucket: "se-prod-audit-x", Place: at, FloorDays: 3, CeilingDays: 9, ExpireDays: 8, NoncurrentDays: 1, Consumers: consumer},
		{Name: "restore", Bucket: "se-other-backup", Place: other, Of: "se-other", Consumers: []plan.Consumer{{Name: "reader", Rights: []plan.Right{plan.Get}}}},
	}}
}

func places() map[string]plan.Place {
	return map[string]plan.Place{
		"AWS":         {Name: "store", Region: "eu-north-1", Account: "123456789012", Administrator: "arn:aws:iam::123456789012:role/lagrum-stores"},
		"an endpoint": {Name: "store", Endpoint: "https://s3.example.org", Region: "sto-1"},
	}
}

// made runs New, and hands what it made to whoever uses it: an object whose writer takes the bucket and the credential.
func made(t *testing.T, p *plan.Plan, preview bool) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		stores, err := New(ctx, "se-prod-stores", p, configured(ctx))
		if err != nil {
			return err
		}
		for _, store := range p.Stores {
			for _, c := range store.Consumers {
				got := stores[store.Name]
				prefix := store.Name + "-" + c.Name + "-"
				ctx.Export(prefix+"bucket", got.Bucket)
				ctx.Export(prefix+"endpoint", got.Endpoint)
				ctx.Export(prefix+"secret", got.Credentials[c.Name].Secret)
			}
		}
		return nil
	}, harness.Options{Preview: preview})
}

// configured gives every login.
func configured(ctx *pulumi.Context) func(string) (pulumi.StringOutput, error) {
	return func(key string) (pulumi.StringOutput, error) {
		return pulumi.String("of " + key).ToStringOutputWithContext(ctx.Context()), nil
	}
}

// A consumer's secret is one wherever it comes from, and the bucket of another stack is read and not made.
func TestCredentialsAreSecret(t *testing.T) {
	t.Parallel()
	for name, at := range places() {
		r := made(t, decided(at, true), false)
		require.Equal(t, "se-prod-audit-x", r.Exports["audit-x-collector-bucket"], name)
		require.Equal(t, "se-other-backup", r.Exports["restore-reader-bucket"], name)
		require.Equal(t, harness.SecretText, r.Exports["audit-x-collector-secret"], name)
		require.Equal(t, harness.SecretText, r.Exports["restore-reader-secret"], name)
		require.Len(t, r.Of("aws:s3/bucketV2:BucketV2"), 1, name)
		want := "https://s3.example.org"
		if at.AWS() {
			want = "https://s3.eu-north-1.amazonaws.com"
		}
		require.Equal(t, want, r.Exports["restore-reader-endpoint"], name)
	}
}

// In a preview nobody knows a bucket that does not exist: whoever writes to it waits for its lock.
func TestNobodyWritesBeforeTheLock(t *testing.T) {
	t.Parallel()
	for name, at := range places() {
		r := made(t, decided(at, true), true)
		require.Equal(t, harness.UnknownText, r.Exports["audit-x-collector-bucket"], name)
		require.Equal(t, "se-other-backup", r.Exports["restore-reader-bucket"], name)
	}
}

// Where nothing is worth keeping, a stack can be destroyed with its empty buckets.
func TestProtect(t *testing.T) {
	t.Parallel()
	for _, protect := range []bool{true, false} {
		for name, at := range places() {
			for _, one := range made(t, decided(at, protect), false).Of("aws:s3/bucketV2:BucketV2") {
				require.Equal(t, protect, one.Protect, name)
				require.Equal(t, false, one.Inputs["forceDestroy"], name)
			}
		}
	}
}

// Every login that the configuration lacks is named, each once, before anything is made.
func TestMissingLogins(t *testing.T) {
	t.Parallel()
	missing := func(key string) (pulumi.StringOutput, error) { return pulumi.StringOutput{}, errors.New(key) }
	_, err := New(nil, "se-prod-stores", decided(places()["an endpoint"], true), missing)
	require.EqualError(t, err, "storeAdministratorID\nstoreAdministratorSecret\nauditXCollectorID\nauditXCollectorSecret\nrestoreReaderID\nrestoreReaderSecret")
}

// A plan without stores asks for no login, and makes nothing.
func TestNoStores(t *testing.T) {
	t.Parallel()
	stores, err := New(nil, "dev-stores", &plan.Plan{Name: "dev"}, nil)
	require.NoError(t, err)
	require.Empty(t, stores)
}
