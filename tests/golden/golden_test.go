package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judged is a test that is only watched: it keeps what it is told instead of failing.
type judged struct {
	testing.TB
	said []string
}

func (j *judged) Helper()      {}
func (j *judged) Name() string { return "TestJudged" }
func (j *judged) Errorf(format string, args ...any) {
	j.said = append(j.said, fmt.Sprintf(format, args...))
}

func TestCompare(t *testing.T) {
	set(t, false)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("testdata", 0o755))
	require.NoError(t, os.WriteFile("testdata/a.txt", []byte("one\n"), 0o644))

	same := &judged{TB: t}
	Compare(same, "a.txt", "one\n")
	assert.Empty(t, same.said)

	other := &judged{TB: t}
	Compare(other, "a.txt", "two\n")
	require.Len(t, other.said, 2, "the difference, and the command")
	assert.Equal(t, "golden testdata/a.txt differs; if the change is meant: go test -run '^TestJudged$' . -update", other.said[1])

	missing := &judged{TB: t}
	Compare(missing, "b.txt", "one\n")
	require.Len(t, missing.said, 1)
	assert.Equal(t, "golden testdata/b.txt: open testdata/b.txt: no such file or directory; "+
		"write it with: go test -run '^TestJudged$' . -update", missing.said[0])
}

// An update must never pass by itself, or a wrong golden is written without anybody looking.
func TestUpdateWritesAndFails(t *testing.T) {
	set(t, true)
	t.Chdir(t.TempDir())
	watched := &judged{TB: t}
	Compare(watched, "deep/a.txt", "one\n")
	assert.Equal(t, []string{"golden testdata/deep/a.txt: written; read the difference, then run the test without -update"}, watched.said)
	text, err := os.ReadFile(filepath.Join("testdata", "deep", "a.txt"))
	require.NoError(t, err)
	assert.Equal(t, "one\n", string(text))
}

// set plays the flag for one test, whatever the run was given.
func set(t *testing.T, value bool) {
	t.Helper()
	given := *update
	*update = value
	t.Cleanup(func() { *update = given })
}
