package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

// shelf is a bucket in memory that fails as it is told.
type shelf struct {
	mu   sync.Mutex
	puts []object
	fail error
	// after is told of each put that was made; what it returns is the answer.
	after func(object) error
}

func (s *shelf) put(_ context.Context, o object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.puts = append(s.puts, o)
	if s.after != nil {
		return s.after(o)
	}
	return nil
}

func (s *shelf) set(fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *shelf) all() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]object(nil), s.puts...)
}

var errDown = errors.New("the store is down")

func config(dir string) Config {
	c := *defaults().(*Config)
	c.Class, c.FloorDays, c.Cluster, c.Node = "platform-security", 90, "se-prod", "cp-1"
	c.Endpoint, c.Region, c.Bucket, c.KeyIDFile, c.KeyFile, c.Directory = "https://s3.example.org", "r", "bucket", "/id", "/key", dir
	c.Interval, c.ObjectBytes, c.SpoolBytes = 5*time.Millisecond, 1<<10, 4<<10
	return c
}

func begin(t *testing.T, c Config, to bucket) *archiver {
	t.Helper()
	a := &archiver{config: c, log: zap.NewNop(), telemetry: componenttest.NewNopTelemetrySettings(), bucket: to, now: time.Now}
	require.NoError(t, a.Start(t.Context(), componenttest.NewNopHost()))
	return a
}

func end(t *testing.T, a *archiver) {
	t.Helper()
	require.NoError(t, a.Shutdown(context.Background()))
}

// batch is logs whose bodies are first, first+1 and so on.
func batch(first, count int) plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range count {
		records.AppendEmpty().Body().SetStr(fmt.Sprintf("event %d", first+i))
	}
	return logs
}

func gunzip(t *testing.T, content []byte) *gzip.Reader {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	return z
}
