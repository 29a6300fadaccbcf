package retirement

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

// shrinking is a pool that was renewed and is one node smaller since.
func shrinking() *plan.Plan {
	p := site()
	p.Pools = []plan.Pool{
		{Name: "cp", Role: plan.ControlPlane, Nodes: []plan.Node{{Name: "cp-1-g1"}}},
		{Name: "workers", Role: plan.Worker, Nodes: []plan.Node{
			{Name: "workers-1-g2"}, {Name: "workers-1-g1", Leaving: true}, {Name: "workers-2-g1", Leaving: true},
		}},
		{Name: "others", Role: plan.Worker, Nodes: []plan.Node{{Name: "others-1-g1"}}},
	}
	return p
}

func TestLeavingWorkers(t *testing.T) {
	t.Parallel()
	r := harness.Run(t, program(shrinking()), harness.Options{})
	require.Len(t, r.Of(job), 1, "a pool that nobody leaves has no Job")
	objects, err := r.Objects()
	require.NoError(t, err)
	golden.Compare(t, "leaving.yaml", objects)
	made := r.Get(t, job, "dev-retirement-workers")
	assert.Equal(t, "35m0s", made.CreateTimeout, "twenty minutes, five for each that leaves, and five more")
}

// A rule of RBAC without names is one for all nodes.
func TestLeavingWholePool(t *testing.T) {
	t.Parallel()
	p := shrinking()
	p.Pools[1].Nodes = p.Pools[1].Nodes[1:]
	r := harness.Run(t, program(p), harness.Options{})
	rules := r.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "dev-retirement").Inputs["rules"].([]any)
	for _, rule := range rules {
		if resources := rule.(map[string]any)["resources"]; assert.ObjectsAreEqual([]any{"nodes"}, resources) {
			assert.NotEmpty(t, rule.(map[string]any)["resourceNames"])
		}
	}
}

// The real script in a real shell, with a stand-in for kubectl.
func TestDrainScript(t *testing.T) {
	t.Parallel()
	const (
		wait  = "kubectl wait --for=create --for=condition=Ready node/workers-1-g2 --timeout=10m"
		flags = " --ignore-daemonsets --delete-emptydir-data --force --skip-wait-for-delete-timeout=60 --timeout=5m"
		gone  = " --ignore-not-found --wait=false"
	)
	for _, row := range []struct {
		name, there, fail string
		done              []string
		said              string
		ok                bool
	}{
		{
			name: "both", there: "workers-1-g1 workers-2-g1",
			done: []string{wait, "kubectl cordon workers-1-g1", "kubectl cordon workers-2-g1",
				"kubectl drain workers-1-g1" + flags, "kubectl delete node workers-1-g1" + gone,
				"kubectl drain workers-2-g1" + flags, "kubectl delete node workers-2-g1" + gone},
			said: "leaving: done", ok: true,
		},
		{
			name: "again after one has left", there: "workers-2-g1",
			done: []string{wait, "kubectl cordon workers-2-g1", "kubectl drain workers-2-g1" + flags, "kubectl delete node workers-2-g1" + gone},
			said: "leaving: done", ok: true,
		},
		{name: "a rebuilt site", there: "", done: []string{wait}, said: "leaving: done", ok: true},
		{
			name: "those that stay never come", there: "workers-1-g1", fail: "kubectl wait", done: []string{wait},
			said: "leaving: workers-1-g2 is not a ready node; its boot log says why, and nothing was drained",
		},
		{
			name: "pods that may not go", there: "workers-1-g1 workers-2-g1", fail: "kubectl drain workers-1-g1",
			done: []string{wait, "kubectl cordon workers-1-g1", "kubectl cordon workers-2-g1", "kubectl drain workers-1-g1" + flags},
			said: "leaving: workers-1-g1 still has pods; see what holds them, and run the update again",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "kubectl"), []byte(`#!/bin/sh
call="kubectl $*"
case "$call" in
"kubectl get node"*) case " $THERE " in *" $3 "*) echo "node/$3" ;; esac; exit 0 ;;
esac
printf '%s\n' "$call" >>"$DIR/done"
case "$call" in *"${FAIL:-nothing}"*) echo "refused: $call" >&2; exit 1 ;; esac
`), 0o755))
			shell := exec.Command("/bin/sh", "-c", drainScript)
			shell.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "DIR=" + dir, "OLD=workers-1-g1 workers-2-g1", "NEW=workers-1-g2",
				"THERE=" + row.there, "FAIL=" + row.fail}
			output, err := shell.CombinedOutput()
			assert.Equal(t, row.ok, err == nil, string(output))
			lines := strings.Split(strings.TrimSpace(string(output)), "\n")
			assert.Equal(t, row.said, lines[len(lines)-1], string(output))
			assert.Equal(t, row.done, did(t, dir))
		})
	}
}
