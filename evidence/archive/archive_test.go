package archive

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/evidence/objectlock"
	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/golden"
)

func TestAnArchiveThatNobodyTouched(t *testing.T) {
	t.Parallel()
	s, _ := sound(t)
	report := walked(t, s, options())
	assert.True(t, report.Whole())
	assert.Empty(t, report.Problems)
	assert.Empty(t, report.Notices)
	assert.Equal(t, []int{8, 8, 16, 16, 16, 0, 8}, []int{report.Objects, report.Versions, report.Events, report.Identified, report.Unique, report.Duplicates, report.AuditIDs})
	require.Len(t, report.Chains, 2)
	assert.Equal(t, uint64(5), report.Chains[0].Last)
}

// Each kind of tampering is found, and told as what it is.
func TestTampering(t *testing.T) {
	t.Parallel()
	third := func(s *shelves, keys []string) *kept { return &s.keys[keys[2]][0] }
	for name, row := range map[string]struct {
		tamper func(t *testing.T, s *shelves, keys []string)
		kind   Kind
		what   string
	}{
		"an object is gone": {func(_ *testing.T, s *shelves, keys []string) { delete(s.keys, keys[2]) }, Missing, "3 to 3 are missing"},
		"the first is gone": {func(_ *testing.T, s *shelves, keys []string) { delete(s.keys, keys[0]) }, Missing, "1 to 1 are missing"},
		"its content is another": {func(_ *testing.T, s *shelves, keys []string) { third(s, keys).content = []byte("x") }, Altered,
			"its content is not what its name says, and no version is"},
		"another is put over it": {func(_ *testing.T, s *shelves, keys []string) { s.put(keys[2], []byte("x"), now) }, Overwritten,
			"something else was put over it at 2026-06-10T12:00:00Z; the original is readable, and locked until 2026-09-05T13:00:00Z"},
		"it is marked as deleted": {func(_ *testing.T, s *shelves, keys []string) { s.mark(keys[2]) }, Marked,
			"was marked as deleted at 2026-06-10T12:00:00Z; the original is readable, and locked until 2026-09-05T13:00:00Z"},
		"nothing but a marker is left": {func(_ *testing.T, s *shelves, keys []string) { delete(s.keys, keys[4]); s.mark(keys[4]) }, Missing,
			"nothing but delete markers is left of it"},
		"it has no lock":         {func(_ *testing.T, s *shelves, keys []string) { third(s, keys).lock = lock{} }, Unlocked, `its lock has mode "", and should have COMPLIANCE`},
		"its lock can be lifted": {func(_ *testing.T, s *shelves, keys []string) { third(s, keys).lock.mode = "GOVERNANCE" }, Unlocked, `its lock has mode "GOVERNANCE"`},
		"its lock is hidden":     {func(_ *testing.T, s *shelves, keys []string) { third(s, keys).lock.mode = "cannot be asked" }, Unlocked, "its lock cannot be read: 403 AccessDenied"},
		"its lock is short": {func(_ *testing.T, s *shelves, keys []string) {
			k := third(s, keys)
			k.lock.until = k.written.AddDate(0, 0, floor).Add(-time.Second)
		}, Short, "is locked until 2026-09-05T11:59:59Z, and should be until 2026-09-05T12:00:00Z"},
		"its lock is too long": {func(_ *testing.T, s *shelves, keys []string) {
			k := third(s, keys)
			k.lock.until = k.written.AddDate(0, 0, ceiling+1)
		}, Long, "is locked until 2027-06-09T12:00:00Z, which is beyond the ceiling of 366 days"},
		"it cannot be read":       {func(_ *testing.T, s *shelves, keys []string) { third(s, keys).content = nil }, Unreadable, "cannot be read: 500 InternalError"},
		"something is slipped in": {func(_ *testing.T, s *shelves, _ []string) { s.put("platform-security/note.txt", []byte("x"), now) }, Unexpected, "is no object of an archive"},
		"a marker on what is no object": {func(_ *testing.T, s *shelves, _ []string) { s.mark("platform-security/note.txt") }, Marked,
			"no version of it is what its name says"},
		"an object is slipped in": {func(t *testing.T, s *shelves, keys []string) {
			h := start("cp-1", "c1")
			h.Sequence, h.Previous, h.Written = 3, strings.TrimSuffix(keys[1][strings.LastIndex(keys[1], "-")+1:], ".jsonl.gz"), now
			key, content := pack(t, h)
			s.put(key, content, now)
		}, Fork, "has two objects at 3; the other is "},
		"the rest of a chain is another's": {func(t *testing.T, s *shelves, keys []string) {
			h := start("cp-1", "c1")
			h.Sequence, h.Previous, h.Written = 5, strings.Repeat("a", 64), now.AddDate(0, 0, -1)
			delete(s.keys, keys[4])
			key, content := pack(t, h)
			s.put(key, content, h.Written)
		}, Broken, "the one before it should have the hash aaaa"},
		"two objects change places": {func(t *testing.T, s *shelves, keys []string) {
			// With the names that their content gives them: the first line of each tells its place.
			one, two := s.keys[keys[2]][0], s.keys[keys[3]][0]
			delete(s.keys, keys[2])
			delete(s.keys, keys[3])
			swap := func(from, to string) string {
				return to[:strings.LastIndex(to, "/")+13] + from[strings.LastIndex(from, "/")+13:]
			}
			s.put(swap(keys[2], keys[3]), one.content, one.written)
			s.put(swap(keys[3], keys[2]), two.content, two.written)
		}, Malformed, "its first line names another place in the archive than its key"},
		"it is moved to another place of its day": {func(_ *testing.T, s *shelves, keys []string) {
			k := s.keys[keys[4]][0]
			delete(s.keys, keys[4])
			s.put(strings.Replace(keys[4], "/000000000005-", "/000000000006-", 1), k.content, k.written)
		}, Malformed, "its first line names another place in the archive than its key"},
		"it is moved to another day": {func(_ *testing.T, s *shelves, keys []string) {
			k := s.keys[keys[4]][0]
			delete(s.keys, keys[4])
			s.put(strings.Replace(keys[4], "/2026/06/09/", "/2026/06/08/", 1), k.content, k.written)
		}, Malformed, "its first line names another place in the archive than its key"},
		"it is moved to another node": {func(t *testing.T, s *shelves, keys []string) {
			k := s.keys[keys[4]][0]
			delete(s.keys, keys[4])
			s.put(strings.Replace(keys[4], "/cp-1/", "/cp-3/", 1), k.content, k.written)
		}, Malformed, "its first line names another place in the archive than its key"},
		"an event is left out": {func(t *testing.T, s *shelves, keys []string) {
			h := start("cp-3", "c3")
			h.Sequence, h.Events = 1, 2
			key, content := pack(t, h, line("audit", "a/b"))
			s.put(key, content, now)
		}, Malformed, "has 1 events, and its first line says 2"},
		"a line is no JSON": {func(t *testing.T, s *shelves, keys []string) {
			h := start("cp-3", "c3")
			h.Sequence, h.Events = 1, 1
			key, content := pack(t, h, "what")
			s.put(key, content, now)
		}, Malformed, "line 2 is no JSON"},
		"it is not compressed": {func(t *testing.T, s *shelves, keys []string) {
			text := []byte("plain")
			s.put("platform-security/2026/06/01/se-prod/cp-3/000000000001-"+sum(text)+".jsonl.gz", text, now)
		}, Malformed, "is not compressed by gzip"},
		"a chain begins in the middle": {func(t *testing.T, s *shelves, keys []string) {
			h := start("cp-3", "c3")
			h.Sequence, h.Previous = 2, unknown
			key, content := pack(t, h)
			s.put(key, content, now)
		}, Malformed, "only the first of a chain has nothing before it"},
		"a layout that is not known": {func(t *testing.T, s *shelves, keys []string) {
			h := start("cp-3", "c3")
			h.Sequence, h.Format = 1, 2
			key, content := pack(t, h)
			s.put(key, content, now)
		}, Malformed, "its layout has version 2, and 1 is understood"},
		"an object of no chain": {func(t *testing.T, s *shelves, keys []string) {
			h := start("cp-3", "")
			h.Sequence = 1
			key, content := pack(t, h)
			s.put(key, content, now)
		}, Malformed, "its first line names no chain"},
		"versions are off":          {func(_ *testing.T, s *shelves, _ []string) { s.set.versioned = false }, Setting, "the bucket keeps no versions"},
		"the default is shorter":    {func(_ *testing.T, s *shelves, _ []string) { s.set.days = floor - 1 }, Setting, "locks by default for 89 days"},
		"the default can be lifted": {func(_ *testing.T, s *shelves, _ []string) { s.set.mode = "GOVERNANCE" }, Setting, `in mode "GOVERNANCE"`},
		"the default is taken away": {func(_ *testing.T, s *shelves, _ []string) { s.set.mode, s.set.days = "", 0 }, Setting, "locks by default for 0 days"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, keys := sound(t)
			row.tamper(t, s, keys)
			report := walked(t, s, options())
			assert.False(t, report.Whole())
			var told []string
			for _, f := range report.Problems {
				told = append(told, string(f.Kind)+": "+f.What)
			}
			found := strings.Join(told, "\n")
			i := strings.Index(found, string(row.kind)+": ")
			require.GreaterOrEqual(t, i, 0, found)
			assert.Contains(t, found[i:], row.what)
		})
	}
}

// A chain alone does not tell that its end was cut; an earlier report does.
func TestEarlierReport(t *testing.T) {
	t.Parallel()
	s, keys := sound(t)
	earlier := walked(t, s, options())
	o := options()
	o.Earlier = &earlier
	assert.True(t, walked(t, s, o).Whole())

	delete(s.keys, keys[4])
	assert.True(t, walked(t, s, options()).Whole(), "the walk alone cannot know")
	report := walked(t, s, o)
	require.Len(t, report.Problems, 1)
	assert.Equal(t, Missing, report.Problems[0].Kind)
	assert.Contains(t, report.Problems[0].What, "5, its end at 2026-06-10T12:00:00Z, is missing or another now")

	for _, key := range keys {
		delete(s.keys, key)
	}
	report = walked(t, s, o)
	require.Len(t, report.Problems, 1)
	assert.Contains(t, report.Problems[0].What, "was here at 2026-06-10T12:00:00Z up to 5, and nothing of it is left")
}

// What is lawful is no problem: duplicates of an event, the same object put again, a new chain, and what has ended.
func TestWhatIsNoProblem(t *testing.T) {
	t.Parallel()
	s, keys := sound(t)
	same := s.keys[keys[1]][0]
	s.put(keys[1], same.content, now)
	s.grow(t, start("cp-2", "c3"), 1) // with ids that cp-2 had before
	report := walked(t, s, options())
	assert.True(t, report.Whole(), "%v", report.Problems)
	assert.Equal(t, []int{9, 10, 18, 16, 2, 8}, []int{report.Objects, report.Versions, report.Events, report.Unique, report.Duplicates, report.AuditIDs})
	var kinds []Kind
	for _, f := range report.Notices {
		kinds = append(kinds, f.Kind)
	}
	assert.ElementsMatch(t, []Kind{Again, Begun}, kinds)

	o := options()
	o.CeilingDays = floor
	s, keys = sound(t)
	assert.True(t, walked(t, s, o).Whole(), "the hour that a writer adds is not beyond a ceiling that is the floor")

	o = options()
	o.Prefix = keys[2][:len("platform-security/2026/06/07/")]
	report = walked(t, s, o)
	assert.True(t, report.Whole())
	assert.Equal(t, 2, report.Objects)
	assert.Equal(t, Partial, report.Notices[0].Kind)

	// A year later the first ones are gone, and nobody took them.
	delete(s.keys, keys[0])
	report, err := verify(t.Context(), options(), s, now.AddDate(1, 0, 0))
	require.NoError(t, err)
	assert.True(t, report.Whole(), "%v", report.Problems)
}

func TestAnEmptyBucketProvesNothing(t *testing.T) {
	t.Parallel()
	report := walked(t, &shelves{set: settings{versioned: true, mode: compliance, days: floor}}, options())
	assert.Empty(t, report.Problems)
	assert.False(t, report.Whole())
}

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	s, _ := sound(t)
	s.down = errors.New("no answer")
	_, err := verify(t.Context(), options(), s, now)
	require.EqualError(t, err, "no answer")
}

func TestReport(t *testing.T) {
	t.Parallel()
	s, keys := sound(t)
	var text strings.Builder
	require.NoError(t, walked(t, s, options()).Write(&text))
	text.WriteString("\n----\n\n")
	s.mark(keys[2])
	s.put(keys[3], []byte("x"), now)
	s.grow(t, start("cp-2", "c3"), 1)
	s.set.days = 1
	require.NoError(t, walked(t, s, options()).Write(&text))
	golden.Compare(t, "report.txt", text.String())
}

func TestOptionsTellEveryMistake(t *testing.T) {
	t.Parallel()
	earlier := Report{Bucket: "other"}
	_, err := Verify(t.Context(), Options{Endpoint: "http://u:geheim@s3.example.org", CeilingDays: -1, Earlier: &earlier,
		Credentials: objectlock.Credentials{KeyID: site.NewSecret("id"), Key: site.NewSecret("key")}})
	for _, want := range []string{"endpoint: holds a credential", "region: is empty", "bucket: is empty", "floor: 0 days", "ceiling: -1 days", `earlier report: is of bucket "other"`} {
		require.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "geheim")
}
