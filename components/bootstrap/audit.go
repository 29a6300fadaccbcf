package bootstrap

import (
	"fmt"
	"strings"
)

// auditPolicy is the part of audit.k8s.io/v1 Policy that Lagrum sets.
type auditPolicy struct {
	typeMeta
	OmitStages []string    `json:"omitStages"`
	Rules      []auditRule `json:"rules"`
}

type auditRule struct {
	// Reason says why the rule is there, for the table in the documentation.
	Reason          string           `json:"-"`
	Level           string           `json:"level"`
	NonResourceURLs []string         `json:"nonResourceURLs,omitempty"`
	Resources       []auditResources `json:"resources,omitempty"`
	Users           []string         `json:"users,omitempty"`
	UserGroups      []string         `json:"userGroups,omitempty"`
	Verbs           []string         `json:"verbs,omitempty"`
}

type auditResources struct {
	Group     string   `json:"group"`
	Resources []string `json:"resources,omitempty"`
}

// newAuditPolicy records who did what to which object for everything but the cluster's own heartbeat. The first rule
// that fits decides, so what may carry secrets comes before what is recorded with its body. Nothing is recorded with what
// the API answers: that would hold what others wrote.
func newAuditPolicy() auditPolicy {
	write := []string{"create", "update", "patch", "delete", "deletecollection"}
	leases := []auditResources{{Group: "coordination.k8s.io", Resources: []string{"leases"}}}
	return auditPolicy{
		typeMeta:   typeMeta{"audit.k8s.io/v1", "Policy"},
		OmitStages: []string{"RequestReceived"},
		Rules: []auditRule{
			{
				Reason:          "health probes: thousands an hour, from load balancers and kubelets, about no object",
				Level:           "None",
				NonResourceURLs: []string{"/healthz*", "/livez*", "/readyz*"},
			},
			{
				Reason:    "leases of the control plane's own programs: its heartbeat, every two seconds",
				Level:     "None",
				Resources: leases,
				Users:     []string{"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"},
			},
			{
				Reason:     "leases of nodes: their heartbeat, every ten seconds",
				Level:      "None",
				Resources:  leases,
				UserGroups: []string{"system:nodes"},
			},
			{
				Reason: "bodies of these hold secrets or personal data, whatever a later rule asks for: Secrets, ConfigMaps, tokens, and what the identity provider keeps",
				Level:  "Metadata",
				Resources: []auditResources{
					{Group: "", Resources: []string{"configmaps", "secrets", "serviceaccounts/token"}},
					{Group: "authentication.k8s.io"},
					{Group: "dex.coreos.com"},
				},
			},
			{
				Reason:    "events tell what the cluster did by itself; their bodies lie in the events",
				Level:     "Metadata",
				Resources: []auditResources{{Group: "", Resources: []string{"events"}}, {Group: "events.k8s.io"}},
			},
			{
				Reason: "reports of nodes and controllers on objects: every few seconds, and the body is the object's own status",
				Level:  "Metadata",
				Resources: []auditResources{
					{Group: "", Resources: []string{"nodes/status", "pods/status", "endpoints"}},
					{Group: "coordination.k8s.io", Resources: []string{"leases"}},
					{Group: "discovery.k8s.io", Resources: []string{"endpointslices"}},
				},
				UserGroups: []string{"system:nodes", "system:serviceaccounts:kube-system"},
			},
			{
				Reason: "a way into a running container or a node, also where it is opened by reading: recorded with what was asked for",
				Level:  "Request",
				Resources: []auditResources{
					{Group: "", Resources: []string{"nodes/proxy", "pods/attach", "pods/ephemeralcontainers", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"}},
				},
			},
			{
				Reason: "changes of rights, of admission and of certificates: recorded with what was asked for",
				Level:  "Request",
				Resources: []auditResources{
					{Group: "admissionregistration.k8s.io"},
					{Group: "certificates.k8s.io"},
					{Group: "rbac.authorization.k8s.io"},
				},
				Verbs: write,
			},
			{
				Reason: "every other change of Kubernetes' own objects: recorded with what was asked for",
				Level:  "Request",
				Resources: []auditResources{
					{Group: ""},
					{Group: "apiextensions.k8s.io"},
					{Group: "apiregistration.k8s.io"},
					{Group: "apps"},
					{Group: "autoscaling"},
					{Group: "batch"},
					{Group: "coordination.k8s.io"},
					{Group: "discovery.k8s.io"},
					{Group: "flowcontrol.apiserver.k8s.io"},
					{Group: "networking.k8s.io"},
					{Group: "node.k8s.io"},
					{Group: "policy"},
					{Group: "resource.k8s.io"},
					{Group: "scheduling.k8s.io"},
					{Group: "storage.k8s.io"},
				},
				Verbs: write,
			},
			{
				Reason: "everything else, reading and custom resources whose bodies nobody has looked at: who did what to which object",
				Level:  "Metadata",
			},
		},
	}
}

// AuditTable is the policy as a table for people, in Markdown: the rules in the order in which they are tried.
func AuditTable() string {
	var out strings.Builder
	out.WriteString("| | level | what, and why |\n|---|---|---|\n")
	for i, r := range newAuditPolicy().Rules {
		fmt.Fprintf(&out, "| %d | %s | %s |\n", i+1, r.Level, r.Reason)
	}
	return out.String()
}
