//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/evidence/segmentation"
)

// withTenants gives a site two tenants, whose pods must not meet.
func withTenants(site map[string]any) {
	for _, name := range []string{"ward", "records"} {
		all, _ := site["tenants"].([]any)
		site["tenants"] = append(all, map[string]any{"name": name, "developers": []any{name + "-developers"}, "cpu": 2, "memoryGiB": 2})
	}
}

// asker is a pod that serves at 8080 and asks others. Those of no party of the traffic graph have no edge.
const asker = `
apiVersion: v1
kind: Pod
metadata: {name: %[2]s, namespace: %[1]s, labels: {%[4]s}}
spec:
  nodeName: %[3]s
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  tolerations: [{operator: Exists}]
  containers:
  - {name: probe, image: "registry.lab.lagrum/lab-probe:1", imagePullPolicy: Never, args: [serve], ports: [{containerPort: 8080}],
     readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1},
     securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}}
---
`

// standing is a pod to be made: where, its name, its node and its label.
type standing struct{ namespace, name, node, label string }

// askers are pods by <namespace>/<name>, and their addresses.
type askers struct {
	*world
	address map[string]string
}

// stand makes pods, and takes them away with the test.
func (w *world) stand(t *testing.T, pods ...standing) askers {
	t.Helper()
	manifest := ""
	for _, p := range pods {
		manifest += fmt.Sprintf(asker, p.namespace, p.name, p.node, p.label)
	}
	t.Cleanup(func() {
		for _, p := range pods {
			w.kubectl(t, "-n", p.namespace, "delete", "pod", p.name, "--ignore-not-found", "--now")
		}
	})
	w.apply(t, manifest)
	a := askers{w, map[string]string{}}
	for _, p := range pods {
		// Ready by a probe that its own node sent: so it serves, and who is denied later is denied by a policy.
		w.kubectl(t, "-n", p.namespace, "wait", "--for=condition=Ready", "pod/"+p.name, "--timeout=2m")
		a.address[p.namespace+"/"+p.name] = strings.TrimSpace(w.kubectl(t, "-n", p.namespace, "get", "pod", p.name, "-o", "jsonpath={.status.podIP}"))
	}
	return a
}

// passage is a connection, or a question for a name, and whether it must be let through.
type passage struct {
	from, what, to string
	open           bool
}

// to is what the probe is told: a pod by its name, anything else as it stands.
func (a askers) to(p passage) string {
	if address, is := a.address[p.to]; is {
		return address + ":8080"
	}
	return p.to
}

// judge tries passages and tells which are not as they must be.
func (a askers) judge(t *testing.T, passages []passage) error {
	t.Helper()
	var wrong []error
	for _, p := range passages {
		namespace, name, _ := strings.Cut(p.from, "/")
		r := a.try(t, 20*time.Second, "kubectl", "-n", namespace, "exec", name, "--", "probe", p.what, "-timeout", "3s", a.to(p))
		// A policy's answer is one of two; all else is a test that did not ask.
		denied := strings.Contains(r.out, "connection refused") || strings.Contains(r.out, "i/o timeout")
		switch {
		case r.code != 0 && !denied:
			wrong = append(wrong, fmt.Errorf("%s -> %s: neither let through nor denied: %s", p.from, p.to, r.out))
		case (r.code == 0) != p.open:
			wrong = append(wrong, fmt.Errorf("%s -> %s: passes is %t, want %t: %s", p.from, p.to, r.code == 0, p.open, r.out))
		}
	}
	return errors.Join(wrong...)
}

// onlyDeclaredTraffic tries what the graph allows and what it does not, on one node and between two, and tries the same once
// policies are taken away. The engine puts them back.
func (w *world) onlyDeclaredTraffic(here, there string) func(t *testing.T) {
	return func(t *testing.T) {
		w.kubectl(t, "create", "namespace", "open") // which nobody closes
		t.Cleanup(func() { w.kubectl(t, "delete", "namespace", "open") })
		const nobody = "app: nobody"
		a := w.stand(t, standing{"ward", "here", here, nobody}, standing{"ward", "near", here, nobody}, standing{"ward", "there", there, nobody},
			standing{"records", "here", here, nobody}, standing{"records", "there", there, nobody}, standing{"default", "here", here, nobody},
			// asks has the edges of cluster DNS, which has no shell to ask from.
			standing{"kube-system", "here", here, nobody}, standing{"kube-system", "asks", here, "k8s-app: kube-dns"},
			standing{"open", "here", here, nobody}, standing{"open", "there", there, nobody})
		server, err := url.Parse(strings.TrimSpace(w.kubectl(t, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")))
		require.NoError(t, err)
		api, service := server.Host, "10.96.0.1:443"
		dns := strings.TrimSpace(w.kubectl(t, "-n", "kube-system", "get", "service", "kube-dns", "-o", "jsonpath={.spec.clusterIP}"))
		coreDNS := strings.Fields(w.kubectl(t, "-n", "kube-system", "get", "pods", "-l", "app.kubernetes.io/name=coredns", "-o", "jsonpath={.items[*].status.podIP}"))[0]
		const name, open = "kubernetes.default.svc.cluster.local", true
		allowed := []passage{
			{"ward/here", "connect", "ward/near", open}, {"ward/here", "connect", "ward/there", open}, {"ward/there", "connect", "ward/here", open},
			{"records/there", "connect", "records/here", open},
			{"ward/here", "lookup", name, open}, {"records/there", "lookup", name, open}, {"ward/here", "connect", dns + ":53", open},
			{"kube-system/asks", "connect", api, open}, {"kube-system/asks", "connect", service, open},
			// Controls: what answers does answer, where no policy is.
			{"open/here", "connect", "open/there", open}, {"open/here", "lookup", name, open}, {"open/here", "connect", api, open},
			{"open/here", "connect", service, open},
		}
		denied := []passage{
			{from: "ward/here", to: "records/here"}, {from: "ward/here", to: "records/there"}, {from: "ward/there", to: "records/there"},
			{from: "records/there", to: "ward/here"},
			{from: "ward/here", to: "default/here"}, {from: "ward/here", to: "kube-system/here"}, {from: "ward/here", to: "open/there"},
			{from: "ward/here", to: api}, {from: "ward/here", to: service}, {from: "ward/there", to: service},
			{from: "default/here", to: "ward/here"}, {from: "default/here", to: "open/there"}, {from: "default/here", to: api}, {from: "default/here", to: dns + ":53"},
			{from: "kube-system/here", to: "ward/there"}, {from: "kube-system/here", to: api}, {from: "kube-system/asks", to: "open/there"},
			{from: "open/here", to: "ward/here"}, {from: "open/there", to: "ward/here"}, {from: "open/here", to: "records/there"},
			{from: "open/there", to: "default/here"}, {from: "open/there", to: "kube-system/here"}, {from: "open/here", to: coreDNS + ":9153"},
		}
		for i := range denied {
			denied[i].what = "connect"
		}
		eventually(t, time.Minute, "declared traffic passes, and nothing else", func() error { return a.judge(t, append(allowed, denied...)) })

		w.kubectl(t, "-n", "kube-system", "delete", "networkpolicy", "default-deny")
		w.kubectl(t, "-n", "default", "delete", "networkpolicy", "default-deny")
		w.kubectl(t, "-n", "ward", "delete", "networkpolicy", "--all")
		without := []passage{
			{"kube-system/here", "connect", api, open}, {"open/there", "connect", "kube-system/here", open},
			{"default/here", "connect", api, open}, {"default/here", "connect", dns + ":53", open}, {"open/there", "connect", "default/here", open},
			{"ward/here", "connect", "default/here", open}, {"ward/here", "connect", "kube-system/here", open}, {"ward/here", "connect", "open/there", open},
			{"ward/here", "connect", api, open}, {"ward/there", "connect", service, open}, {"default/here", "connect", "ward/here", open},
			{"open/there", "connect", "ward/here", open},
			// What is still closed is so at the other end, or by what was not taken away.
			{"ward/here", "connect", "records/here", false}, {"open/here", "connect", "records/there", false}, {"open/here", "connect", coreDNS + ":9153", false},
			{"kube-system/asks", "connect", "open/there", false},
		}
		eventually(t, time.Minute, "without the policies forbidden traffic passes", func() error { return a.judge(t, without) })
		require.Equal(t, []string{"default", "kube-system", "open", "ward"}, intersect(w.openNamespaces(t), "default", "kube-system", "open", "ward", "records"))

		w.pulumi(t, "refresh", "--yes", "--skip-preview")
		w.pulumi(t, "up", "--yes", "--skip-preview")
		eventually(t, time.Minute, "the policies are back", func() error { return a.judge(t, append(allowed, denied...)) })
	}
}

// quickPodIsRuled has pods connect in their first moment. What stops those that may not is the node's guard: without it they get
// through, though the policies are there; and without the file that says that it is in force, no pod gets an address.
func (w *world) quickPodIsRuled(node string) func(t *testing.T) {
	return func(t *testing.T) {
		server, err := url.Parse(strings.TrimSpace(w.kubectl(t, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")))
		require.NoError(t, err)
		connect := `connect, "-timeout", "30s", "` + server.Host + `"`
		runs := 0
		start := func(namespace, does string) string {
			runs++
			name := fmt.Sprintf("quick-%d", runs)
			pod := strings.Replace(fmt.Sprintf(asker, namespace, name, node, "app: nobody"), "args: [serve]", "args: ["+does+"]", 1)
			pod = strings.Replace(pod, "  nodeName:", "  restartPolicy: Never\n  nodeName:", 1)
			w.apply(t, pod)
			t.Cleanup(func() { w.kubectl(t, "-n", namespace, "delete", "pod", name, "--now") })
			return name
		}
		ends := func(namespace, name, phase string) {
			w.kubectl(t, "-n", namespace, "wait", "--for=jsonpath={.status.phase}="+phase, "pod/"+name, "--timeout=1m")
		}
		for range 3 {
			ends("ward", start("ward", connect), "Failed")
		}
		ends("web", start("web", connect), "Succeeded") // nothing closes it: the guard is a matter of a moment
		ends("ward", start("ward", "lookup, kubernetes.default.svc.cluster.local"), "Succeeded")

		out, err := w.inside(t, node, "nft delete table inet lagrum_unruled")
		require.NoError(t, err, out)
		eventually(t, time.Minute, "without the guard one gets through", func() error {
			name := start("ward", connect)
			r := w.try(t, time.Minute, "kubectl", "-n", "ward", "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/"+name, "--timeout=10s")
			if r.code != 0 {
				return errors.New(r.out)
			}
			return nil
		})

		out, err = w.inside(t, node, "rm /run/flannel/guarded")
		require.NoError(t, err, out)
		waiting := start("ward", "lookup, kubernetes.default.svc.cluster.local")
		eventually(t, time.Minute, "an unguarded node gives no address", func() error {
			events := w.kubectl(t, "-n", "ward", "get", "events", "--field-selector", "involvedObject.name="+waiting)
			if !strings.Contains(events, "/run/flannel/guarded") {
				return errors.New(events)
			}
			return nil
		})
		w.kubectl(t, "-n", "kube-system", "delete", "pod", "-l", "app.kubernetes.io/name=flannel", "--field-selector", "spec.nodeName="+node)
		ends("ward", waiting, "Succeeded")
		ends("ward", start("ward", connect), "Failed")
		w.settled(t)
	}
}

// openNamespaces are those that nobody closed.
func (w *world) openNamespaces(t *testing.T) []string {
	t.Helper()
	open, err := segmentation.Open([]byte(w.kubectl(t, "get", "namespaces", "-o", "json")), []byte(w.kubectl(t, "get", "networkpolicies", "-A", "-o", "json")))
	require.NoError(t, err)
	return open
}

func intersect(all []string, of ...string) []string {
	both := []string{}
	for _, one := range all {
		for _, other := range of {
			if one == other {
				both = append(both, one)
			}
		}
	}
	return both
}

// tenantsChangeNothing: a developer opens no namespace, and makes none.
func (w *world) tenantsChangeNothing(t *testing.T) {
	who := []string{"--as=somebody", "--as-group=oidc:ward-developers"}
	can := func(args ...string) result {
		return w.try(t, time.Minute, "kubectl", append(append([]string{"auth", "can-i"}, args...), who...)...)
	}
	allowed := can("create", "pods", "-n", "ward")
	require.Zero(t, allowed.code, allowed.out)
	for _, forbidden := range [][]string{
		{"create", "namespaces"}, {"delete", "namespaces"}, {"patch", "namespaces"},
		{"create", "networkpolicies", "-n", "ward"}, {"patch", "networkpolicies", "-n", "ward"}, {"delete", "networkpolicies", "-n", "ward"},
	} {
		r := can(forbidden...)
		require.NotZero(t, r.code, "%v: %s", forbidden, r.out)
		require.Contains(t, r.out, "no", "%v", forbidden)
	}
}

// noNamespaceIsOpen but those that the tests made with kubectl, which therefore are seen.
func (w *world) noNamespaceIsOpen(made ...string) func(t *testing.T) {
	return func(t *testing.T) { require.ElementsMatch(t, made, w.openNamespaces(t)) }
}
