package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

func TestPageIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := render(root)
	require.NoError(t, err)
	got, err := os.ReadFile(root + "/docs/network.md")
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run: go generate ./stacks")
}
