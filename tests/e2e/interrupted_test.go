//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestInterrupted kills the lab's command where it hurts, and finds nothing left after down.
func TestInterrupted(t *testing.T) {
	root, err := filepath.Abs(checkout)
	require.NoError(t, err)
	for _, row := range []struct {
		name string
		// cold starts with an empty cache, so that the kill hits a compile; otherwise it hits the stack.
		cold  bool
		after time.Duration
	}{
		{"in the middle of a build", true, 25 * time.Second},
		{"while machines boot", false, 12 * time.Second},
		{"while the cluster starts", false, 40 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := snapshot(t, "kill")
			w := newWorld(t, "kill")
			if row.cold {
				w.env = append(w.env, "LAGRUM_CACHE="+t.TempDir())
			}
			script := fmt.Sprintf(`%s/bin/lagrum lab up >/dev/null 2>&1 & up=$!; sleep %f; kill -9 $up; wait $up; true`, root, row.after.Seconds())
			w.run(t, row.after+time.Minute, "bash", "-c", script)
			w.lagrum(t, 5*time.Minute, "lab", "down")
			requireNothingLeft(t, "kill", before)
			w.lagrum(t, 5*time.Minute, "lab", "down")
		})
	}
	t.Run("up works after all that", func(t *testing.T) {
		w := newWorld(t, "kill")
		t.Cleanup(func() { w.lagrum(t, 5*time.Minute, "lab", "down") })
		w.lagrum(t, 30*time.Minute, "lab", "up")
	})
}
