//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchmarkHolds has kube-bench check every node. Then it opens a file that the benchmark wants closed, and sees that
// this is found.
func (w *world) benchmarkHolds(t *testing.T) {
	program, err := filepath.Abs(filepath.Join(checkout, "bin/lagrum"))
	require.NoError(t, err)
	require.Contains(t, w.run(t, 10*time.Minute, program, "lab", "benchmark"), " 0 open\n")

	const node, file = "cp-1-g1", "/etc/kubernetes/manifests/kube-scheduler.yaml"
	out, err := w.inside(t, node, "chmod 0644 "+file)
	require.NoError(t, err, out)
	t.Cleanup(func() {
		out, err := w.inside(t, node, "chmod 0600 "+file)
		require.NoError(t, err, out)
	})
	found := w.try(t, 10*time.Minute, program, "lab", "benchmark")
	require.Equal(t, 1, found.code, found.out)
	require.Contains(t, found.out, node+": FAIL 1.1.5:")
	require.Contains(t, found.out, " 1 open\n")
}
