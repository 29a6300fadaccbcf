//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// victim is what somebody got into. It may write to its own disk.
const victim = `
apiVersion: v1
kind: Pod
metadata: {name: victim, namespace: default}
spec:
  automountServiceAccountToken: false
  nodeSelector: {kubernetes.io/hostname: workers-1-g1}
  containers:
    - name: victim
      image: registry.lab.lagrum/flannel:v0.26.7
      imagePullPolicy: Never
      command: [sleep, "86400"]
      resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
`

// TestFalcoDetects does in a pod what the rules are for, on a virtual machine, since only that has a kernel of its own for
// Falco's probe. Without an image of Falco nothing of it can be shown, and the test says so: it is no pass.
func TestFalcoDetects(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(checkout, "lab/images.d/falco*.tar"))
	require.NoError(t, err)
	if len(archives) == 0 {
		t.Skip("not provable on this host: no Falco image (lab/images.d/falco*.tar; see docs/lab.md)")
	}
	w := newWorld(t, "falco", virtual, func(site map[string]any) {
		pool(site, "workers")["count"] = 1
		site["cloud"] = map[string]any{"lab": map[string]any{"falcoImage": true}}
	})
	t.Cleanup(func() { w.lagrum(t, 5*time.Minute, "lab", "down") })
	said := w.lagrum(t, 30*time.Minute, "lab", "virtual")
	w.edit(t, func(site map[string]any) {
		var section map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(said[strings.Index(said, "guestEncryption:"):]), &section))
		site["guestEncryption"] = section["guestEncryption"]
	})
	w.lagrum(t, 45*time.Minute, "lab", "up")
	w.enter(t)
	w.kubectl(t, "rollout", "status", "--namespace=lagrum-runtime", "daemonset/falco", "--timeout=10m")
	w.apply(t, strings.Replace(victim, "namespace: default", "namespace: kube-system", 1)) // where Pod Security lets it write
	w.kubectl(t, "wait", "--namespace=kube-system", "--for=condition=Ready", "pod/victim", "--timeout=10m")

	heard := func(rule string, since time.Time) error {
		out := w.kubectl(t, "logs", "--namespace=lagrum-runtime", "--selector=app.kubernetes.io/name=falco", "--tail=-1")
		for _, line := range strings.Split(out, "\n") {
			var told struct {
				Rule string
				Time time.Time
			}
			if json.Unmarshal([]byte(line), &told) == nil && told.Rule == rule && told.Time.After(since) {
				return nil
			}
		}
		return fmt.Errorf("no line of rule %q", rule)
	}
	eventually(t, 5*time.Minute, "the heartbeat", func() error { return heard("Heartbeat", time.Time{}) })
	for _, row := range []struct{ rule, command string }{
		{"Command run in a container from outside", "true"},
		{"Written below /etc in a container", "echo x >/etc/lagrum-test"},
		{"Secret file read in a container", "cat /etc/shadow || true"},
		{"Connection to an undeclared address", "wget -q -T 2 -O - http://192.0.2.1/ || true"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			since := time.Now().Add(-time.Second)
			w.try(t, time.Minute, "kubectl", "exec", "--namespace=kube-system", "victim", "--", "sh", "-c", row.command)
			eventually(t, 10*time.Second, "it is told within seconds", func() error { return heard(row.rule, since) })
		})
	}
}
