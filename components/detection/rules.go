package detection

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/requirements"
)

// Severity of an alert.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // now, whatever the hour
	Warning  Severity = "warning"  // today
	Notice   Severity = "notice"   // to be looked through
)

// Rule is something that a person has to know of.
type Rule struct {
	// Name of its alerts, and of its section in docs/runbooks/detection.md.
	Name       string
	Severity   Severity
	Capability requirements.Capability
	// What has happened, in one sentence.
	What string
	// fires is nil for the two rules about the log itself.
	fires func(*facts, *Event) bool
}

// The rules about the log itself.
const (
	Silent     = "audit-silent"
	Unreadable = "audit-unreadable"
)

// Quiet is how long an audit log may have no line. The leases of a cluster's own programs are not recorded, but its controllers
// read and write every few seconds.
const Quiet = 5 * time.Minute

// ways are subresources that lead into a running pod, a node or a Service behind the API.
var ways = []string{"attach", "ephemeralcontainers", "exec", "portforward", "proxy"}

// health are the paths that anybody may ask: see bootstrap.Authentication.
var health = []string{"/healthz", "/livez", "/readyz"}

// Rules are all of them, in the order in which alerts of one event are told.
func Rules() []Rule {
	return []Rule{
		{"pod-entered", Warning, requirements.IntrusionDetection,
			"a person asked for a way into a running pod or node: exec, attach, port-forward, proxy or a debugging container",
			func(_ *facts, e *Event) bool {
				return person(e) && !e.refused() && e.on("", "nodes", "pods", "services") && slices.Contains(ways, e.Object.Subresource)
			}},
		{"secret-read", Critical, requirements.SecretsManagement,
			"a person read Secrets: one, a list, or all changes of them",
			func(_ *facts, e *Event) bool {
				return person(e) && e.succeeded() && e.on("", "secrets") && slices.Contains([]string{"get", "list", "watch"}, e.Verb)
			}},
		{"rights-changed", Critical, requirements.RBAC,
			"somebody else than the program or the cluster's controllers changed a role or a binding",
			func(_ *facts, e *Event) bool {
				return e.changes() && e.succeeded() && e.on("rbac.authorization.k8s.io") && !platform(e)
			}},
		{"admission-changed", Critical, requirements.ConfigHardening,
			"somebody else than the program changed what the API refuses: an admission policy, its binding, or a webhook",
			func(_ *facts, e *Event) bool {
				return e.changes() && e.succeeded() && e.on("admissionregistration.k8s.io") && !platform(e)
			}},
		{"glass-broken", Critical, requirements.RBAC,
			"somebody of the group that breaks the glass did something",
			func(f *facts, e *Event) bool {
				return !e.refused() && slices.ContainsFunc(e.User.Groups, func(g string) bool { return slices.Contains(f.breakGlass, g) })
			}},
		{"anonymous-success", Critical, requirements.ConfigHardening,
			"somebody without a credential was given more than word of the API's health",
			func(_ *facts, e *Event) bool {
				return e.User.Username == "system:anonymous" && e.succeeded() && !slices.Contains(health, e.path())
			}},
		{"login-refused", Notice, requirements.IdentitySSO,
			"the API did not take somebody for anybody: they showed a token of another issuer, a forged or an old one, or nothing",
			func(_ *facts, e *Event) bool { return e.code() == 401 }},
		{"stranger-let-in", Critical, requirements.IdentitySSO,
			"the API let in somebody whom no issuer and no authority of the plan can have named",
			func(f *facts, e *Event) bool {
				return e.User.Username != "" && e.code() != 401 && !f.known(e)
			}},
		{"second-factor-missing", Critical, requirements.MFA,
			"a person came in by a connector of which the site does not say that it asks for a second factor",
			func(f *facts, e *Event) bool {
				if !byLogin(e) || e.code() == 401 || len(f.connectors) == 0 {
					return false
				}
				by := e.User.Extra[bootstrap.ConnectorKey]
				return len(by) != 1 || !slices.Contains(f.connectors, by[0])
			}},
		{"certificate-in-use", Notice, requirements.RBAC,
			"an administrator's certificate was used by something that does not call itself the program",
			func(_ *facts, e *Event) bool { return byHand(e) && e.code() != 401 }},
		{"pod-on-the-node", Critical, requirements.PodSecurity,
			"a person made a pod, or a workload of such, that reaches its node, in a namespace where Pod Security lets it",
			func(f *facts, e *Event) bool {
				return person(e) && e.succeeded() && e.changes() && e.Object != nil && slices.Contains(f.exempt, e.Object.Namespace) &&
					(e.on("", "pods", "replicationcontrollers") || e.on("apps") || e.on("batch")) && e.reachesNode()
			}},
		{Silent, Critical, requirements.AuditLog,
			fmt.Sprintf("no audit event was read for %d minutes", int(Quiet.Minutes())), nil},
		{Unreadable, Warning, requirements.AuditLog,
			"a line of the audit log is no event", nil},
	}
}

// RulesTable is the rules as a table for people, in Markdown.
func RulesTable() string {
	var out strings.Builder
	out.WriteString("| alert | severity | what has happened | serves |\n|---|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&out, "| [%[1]s](runbooks/detection.md#%[1]s) | %s | %s | `%s` |\n", r.Name, r.Severity, r.What, r.Capability)
	}
	return out.String()
}
