//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fixedFaults are the moments at which the engine is killed: in the middle of the keys, after a machine was made and
// before that was written down, and the same with an object of the cluster.
var fixedFaults = []string{
	"before:tls:index/locallySignedCert:LocallySignedCert",
	"after:lab:index:Machine::",
	"after:kubernetes:apps/v1:DaemonSet",
}

// firstPreview shows every resource before there is anything to ask.
func (w *world) firstPreview(t *testing.T) {
	w.lagrum(t, 30*time.Minute, "lab", "prepare")
	w.enter(t)
	out := w.pulumi(t, "preview")
	require.Regexp(t, `\+ [0-9]+ to create`, out)
	for _, name := range []string{"dev-network", "-cp-1-g1", "-workers-1-g1", "-pki-ca", "-cluster-kubernetes", "coredns"} {
		require.Contains(t, out, name)
	}
}

// crashAndHeal runs an update in which the engine is killed, and has the doctor clear up.
func (w *world) crashAndHeal(t *testing.T, fault string) {
	t.Helper()
	crashing := *w
	crashing.env = append(append([]string{}, w.env...), "LAGRUM_LAB_KILL_ENGINE="+fault)
	killed := crashing.try(t, 20*time.Minute, "pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", w.name)
	require.Equal(t, -1, killed.code, "%s: the engine ended by itself:\n%s", fault, killed.out)

	locked := w.try(t, time.Minute, "pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", w.name)
	require.NotZero(t, locked.code, "%s: the lock of the killed engine is gone:\n%s", fault, locked.out)
	require.Contains(t, locked.out, "lock")

	t.Logf("%s:\n%s", fault, w.lagrum(t, 10*time.Minute, "doctor"))
}

// nothingOrphaned compares what exists with what the state knows.
func (w *world) nothingOrphaned(t *testing.T) {
	t.Helper()
	machines := []string{}
	objects := map[string]bool{}
	for _, r := range w.resources(t) {
		switch {
		case r.Type == "lab:index:Machine":
			machines = append(machines, r.ID)
		case strings.HasPrefix(r.Type, "kubernetes:"):
			objects[r.ID] = true
		}
	}
	require.ElementsMatch(t, machines, dir(t, filepath.Join("/var/lib/lagrum", w.name, "machines")))
	const ours = "app.kubernetes.io/managed-by=lagrum"
	for _, kind := range []string{"daemonsets", "deployments", "configmaps", "services", "serviceaccounts"} {
		found := w.names(t, kind, "-n", "kube-system", "-l", ours)
		require.NotEmpty(t, found, kind)
		for _, name := range found {
			require.True(t, objects["kube-system/"+name], "%s %s is in the cluster and in no state", kind, name)
		}
	}
	for _, kind := range []string{"clusterroles", "clusterrolebindings"} {
		found := w.names(t, kind, "-l", ours)
		require.NotEmpty(t, found, kind)
		for _, name := range found {
			require.True(t, objects[name], "%s %s is in the cluster and in no state", kind, name)
		}
	}
}

// TestCrashes kills the engine at five random moments of a build from nothing. LAGRUM_SEED repeats a run.
func TestCrashes(t *testing.T) {
	seed := time.Now().UnixNano()
	if text := os.Getenv("LAGRUM_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("LAGRUM_SEED=%d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))

	before := snapshot(t, "crash")
	w := newWorld(t, "crash")
	t.Cleanup(func() {
		w.lagrum(t, 5*time.Minute, "lab", "down")
		requireNothingLeft(t, "crash", before)
	})
	w.lagrum(t, 30*time.Minute, "lab", "prepare")
	w.enter(t)
	for crashes := 0; crashes < 5; {
		// Early moments hit machines and keys, later ones the objects in the cluster.
		after := time.Duration(200+random.IntN(45_000)) * time.Millisecond
		if !w.killAfter(t, after) {
			t.Logf("the update was done before %s: from the beginning", after)
			w.pulumi(t, "destroy", "--yes", "--skip-preview")
			continue
		}
		crashes++
		t.Logf("crash %d after %s:\n%s", crashes, after, w.lagrum(t, 10*time.Minute, "doctor"))
	}
	w.lagrum(t, 30*time.Minute, "lab", "up")
	w.unchanged(t)
	w.nothingOrphaned(t)
}

// killAfter runs an update and kills the engine after a while, and tells whether it still ran.
func (w *world) killAfter(t *testing.T, after time.Duration) bool {
	t.Helper()
	script := fmt.Sprintf(`pulumi up --yes --skip-preview --non-interactive --stack %s >/dev/null 2>&1 & engine=$!; sleep %f; kill -9 $engine; wait $engine`,
		w.name, after.Seconds())
	r := w.try(t, after+2*time.Minute, "bash", "-c", script)
	require.Contains(t, []int{0, 128 + 9}, r.code, r.out)
	return r.code != 0
}
