package detection

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

var at = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

func site() *plan.Plan {
	p := &plan.Plan{Name: "se-prod"}
	p.Access.BreakGlass = []string{"emergency"}
	p.Cluster.Login = &plan.Login{Accepted: []string{"region-idp"}, Pipelines: []plan.Pipeline{{Name: "ci"}}}
	return p
}

// event is a line: an operator of good standing reads a pod, but for what a row changes.
func event(changes ...func(map[string]any)) string {
	e := map[string]any{
		"auditID": "a-1", "stage": "ResponseComplete", "verb": "get", "requestURI": "/api/v1/namespaces/journal/pods/web", "userAgent": "kubectl/v1.36.3",
		"user": map[string]any{"username": "oidc:anna@example.org", "groups": []string{"oidc:operators", "system:authenticated"},
			"extra": map[string]any{"lagrum.dev/connector": []string{"region-idp"}}},
		"objectRef":      map[string]any{"resource": "pods", "namespace": "journal", "name": "web"},
		"responseStatus": map[string]any{"code": 200}, "stageTimestamp": at.Format(time.RFC3339Nano), "sourceIPs": []string{"192.0.2.7"},
	}
	for _, change := range changes {
		change(e)
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// The changes of rows. A path sets verb and URI; the rest is a field.
func does(verb, uri string) func(map[string]any) {
	return func(e map[string]any) { e["verb"], e["requestURI"] = verb, uri }
}

func on(group, resource, subresource, namespace string) func(map[string]any) {
	return func(e map[string]any) {
		e["objectRef"] = map[string]any{"apiGroup": group, "resource": resource, "subresource": subresource, "namespace": namespace, "name": "x"}
	}
}

func by(username string, groups ...string) func(map[string]any) {
	return func(e map[string]any) { e["user"] = map[string]any{"username": username, "groups": groups} }
}

func answered(code int) func(map[string]any) {
	return func(e map[string]any) { e["responseStatus"] = map[string]any{"code": code} }
}

func set(field string, value any) func(map[string]any) {
	return func(e map[string]any) { e[field] = value }
}

func group(name string) func(map[string]any) {
	return func(e map[string]any) { e["user"].(map[string]any)["groups"] = []string{name} }
}

func connector(names ...string) func(map[string]any) {
	return func(e map[string]any) {
		e["user"].(map[string]any)["extra"] = map[string]any{"lagrum.dev/connector": names}
	}
}

func body(text string) func(map[string]any) {
	return set("requestObject", json.RawMessage(text))
}

const (
	privileged = `{"spec": {"containers": [{"securityContext": {"privileged": true}}]}}`
	harmless   = `{"spec": {"containers": [{}]}}`
)

// row is what fires a rule and nothing else, and what is like it and does not.
type row struct {
	fires  string
	misses map[string]string
}

func rows() map[string]row {
	exec := on("", "pods", "exec", "journal")
	secret := on("", "secrets", "", "journal")
	role := on("rbac.authorization.k8s.io", "rolebindings", "", "journal")
	policy := on("admissionregistration.k8s.io", "validatingadmissionpolicies", "", "")
	administrator := []func(map[string]any){by("se-prod-admin", "kubeadm:cluster-admins"), set("userAgent", "pulumi-resource-kubernetes/v4.33.0")}
	program := func(more ...func(map[string]any)) string { return event(append(more, administrator...)...) }
	pod := on("", "pods", "", "kube-system")
	return map[string]row{
		"pod-entered": {event(does("create", "/api/v1/namespaces/journal/pods/web/exec?command=secret-word"), exec, answered(101)), map[string]string{
			"a look at the pod":         event(),
			"reading its log":           event(on("", "pods", "log", "journal")),
			"one who may not":           event(does("create", "/x"), exec, answered(403)),
			"the cluster's own":         event(does("create", "/x"), exec, by("system:apiserver")),
			"another group's exec":      event(on("example.org", "pods", "exec", "journal")),
			"a subresource of no group": event(on("", "pods", "status", "journal")),
		}},
		"secret-read": {event(does("list", "/api/v1/namespaces/journal/secrets"), secret), map[string]string{
			"writing one":           event(does("create", "/x"), secret),
			"one who may not":       event(does("list", "/x"), secret, answered(403)),
			"a controller":          event(does("list", "/x"), secret, by("system:kube-controller-manager")),
			"a tenant's own secret": event(does("list", "/x"), on("example.org", "secrets", "", "journal")),
			"the program":           program(does("get", "/x"), secret),
		}},
		"rights-changed": {event(does("patch", "/x"), role), map[string]string{
			"reading it":      event(does("get", "/x"), role),
			"one who may not": event(does("patch", "/x"), role, answered(403)),
			"the program":     program(does("create", "/x"), role),
			"a controller":    event(does("delete", "/x"), role, by("system:serviceaccount:kube-system:namespace-controller")),
			"the API's own":   event(does("create", "/x"), role, by("system:apiserver", "system:masters")),
		}},
		"admission-changed": {event(does("delete", "/x"), policy), map[string]string{
			"reading it":      event(does("list", "/x"), policy),
			"one who may not": event(does("delete", "/x"), policy, answered(403)),
			"the program":     program(does("delete", "/x"), policy),
		}},
		"glass-broken": {event(group("oidc:emergency")), map[string]string{
			"a group of that name elsewhere": event(group("emergency")),
			"one who was refused":            event(group("oidc:emergency"), answered(403)),
		}},
		"anonymous-success": {event(by("system:anonymous", "system:unauthenticated"), does("get", "/version")), map[string]string{
			"health":              event(by("system:anonymous"), does("get", "/readyz?verbose")),
			"one who was refused": event(by("system:anonymous"), does("get", "/version"), answered(403)),
			"somebody":            event(does("get", "/version")),
		}},
		"login-refused": {event(by(""), answered(401)), map[string]string{
			"no right":         event(answered(403)),
			"somebody, let in": event(),
			"nobody, let in":   event(by("system:anonymous"), does("get", "/livez")),
			"no answer as yet": event(set("responseStatus", nil)),
		}},
		"stranger-let-in": {event(by("anna@example.org")), map[string]string{
			"a person":          event(),
			"a pipeline":        event(by("pipeline:ci:project")),
			"a node":            event(by("system:node:cp-1-g1", "system:nodes")),
			"the kubelet's own": event(by("kube-apiserver-kubelet-client")),
			"one who was not":   event(by("anna@example.org"), answered(401)),
		}},
		"second-factor-missing": {event(connector("paper-list")), map[string]string{
			"an accepted one": event(),
			"a pipeline":      event(by("pipeline:ci:project")),
			"one who was not": event(connector("paper-list"), answered(401)),
		}},
		"certificate-in-use": {event(by("se-prod-admin", "kubeadm:cluster-admins")), map[string]string{
			"the program": program(),
			"somebody":    event(),
		}},
		"pod-on-the-node": {event(does("create", "/x"), pod, body(privileged)), map[string]string{
			"one that does not reach it":        event(does("create", "/x"), pod, body(harmless)),
			"where Pod Security refuses it":     event(does("create", "/x"), on("", "pods", "", "journal"), body(privileged)),
			"one that was refused":              event(does("create", "/x"), pod, body(privileged), answered(403)),
			"a controller's":                    event(does("create", "/x"), pod, body(privileged), by("system:kube-controller-manager")),
			"the program's":                     program(does("create", "/x"), pod, body(privileged)),
			"a ConfigMap that looks like one":   event(does("create", "/x"), on("", "configmaps", "", "kube-system"), body(privileged)),
			"a deletion, which asks for no pod": event(does("delete", "/x"), pod),
		}},
		Silent: {event() + event(set("auditID", "a-2"), set("stageTimestamp", at.Add(Quiet+time.Second).Format(time.RFC3339Nano))), map[string]string{
			"as long as is allowed": event() + event(set("auditID", "a-2"), set("stageTimestamp", at.Add(Quiet).Format(time.RFC3339Nano))),
			"the first event":       event(),
		}},
		Unreadable: {"{\"kind\": \"Eve\n", map[string]string{
			"one that is being written": "{\"kind\": \"Eve",
			"an empty line":             "\n",
		}},
	}
}

func names(t *testing.T, d *Detector, log string) []string {
	t.Helper()
	alerts, err := d.Read(strings.NewReader(log))
	require.NoError(t, err)
	var all []string
	for _, a := range alerts {
		all = append(all, a.Rule)
	}
	return all
}

// Each rule fires by itself on what it is for, and on nothing that is like it.
func TestEachRuleFires(t *testing.T) {
	t.Parallel()
	rows := rows()
	require.Len(t, rows, len(Rules()))
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			row, tried := rows[r.Name]
			require.True(t, tried)
			require.GreaterOrEqual(t, len(row.misses), 2)
			assert.Equal(t, []string{r.Name}, names(t, New(site()), row.fires))
			for name, log := range row.misses {
				assert.NotContains(t, names(t, New(site()), log), r.Name, name)
			}
		})
	}
}

// Without a rule nothing is told of what it is for: no other tells it.
func TestEachRuleIsNeeded(t *testing.T) {
	t.Parallel()
	for i, r := range Rules() {
		others := append(Rules()[:i:i], Rules()[i+1:]...)
		assert.Empty(t, names(t, with(site(), others), rows()[r.Name].fires), r.Name)
	}
}

// Pods reach their node in many ways, and workloads carry pods within.
func TestPodsThatReachTheirNode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		privileged: true, harmless: false, `{"spec": {"hostNetwork": true}}`: true, `{"spec": {"hostPID": true}}`: true, `{"spec": {"hostIPC": true}}`: true,
		`{"spec": {"volumes": [{"hostPath": {"path": "/"}}]}}`: true, `{"spec": {"volumes": [{"emptyDir": {}}]}}`: false,
		`{"spec": {"initContainers": [{"securityContext": {"capabilities": {"add": ["BPF"]}}}]}}`: true,
		`{"spec": {"ephemeralContainers": [{"securityContext": {"privileged": true}}]}}`:          true,
		`{"spec": {"template": ` + privileged + `}}`:                                              true,
		`{"spec": {"template": ` + harmless + `}}`:                                                false,
		`{"spec": {"jobTemplate": {"spec": {"template": ` + privileged + `}}}}`:                   true,
		`[{"op": "add", "path": "/spec/template/spec/hostPID", "value": true}]`:                   true,
	} {
		e := Event{Request: json.RawMessage(text)}
		assert.Equal(t, want, e.reachesNode(), text)
	}
}

// An alert says who, what, where, when and by which event, once, and nothing of what was sent: not the words of a command.
func TestAlert(t *testing.T) {
	t.Parallel()
	line := event(does("get", "/api/v1/namespaces/journal/pods/web/exec?command=secret-word"), on("", "pods", "exec", "journal"), answered(101),
		set("impersonatedUser", map[string]any{"username": "oidc:bo@example.org"}), body(`{"word": "secret-word"}`))
	alerts, err := New(site()).Read(strings.NewReader(strings.Replace(line, "ResponseComplete", "ResponseStarted", 1) + line))
	require.NoError(t, err)
	assert.Equal(t, []Alert{{
		Rule: "pod-entered", Severity: Warning, Who: "oidc:anna@example.org", As: "oidc:bo@example.org", What: "get /api/v1/namespaces/journal/pods/web/exec",
		Where: "journal", From: []string{"192.0.2.7"}, Code: 101, When: at, AuditID: "a-1",
	}}, alerts)
	text, err := json.Marshal(alerts)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "secret-word")
}

// A log that has ended is asked about on the clock.
func TestSilence(t *testing.T) {
	t.Parallel()
	d := New(site())
	assert.Empty(t, d.Silence(at), "before the first event nothing is known")
	assert.Empty(t, names(t, d, event()))
	assert.Empty(t, d.Silence(at.Add(Quiet)))
	assert.Len(t, d.Silence(at.Add(Quiet+time.Second)), 1)
}

// What cannot be read at all is an error, with what was told until then.
func TestReadFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk is gone")
	alerts, err := New(site()).Read(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(event()))))
	require.Error(t, err)
	assert.Empty(t, alerts)
	_, err = New(site()).Read(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
}

// A cluster without a login knows no person.
func TestWithoutLogin(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"stranger-let-in"}, names(t, New(&plan.Plan{Name: "dev"}), event()))
}

func TestRules(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Rules() {
		assert.False(t, seen[r.Name], r.Name)
		seen[r.Name] = true
		assert.Regexp(t, `^[a-z]+(-[a-z]+)+$`, r.Name)
		assert.Contains(t, requirements.Capabilities(), r.Capability, r.Name)
		assert.Contains(t, []Severity{Critical, Warning, Notice}, r.Severity, r.Name)
	}
}

// The page has the table of the rules, and the runbook a section for each and for nothing else.
func TestPages(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/detection.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), RulesTable())
	runbook, err := os.ReadFile("../../docs/runbooks/detection.md")
	require.NoError(t, err)
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^## ([a-z]+(?:-[a-z]+)+)$`).FindAllStringSubmatch(string(runbook), -1) {
		sections = append(sections, m[1])
	}
	var want []string
	for _, r := range Rules() {
		want = append(want, r.Name)
		assert.Contains(t, string(runbook), fmt.Sprintf("## %s\n\n", r.Name))
	}
	assert.Equal(t, want, sections)
}
