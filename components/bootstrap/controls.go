package bootstrap

import "github.com/lagrum/lagrum/requirements"

// Controls are what the bytes that a node boots with serve.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.AuditLog, Resources: []string{"node"},
			How:    "every API server records who did what to which object from its first request, and never the body of what may hold secrets",
			Proofs: []string{"unit TestUserDataGolden"},
		},
		{
			Capability: requirements.EncryptionAtRest, Resources: []string{"node"},
			How:    "Secrets, ConfigMaps and the identity provider's objects are encrypted in etcd from first boot, with a declared key",
			Proofs: []string{"lab Secrets lie encrypted in etcd"},
		},
		{
			Capability: requirements.ConfigHardening, Resources: []string{"node"},
			How:    "anonymous requests reach the health endpoints only, nobody logs in to a node, and a node whose versions are not the plan's does not boot; flags and file modes follow the CIS benchmark, and what does not has a waiver that ends",
			Proofs: []string{"lab joining leaves no anonymous door", "lab kube-bench finds nothing that is not answered for", "unit TestBootFails"},
		},
		{
			Capability: requirements.MFA, Resources: []string{"node"},
			How:    "API servers take a person's token only from connectors that ask for more than one factor, where the country asks for it",
			Proofs: []string{"unit TestAuthenticationGolden", "unit TestLoginReachesControlPlanes"},
		},
		{
			Capability: requirements.NetworkSegmentation, Resources: []string{"node"},
			How:    "a node drops what pods send to the cloud's metadata service, and starts no kubelet before it does",
			Proofs: []string{"lab the metadata service is closed to pods"},
		},
		{
			Capability: requirements.PodSecurity, Resources: []string{"node"},
			How:    "the API server refuses pods beyond Pod Security's restricted level in every namespace that says nothing else, from its first request",
			Proofs: []string{"api TestPodSecurityIsTheDefault", "unit TestUserDataGolden"},
		},
	}
}
