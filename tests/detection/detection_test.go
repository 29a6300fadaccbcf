//go:build lab

package detection

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/detection"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/server"
)

const checkout = "../.."

// tokens are who asks. What they may do is not what is tried here, so that most of them may everything; a person's connector
// comes with a token of Dex, which a file of tokens cannot say: TestEachRuleFires tries that rule, and tests/identity what the
// API servers make of it.
const tokens = `test-token,admin,1,system:masters
anna,oidc:anna@example.org,2,"oidc:platform-operators,all"
emma,oidc:emma@example.org,3,"oidc:platform-emergency,all"
program,se-prod-admin,4,"kubeadm:cluster-admins,all"
controllers,system:kube-controller-manager,5,
node,system:node:cp-1-g1,6,"system:nodes,all"
intruder,anna@example.org,7,all
`

// asked is a request.
type asked struct {
	token, agent, method, path, body string
	code                             int
}

// world is an API server under the audit policy that control planes boot with.
type world struct {
	server.Kubernetes
	log    string
	client *http.Client
}

func start(t *testing.T) *world {
	t.Helper()
	policy, err := filepath.Abs(filepath.Join(checkout, "components/bootstrap/testdata/init/files/etc/kubernetes/lagrum/audit.yaml"))
	require.NoError(t, err)
	dir := t.TempDir()
	w := &world{log: filepath.Join(dir, "audit.log")}
	file := filepath.Join(dir, "tokens.csv")
	require.NoError(t, os.WriteFile(file, []byte(tokens), 0o600))
	w.Kubernetes = server.StartKubernetes(t, "10.96.0.0/16", "--audit-policy-file="+policy, "--audit-log-path="+w.log, "--token-auth-file="+file)
	w.client = w.Client(t)
	w.Must(t, "", "create", "clusterrolebinding", "all", "--clusterrole=cluster-admin", "--group=all")
	require.Eventually(t, func() bool {
		return w.ask(t, asked{token: "program", agent: program, method: "GET", path: "/api/v1/namespaces"}) == http.StatusOK
	}, time.Minute, 200*time.Millisecond, "the right to everything does not take effect")
	return w
}

// ask makes a request and returns the status.
func (w *world) ask(t *testing.T, a asked) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), a.method, "https://"+w.Address+a.path, strings.NewReader(a.body))
	require.NoError(t, err)
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", a.agent)
	answer, err := w.client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer.StatusCode
}

// told are the alerts of what was recorded for a way of asking, by the name that a request gave its client.
func (w *world) told(t *testing.T, agent string) (alerts []string, events int) {
	t.Helper()
	text, err := os.ReadFile(w.log)
	require.NoError(t, err)
	var lines []string
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if strings.Contains(line, fmt.Sprintf("%q:%q", "userAgent", agent)) && strings.HasSuffix(line, "\n") {
			lines = append(lines, line)
		}
	}
	p := planOf(t)
	found, err := detection.New(&p).Read(strings.NewReader(strings.Join(lines, "")))
	require.NoError(t, err)
	for _, a := range found {
		alerts = append(alerts, a.Rule)
		assert.NotContains(t, fmt.Sprint(a), word, "what was sent is told")
	}
	return alerts, len(lines)
}

func planOf(t *testing.T) plan.Plan {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(checkout, "Pulumi.se-prod.yaml"))
	require.NoError(t, err)
	p, _, err := plan.OfStack(text, time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	return p
}

// word is in what is sent, and must be in no alert.
const word = "a-secret-word"

func pod(name, security string) string {
	return fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": %q}, "spec": {"automountServiceAccountToken": false, "containers": [{"name": "c",
  "image": "example.org/c:1", "env": [{"name": "WORD", "value": %q}], "securityContext": %s}]}}`, name, word, security)
}

func binding(name string) string {
	return fmt.Sprintf(`{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": %q},
  "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": []}`, name)
}

const (
	core, rbac = "/api/v1/namespaces/", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
	admission  = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
	hook       = `{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "mine"},
  "spec": {"policyName": "none", "validationActions": ["Deny"]}}`
	kubectl, program = "kubectl/v1.36.3", "pulumi-resource-kubernetes/v4.33.0"
)

// TestDetection does each forbidden act, finds its alert in what a real API server recorded, and none in what belongs to the work
// of a cluster and of who works for it.
func TestDetection(t *testing.T) {
	w := start(t)
	w.Must(t, pod("web", "{}"), "-n", "default", "create", "-f", "-")
	w.Must(t, "", "-n", "default", "create", "secret", "generic", "key", "--from-literal=value="+word)
	w.Must(t, `{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cp-1-g1"}}`, "create", "-f", "-")

	noPerson := []string{"second-factor-missing"} // of every person here: see tokens
	for name, row := range map[string]struct {
		asked
		want []string
	}{
		"exec":                {asked{"anna", "", "POST", core + "default/pods/web/exec?command=" + word + "&stdout=true", "", 400}, []string{"pod-entered"}},
		"attach":              {asked{"anna", "", "POST", core + "default/pods/web/attach?stdout=true", "", 400}, []string{"pod-entered"}},
		"port-forward":        {asked{"anna", "", "POST", core + "default/pods/web/portforward", "", 400}, []string{"pod-entered"}},
		"a Secret":            {asked{"anna", "", "GET", core + "default/secrets/key", "", 200}, []string{"secret-read"}},
		"all Secrets":         {asked{"anna", "", "GET", "/api/v1/secrets", "", 200}, []string{"secret-read"}},
		"a binding":           {asked{"anna", "", "POST", rbac, binding("annas"), 201}, []string{"rights-changed"}},
		"a rule of admission": {asked{"anna", "", "POST", admission, hook, 201}, []string{"admission-changed"}},
		"broken glass":        {asked{"emma", "", "GET", core + "default/pods/web", "", 200}, []string{"glass-broken"}},
		"nobody":              {asked{"", "", "GET", "/version", "", 200}, []string{"anonymous-success"}},
		"a forged token":      {asked{"eyJhbGciOiJub25lIn0.e30.", "", "GET", core + "default/pods", "", 401}, []string{"login-refused"}},
		"a stranger":          {asked{"intruder", "", "GET", core + "default/pods", "", 200}, []string{"stranger-let-in"}},
		"the certificate":     {asked{"program", "", "GET", core + "default/pods", "", 200}, []string{"certificate-in-use"}},
		"a pod on the node":   {asked{"anna", "", "POST", core + "kube-system/pods", pod("mine", `{"privileged": true}`), 201}, []string{"pod-on-the-node"}},

		"looking at pods":       {asked{"anna", "", "GET", core + "default/pods", "", 200}, nil},
		"a harmless pod":        {asked{"anna", "", "POST", core + "kube-system/pods", pod("harmless", "{}"), 201}, nil},
		"health":                {asked{"", "", "GET", "/readyz", "", 200}, nil},
		"nobody, refused":       {asked{"", "", "GET", "/api/v1/secrets", "", 403}, nil},
		"a node":                {asked{"node", "", "GET", "/api/v1/nodes/cp-1-g1", "", 200}, nil},
		"the program's rights":  {asked{"program", program, "POST", rbac, binding("ours"), 201}, nil},
		"the program's Secrets": {asked{"program", program, "GET", core + "default/secrets/key", "", 200}, nil},
		"the controllers":       {asked{"controllers", "", "GET", "/api/v1/secrets", "", 200}, nil},
		"a person who may not":  {asked{"controllers", "", "POST", rbac, binding("nobodys"), 403}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			// Each request is found again by what its client calls itself.
			row.agent = strings.TrimPrefix(row.agent+"/", "/") + "test-" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
			require.Equal(t, row.code, w.ask(t, row.asked))
			if name == "health" {
				return // nothing of it is recorded
			}
			var alerts []string
			require.Eventually(t, func() bool {
				var events int
				alerts, events = w.told(t, row.agent)
				return events > 0
			}, 30*time.Second, 200*time.Millisecond, "is not recorded")
			if row.token == "anna" || row.token == "emma" {
				assert.Subset(t, alerts, noPerson)
			}
			var rest []string
			for _, a := range alerts {
				if a != noPerson[0] {
					rest = append(rest, a)
				}
			}
			assert.Equal(t, row.want, rest)
		})
	}
}

// TestControllersAreQuiet runs Kubernetes' own controllers and scheduler while a namespace with a workload comes and goes by the
// program's hand: nobody is told of any of it.
func TestControllersAreQuiet(t *testing.T) {
	w := start(t)
	config := filepath.Join(t.TempDir(), "controllers")
	require.NoError(t, os.WriteFile(config, []byte(fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c,
clusters: [{name: c, cluster: {server: "https://%s", certificate-authority: %q}}],
users: [{name: c, user: {token: controllers}}], contexts: [{name: c, context: {cluster: c, user: c}}]}
`, w.Address, w.Authority())), 0o600))
	log := w.Run(t, "controllers", server.File(t, "kubernetes", "kube"), "kube-controller-manager", "--kubeconfig="+config,
		"--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=true") // as kubeadm starts it

	ask := func(method, path, body string, code int) {
		t.Helper()
		require.Equal(t, code, w.ask(t, asked{"program", program, method, path, body, code}), path)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(log); t.Failed() && err == nil {
			t.Logf("the controllers' log ends:\n%s", text[max(0, len(text)-4096):])
		}
	})
	ask("POST", "/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ward"}}`, 201)
	ask("POST", "/apis/apps/v1/namespaces/ward/deployments", `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
  "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "example.org/c:1"}]}}}}`, 201)
	ask("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/ward/rolebindings", `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
  "metadata": {"name": "b"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": []}`, 201)
	require.Eventually(t, func() bool {
		out, err := w.Kubectl(t, "", "-n", "ward", "get", "pods", "-o", "name")
		return err == nil && strings.Contains(out, "pod/web-")
	}, 2*time.Minute, time.Second, "no controller makes a pod; its log is %s", log)
	ask("DELETE", "/api/v1/namespaces/ward", "", 200)
	require.Eventually(t, func() bool {
		out, err := w.Kubectl(t, "", "get", "namespace", "ward")
		return err != nil && strings.Contains(out, "NotFound")
	}, 2*time.Minute, time.Second, "the namespace does not go")

	text, err := os.ReadFile(w.log)
	require.NoError(t, err)
	var ours []string
	byController := 0
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if strings.Contains(line, `"username":"admin"`) {
			continue // the test's own eye, of a name that no plan has
		}
		if strings.Contains(line, "namespace-controller") || strings.Contains(line, `"username":"system:kube-controller-manager"`) {
			byController++
		}
		ours = append(ours, line)
	}
	require.Greater(t, byController, 10, "the controllers did nothing")
	p := planOf(t)
	alerts, err := detection.New(&p).Read(strings.NewReader(strings.Join(ours, "")))
	require.NoError(t, err)
	assert.Empty(t, alerts)
	t.Logf("%d events, %d of them of the controllers, 0 alerts", len(ours), byController)
}
