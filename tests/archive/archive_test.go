//go:build objectlock

package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/logging"
	"github.com/lagrum/lagrum/evidence/archive"
	"github.com/lagrum/lagrum/evidence/objectlock"
	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/stacks/plan"
)

func TestArchive(t *testing.T) {
	w := prepare(t)
	t.Run("the collector takes the configuration", w.validates)
	t.Run("a line is in the archive within a minute, and locked", w.marker)
	t.Run("nothing is lost when the store and the collector fail", w.outage)
	t.Run("standard tools say the same", w.standardTools)
	t.Run("a full spool makes receivers wait", w.full)
	t.Run("a wrong credential is told, and mended without a restart", w.credential)
	t.Run("malformed records are kept and flagged", w.malformed)
	t.Run("the command says that it is whole", w.command)
	t.Run("no credential destroys", w.attacked)
}

func (w *world) validates(t *testing.T) {
	validate := func(file string) (string, error) {
		cmd := exec.Command(w.collector, "validate", "--config", file)
		cmd.Env = append(os.Environ(), "NODE_NAME="+node)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// A node's whole configuration, with the journal and search, is the golden file; the test's own has neither.
	whole, err := filepath.Abs("../../components/logging/testdata/collector.yaml")
	require.NoError(t, err)
	for _, file := range []string{w.configure(t, 0), whole} {
		out, err := validate(file)
		require.NoError(t, err, out)
	}
	// It would say so if something were wrong.
	text, err := os.ReadFile(whole)
	require.NoError(t, err)
	for right, wrong := range map[string][2]string{
		"floor_days: 90":   {"floor_days: 0", "floor_days 0: want at least 1; give the floor of the log class"},
		"max_log_size":     {"max_log_sise", "max_log_sise"},
		"endpoint: https:": {"endpoint: http:", "without TLS anyone between could read the logs"},
	} {
		file := filepath.Join(t.TempDir(), "wrong.yaml")
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), right, wrong[0], 1)), 0o600))
		out, err := validate(file)
		require.Error(t, err, wrong[0])
		assert.Contains(t, out, wrong[1])
	}
}

// marker writes one line and waits for it.
func (w *world) marker(t *testing.T) {
	w.start(t)
	defer w.stop(t)
	log := newAudit(t, w)
	written := time.Now()
	log.write(t, 1)
	report := w.await(t, logging.PlatformSecurity, time.Minute, func(r archive.Report) bool { return r.AuditIDs == 1 })
	t.Logf("in the archive after %s", time.Since(written).Round(time.Second))
	show(t, report)
	assert.Empty(t, report.Problems)
	require.True(t, report.Whole())
	require.Len(t, report.Chains, 1)

	// The lock, asked of the server and not of the verifier.
	store := w.store(t, logging.PlatformSecurity)
	for _, v := range w.versions(t, store) {
		mode, until, err := w.minio.Client(t, root).GetObjectRetention(t.Context(), store.Bucket, v.Key, v.ID)
		require.NoError(t, err)
		assert.Equal(t, "COMPLIANCE", string(*mode))
		assert.False(t, until.Before(written.AddDate(0, 0, store.FloorDays)))
		assert.True(t, until.Before(written.AddDate(0, 0, store.FloorDays+1)))
	}
}

// outage has the store gone, the collector killed in every state, and the log rotated, while events come.
func (w *world) outage(t *testing.T) {
	before := w.verify(t, logging.PlatformSecurity)
	log := newAudit(t, w)
	w.start(t)
	stop := log.keep(t, 200)
	step := func(what string, wait time.Duration) {
		t.Logf("%4d events sent: %s", log.sent(), what)
		time.Sleep(wait)
	}
	step("all is well", 3*time.Second)
	for range 4 {
		w.kill(t)
		w.start(t)
		step("killed, and started again", 2500*time.Millisecond)
	}
	require.NoError(t, process.KillMarked(t.Context(), mark+"/minio"))
	step("the store is gone", 4*time.Second)
	w.kill(t)
	log.rotate(t)
	step("the collector is killed, and the log rotated", 2*time.Second)
	w.start(t)
	step("the collector runs", 4*time.Second)
	w.stop(t)
	w.start(t)
	step("the collector was asked to stop, and started", 4*time.Second)
	log.rotate(t)
	step("the log is rotated", 2*time.Second)
	w.kill(t)
	w.minio.Start(w.whole, mark)
	w.start(t)
	step("the store is back, and the collector was killed once more", 4*time.Second)
	for range 4 {
		w.kill(t)
		w.start(t)
		step("killed while it catches up", 1500*time.Millisecond)
	}
	stop()
	sent := log.sent()
	w.await(t, logging.PlatformSecurity, time.Minute, func(r archive.Report) bool { return r.AuditIDs >= before.AuditIDs+sent })
	w.stop(t)
	report := w.counts(t, log, before)
	assert.Len(t, report.Chains, 1, "one chain, however often it was killed")
}

// counts has the verifier count what arrived since an earlier report, each event by its id.
func (w *world) counts(t *testing.T, log *audit, before archive.Report) archive.Report {
	t.Helper()
	found := map[string]bool{}
	o := w.options(t, logging.PlatformSecurity)
	o.Earlier = &before
	o.Each = func(uid string) {
		id, _, _ := strings.Cut(uid, "/")
		found[id] = true
	}
	report, err := archive.Verify(t.Context(), o)
	require.NoError(t, err)
	sent, lost := log.sent(), log.lost(found)
	show(t, report)
	t.Logf("audit events: sent %d, found %d, lost %d, duplicated %d, in %d objects",
		sent, sent-len(lost), len(lost), report.Duplicates-before.Duplicates, report.Objects-before.Objects)
	assert.Empty(t, lost)
	assert.Equal(t, before.AuditIDs+sent, report.AuditIDs, "none that was not sent")
	assert.True(t, report.Whole(), "%v", report.Problems)
	return report
}

// full has the store gone for longer than the spool has room.
func (w *world) full(t *testing.T) {
	const limit = 4 << 20
	before := w.verify(t, logging.PlatformSecurity)
	require.NoError(t, process.KillMarked(t.Context(), mark+"/minio"))
	w.configure(t, limit)
	log := newAudit(t, w)
	w.start(t)
	log.write(t, 20000)
	size, last := w.waiting(t), int64(-1)
	for deadline := time.Now().Add(time.Minute); size != last || size < limit/2; size = w.waiting(t) {
		require.False(t, time.Now().After(deadline), "%d bytes wait\n%s", size, w.log(t))
		last = size
		time.Sleep(2 * time.Second)
	}
	t.Logf("%d bytes wait, of %d that may", size, limit)
	assert.LessOrEqual(t, size, int64(limit))
	w.stop(t) // with a receiver that waits
	w.start(t)
	time.Sleep(2 * time.Second)
	w.kill(t)
	w.start(t)
	w.minio.Start(w.whole, mark)
	w.await(t, logging.PlatformSecurity, 90*time.Second, func(r archive.Report) bool { return r.AuditIDs >= before.AuditIDs+log.sent() })
	w.stop(t)
	w.counts(t, log, before)
}

// waiting is how many bytes the spool holds.
func (w *world) waiting(t *testing.T) (size int64) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(w.dir, "state/archive", logging.PlatformSecurity, "spool"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	for _, file := range files {
		info, err := file.Info()
		if err == nil { // it may have gone meanwhile
			size += info.Size()
		}
	}
	return size
}

// credential gives the collector a wrong key, and then the right one.
func (w *world) credential(t *testing.T) {
	const wrong = "not-the-right-one"
	key := filepath.Join(w.dir, logging.PlatformSecurity+".key")
	require.NoError(t, os.WriteFile(key, []byte(wrong), 0o600))
	before, log := w.verify(t, logging.PlatformSecurity), newAudit(t, w)
	w.start(t)
	log.write(t, 100)
	said := func() string {
		text, err := os.ReadFile(filepath.Join(w.dir, "collector.log"))
		require.NoError(t, err)
		return string(text)
	}
	require.Eventually(t, func() bool { return strings.Contains(said(), "SignatureDoesNotMatch") }, time.Minute, 100*time.Millisecond)
	assert.Contains(t, said(), "; give the collector this store's credential")
	for _, secret := range []string{wrong, password, user(w.store(t, logging.PlatformSecurity), plan.Consumer{Name: "collector"})} {
		assert.NotContains(t, said(), secret)
	}
	require.NoError(t, os.WriteFile(key, []byte(password), 0o600))
	w.await(t, logging.PlatformSecurity, time.Minute, func(r archive.Report) bool { return r.AuditIDs >= before.AuditIDs+log.sent() })
	w.stop(t)
	w.counts(t, log, before)
}

// malformed writes an application's log of access to patients' data, as a container runtime does.
func (w *world) malformed(t *testing.T) {
	dir := filepath.Join(w.dir, "log/pods/care_journal-0_5b1f/"+logging.PatientAccessContainer)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	now := time.Now().UTC().Format(time.RFC3339Nano)
	good := fmt.Sprintf(`{"id":"a-1","time":"%s","who":"anna","unit":"ward 7","patient":"p-4711","action":"read"}`, now)
	var text strings.Builder
	for _, line := range []string{
		"F " + good, "F not JSON at all", `F {"time":"` + now + `","who":"anna","unit":"ward 7","action":"read"}`, "P " + good[:20], "F " + good[20:],
		`F {"time":"yesterday","who":"anna","unit":"ward 7","patient":"p-4711","action":"read"}`, "F \xff\xfe",
	} {
		fmt.Fprintf(&text, "%s stdout %s\n", now, line)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "0.log"), []byte(text.String()), 0o600))
	w.start(t)
	defer w.stop(t)
	report := w.await(t, logging.PatientAccess, time.Minute, func(r archive.Report) bool { return r.Events == 7 })
	show(t, report)
	assert.Equal(t, 6, report.Flawed)
	assert.Equal(t, 1, report.Unique)
	assert.True(t, report.Whole(), "%v", report.Problems)
}

// command runs the verifier as an auditor does.
func (w *world) command(t *testing.T) {
	code, out := w.lagrum(t, logging.PatientAccess)
	assert.Equal(t, 0, code, out)
	assert.Contains(t, out, "Judgement: whole.")
	assert.NotContains(t, out, password)
}

// standardTools runs what the documentation tells an auditor, on a whole archive and on one with a link that is broken by a
// name.
func (w *world) standardTools(t *testing.T) {
	for _, tool := range []string{"aws", "jq", "sha256sum", "zcat"} {
		_, err := exec.LookPath(tool)
		require.NoError(t, err, "apt-get install awscli jq")
	}
	text, err := os.ReadFile("../../docs/archive.md")
	require.NoError(t, err)
	_, script, found := strings.Cut(string(text), "### With standard tools alone")
	require.True(t, found)
	_, script, _ = strings.Cut(script, "```sh\n")
	script, _, _ = strings.Cut(script, "```")
	o := w.options(t, logging.PlatformSecurity)
	run := func(previous string) string {
		cmd := exec.Command("bash", "-c", strings.Replace(script, "previous=unknown", "previous="+previous, 1))
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "ENDPOINT="+o.Endpoint, "REGION="+region, "BUCKET="+o.Bucket, "CLUSTER="+cluster, "NODE="+node,
			"AWS_ACCESS_KEY_ID="+o.Credentials.KeyID.Reveal(), "AWS_SECRET_ACCESS_KEY="+password)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	out := run("unknown")
	t.Logf("\n%s", out)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	assert.Len(t, lines, w.verify(t, logging.PlatformSecurity).Objects)
	for _, line := range lines {
		assert.Regexp(t, `^COMPLIANCE\s+20\d\d-\d\d-\d\dT\S+ platform-security/`, line)
	}
	assert.Equal(t, 1, strings.Count(run("another"), "BROKEN LINK"))
}

func (w *world) lagrum(t *testing.T, class string, args ...string) (int, string) {
	t.Helper()
	o := w.options(t, class)
	cmd := exec.Command(w.verifier, append([]string{"archive", "verify", "--endpoint", o.Endpoint, "--region", region, "--bucket", o.Bucket,
		"--floor", fmt.Sprint(o.FloorDays), "--ceiling", fmt.Sprint(o.CeilingDays)}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+o.Credentials.KeyID.Reveal(), "AWS_SECRET_ACCESS_KEY="+password)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// versions of a store's objects, without delete markers.
func (w *world) versions(t *testing.T, store plan.Store) []objectlock.Version {
	t.Helper()
	var all []objectlock.Version
	for o := range w.minio.Client(t, root).ListObjects(context.Background(), store.Bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		require.NoError(t, o.Err)
		if !o.IsDeleteMarker {
			all = append(all, objectlock.Version{Key: o.Key, ID: o.VersionID})
		}
	}
	return all
}

// century has the collector's credential lock for longer than its policy lets it. What MinIO does not refuse is found.
func (w *world) century(t *testing.T) {
	store := w.store(t, logging.PatientAccess)
	writer, until, mode := w.minio.Client(t, user(store, plan.Consumer{Name: "collector"})), time.Now().AddDate(100, 0, 0), minio.Compliance
	v := w.versions(t, store)[0]
	err := writer.PutObjectRetention(t.Context(), store.Bucket, v.Key, minio.PutObjectRetentionOptions{VersionID: v.ID, Mode: &mode, RetainUntilDate: &until})
	require.Error(t, err)
	assert.Equal(t, "AccessDenied", minio.ToErrorResponse(err).Code)
	// Another mode is refused in the put as well.
	put := func(mode minio.RetentionMode) error {
		_, err := writer.PutObject(t.Context(), store.Bucket, "junk", strings.NewReader("x"), 1, minio.PutObjectOptions{Mode: mode, RetainUntilDate: until, SendContentMd5: true})
		return err
	}
	assert.Equal(t, "AccessDenied", minio.ToErrorResponse(put(minio.Governance)).Code)
	require.NoError(t, put(minio.Compliance), "MinIO looks at the days in no put; where this is refused one day, say so in docs/providers/objectstore.md")
	found := w.verify(t, logging.PatientAccess).Problems
	assert.True(t, slices.ContainsFunc(found, func(f archive.Finding) bool { return f.Kind == archive.Unexpected && f.Key == "junk" }), "%v", found)
}

// attacked has every credential that exists attack an archived version: every consumer's of every store, and the root's.
func (w *world) attacked(t *testing.T) {
	tried := map[objectlock.Verdict]int{}
	attack := func(who string, store plan.Store) []objectlock.Finding {
		v := w.versions(t, store)[0]
		o := objectlock.Options{Endpoint: "http://" + w.minio.Address, Region: region, Bucket: store.Bucket, Credentials: credentials(who)}
		reader := o
		reader.Credentials = credentials(user(store, plan.Consumer{Name: "verifier"}))
		found, err := objectlock.AttackArchived(t.Context(), o, reader, v)
		require.NoError(t, err, who)
		for _, f := range found {
			tried[f.Verdict]++
			assert.NotEqual(t, objectlock.Accepted, f.Verdict, "%s: %s: %s", who, f.ID, f.Effect)
			assert.NotEqual(t, objectlock.Unclear, f.Verdict, "%s: %s: %s", who, f.ID, f.Effect)
			if f.Verdict == objectlock.Harmless {
				t.Logf("%s at %s: the store accepts %s, and the version stands", who, store.Name, f.ID)
			}
		}
		return found
	}
	for _, class := range []string{logging.PlatformSecurity, logging.PatientAccess} {
		store := w.store(t, class)
		for _, of := range w.plan.Stores {
			for _, c := range of.Consumers {
				for _, f := range attack(user(of, c), store) {
					// A put under the name of what is there is the one thing that S3 lets a writer do.
					own := of.Name == store.Name && c.Name == "collector" && f.ID == "overwrite"
					assert.Equal(t, own, f.Verdict == objectlock.Harmless, "%s: %s: %s", user(of, c), f.ID, f.Verdict)
				}
			}
		}
		report := w.verify(t, class)
		require.Len(t, report.Problems, 1)
		assert.Equal(t, archive.Overwritten, report.Problems[0].Kind)
		assert.Contains(t, report.Problems[0].What, "the original is readable, and locked until ")

		attack(root, store)
		report = w.verify(t, class)
		show(t, report)
		assert.False(t, report.Whole())
		kinds := map[archive.Kind]int{}
		for _, f := range report.Problems {
			kinds[f.Kind]++
		}
		assert.Equal(t, 2, kinds[archive.Overwritten])
		assert.NotZero(t, kinds[archive.Marked])
		assert.Equal(t, 1, kinds[archive.Setting], "the root took the default away")
		assert.Zero(t, kinds[archive.Missing]+kinds[archive.Altered]+kinds[archive.Short]+kinds[archive.Unlocked])
		w.bucket(t, store) // gives back the settings

		code, out := w.lagrum(t, class)
		assert.Equal(t, 1, code, out)
		assert.Contains(t, out, "Judgement: NOT WHOLE")
	}
	t.Run("a writer that locks for a century", w.century)
	t.Logf("attacks: %v", tried)
	assert.NotZero(t, tried[objectlock.Refused])
}
