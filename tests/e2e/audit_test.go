//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/tests/server"
)

// rendered is a file of the control plane's golden folder: what a node is given.
func rendered(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(checkout, "components/bootstrap/testdata", name))
	require.NoError(t, err)
	return path
}

const dex = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: passwords.dex.coreos.com}
spec:
  group: dex.coreos.com
  names: {kind: Password, listKind: PasswordList, plural: passwords, singular: password}
  scope: Namespaced
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// event is the part of an audit event that is looked at.
type event struct {
	Level, Verb, RequestURI string
	User                    struct{ Username string }
	RequestObject           json.RawMessage
	ResponseObject          json.RawMessage
}

// events reads the audit log: the parsed lines, and all of it as text.
func events(t *testing.T, path string) ([]event, string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []event
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil { // the last line may be half written
			all = append(all, e)
		}
	}
	require.NoError(t, lines.Err())
	return all, string(text)
}

// TestAuditRules makes a request for each rule of the policy that nodes are given, at a real API server, and looks for its
// event. A rule without a request, or a request too many, fails the test.
func TestAuditRules(t *testing.T) {
	policyFile, log := rendered(t, "init/files/etc/kubernetes/lagrum/audit.yaml"), filepath.Join(t.TempDir(), "audit.log")
	text, err := os.ReadFile(policyFile)
	require.NoError(t, err)
	var policy struct {
		Rules []struct{ Level string }
	}
	require.NoError(t, yaml.Unmarshal(text, &policy))

	// The users of the rules that name one, besides the test's own. Their rights are not what is tried here.
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	require.NoError(t, os.WriteFile(tokens, []byte(`test-token,admin,admin,"system:masters"
scheduler-token,system:kube-scheduler,1,"system:masters"
node-token,system:node:cp-1,2,"system:nodes,system:masters"
`), 0o600))
	k := server.StartKubernetes(t, "10.96.0.0/16", "--audit-policy-file="+policyFile, "--audit-log-path="+log, "--token-auth-file="+tokens)
	k.Must(t, dex, "apply", "-f", "-")
	k.Must(t, "", "wait", "--for=condition=Established", "crd/passwords.dex.coreos.com", "--timeout=60s")
	const secret = "a-body-that-must-not-be-recorded"
	lease := func(name string) string {
		return `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: ` + name + `, namespace: default}}`
	}
	k.Must(t, `{apiVersion: v1, kind: Node, metadata: {name: rule-node}}`, "create", "-f", "-")
	k.Must(t, `{apiVersion: v1, kind: Pod, metadata: {name: rule-pod}, spec: {automountServiceAccountToken: false, containers: [{name: c, image: "example.org/c:1"}]}}`, "create", "-f", "-")
	k.Must(t, "", "create", "serviceaccount", "rule-account")

	tests := []struct {
		name  string
		rule  int // from 0
		input string
		args  []string
		fails bool // as it has to without kubelets; the request is made nevertheless
		uri   string
		verb  string
		body  string // found in the recorded request; "" where none may be recorded
	}{
		{name: "health", rule: 0, args: []string{"get", "--raw", "/healthz?rule=0"}, uri: "/healthz?rule=0"},
		{name: "lease of the scheduler", rule: 1, input: lease("rule-1"), args: []string{"create", "--token=scheduler-token", "-f", "-"}, uri: "rule-1", verb: "create"},
		{name: "lease of a node", rule: 2, input: lease("rule-2"), args: []string{"create", "--token=node-token", "-f", "-"}, uri: "rule-2", verb: "create"},
		{name: "Secret", rule: 3, input: `{apiVersion: v1, kind: Secret, metadata: {name: rule-3}, stringData: {value: ` + secret + `}}`, args: []string{"create", "-f", "-"}, uri: "/namespaces/default/secrets?", verb: "create"},
		{name: "ConfigMap", rule: 3, input: `{apiVersion: v1, kind: ConfigMap, metadata: {name: rule-3}, data: {value: ` + secret + `}}`, args: []string{"create", "-f", "-"}, uri: "/namespaces/default/configmaps?", verb: "create"},
		{name: "Dex's own", rule: 3, input: `{apiVersion: dex.coreos.com/v1, kind: Password, metadata: {name: rule-3}, hash: ` + secret + `}`, args: []string{"create", "-f", "-"}, uri: "/dex.coreos.com/v1/namespaces/default/passwords?", verb: "create"},
		{name: "token of an account", rule: 3, args: []string{"create", "token", "rule-account", "--audience=" + secret}, uri: "/serviceaccounts/rule-account/token", verb: "create"},
		{name: "token review", rule: 3, input: `{apiVersion: authentication.k8s.io/v1, kind: TokenReview, spec: {token: ` + secret + `}}`, args: []string{"create", "-f", "-"}, uri: "/tokenreviews?", verb: "create"},
		{name: "event", rule: 4, input: `{apiVersion: v1, kind: Event, metadata: {name: rule-4}, involvedObject: {namespace: default}, message: ` + secret + `}`, args: []string{"create", "-f", "-"}, uri: "/namespaces/default/events?", verb: "create"},
		{name: "status of a node", rule: 5, args: []string{"patch", "node", "rule-node", "--token=node-token", "--subresource=status", "--type=merge", "-p", `{"status": {"nodeInfo": {"machineID": "` + secret + `"}}}`}, uri: "/nodes/rule-node/status", verb: "patch"},
		{name: "exec", rule: 6, args: []string{"exec", "rule-pod", "--", "rule-6"}, fails: true, uri: "/pods/rule-pod/exec?command=rule-6", verb: "get"},
		{name: "role", rule: 7, args: []string{"create", "clusterrole", "rule-7", "--verb=get", "--resource=pods"}, uri: "/clusterroles?", verb: "create", body: "rule-7"},
		{name: "Service", rule: 8, args: []string{"create", "service", "clusterip", "rule-8", "--tcp=80"}, uri: "/namespaces/default/services?", verb: "create", body: "rule-8"},
		{name: "lease of a person", rule: 8, input: lease("rule-8"), args: []string{"create", "-f", "-"}, uri: "/namespaces/default/leases?", verb: "create", body: "rule-8"},
		{name: "reading", rule: 9, args: []string{"get", "service", "rule-8"}, uri: "/services/rule-8", verb: "get"},
	}
	covered := map[int]bool{}
	for _, tt := range tests {
		covered[tt.rule] = true
		out, err := k.Kubectl(t, tt.input, tt.args...)
		if tt.fails {
			require.Error(t, err, "%s: %s", tt.name, out)
		} else {
			require.NoError(t, err, "%s: %s", tt.name, out)
		}
	}
	for i := range policy.Rules {
		assert.True(t, covered[i], "no request for rule %d", i)
	}
	// The log is written in the order of requests, so once the last is there all are.
	require.Eventually(t, func() bool {
		all, _ := events(t, log)
		return len(find(all, "/services/rule-8", "get")) > 0
	}, 30*time.Second, 200*time.Millisecond, "the last request has no event")

	all, whole := events(t, log)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			level := policy.Rules[tt.rule].Level
			if level == "None" {
				assert.NotContains(t, whole, tt.uri, "is recorded")
				return
			}
			found := find(all, tt.uri, tt.verb)
			require.NotEmpty(t, found, "has no event")
			e := found[len(found)-1]
			assert.Equal(t, level, e.Level)
			assert.Empty(t, e.ResponseObject, "what the API answered is recorded")
			if tt.body == "" {
				assert.Empty(t, e.RequestObject, "what was asked for is recorded")
			} else {
				assert.Contains(t, string(e.RequestObject), tt.body)
			}
		})
	}
	assert.NotContains(t, whole, secret, "a body that holds a secret is in the log")
}

func find(all []event, uri, verb string) []event {
	var found []event
	for _, e := range all {
		if strings.Contains(e.RequestURI, uri) && e.Verb == verb {
			found = append(found, e)
		}
	}
	return found
}

// TestEncryptionOfCustomResources reads what a real API server with the file that nodes are given, but for the key, keeps in
// etcd. What no entry names lies there in clear: that is how the test would look without its guard.
func TestEncryptionOfCustomResources(t *testing.T) {
	k := server.StartKubernetes(t, "10.96.0.0/16", "--encryption-provider-config="+rendered(t, "encryption.yaml"))
	k.Must(t, dex+"---"+strings.ReplaceAll(dex, "dex.coreos.com", "example.org"), "apply", "-f", "-")
	for _, group := range []string{"dex.coreos.com", "example.org"} {
		k.Must(t, "", "wait", "--for=condition=Established", "crd/passwords."+group, "--timeout=60s")
		k.Must(t, `{apiVersion: `+group+`/v1, kind: Password, metadata: {name: marker, namespace: default}, hash: a-marker}`, "create", "-f", "-")
	}
	k.Must(t, "", "create", "configmap", "marker", "--from-literal=value=a-marker")
	for _, key := range []string{"dex.coreos.com/passwords/default/marker", "configmaps/default/marker"} {
		raw := k.Etcdctl(t, "get", "/registry/"+key)
		assert.Contains(t, raw, "k8s:enc:secretbox:v1:key-")
		assert.NotContains(t, raw, "a-marker")
	}
	assert.Contains(t, k.Etcdctl(t, "get", "/registry/example.org/passwords/default/marker"), "a-marker", "a group that is not encrypted")
}
