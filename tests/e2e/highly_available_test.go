//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// joinLifetime is the shortest that a site may declare: 10m.
const joinLifetime = 10 * time.Minute

// TestThreeAndTwo brings up three control planes and two workers by changing nothing but the site, and loses one.
func TestThreeAndTwo(t *testing.T) {
	before := snapshot(t, "ha")
	w := newWorld(t, "ha", func(site map[string]any) {
		pool(site, "cp")["count"], pool(site, "workers")["count"] = 3, 2
		cluster(site)["joinLifetime"] = "10m"
	}, withTenants)
	t.Cleanup(func() {
		w.lagrum(t, 5*time.Minute, "lab", "down")
		requireNothingLeft(t, "ha", before)
	})
	var ended time.Time // when the credentials with which the first nodes joined are over
	step(t, "up", func(t *testing.T) {
		w.lagrum(t, 60*time.Minute, "lab", "up")
		w.enter(t)
		require.ElementsMatch(t, []string{"cp-1-g1", "cp-2-g1", "cp-3-g1", "workers-1-g1", "workers-2-g1"}, w.names(t, "nodes"))
		require.Len(t, w.members(t, "cp-1-g1"), 3)
		ended = time.Now().Add(joinLifetime)
	})
	step(t, "an unchanged site has nothing to do", w.unchanged)
	step(t, "only declared traffic passes", w.onlyDeclaredTraffic("workers-1-g1", "workers-2-g1"))
	step(t, "a control plane is lost and the API goes on serving", func(t *testing.T) {
		w.powerCut(t, "cp-1-g1")
		// The load balancer notices within a few of its checks; from then on every request must be answered.
		eventually(t, time.Minute, "the API answers twenty times in a row", func() error {
			for range 20 {
				if err := w.answers(t); err != nil {
					return err
				}
			}
			return nil
		})
		w.kubectl(t, "-n", "default", "create", "configmap", "written-while-one-is-down", "--from-literal=a=b")
		eventually(t, 3*time.Minute, "the lost node is noticed", func() error {
			if w.ready(t, "cp-1-g1") == nil {
				return fmt.Errorf("still Ready")
			}
			return nil
		})
	})
	step(t, "it is replaced, though it is dead", func(t *testing.T) {
		w.edit(t, func(site map[string]any) { pool(site, "cp")["replacements"] = []any{1} })
		w.pulumi(t, "up", "--yes", "--skip-preview")
		require.ElementsMatch(t, []string{"cp-1-g2", "cp-2-g1", "cp-3-g1", "workers-1-g1", "workers-2-g1"}, w.names(t, "nodes"))
		members := strings.Join(w.members(t, "cp-2-g1"), " ")
		require.Contains(t, members, "cp-1-g2")
		require.NotContains(t, members, "cp-1-g1")
		w.kubectl(t, "-n", "default", "get", "configmap", "written-while-one-is-down")
		w.unchanged(t)
	})
	step(t, "a pool grows after the credentials of its first nodes ended", func(t *testing.T) {
		time.Sleep(time.Until(ended))
		w.unchanged(t)
		w.edit(t, func(site map[string]any) { pool(site, "workers")["count"] = 3 })
		w.pulumi(t, "up", "--yes", "--skip-preview")
		eventually(t, 10*time.Minute, "the third worker is Ready", func() error { return w.ready(t, "workers-3-g1") })
		w.unchanged(t)
	})
}

// answers asks the API for something that it must read from etcd.
func (w *world) answers(t *testing.T) error {
	t.Helper()
	r := w.try(t, time.Minute, "kubectl", "get", "--raw", "/api/v1/namespaces/kube-system", "--request-timeout=10s")
	if r.code != 0 {
		return fmt.Errorf("%s", r.out)
	}
	return nil
}

// members lists etcd's members, asked through one of them.
func (w *world) members(t *testing.T, through string) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(w.etcdctl(t, through, "member", "list")), "\n")
}

// etcdctl asks the etcd of a control plane. A kubelet that has just joined shows its static pods to the API a little later.
func (w *world) etcdctl(t *testing.T, node string, args ...string) string {
	t.Helper()
	var answer string
	eventually(t, 2*time.Minute, "etcd of "+node+" answers", func() error {
		r := w.try(t, 30*time.Second, "kubectl", append([]string{"-n", "kube-system", "exec", "etcd-" + node, "--", "etcdctl",
			"--cacert=/etc/kubernetes/pki/etcd/ca.crt", "--cert=/etc/kubernetes/pki/etcd/server.crt", "--key=/etc/kubernetes/pki/etcd/server.key"}, args...)...)
		answer = r.out
		if r.code != 0 {
			return fmt.Errorf("exit code %d: %s", r.code, r.out)
		}
		return nil
	})
	return answer
}

// powerCut ends every process of a machine at once, as a cut of its power would: nothing in it gets to say goodbye.
func (w *world) powerCut(t *testing.T, machine string) {
	t.Helper()
	out, err := exec.Command("go", "run", "./machine", w.name, machine, "powercut").CombinedOutput()
	require.NoError(t, err, string(out))
}
