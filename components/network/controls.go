package network

import "github.com/lagrum/lagrum/requirements"

// Controls are what the pod network serves.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.NetworkSegmentation, Resources: []string{"kubernetes:apps/v1:DaemonSet"},
			How:    "network policies are enforced on every node before the first pod runs there",
			Proofs: []string{"lab a NetworkPolicy that denies is seen to deny", "lab only declared traffic passes"},
		},
		{
			Capability: requirements.NetworkSegmentation, Resources: []string{"kubernetes:apps/v1:DaemonSet"},
			How:    "a pod is shut from its first packet until the policies that rule it are in force on its node",
			Proofs: []string{"unit TestGuardComesFirst", "lab a quick pod is no faster than the policies"},
		},
		{
			Capability: requirements.EncryptionInTransit, Resources: []string{"kubernetes:apps/v1:DaemonSet"},
			How:    "what pods on different nodes send each other goes through WireGuard on every cloud; the laboratory's kernel may have none, and says so",
			Proofs: []string{"unit TestFlannelConfig"},
		},
	}
}
