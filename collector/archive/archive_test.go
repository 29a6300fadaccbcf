package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// bodies are the bodies in objects, in order, with the chain checked on the way.
func bodies(t *testing.T, objects []object) (all []string) {
	t.Helper()
	previous, chain, sequence := unknown, "", uint64(0)
	for i, o := range objects {
		require.Equal(t, sum(o.content), o.SHA256)
		lines, err := unpack(o.content)
		require.NoError(t, err)
		var h header
		full := bytes.NewBuffer(nil)
		z := gunzip(t, o.content)
		_, err = full.ReadFrom(z)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(full.Bytes()[:bytes.IndexByte(full.Bytes(), '\n')], &h))
		if h.Chain != chain {
			chain, previous, sequence = h.Chain, unknown, 0
		}
		sequence++
		require.Equal(t, sequence, h.Sequence)
		require.Equal(t, previous, h.Previous, "object %d", i)
		previous = o.SHA256
		for line := range bytes.Lines(lines) {
			var e event
			require.NoError(t, json.Unmarshal(line, &e))
			all = append(all, e.Body.(string))
		}
	}
	return all
}

func events(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("event %d", i))
	}
	return all
}

func await(t *testing.T, enough func() bool) {
	t.Helper()
	require.Eventually(t, enough, 20*time.Second, 5*time.Millisecond)
}

func TestLogsArriveInOrderAndLinked(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	a := begin(t, config(t.TempDir()), s)
	for i := range 20 {
		require.NoError(t, a.ConsumeLogs(t.Context(), batch(10*i, 10)))
	}
	await(t, func() bool { return a.measures.events.Load() == 200 })
	end(t, a)
	assert.Equal(t, events(0, 200), bodies(t, s.all()))
	assert.Greater(t, len(s.all()), 1)
}

// While the store is down nothing is dropped, and what is full makes its sender wait.
func TestAFullSpoolPushesBack(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: errDown}
	a := begin(t, config(t.TempDir()), s)
	taken := make(chan int)
	go func() {
		defer close(taken)
		for i := range 100 {
			if a.ConsumeLogs(context.Background(), batch(10*i, 10)) == nil {
				taken <- i
			}
		}
	}()
	last := -1
	for waits := false; !waits; {
		select {
		case last = <-taken:
		case <-time.After(500 * time.Millisecond):
			waits = true
		}
	}
	assert.Less(t, last, 50, "it waits")
	waiting, age := a.spool.waiting()
	assert.LessOrEqual(t, waiting, a.config.SpoolBytes)
	assert.Positive(t, age)
	s.set(nil)
	for range taken {
	}
	await(t, func() bool { return a.measures.events.Load() == 1000 })
	end(t, a)
	assert.Equal(t, events(0, 1000), bodies(t, s.all()))
	assert.Positive(t, a.measures.failed.Load())
}

// A receiver that is told to stop forgets what it holds, so that its batch is taken though there is no room.
func TestAStoppingReceiverIsNotRefused(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: errDown}
	c := config(t.TempDir())
	a := begin(t, c, s)
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	sent := 0
	for ctx.Err() == nil {
		require.NoError(t, a.ConsumeLogs(ctx, batch(sent, 10)))
		sent += 10
	}
	end(t, a)
	s.set(nil)
	a = begin(t, c, s)
	await(t, func() bool { return a.measures.events.Load() == int64(sent) })
	end(t, a)
	assert.Equal(t, events(0, sent), bodies(t, s.all()))
}

// Between any two steps the exporter may be killed. What a killed one leaves is what it has on disk, so that the directory is
// copied at each step and another exporter is begun on the copy: nothing is lost, and the chain has no second branch.
func TestKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]func(a *archiver) error{
		"before it is linked": func(*archiver) error { return nil },
		"after it is linked": func(a *archiver) error {
			p, err := a.spool.oldest(0)
			return errors.Join(err, a.chain.link(*p, time.Now().UTC()))
		},
		"after it left the spool": func(a *archiver) error {
			p, err := a.spool.oldest(0)
			return errors.Join(err, a.chain.link(*p, time.Now().UTC()), a.spool.remove(p.id))
		},
		"after it was put": func(a *archiver) error {
			p, err := a.spool.oldest(0)
			return errors.Join(err, a.chain.link(*p, time.Now().UTC()), a.spool.remove(p.id), a.bucket.put(t.Context(), *a.chain.next))
		},
		"after it was noted": func(a *archiver) error {
			p, err := a.spool.oldest(0)
			err = errors.Join(err, a.chain.link(*p, time.Now().UTC()), a.spool.remove(p.id), a.bucket.put(t.Context(), *a.chain.next))
			a.chain.at.Sequence, a.chain.at.SHA256 = a.chain.next.Sequence, a.chain.next.SHA256
			return errors.Join(err, a.chain.save())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{}
			c := config(t.TempDir())
			c.Interval = time.Hour // nothing goes by itself
			a := begin(t, c, s)
			require.NoError(t, a.ConsumeLogs(t.Context(), batch(0, 5)))
			a.stop()
			a.done.Wait()
			require.NoError(t, crash(a))
			left := t.TempDir()
			require.NoError(t, os.CopyFS(left, os.DirFS(c.Directory)))
			end(t, a)

			c.Directory, c.Interval = left, time.Millisecond
			a = begin(t, c, s)
			require.NoError(t, a.ConsumeLogs(t.Context(), batch(5, 5)))
			// The number of what became an object is not given again: nothing that is taken now is mistaken for it.
			await(t, func() bool {
				waiting, _ := a.spool.waiting()
				return waiting == 0 && !a.chain.waiting()
			})
			end(t, a)
			unique := s.all()
			for i := len(unique) - 1; i > 0; i-- { // the same object under the same name, which a store refuses
				if unique[i].Key == unique[i-1].Key {
					assert.Equal(t, unique[i-1].content, unique[i].content)
					unique = append(unique[:i], unique[i+1:]...)
				}
			}
			assert.Equal(t, events(0, 10), bodies(t, unique))
		})
	}
}

// An outage that outlives several starts: the object that waits keeps its place, and no later file of the spool its number.
func TestRestartsDuringAnOutage(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: errDown}
	c := config(t.TempDir())
	c.SpoolBytes = 1 << 20
	for i := range 5 {
		a := begin(t, c, s)
		require.NoError(t, a.ConsumeLogs(t.Context(), batch(10*i, 10)))
		await(t, func() bool { return a.measures.failed.Load() > 0 })
		end(t, a)
	}
	s.set(nil)
	a := begin(t, c, s)
	await(t, func() bool { return a.measures.events.Load() == 50 })
	end(t, a)
	assert.Equal(t, events(0, 50), bodies(t, s.all()))
}

// A lost, damaged or foreign state begins a chain that says so, and loses no line.
func TestALostStateBeginsAnotherChain(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*Config) error{
		"lost": func(c *Config) error { return os.Remove(filepath.Join(c.Directory, positionFile)) },
		"damaged": func(c *Config) error {
			return os.WriteFile(filepath.Join(c.Directory, positionFile), []byte("{"), 0o600)
		},
		"another node's": func(c *Config) error { c.Node = "cp-2"; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{}
			c := config(t.TempDir())
			a := begin(t, c, s)
			require.NoError(t, a.ConsumeLogs(t.Context(), batch(0, 10)))
			await(t, func() bool { return a.measures.events.Load() == 10 })
			s.set(errDown) // the next one waits, linked to the chain that is lost
			require.NoError(t, a.ConsumeLogs(t.Context(), batch(10, 10)))
			await(t, func() bool { return a.measures.failed.Load() > 0 })
			first := a.chain.at.Chain
			end(t, a)
			require.NoError(t, lose(&c))
			s.set(nil)
			a = begin(t, c, s)
			assert.NotEqual(t, first, a.chain.at.Chain)
			await(t, func() bool { return a.measures.events.Load() == 10 })
			end(t, a)
			assert.Equal(t, events(0, 20), bodies(t, s.all()))
		})
	}
}

func TestADamagedObjectIsNotSent(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: errDown}
	c := config(t.TempDir())
	a := begin(t, c, s)
	require.NoError(t, a.ConsumeLogs(t.Context(), batch(0, 10)))
	await(t, func() bool { return a.measures.failed.Load() > 0 })
	end(t, a)
	require.NoError(t, os.WriteFile(filepath.Join(c.Directory, contentFile), []byte("x"), 0o600))
	_, _, err := openChain(c)
	require.ErrorContains(t, err, "next.jsonl.gz: is damaged, and with it the lines of one object are lost; take it and next.json away")
}

// Two exporters on one directory would fork its chain.
func TestADirectoryIsOneExporters(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	a := begin(t, c, &shelf{})
	defer end(t, a)
	_, err := openSpool(c.Directory, c.SpoolBytes, c.ObjectBytes, time.Now)
	require.ErrorContains(t, err, "is in use by another collector")
}

// A line that a crash tore was never acknowledged: its receiver sends it again.
func TestATornLineIsLeftOut(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	dir := filepath.Join(c.Directory, "spool")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "000000000003.jsonl"), []byte(`{"body":"event 0"}`+"\n"+`{"body":"ev`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "000000000004.jsonl"), []byte(`{"bo`), 0o600))
	s := &shelf{}
	a := begin(t, c, s)
	require.NoError(t, a.ConsumeLogs(t.Context(), batch(1, 1)))
	await(t, func() bool { return a.measures.events.Load() == 2 })
	end(t, a)
	assert.Equal(t, events(0, 2), bodies(t, s.all()))
}

// What is written is kept as it was, whatever it is.
func TestEncode(t *testing.T) {
	t.Parallel()
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr("a line with \"quotes\" and a\nbreak")
	records.AppendEmpty().Body().SetStr("no UTF-8: \xff")
	fields := records.AppendEmpty()
	fields.Body().SetEmptyMap().PutStr("MESSAGE", "from the journal")
	fields.SetTimestamp(1e9)
	strange := records.AppendEmpty()
	strange.Body().SetStr("kept")
	strange.Attributes().PutDouble("not a number", math.NaN())
	lines, count := encode(logs)
	assert.Equal(t, 4, count)
	assert.Equal(t, `{"body":"a line with \"quotes\" and a\nbreak"}
{"bytes":"bm8gVVRGLTg6IP8="}
{"time":"1970-01-01T00:00:01Z","body":{"MESSAGE":"from the journal"}}
{"body":"kept","attributes":{"lagrum.flaw":"kept as text: json: unsupported value: NaN"}}
`, string(lines))
}

// A lock that is not what was asked for does not count.
func TestJudge(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)
	compliance, governance, early := minio.Compliance, minio.Governance, until.Add(-time.Second)
	require.NoError(t, judge(&compliance, &until, until))
	require.ErrorContains(t, judge(nil, nil, until), "it has no lock")
	require.ErrorContains(t, judge(&governance, &until, until), "it is locked in mode GOVERNANCE, which an administrator can lift")
	require.ErrorContains(t, judge(&compliance, &early, until), "it is locked until 2026-06-01T11:59:59Z, and should be until 2026-06-01T12:00:00Z")
}

func TestConfigTellsEveryMistake(t *testing.T) {
	t.Parallel()
	c := config("/state")
	require.NoError(t, c.Validate())
	bad := Config{Class: "a/b", Cluster: "C", Endpoint: "http://user:geheim@s3.example.org", Bucket: "B", KeyIDFile: "id"}
	err := bad.Validate()
	for _, want := range []string{"class \"a/b\"", "cluster \"C\"", "node \"\"", "floor_days 0", "endpoint: holds a credential", "region: is empty", "bucket \"B\"",
		"key_id_file: want an absolute path", "key_file: ", "directory: ", "object_bytes 0", "interval, request_limit, retry_limit"} {
		require.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "geheim")
	c.Endpoint = "http://s3.example.org"
	require.ErrorContains(t, c.Validate(), "without TLS anyone between could read the logs")
}
