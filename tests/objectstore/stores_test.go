//go:build objectlock

package main_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
)

func TestStoresInMinIO(t *testing.T) {
	w := prepare(t)
	w.must(t, "preview")
	w.must(t, "up", "--yes", "--skip-preview")
	w.must(t, "preview", "--expect-no-changes")
	w.must(t, "refresh", "--yes", "--skip-preview")
	w.must(t, "preview", "--expect-no-changes")
	t.Run("what the server has", w.readsBack)
	t.Run("the archive's writer", w.collector)
	t.Run("the archive's verifier", w.verifier)
	t.Run("the daily credential of backups", w.velero)
	t.Run("every consumer", w.forbidden)
	t.Run("drift", w.drift)
	out, err := w.run("destroy", "--yes", "--skip-preview")
	require.Error(t, err, out)
	require.Contains(t, out, "protected")
}

// readsBack asks the server, not the state.
func (w *world) readsBack(t *testing.T) {
	root := w.client(t, administrator)
	for _, store := range w.plan.Stores {
		if store.Of != "" {
			continue
		}
		versions, err := root.GetBucketVersioning(t.Context(), store.Bucket)
		require.NoError(t, err)
		assert.Equal(t, "Enabled", versions.Status, store.Name)
		w.locked(t, store, uint(store.FloorDays))
		config, err := root.GetBucketLifecycle(t.Context(), store.Bucket)
		require.NoError(t, err)
		require.Len(t, config.Rules, 2, store.Name)
		assert.Equal(t, store.ExpireDays, int(config.Rules[0].Expiration.Days), store.Name)
		assert.Equal(t, store.NoncurrentDays, int(config.Rules[0].NoncurrentVersionExpiration.NoncurrentDays), store.Name)
		assert.True(t, bool(config.Rules[1].Expiration.DeleteMarker), store.Name)
		encryption, err := root.GetBucketEncryption(t.Context(), store.Bucket)
		require.NoError(t, err)
		assert.Equal(t, "AES256", encryption.Rules[0].Apply.SSEAlgorithm, store.Name)
		policy, err := root.GetBucketPolicy(t.Context(), store.Bucket)
		require.NoError(t, err)
		assert.Contains(t, policy, "s3:DeleteObjectVersion", store.Name)
		assert.NotContains(t, policy, "Allow", store.Name)
		tags, err := root.GetBucketTagging(t.Context(), store.Bucket)
		require.NoError(t, err)
		assert.Equal(t, "se-prod", tags.ToMap()["lagrum.dev/stack"], store.Name)
	}
}

func (w *world) locked(t *testing.T, store plan.Store, days uint) {
	t.Helper()
	state, mode, validity, unit, err := w.client(t, administrator).GetObjectLockConfig(t.Context(), store.Bucket)
	require.NoError(t, err)
	require.NotNil(t, mode, store.Name)
	assert.Equal(t, "Enabled", state, store.Name)
	assert.Equal(t, minio.Compliance, *mode, store.Name)
	assert.Equal(t, days, *validity, store.Name)
	assert.Equal(t, minio.Days, *unit, store.Name)
}

func put(t *testing.T, client *minio.Client, bucket, key, text string) minio.UploadInfo {
	t.Helper()
	made, err := client.PutObject(t.Context(), bucket, key, bytes.NewReader([]byte(text)), int64(len(text)), minio.PutObjectOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, made.VersionID)
	return made
}

func get(ctx context.Context, client *minio.Client, bucket, key, version string) (string, error) {
	object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return "", err
	}
	defer object.Close()
	text, err := io.ReadAll(object)
	return string(text), err
}

// refused wants a refusal by a policy. What the lock itself forbids, the server says in its own words before it looks for one.
func refused(t *testing.T, err error, what string) {
	t.Helper()
	require.Error(t, err, what)
	answer := minio.ToErrorResponse(err)
	byTheLock := answer.Code == "InvalidRequest" && strings.Contains(answer.Message, "WORM protected")
	assert.True(t, answer.Code == "AccessDenied" || byTheLock, "%s: %v", what, err)
}

// collector puts, and nothing else; what it put is locked for the class's floor without its asking.
func (w *world) collector(t *testing.T) {
	store := w.store(t, "audit-patient-access")
	writer, root := w.client(t, "audit-patient-access-collector"), w.client(t, administrator)
	first := put(t, writer, store.Bucket, "2026/06/01/a.log", "who read what")
	mode, until, err := root.GetObjectRetention(t.Context(), store.Bucket, "2026/06/01/a.log", first.VersionID)
	require.NoError(t, err)
	assert.Equal(t, minio.Compliance, *mode)
	assert.WithinDuration(t, time.Now().AddDate(0, 0, store.FloorDays), *until, time.Hour)
	sealed, err := root.StatObject(t.Context(), store.Bucket, "2026/06/01/a.log", minio.StatObjectOptions{})
	require.NoError(t, err)
	assert.Equal(t, "AES256", sealed.Metadata.Get("X-Amz-Server-Side-Encryption"))

	_, err = get(t.Context(), writer, store.Bucket, "2026/06/01/a.log", "")
	refused(t, err, "reads")
	refused(t, listing(t, writer, store.Bucket, false), "lists")
	refused(t, writer.RemoveObject(t.Context(), store.Bucket, "2026/06/01/a.log", minio.RemoveObjectOptions{}), "sets a marker")
	other := w.store(t, "audit-platform-security")
	_, err = writer.PutObject(t.Context(), other.Bucket, "x", bytes.NewReader(nil), 0, minio.PutObjectOptions{})
	refused(t, err, "writes to the other class")

	// An overwrite is a new version: the old one stays, and the verifier of this test's next part sees both.
	put(t, writer, store.Bucket, "2026/06/01/a.log", "nothing at all")
	text, err := get(t.Context(), root, store.Bucket, "2026/06/01/a.log", first.VersionID)
	require.NoError(t, err)
	assert.Equal(t, "who read what", text)
	// Nobody removes it, whoever asks.
	err = root.RemoveObject(t.Context(), store.Bucket, "2026/06/01/a.log", minio.RemoveObjectOptions{VersionID: first.VersionID, GovernanceBypass: true})
	require.Error(t, err, "the administrator deletes a locked version")
}

func listing(t *testing.T, client *minio.Client, bucket string, versions bool) error {
	t.Helper()
	_, err := keys(t, client, bucket, versions)
	return err
}

func keys(t *testing.T, client *minio.Client, bucket string, versions bool) ([]minio.ObjectInfo, error) {
	t.Helper()
	var all []minio.ObjectInfo
	for object := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: versions}) {
		if object.Err != nil {
			return nil, object.Err
		}
		all = append(all, object)
	}
	return all, nil
}

// verifier sees what was overwritten, and when each lock ends.
func (w *world) verifier(t *testing.T) {
	store := w.store(t, "audit-patient-access")
	verifier := w.client(t, "audit-patient-access-verifier")
	found, err := keys(t, verifier, store.Bucket, true)
	require.NoError(t, err)
	require.Len(t, found, 2, "the overwrite shows")
	for _, version := range found {
		_, until, err := verifier.GetObjectRetention(t.Context(), store.Bucket, version.Key, version.VersionID)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().AddDate(0, 0, store.FloorDays), *until, time.Hour)
		_, err = get(t.Context(), verifier, store.Bucket, version.Key, version.VersionID)
		require.NoError(t, err)
	}
	_, _, validity, _, err := verifier.GetObjectLockConfig(t.Context(), store.Bucket)
	require.NoError(t, err)
	assert.Equal(t, uint(store.FloorDays), *validity)
	_, err = verifier.PutObject(t.Context(), store.Bucket, "x", bytes.NewReader(nil), 0, minio.PutObjectOptions{})
	refused(t, err, "writes")
}

// velero does its day's work; then whoever has its key deletes and overwrites everything, and the recovery stack's reader
// has it all back.
func (w *world) velero(t *testing.T) {
	store := w.store(t, plan.BackupStore)
	daily, reader := w.client(t, "backup-velero"), w.client(t, "restore-reader")
	want := map[string]string{"backups/one/data": "first", "kopia/p1": "shared blob", "kopia/p2": "another"}
	for key, text := range want {
		put(t, daily, store.Bucket, key, text)
		read, err := get(t.Context(), daily, store.Bucket, key, "")
		require.NoError(t, err)
		assert.Equal(t, text, read)
	}
	require.NoError(t, listing(t, daily, store.Bucket, false))

	put(t, daily, store.Bucket, "kopia/p1", "noise")
	for key := range want {
		require.NoError(t, daily.RemoveObject(t.Context(), store.Bucket, key, minio.RemoveObjectOptions{}))
	}
	now, err := keys(t, daily, store.Bucket, false)
	require.NoError(t, err)
	require.Empty(t, now, "everything is gone from sight")

	found, err := keys(t, reader, store.Bucket, true)
	require.NoError(t, err)
	// MinIO shows versions to whoever may list and get. That the daily credential sees them does no harm: it removes none.
	for _, version := range found {
		refused(t, daily.RemoveObject(t.Context(), store.Bucket, version.Key, minio.RemoveObjectOptions{VersionID: version.VersionID, GovernanceBypass: true}), "removes a version")
	}
	restored := map[string]string{}
	oldest := map[string]time.Time{}
	for _, version := range found {
		if version.IsDeleteMarker || !oldest[version.Key].IsZero() && version.LastModified.After(oldest[version.Key]) {
			continue
		}
		text, err := get(t.Context(), reader, store.Bucket, version.Key, version.VersionID)
		require.NoError(t, err)
		restored[version.Key], oldest[version.Key] = text, version.LastModified
	}
	assert.Equal(t, want, restored)
	_, err = reader.PutObject(t.Context(), store.Bucket, "x", bytes.NewReader(nil), 0, minio.PutObjectOptions{})
	refused(t, err, "the reader writes")
	refused(t, reader.RemoveObject(t.Context(), store.Bucket, "kopia/p2", minio.RemoveObjectOptions{}), "the reader sets a marker")
}

// forbidden has every consumer of every bucket try what destroys or weakens, on an object that is there. The administrator
// then does the harmless half of it, so that a refusal was the policy's doing and not the server's.
func (w *world) forbidden(t *testing.T) {
	root := w.client(t, administrator)
	for _, store := range w.plan.Stores {
		victim := put(t, root, store.Bucket, "victim", "kept")
		for _, c := range store.Consumers {
			for what, attack := range attacks(t, w, store, victim.VersionID) {
				refused(t, attack(w.client(t, name(store, c))), name(store, c)+" "+what)
			}
		}
		for what, attack := range harmless(t, w, store) {
			require.NoError(t, attack(root), "%s: the administrator %s", store.Name, what)
		}
		text, err := get(t.Context(), root, store.Bucket, "victim", victim.VersionID)
		require.NoError(t, err)
		assert.Equal(t, "kept", text, store.Name)
		if store.Of == "" {
			w.locked(t, store, uint(store.FloorDays))
		}
	}
}

type attack func(*minio.Client) error

func attacks(t *testing.T, _ *world, store plan.Store, version string) map[string]attack {
	t.Helper()
	ctx, governance, compliance, soon, one, unit := t.Context(), minio.Governance, minio.Compliance, time.Now().Add(time.Hour), uint(1), minio.Days
	retention := func(mode *minio.RetentionMode, until *time.Time) attack {
		return func(c *minio.Client) error {
			return c.PutObjectRetention(ctx, store.Bucket, "victim", minio.PutObjectRetentionOptions{Mode: mode, RetainUntilDate: until, VersionID: version, GovernanceBypass: true})
		}
	}
	later := time.Now().AddDate(100, 0, 0)
	held := minio.LegalHoldEnabled
	return map[string]attack{
		"deletes a version": func(c *minio.Client) error {
			return c.RemoveObject(ctx, store.Bucket, "victim", minio.RemoveObjectOptions{VersionID: version})
		},
		"deletes a version, bypassing": func(c *minio.Client) error {
			return c.RemoveObject(ctx, store.Bucket, "victim", minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: true})
		},
		"shortens":            retention(&compliance, &soon),
		"takes another mode":  retention(&governance, &soon),
		"locks for a century": retention(&compliance, &later),
		"holds": func(c *minio.Client) error {
			return c.PutObjectLegalHold(ctx, store.Bucket, "victim", minio.PutObjectLegalHoldOptions{VersionID: version, Status: &held})
		},
		"shortens the default": func(c *minio.Client) error { return c.SetObjectLockConfig(ctx, store.Bucket, &governance, &one, &unit) },
		"removes the default":  func(c *minio.Client) error { return c.SetObjectLockConfig(ctx, store.Bucket, nil, nil, nil) },
		"suspends versions":    func(c *minio.Client) error { return c.SuspendVersioning(ctx, store.Bucket) },
		"expires everything":   func(c *minio.Client) error { return c.SetBucketLifecycle(ctx, store.Bucket, tomorrow()) },
		"removes the lifecycle": func(c *minio.Client) error {
			return c.SetBucketLifecycle(ctx, store.Bucket, lifecycle.NewConfiguration())
		},
		"opens the bucket":   func(c *minio.Client) error { return c.SetBucketPolicy(ctx, store.Bucket, open(store.Bucket)) },
		"removes the policy": func(c *minio.Client) error { return c.SetBucketPolicy(ctx, store.Bucket, "") },
		"stops encrypting":   func(c *minio.Client) error { return c.RemoveBucketEncryption(ctx, store.Bucket) },
		"deletes the bucket": func(c *minio.Client) error { return c.RemoveBucket(ctx, store.Bucket) },
		"deletes the bucket, too": func(c *minio.Client) error {
			return c.RemoveBucketWithOptions(ctx, store.Bucket, minio.RemoveBucketOptions{ForceDelete: true})
		},
	}
}

// harmless are settings to what they are already: the administrator may, and nothing changes.
func harmless(t *testing.T, w *world, store plan.Store) map[string]attack {
	t.Helper()
	ctx, mode, unit := t.Context(), minio.Compliance, minio.Days
	made := store
	if store.Of != "" {
		made = w.store(t, plan.BackupStore)
	}
	days := uint(made.FloorDays)
	return map[string]attack{
		"sets the default":  func(c *minio.Client) error { return c.SetObjectLockConfig(ctx, made.Bucket, &mode, &days, &unit) },
		"sets the versions": func(c *minio.Client) error { return c.EnableVersioning(ctx, made.Bucket) },
		"sets the lifecycle": func(c *minio.Client) error {
			config, err := c.GetBucketLifecycle(ctx, made.Bucket)
			if err != nil {
				return err
			}
			return c.SetBucketLifecycle(ctx, made.Bucket, config)
		},
		"sets the encryption": func(c *minio.Client) error {
			return c.SetBucketEncryption(ctx, made.Bucket, sse.NewConfigurationSSES3())
		},
		"sets the policy": func(c *minio.Client) error {
			policy, err := c.GetBucketPolicy(ctx, made.Bucket)
			if err != nil {
				return err
			}
			return c.SetBucketPolicy(ctx, made.Bucket, policy)
		},
	}
}

func tomorrow() *lifecycle.Configuration {
	config := lifecycle.NewConfiguration()
	config.Rules = []lifecycle.Rule{{ID: "all", Status: "Enabled", Expiration: lifecycle.Expiration{Days: 1}}}
	return config
}

func open(bucket string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::` + bucket + `/*"]}]}`
}

// drift is what the administrator changed by hand: a refresh tells, and the next update puts it right.
func (w *world) drift(t *testing.T) {
	store := w.store(t, "audit-platform-security")
	mode, days, unit := minio.Governance, uint(1), minio.Days
	require.NoError(t, w.client(t, administrator).SetObjectLockConfig(t.Context(), store.Bucket, &mode, &days, &unit))
	out, err := w.run("refresh", "--preview-only", "--expect-no-changes")
	require.Error(t, err, out)
	require.Contains(t, out, "audit-platform-security-lock")
	w.must(t, "up", "--yes", "--skip-preview", "--refresh")
	w.locked(t, store, uint(store.FloorDays))
	w.must(t, "preview", "--expect-no-changes")
}
