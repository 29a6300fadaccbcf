package cluster

import "github.com/lagrum/lagrum/requirements"

// Controls are what the way into the cluster serves.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.RBAC, Resources: []string{"kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"},
			How:    "a machine joins by a credential of its pool that opens nothing else and cannot outlive its window",
			Proofs: []string{"lab a join credential opens little, and nothing once it ended"},
		},
		{
			Capability: requirements.ConfigHardening, Resources: []string{"kubernetes:core/v1:ConfigMapPatch"},
			How:    "what control planes are made from is declared, and one that was planned with something else does not join",
			Proofs: []string{"policy TestGraph", "lab the initialiser is replaced and nothing is lost"},
		},
	}
}
