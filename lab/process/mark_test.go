package process

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What was started is found by its mark and by parts of it, and ended by that; another lab's stays.
func TestMarkedProcesses(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "logs", "out.log")
	start := func(mark string) Process {
		p, err := Start("unitlab", mark, log, exec.Command("sleep", "60"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, KillMarked(context.Background(), mark)) })
		return p
	}
	one, two, other := start("unitlab/machine/one"), start("unitlab/machine/two"), start("unitlabel/machine/one")

	found, err := Marked("unitlab")
	require.NoError(t, err)
	assert.Equal(t, map[int]string{one.PID: "unitlab/machine/one", two.PID: "unitlab/machine/two"}, found)

	require.NoError(t, KillMarked(t.Context(), "unitlab/machine/one"))
	assert.False(t, one.Alive())
	assert.True(t, two.Alive())

	require.NoError(t, KillMarked(t.Context(), "unitlab"))
	assert.False(t, two.Alive())
	assert.True(t, other.Alive())
}
