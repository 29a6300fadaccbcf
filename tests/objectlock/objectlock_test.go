//go:build objectlock

// Package objectlock runs the preflight of object lock against two real S3 servers on loopback: one that keeps what it
// promises, and one that says it does. Both are compiled on demand.
package objectlock

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/evidence/objectlock"
	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/server"
)

// mark is on the servers, so that those of a killed run are found by the next.
const mark = "objectlocktest"

const (
	user     = "canary-root"
	password = "only-for-this-test"
	region   = "eu-north-1"
)

// preflight attacks a store with its root's credential.
func preflight(t *testing.T, address string) objectlock.Report {
	t.Helper()
	report, err := objectlock.Run(t.Context(), options(address))
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.Write(&text))
	t.Logf("\n%s", text.String())
	assert.Empty(t, report.Unrestored)
	return report
}

func options(address string) objectlock.Options {
	return objectlock.Options{
		Endpoint: "http://" + address, Region: region, Bucket: "lagrum-canary",
		Credentials: objectlock.Credentials{KeyID: site.NewSecret(user), Key: site.NewSecret(password)},
	}
}

// command runs the companion command, and returns its exit code and what it printed.
func command(t *testing.T, address string) (int, string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "lagrum")
	built, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "../../cmd/lagrum").CombinedOutput()
	require.NoError(t, err, "%s", built)
	run := exec.Command(binary, "preflight", "object-lock", "--endpoint", "http://"+address, "--region", region, "--canary-bucket", "command-canary")
	run.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+user, "AWS_SECRET_ACCESS_KEY="+password)
	out, err := run.CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	assert.NotContains(t, string(out), password)
	return run.ProcessState.ExitCode(), string(out)
}

var moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// timeless is a report as text, without what differs between runs.
func timeless(t *testing.T, report objectlock.Report) string {
	t.Helper()
	report.Endpoint = "http://STORE"
	var text strings.Builder
	require.NoError(t, report.Write(&text))
	return moment.ReplaceAllString(text.String(), "TIME")
}

func TestMinIOIsAnArchive(t *testing.T) {
	address := server.Address(t)
	server.Start(t, mark, "minio", address,
		[]string{"MINIO_ROOT_USER=" + user, "MINIO_ROOT_PASSWORD=" + password, "MINIO_REGION=" + region, "MINIO_UPDATE=off", "MINIO_BROWSER=off"},
		"server", "--quiet", "--address", address, t.TempDir())
	report := preflight(t, address)
	judgement := report.Judge()
	assert.True(t, judgement.Archive, "%v", judgement.Reasons)
	golden.Compare(t, "minio.txt", timeless(t, report))

	// A second preflight meets the first one's canaries, which nothing could remove.
	again, err := objectlock.Run(t.Context(), options(address))
	require.NoError(t, err)
	assert.True(t, again.Judge().Archive)

	code, out := command(t, address)
	assert.Equal(t, 0, code, out)
	assert.Contains(t, out, "Judgement: an archive.")

	t.Run("a wrong secret", func(t *testing.T) {
		o := options(address)
		o.Credentials.Key = site.NewSecret("not-the-right-one")
		_, err := objectlock.Run(t.Context(), o)
		require.EqualError(t, err, fmt.Sprintf("object lock of http://%s: the credential is wrong (SignatureDoesNotMatch);"+
			" check the access key's id and its secret, and that they are this store's", address))
	})
	t.Run("an unknown key", func(t *testing.T) {
		o := options(address)
		o.Credentials.KeyID = site.NewSecret("nobody")
		_, err := objectlock.Run(t.Context(), o)
		require.ErrorContains(t, err, "the credential is wrong (InvalidAccessKeyId)")
	})
}

func TestVersityIsNoArchive(t *testing.T) {
	address := server.Address(t)
	server.Start(t, mark, "versitygw", address,
		[]string{"ROOT_ACCESS_KEY=" + user, "ROOT_SECRET_KEY=" + password},
		"--region", region, "--port", address, "posix", "--versioning-dir", t.TempDir(), t.TempDir())
	report := preflight(t, address)
	judgement := report.Judge()
	assert.False(t, judgement.Archive)
	assert.Contains(t, judgement.Reasons, objectlock.Reason{
		What:   "shorten the retention to an hour (default)",
		Broken: "the retention of a locked version can be shortened: the lock ends 23h0m0s too soon",
		Remedy: "use another store, or a version of this one that refuses it",
	})
	golden.Compare(t, "versitygw.txt", timeless(t, report))

	code, out := command(t, address)
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, "Judgement: NOT AN ARCHIVE")
	assert.Contains(t, out, "lagrum: http://"+address+" is not an archive")
}
