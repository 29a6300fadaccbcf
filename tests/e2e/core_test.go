//go:build e2e

// Package e2e drives the lab end to end: the real CLI and engine, a real cluster, real pods. Its tests try what must
// work and what must not.
package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCore is the core path: one control plane and one worker, from nothing to nothing. The steps build on each
// other, so the first failure ends the test.
func TestCore(t *testing.T) {
	before := snapshot(t, "e2e")
	w := newWorld(t, "e2e", withTenants, withPeople)
	p := w.people(t)
	t.Cleanup(func() {
		w.lagrum(t, 5*time.Minute, "lab", "down")
		requireNothingLeft(t, "e2e", before)
	})
	step(t, "a preview works before anything exists", w.firstPreview)
	step(t, "up, killed three times on the way", func(t *testing.T) {
		for _, fault := range fixedFaults {
			w.crashAndHeal(t, fault)
		}
		out := w.lagrum(t, 60*time.Minute, "lab", "up")
		require.Contains(t, out, "kubectl get nodes")
		w.enter(t)
		require.ElementsMatch(t, []string{"cp-1-g1", "workers-1-g1"}, w.names(t, "nodes"))
		w.nothingOrphaned(t)
	})
	step(t, "an unchanged site has nothing to do", w.unchanged)
	step(t, "joining leaves no anonymous door", w.noAnonymousDoor)
	step(t, "a Service answers through cluster DNS", w.serviceAnswers)
	step(t, "a pod beyond the rules is refused", w.podIsRefused)
	step(t, "a NetworkPolicy that denies is seen to deny", w.policyDenies)
	step(t, "only declared traffic passes", w.onlyDeclaredTraffic("workers-1-g1", "cp-1-g1"))
	step(t, "a quick pod is no faster than the policies", w.quickPodIsRuled("workers-1-g1"))
	step(t, "no namespace is open but those that the tests made", w.noNamespaceIsOpen("web"))
	step(t, "tenants change nothing of it", w.tenantsChangeNothing)
	step(t, "the metadata service is closed to pods", w.metadataIsClosed)
	step(t, "Secrets lie encrypted in etcd", w.secretsAreEncrypted)
	step(t, "etcd is nobody else", w.etcdIsNobodyElse)
	step(t, "each persona has its rights and no other", w.personasHold)
	step(t, "no certificate on a node is of system:masters", w.nobodyIsMaster)
	step(t, "people log in through Dex", p.logIn)
	step(t, "the gateway speaks modern TLS only", p.modernTLSOnly)
	step(t, "a kubelet that nobody vouches for is not spoken to", w.kubeletsAreKnown)
	step(t, "kube-bench finds nothing that is not answered for", w.benchmarkHolds)
	step(t, "a deleted object is seen and restored", w.driftIsRestored)
	step(t, "an administrator's certificate that ended is renewed", w.expiredAdministratorRecovers)
	step(t, "a join credential opens little, and nothing once it ended", w.joinCredentialEnds)
	step(t, "a person's token ends", p.tokenEnds)
	step(t, "a pool grows", w.poolGrows)
	step(t, "a worker is drained, and then leaves", w.poolShrinks)
	step(t, "the initialiser is replaced and nothing is lost", w.initialiserIsReplaced)
	step(t, "people log in to a new control plane", p.newControlPlane)
	step(t, "destroy leaves no resource", func(t *testing.T) {
		w.pulumi(t, "destroy", "--yes", "--skip-preview")
		require.Empty(t, w.resources(t))
	})
}

// step runs a part that later parts need.
func step(t *testing.T, name string, run func(t *testing.T)) {
	t.Helper()
	started := time.Now()
	if !t.Run(name, run) {
		t.FailNow()
	}
	t.Logf("%s: %s", name, time.Since(started).Round(time.Second))
}

func (w *world) unchanged(t *testing.T) {
	w.settled(t)
	w.pulumi(t, "preview", "--expect-no-changes")
	w.pulumi(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes")
	w.pulumi(t, "preview", "--expect-no-changes")
}

// noAnonymousDoor tries what a stranger on the node network could try.
func (w *world) noAnonymousDoor(t *testing.T) {
	server := w.kubectl(t, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
	for path, want := range map[string]string{
		"/readyz": "200", // the load balancer's health check
		"/api/v1/namespaces/kube-public/configmaps/cluster-info": "401",
		"/api/v1/namespaces": "401",
		"/version":           "401",
	} {
		code := w.run(t, time.Minute, "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", server+path)
		require.Equal(t, want, code, path)
	}
	tokens := w.names(t, "secrets", "-n", "kube-system", "--field-selector", "type=bootstrap.kubernetes.io/token")
	require.Empty(t, tokens, "no bootstrap token exists")
}

const web = `
apiVersion: v1
kind: Namespace
metadata: {name: web}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      tolerations: [{operator: Exists}]
      containers:
      - {name: web, image: "registry.lab.lagrum/lab-probe:1", imagePullPolicy: Never, args: [serve], ports: [{containerPort: 8080}],
         securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: web, labels: {app: client}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - {name: client, image: "registry.lab.lagrum/lab-probe:1", imagePullPolicy: Never, args: [sleep],
     securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}}
`

// get asks the web Service from the client pod.
func (w *world) get(t *testing.T) error {
	return w.probe(t, "get", "http://web.web.svc.cluster.local/")
}

// probe runs the probe in the client pod; by itself it gives up after five seconds.
func (w *world) probe(t *testing.T, args ...string) error {
	t.Helper()
	r := w.try(t, 20*time.Second, "kubectl", append([]string{"-n", "web", "exec", "client", "--", "probe"}, args...)...)
	if r.code != 0 {
		return fmt.Errorf("exit code %d: %s", r.code, r.out)
	}
	return nil
}

func (w *world) serviceAnswers(t *testing.T) {
	w.apply(t, web)
	w.kubectl(t, "-n", "web", "rollout", "status", "deployment/web", "--timeout=5m")
	w.kubectl(t, "-n", "web", "wait", "--for=condition=Ready", "pod/client", "--timeout=5m")
	// Several tries in a row, so that both replicas answer, the one on the other node too.
	for range 6 {
		eventually(t, time.Minute, "the Service answers", func() error { return w.get(t) })
	}
}

// podIsRefused changes one thing of the pod that the README begins with. tests/admission tries the rest.
func (w *world) podIsRefused(t *testing.T) {
	lawful, err := os.ReadFile(filepath.Join(checkout, "docs/hello.yaml"))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pod.yaml")
	create := func(text string) result {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return w.try(t, time.Minute, "kubectl", "create", "--dry-run=server", "-f", file)
	}
	r := create(string(lawful))
	require.Zero(t, r.code, r.out)
	for want, change := range map[string][2]string{
		`violates PodSecurity "restricted:latest"`: {"runAsNonRoot: true, runAsUser: 65532", "runAsUser: 0"},
		"denied request: lagrum-image-tags: ":      {"lab-probe:1", "lab-probe"},
		"denied request: lagrum-image-sources: ":   {"registry.lab.lagrum/", "docker.io/library/"},
		"denied request: lagrum-api-tokens: ":      {"automountServiceAccountToken: false", "automountServiceAccountToken: true"},
		"denied request: lagrum-resources: ":       {", limits: {memory: 64Mi}", ""},
	} {
		text := strings.Replace(string(lawful), change[0], change[1], 1)
		require.NotEqual(t, string(lawful), text, want)
		r := create(text)
		require.NotZero(t, r.code, want)
		require.Contains(t, r.out, want)
	}
}

func (w *world) policyDenies(t *testing.T) {
	w.apply(t, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: web}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`)
	// Denied is a connection that is not made, while the command itself runs, the name resolves and the pods are there.
	eventually(t, time.Minute, "the client is denied", func() error {
		err := w.get(t)
		if err == nil {
			return fmt.Errorf("the Service still answers")
		}
		if !strings.Contains(err.Error(), "dial tcp 10.96.") {
			return fmt.Errorf("not denied, but failed: %w", err)
		}
		w.kubectl(t, "-n", "web", "rollout", "status", "deployment/web", "--timeout=10s")
		return w.probe(t, "lookup", "web.web.svc.cluster.local")
	})
	w.apply(t, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: web}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]
`)
	eventually(t, time.Minute, "the client is allowed by name", func() error { return w.get(t) })
}

// secretsAreEncrypted reads a Secret out of etcd itself.
func (w *world) secretsAreEncrypted(t *testing.T) {
	w.apply(t, `
apiVersion: v1
kind: Secret
metadata: {name: marker, namespace: web}
stringData: {value: a-marker-that-must-not-lie-in-etcd}
`)
	raw := w.etcdctl(t, "cp-1-g1", "get", "/registry/secrets/web/marker")
	require.Contains(t, raw, "k8s:enc:secretbox:v1:")
	require.NotContains(t, raw, "a-marker-that-must-not-lie-in-etcd")
}

func (w *world) driftIsRestored(t *testing.T) {
	w.kubectl(t, "-n", "kube-system", "delete", "service", "kube-dns")
	refreshed := w.pulumi(t, "refresh", "--yes", "--skip-preview")
	require.Regexp(t, `kube-dns.* deleted|1 deleted`, refreshed)
	w.pulumi(t, "up", "--yes", "--skip-preview")
	require.Contains(t, w.names(t, "services", "-n", "kube-system"), "kube-dns")
	w.unchanged(t)
	eventually(t, time.Minute, "names resolve again", func() error { return w.get(t) })
}

// expiredAdministratorRecovers makes the stack's certificate one that ended long ago, as in a stack left alone, and
// renews it by the one documented command.
func (w *world) expiredAdministratorRecovers(t *testing.T) {
	// The clock of the tls stand-in alone is set back, so the certificate that it makes has ended already. The program
	// then rightly waits for an API that lets the administrator in; it is interrupted, and the certificate stays.
	past := *w
	past.env = append(append([]string{}, w.env...), "LAGRUM_LAB_CLOCK_OFFSET=-2400h")
	interrupted := past.try(t, 5*time.Minute, "timeout", "--foreground", "--signal=INT", "30", past.find("pulumi"), "up", "--yes", "--skip-preview",
		"--non-interactive", "--stack", w.name, "--target-dependents", "--replace", w.urn(t, "LocallySignedCert::dev-pki-admin"))
	require.NotZero(t, interrupted.code, interrupted.out)

	refused := w.asAdministrator(t)
	require.NotZero(t, refused.code, "an ended certificate opens nothing")
	require.Contains(t, refused.out, "Unauthorized")

	w.lagrum(t, 10*time.Minute, "renew")
	allowed := w.asAdministrator(t)
	require.Zero(t, allowed.code, allowed.out)
	w.lagrum(t, time.Minute, "lab", "kubeconfig")
	w.kubectl(t, "get", "nodes")
	w.unchanged(t)
}

// asAdministrator asks the API with the certificate that the state holds now.
func (w *world) asAdministrator(t *testing.T) result {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string][]byte{
		"crt": w.output(t, "tls:index/locallySignedCert:LocallySignedCert", "dev-pki-admin", "certPem"),
		"key": w.output(t, "tls:index/privateKey:PrivateKey", "dev-pki-admin", "privateKeyPem"),
		"ca":  w.output(t, "tls:index/selfSignedCert:SelfSignedCert", "dev-pki-ca", "certPem"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o600))
	}
	server := w.kubectl(t, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
	return w.try(t, time.Minute, "kubectl", "--kubeconfig=/dev/null", "--server="+server, "--certificate-authority="+filepath.Join(dir, "ca"),
		"--client-certificate="+filepath.Join(dir, "crt"), "--client-key="+filepath.Join(dir, "key"), "get", "nodes")
}

func (w *world) poolGrows(t *testing.T) {
	w.edit(t, func(site map[string]any) { pool(site, "workers")["count"] = 2 })
	w.pulumi(t, "up", "--yes", "--skip-preview")
	eventually(t, 10*time.Minute, "the second worker is Ready", func() error { return w.ready(t, "workers-2-g1") })
	w.unchanged(t)
}

// poolShrinks has the second worker leave: one update drains it, the next deletes its machine.
func (w *world) poolShrinks(t *testing.T) {
	w.edit(t, func(site map[string]any) {
		pool(site, "workers")["count"], pool(site, "workers")["leaving"] = 1, []any{"workers-2-g1"}
	})
	w.pulumi(t, "up", "--yes", "--skip-preview")
	require.ElementsMatch(t, []string{"cp-1-g1", "workers-1-g1"}, w.names(t, "nodes"))
	require.Contains(t, dir(t, "/var/lib/lagrum/"+w.name+"/machines"), "workers-2-g1", "the machine is still there")
	w.kubectl(t, "-n", "web", "rollout", "status", "deployment/web", "--timeout=5m")
	eventually(t, time.Minute, "the Service answers from where its pods went", func() error { return w.get(t) })
	w.edit(t, func(site map[string]any) { delete(pool(site, "workers"), "leaving") })
	w.pulumi(t, "up", "--yes", "--skip-preview")
	require.NotContains(t, dir(t, "/var/lib/lagrum/"+w.name+"/machines"), "workers-2-g1")
	w.unchanged(t)
}

// settled waits until the node agents run on every node, and cluster DNS: a refresh before that rightly finds them unready.
func (w *world) settled(t *testing.T) {
	t.Helper()
	for _, agent := range []string{"daemonset/kube-proxy", "daemonset/flannel", "daemonset/kube-router", "deployment/coredns", "deployment/node-certificates"} {
		w.kubectl(t, "-n", "kube-system", "rollout", "status", agent, "--timeout=5m")
	}
}

func (w *world) ready(t *testing.T, node string) error {
	r := w.try(t, time.Minute, "kubectl", "get", "node", node, "--request-timeout=20s", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
	if r.code != 0 || strings.TrimSpace(r.out) != "True" {
		return fmt.Errorf("node %s: %s", node, r.out)
	}
	return nil
}

func (w *world) initialiserIsReplaced(t *testing.T) {
	w.apply(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: survivor, namespace: web}
data: {written: before}
`)
	// A changed site changes nothing on the nodes that are there; the next generation is born with it.
	const label = "example.org/generation"
	w.edit(t, func(site map[string]any) { pool(site, "cp")["labels"] = map[string]any{label: "second"} })
	w.unchanged(t)
	w.edit(t, func(site map[string]any) { pool(site, "cp")["replacements"] = []any{1} })
	w.pulumi(t, "up", "--yes", "--skip-preview")
	require.Equal(t, []string{"cp-1-g2"}, w.names(t, "nodes", "-l", label+"=second"))
	require.ElementsMatch(t, []string{"cp-1-g2", "workers-1-g1"}, w.names(t, "nodes"))
	require.Equal(t, "before", w.kubectl(t, "-n", "web", "get", "configmap", "survivor", "-o", "jsonpath={.data.written}"))
	members := strings.Join(w.members(t, "cp-1-g2"), " ")
	require.Contains(t, members, "cp-1-g2")
	require.NotContains(t, members, "cp-1-g1")
	w.unchanged(t)
	eventually(t, 2*time.Minute, "the Service answers", func() error { return w.get(t) })
}

// resource of an exported stack.
type stateResource struct {
	URN    string
	Type   string
	ID     string
	Custom bool
}

func (w *world) resources(t *testing.T) []stateResource {
	t.Helper()
	var state struct {
		Deployment struct{ Resources []stateResource }
	}
	require.NoError(t, json.Unmarshal([]byte(w.pulumi(t, "stack", "export")), &state))
	return state.Deployment.Resources
}

// urn of the only resource whose type and name end so.
func (w *world) urn(t *testing.T, kind string) string {
	t.Helper()
	found := []string{}
	for _, r := range w.resources(t) {
		if strings.HasSuffix(r.URN, ":"+kind) {
			found = append(found, r.URN)
		}
	}
	require.Len(t, found, 1, kind)
	return found[0]
}
