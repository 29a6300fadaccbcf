package access

import "github.com/lagrum/lagrum/requirements"

// Controls are what the personas serve.
func Controls() []requirements.Control {
	return []requirements.Control{{
		Capability: requirements.RBAC,
		Resources: []string{
			"kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
		},
		How: "groups are bound to what their task needs: operators, security officers, auditors, and an empty group for emergencies; " +
			"none but the last reads a Secret, gets into a container or gives a right",
		Proofs: []string{"api TestMatrix", "api TestEachRight", "lab each persona has its rights and no other", "unit TestOnlyGroupsAreBound"},
	}}
}
