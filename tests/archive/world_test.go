//go:build objectlock

// The real collector, with the configuration that the product renders, reads growing files and writes them to a real S3
// server on loopback that keeps its locks. The verifier counts what arrived. Then every credential that there is attacks.
package archive

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/logging"
	"github.com/lagrum/lagrum/evidence/archive"
	"github.com/lagrum/lagrum/evidence/objectlock"
	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/server"
)

const (
	mark     = "archivetest"
	root     = "stores-root"
	password = "only-for-this-test"
	region   = "eu-north-1"
	cluster  = "se-prod"
	node     = "cp-1-g1"
)

// world is a store with the buckets and users of production in Sweden, and a node's directory with a collector.
type world struct {
	whole     *testing.T // what the store lives as long as
	minio     server.MinIO
	plan      plan.Plan
	collector string // the programs
	verifier  string
	dir       string
	running   process.Process
}

func prepare(t *testing.T) *world {
	t.Helper()
	w := &world{whole: t, dir: t.TempDir(), minio: server.MinIO{Address: server.Address(t), Root: root, Password: password, Region: region, Data: t.TempDir()}}
	w.collector, w.verifier = build(t, "../../collector", "."), build(t, "../..", "./cmd/lagrum")
	w.minio.Start(t, mark)
	text, err := os.ReadFile("../../Pulumi.se-prod.yaml")
	require.NoError(t, err)
	w.plan, _, err = plan.OfStack(text, time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	for _, store := range w.plan.Stores {
		w.bucket(t, store)
		for _, c := range store.Consumers {
			policy, err := rights.ForConsumer(store, c).JSON()
			require.NoError(t, err)
			w.minio.User(t, user(store, c), policy)
		}
	}
	require.NoError(t, os.MkdirAll(filepath.Join(w.dir, "log/kubernetes/audit"), 0o755))
	return w
}

// build compiles a program of a module.
func build(t *testing.T, module, program string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "build", "-C", module, "-ldflags=-s -w", "-o", binary, program).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// user of a consumer, which is its key's id as well.
func user(store plan.Store, c plan.Consumer) string { return store.Name + "-" + c.Name }

// bucket makes a store's bucket, or gives it its settings back. That the engine makes it so is shown by tests/objectstore.
func (w *world) bucket(t *testing.T, store plan.Store) {
	t.Helper()
	admin := w.minio.Client(t, root)
	there, err := admin.BucketExists(t.Context(), store.Bucket)
	require.NoError(t, err)
	if !there {
		require.NoError(t, admin.MakeBucket(t.Context(), store.Bucket, minio.MakeBucketOptions{ObjectLocking: true}))
	}
	mode, days, unit := minio.Compliance, uint(store.FloorDays), minio.Days
	require.NoError(t, admin.SetObjectLockConfig(t.Context(), store.Bucket, &mode, &days, &unit))
	policy, err := rights.ForBucket(store, w.plan.Duties.TLSMinimum).JSON()
	require.NoError(t, err)
	require.NoError(t, admin.SetBucketPolicy(t.Context(), store.Bucket, policy))
}

func (w *world) store(t *testing.T, class string) plan.Store {
	t.Helper()
	for _, store := range w.plan.Stores {
		if store.Name == plan.AuditStore+class {
			return store
		}
	}
	require.Fail(t, "no store of "+class)
	return plan.Store{}
}

// configure writes the configuration that the product renders, with credentials in files.
func (w *world) configure(t *testing.T, spool int64) string {
	t.Helper()
	c := logging.Config{
		Cluster: cluster, Node: "${env:NODE_NAME}", Archives: map[string]logging.Archive{}, Logs: filepath.Join(w.dir, "log"), State: filepath.Join(w.dir, "state"),
		Health: server.Address(t), MetricsHost: "127.0.0.1", MetricsPort: port(t),
	}
	for _, class := range []string{logging.PlatformSecurity, logging.PatientAccess} {
		store := w.store(t, class)
		id, key := filepath.Join(w.dir, class+".id"), filepath.Join(w.dir, class+".key")
		require.NoError(t, os.WriteFile(id, []byte(user(store, plan.Consumer{Name: "collector"})+"\n"), 0o600))
		require.NoError(t, os.WriteFile(key, []byte(password+"\n"), 0o600))
		c.Archives[class] = logging.Archive{
			Endpoint: "http://" + w.minio.Address, Region: region, Bucket: store.Bucket, FloorDays: store.FloorDays, KeyIDFile: id, KeyFile: key, SpoolBytes: spool,
		}
	}
	text, err := c.Render()
	require.NoError(t, err)
	file := filepath.Join(w.dir, "collector.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

func port(t *testing.T) int {
	t.Helper()
	var number int
	_, err := fmt.Sscanf(server.Address(t), "127.0.0.1:%d", &number)
	require.NoError(t, err)
	return number
}

// start starts the collector as a process of its own.
func (w *world) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command("/usr/bin/env", "NODE_NAME="+node, "HOME="+w.dir, w.collector, "--config", filepath.Join(w.dir, "collector.yaml"))
	var err error
	w.running, err = process.Start(mark, mark+"/collector", filepath.Join(w.dir, "collector.log"), cmd)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, process.KillMarked(context.Background(), mark+"/collector")) })
}

// kill ends the collector without a word, as a power cut would end it; stop asks it to end.
func (w *world) kill(t *testing.T) { w.signal(t, syscall.SIGKILL) }
func (w *world) stop(t *testing.T) { w.signal(t, syscall.SIGTERM) }

func (w *world) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.True(t, w.running.Alive(), "the collector ended by itself:\n%s", w.log(t))
	require.NoError(t, syscall.Kill(w.running.PID, s))
	require.Eventually(t, func() bool { return !w.running.Alive() }, 30*time.Second, 20*time.Millisecond, "it does not end")
}

// log is the end of what the collector said. It never says a credential.
func (w *world) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "collector.log"))
	require.NoError(t, err)
	assert.False(t, bytes.Contains(text, []byte(password)), "the key is in the collector's log")
	return string(text[max(0, len(text)-6000):])
}

// options of the verifier of a class, with its own credential.
func (w *world) options(t *testing.T, class string) archive.Options {
	t.Helper()
	store := w.store(t, class)
	return archive.Options{
		Endpoint: "http://" + w.minio.Address, Region: region, Bucket: store.Bucket, FloorDays: store.FloorDays, CeilingDays: store.CeilingDays,
		Credentials: credentials(user(store, plan.Consumer{Name: "verifier"})),
	}
}

func credentials(name string) objectlock.Credentials {
	return objectlock.Credentials{KeyID: site.NewSecret(name), Key: site.NewSecret(password)}
}

func (w *world) verify(t *testing.T, class string) archive.Report {
	t.Helper()
	report, err := archive.Verify(t.Context(), w.options(t, class))
	require.NoError(t, err)
	return report
}

// await verifies until the archive has what is asked for.
func (w *world) await(t *testing.T, class string, limit time.Duration, enough func(archive.Report) bool) archive.Report {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Second) {
		report := w.verify(t, class)
		if enough(report) {
			return report
		}
		require.False(t, time.Now().After(deadline), "not in the archive after %s: %+v\n%s", limit, report, w.log(t))
	}
}

func show(t *testing.T, report archive.Report) {
	t.Helper()
	var text strings.Builder
	require.NoError(t, report.Write(&text))
	t.Logf("\n%s", text.String())
}
