package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// now is when the archive is walked; its objects were written on the days before.
var now = time.Date(2026, time.June, 10, 12, 0, 0, 0, time.UTC)

const floor, ceiling = 90, 366

// kept is a version in a made-up store.
type kept struct {
	version
	content []byte
	lock    lock
}

// shelves are a made-up store.
type shelves struct {
	set  settings
	keys map[string][]kept // newest first
	made int
	down error
}

func (s *shelves) settings(context.Context) (settings, error) { return s.set, s.down }

func (s *shelves) versions(_ context.Context, prefix string, each func(version) error) error {
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		for _, k := range s.keys[key] {
			if err := each(k.version); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shelves) find(key, id string) (kept, error) {
	for _, k := range s.keys[key] {
		if k.id == id {
			return k, nil
		}
	}
	return kept{}, errors.New("404 NoSuchVersion")
}

func (s *shelves) read(_ context.Context, key, id string) ([]byte, error) {
	k, err := s.find(key, id)
	if err == nil && k.content == nil {
		err = errors.New("500 InternalError")
	}
	return k.content, err
}

func (s *shelves) lock(_ context.Context, key, id string) (lock, error) {
	k, err := s.find(key, id)
	if err == nil && k.lock.mode == "cannot be asked" {
		err = errors.New("403 AccessDenied")
	}
	return k.lock, err
}

// put makes a version that is locked as it should be.
func (s *shelves) put(key string, content []byte, written time.Time) {
	s.made++
	k := kept{version: version{key: key, id: fmt.Sprint("v", s.made), written: written}, content: content, lock: lock{compliance, written.AddDate(0, 0, floor).Add(time.Hour)}}
	s.keys[key] = append([]kept{k}, s.keys[key]...)
}

func (s *shelves) mark(key string) {
	s.made++
	s.keys[key] = append([]kept{{version: version{key: key, id: fmt.Sprint("v", s.made), marker: true, written: now}}}, s.keys[key]...)
}

// line is an event with a unique id.
func line(source, uid string) string {
	return fmt.Sprintf(`{"body":"{}","attributes":{"log.record.uid":%q},"resource":{"lagrum.source":%q}}`, uid, source)
}

// pack makes an object of a header and lines, and its key.
func pack(t *testing.T, h header, lines ...string) (key string, content []byte) {
	t.Helper()
	first, err := json.Marshal(h)
	require.NoError(t, err)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, text := range append([]string{string(first)}, lines...) {
		_, err := z.Write([]byte(text + "\n"))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return fmt.Sprintf("%s/%s/%s/%s/%012d-%s.jsonl.gz", h.Class, h.Written.Format("2006/01/02"), h.Cluster, h.Node, h.Sequence, sum(b.Bytes())), b.Bytes()
}

// grow adds objects to a chain, one a day, two events each. It returns their keys.
func (s *shelves) grow(t *testing.T, h header, count int) (keys []string) {
	t.Helper()
	for range count {
		h.Sequence++
		h.Written = h.Written.AddDate(0, 0, 1)
		h.Events = 2
		key, content := pack(t, h, line("audit", fmt.Sprintf("%s-%d/RequestReceived", h.Node, h.Sequence)), line("audit", fmt.Sprintf("%s-%d/ResponseComplete", h.Node, h.Sequence)))
		s.put(key, content, h.Written)
		h.Previous = sum(content)
		keys = append(keys, key)
	}
	return keys
}

func start(node, chain string) header {
	return header{Format: format, Class: "platform-security", Cluster: "se-prod", Node: node, Chain: chain, Previous: unknown, Written: now.AddDate(0, 0, -6)}
}

// sound is an archive of two nodes that nobody touched, and the keys of the first one's five objects.
func sound(t *testing.T) (*shelves, []string) {
	t.Helper()
	s := &shelves{set: settings{versioned: true, mode: compliance, days: floor}, keys: map[string][]kept{}}
	keys := s.grow(t, start("cp-1", "c1"), 5)
	s.grow(t, start("cp-2", "c2"), 3)
	return s, keys
}

func options() Options { return Options{Bucket: "b", FloorDays: floor, CeilingDays: ceiling} }

func walked(t *testing.T, s *shelves, o Options) Report {
	t.Helper()
	report, err := verify(t.Context(), o, s, now)
	require.NoError(t, err)
	return report
}
