//go:build objectlock

package objectlock

import (
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/evidence/statebackend"
	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/server"
)

// A real store's answers are read for what they are: what is set, what is not, what it does not know, and what a stranger
// sees of it.
func TestMinIOIsAskedForItsState(t *testing.T) {
	address := server.Address(t)
	server.Start(t, mark, "minio", address,
		[]string{"MINIO_ROOT_USER=" + user, "MINIO_ROOT_PASSWORD=" + password, "MINIO_REGION=" + region, "MINIO_UPDATE=off", "MINIO_BROWSER=off"},
		"server", "--quiet", "--address", address, t.TempDir())
	client, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(user, password, ""), Region: region})
	require.NoError(t, err)
	ask := func(bucket string) *statebackend.Store {
		backend, err := statebackend.Parse("s3://" + bucket + "?region=" + region + "&endpoint=" + url.QueryEscape("http://"+address))
		require.NoError(t, err)
		store, err := statebackend.Ask(t.Context(), backend,
			statebackend.Credentials{KeyID: site.NewSecret(user), Key: site.NewSecret(password), Token: site.NewSecret("")}, "111111111111")
		require.NoError(t, err)
		t.Logf("%s: %+v", bucket, *store)
		return store
	}

	require.NoError(t, client.MakeBucket(t.Context(), "good", minio.MakeBucketOptions{Region: region, ObjectLocking: true}))
	days, unit, mode := uint(1), minio.Days, minio.Compliance
	require.NoError(t, client.SetObjectLockConfig(t.Context(), "good", &mode, &days, &unit))
	good := ask("good")
	assert.Equal(t, "Enabled", good.Versioning.Value)
	assert.Equal(t, "COMPLIANCE", good.Lock.Value)
	assert.Equal(t, "closed", good.Stranger.Value)
	assert.Equal(t, statebackend.Absent, good.Encryption.State)
	assert.Equal(t, statebackend.NotOffered, good.Mine.State, "no store but AWS knows accounts")

	require.NoError(t, client.MakeBucket(t.Context(), "bad", minio.MakeBucketOptions{Region: region}))
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::bad"]}]}`
	require.NoError(t, client.SetBucketPolicy(t.Context(), "bad", open))
	bad := ask("bad")
	assert.Empty(t, bad.Versioning.Value)
	assert.Equal(t, statebackend.Told, bad.Versioning.State)
	assert.Equal(t, statebackend.Absent, bad.Lock.State)
	assert.Equal(t, "open", bad.Stranger.Value)
}
