//go:build objectlock

package archive

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// audit is a growing audit log, rotated as the API server does it: the file gets another name, and a new one is begun.
type audit struct {
	dir string

	mu      sync.Mutex
	file    *os.File
	rotated int
	ids     []string
}

func newAudit(t *testing.T, w *world) *audit {
	t.Helper()
	a := &audit{dir: filepath.Join(w.dir, "log/kubernetes/audit")}
	a.open(t)
	t.Cleanup(func() { assert.NoError(t, a.file.Close()) })
	return a
}

func (a *audit) open(t *testing.T) {
	t.Helper()
	var err error
	a.file, err = os.OpenFile(filepath.Join(a.dir, "audit.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
}

// write appends events, each with an id of its own, and pads them to what a real one is long.
func (a *audit) write(t *testing.T, count int) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for range count {
		id := make([]byte, 16)
		_, _ = rand.Read(id)
		uid := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
		_, err := fmt.Fprintf(a.file, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%s","stage":"ResponseComplete",`+
			`"requestURI":"/api/v1/namespaces/care/secrets/key","verb":"get","user":{"username":"person:anna","groups":["system:authenticated"]},`+
			`"sourceIPs":["192.0.2.7"],"userAgent":"kubectl/v1.36.3 (linux/amd64)","objectRef":{"resource":"secrets","namespace":"care","name":"key","apiVersion":"v1"},`+
			`"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"%s"}`+"\n", uid, time.Now().UTC().Format(time.RFC3339Nano))
		require.NoError(t, err)
		a.ids = append(a.ids, uid)
	}
}

func (a *audit) rotate(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rotated++
	require.NoError(t, os.Rename(filepath.Join(a.dir, "audit.log"), filepath.Join(a.dir, fmt.Sprintf("audit-2026-06-01T12-00-%02d.000.log", a.rotated))))
	require.NoError(t, a.file.Close())
	a.open(t)
}

// keep writes so many events each second until it is told to stop.
func (a *audit) keep(t *testing.T, rate int) (stop func()) {
	t.Helper()
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		const steps = 10
		tick := time.NewTicker(time.Second / steps)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				a.write(t, rate/steps)
			}
		}
	})
	return func() { close(quit); done.Wait() }
}

func (a *audit) sent() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// lost are the ids that the archive does not have.
func (a *audit) lost(found map[string]bool) (lost []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.ids {
		if !found[id] {
			lost = append(lost, id)
		}
	}
	return lost
}
