package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/declared"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/stacks/internal/page"
)

const root = "../../.."

func TestPageIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := render(root)
	require.NoError(t, err)
	got, err := os.ReadFile(root + "/docs/images.md")
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run: go generate ./stacks")
}

// The lock file has a row for every image that a declared stack pulls and for no other, and stands as it would be written.
func TestLockFileIsCurrent(t *testing.T) {
	t.Parallel()
	set, err := declared.Read(root, "", page.Decided())
	require.NoError(t, err)
	held, err := lock.Load(root)
	require.NoError(t, err)
	names := images.Names(set.Images)
	want, err := held.With(names).Only(names).Text()
	require.NoError(t, err)
	got, err := os.ReadFile(root + "/" + lock.Name)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run: go generate ./stacks")
}
