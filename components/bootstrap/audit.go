package bootstrap

// auditPolicy is the part of audit.k8s.io/v1 Policy that Lagrum sets.
type auditPolicy struct {
	typeMeta
	OmitStages []string    `json:"omitStages"`
	Rules      []auditRule `json:"rules"`
}

type auditRule struct {
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
// that fits decides, so what may carry secrets comes before what is recorded with its body.
func newAuditPolicy() auditPolicy {
	write := []string{"create", "update", "patch", "delete", "deletecollection"}
	return auditPolicy{
		typeMeta:   typeMeta{"audit.k8s.io/v1", "Policy"},
		OmitStages: []string{"RequestReceived"},
		Rules: []auditRule{
			// Health probes and leases: thousands an hour, from the cluster to itself.
			{Level: "None", NonResourceURLs: []string{"/healthz*", "/livez*", "/readyz*"}},
			{
				Level:     "None",
				Resources: []auditResources{{Group: "coordination.k8s.io", Resources: []string{"leases"}}},
				Users:     []string{"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"},
			},
			{
				Level:      "None",
				Resources:  []auditResources{{Group: "coordination.k8s.io", Resources: []string{"leases"}}},
				UserGroups: []string{"system:nodes"},
			},
			// Bodies of these hold secrets or personal data, whatever a later rule may ask for.
			{
				Level: "Metadata",
				Resources: []auditResources{
					{Group: "", Resources: []string{"configmaps", "secrets", "serviceaccounts/token"}},
					{Group: "authentication.k8s.io"},
				},
			},
			// Changes of rights are recorded with what was asked for.
			{
				Level: "Request",
				Resources: []auditResources{
					{Group: "admissionregistration.k8s.io"},
					{Group: "certificates.k8s.io"},
					{Group: "rbac.authorization.k8s.io"},
				},
				Verbs: write,
			},
			{Level: "Metadata"},
		},
	}
}
