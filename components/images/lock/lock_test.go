package lock_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images/lock"
)

var known = lock.Row{
	Image: "registry.k8s.io/etcd:3.6.5-0", Digest: "sha256:" + strings.Repeat("1", 64), Node: "sha256:" + strings.Repeat("2", 64),
	From: "registry.example.org/mirror/etcd:3.6.5-0", At: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC),
}

const text = `images:
  - image: ghcr.io/dexidp/dex:v2.41.1
    unresolved: true
  - image: registry.k8s.io/etcd:3.6.5-0
    digest: sha256:1111111111111111111111111111111111111111111111111111111111111111
    linux/amd64: sha256:2222222222222222222222222222222222222222222222222222222222222222
    from: registry.example.org/mirror/etcd:3.6.5-0
    at: 2026-11-25T12:00:00Z
`

func TestText(t *testing.T) {
	t.Parallel()
	held := lock.Lock{known.Image: known}.With([]string{"ghcr.io/dexidp/dex:v2.41.1", known.Image})
	got, err := held.Text()
	require.NoError(t, err)
	var rows []string
	for line := range strings.Lines(string(got)) {
		if !strings.HasPrefix(line, "#") {
			rows = append(rows, line)
		}
	}
	assert.Equal(t, text, strings.Join(rows, ""))
	read, err := lock.Parse(got)
	require.NoError(t, err)
	assert.Equal(t, held, read)
	assert.Equal(t, map[string]string{known.Image: known.Digest}, read.Digests())
	assert.Equal(t, lock.Lock{known.Image: known}, read.Only([]string{known.Image}))
}

// A digest that is not one, or a row that says two things, would be deployed: each is refused, all at once.
func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := lock.Parse([]byte(`images:
  - image: etcd
    unresolved: true
  - image: registry.k8s.io/etcd:3.6.5-0
    unresolved: true
    digest: sha256:1111111111111111111111111111111111111111111111111111111111111111
  - image: registry.k8s.io/etcd:3.6.5-0
    digest: sha256:111
    linux/amd64: latest
  - image: registry.k8s.io/pause:3.10.2
`))
	require.EqualError(t, err, `images[0].image: "etcd": write registry/repository:tag
images[1].unresolved: "true": has no digest, source or time; take out the one or the others
images[2].image: "registry.k8s.io/etcd:3.6.5-0": stands here twice; keep one
images[2].digest: "sha256:111": write sha256: and 64 hexadecimal digits, or unresolved: true
images[2].linux/amd64: "latest": write sha256: and 64 hexadecimal digits, or take it out
images[2].from: "": say which reference was asked for
images[2].at: "": say when it was asked for, as 2006-01-02T15:04:05Z
images[3].digest: "": write sha256: and 64 hexadecimal digits, or unresolved: true
images[3].from: "": say which reference was asked for
images[3].at: "": say when it was asked for, as 2006-01-02T15:04:05Z`)
	_, err = lock.Parse([]byte("images:\n  - image: registry.k8s.io/pause:3.10.2\n    digset: x\n"))
	require.ErrorContains(t, err, "digset")
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none, err := lock.Load(dir)
	require.NoError(t, err)
	assert.Empty(t, none.Digests())
	require.NoError(t, os.WriteFile(filepath.Join(dir, lock.Name), []byte("images: [{image: x}]"), 0o600))
	_, err = lock.Load(dir)
	require.ErrorContains(t, err, "images.lock.yaml has mistakes")
}

// The file is replaced as a whole, and what could not be read again is not written.
func TestSave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held := lock.Lock{known.Image: known}
	require.NoError(t, held.Save(dir))
	before, err := os.ReadFile(filepath.Join(dir, lock.Name))
	require.NoError(t, err)

	broken := known
	broken.Digest = "sha256:invented"
	require.ErrorContains(t, lock.Lock{known.Image: broken}.Save(dir), "was not written")
	after, err := os.ReadFile(filepath.Join(dir, lock.Name))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no half-written file is left")
}
