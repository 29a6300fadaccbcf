package cloudcontroller

import "github.com/lagrum/lagrum/requirements"

// Controls are what the cloud controller manager serves. No cloud has run it here: the highest rung is that a real API
// server takes its objects.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.AssetInventory, Resources: []string{"kubernetes:apps/v1:DaemonSet"},
			How:    "every Node names the machine that it is in its cloud, and goes when that machine has gone",
			Proofs: []string{"unit TestObjects"},
		},
		{
			Capability: requirements.RBAC, Resources: []string{"kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"},
			How:    "what acts for the cluster in its cloud may touch Nodes alone, and there only look",
			Proofs: []string{"unit TestLeastPrivilege", "policy TestNoRoleIsAWildcard"},
		},
	}
}
