package identity

import "github.com/lagrum/lagrum/requirements"

// Controls are what Dex in the cluster serves. That a token of one factor opens nothing is bootstrap's.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.IdentitySSO, Resources: []string{"kubernetes:apps/v1:Deployment"},
			How:    "people use the cluster under their own name, as their organisation's identity provider vouches for it, and in the groups that it says",
			Proofs: []string{"lab people log in through Dex", "unit TestConfigGolden"},
		},
		{
			Capability: requirements.RBAC, Resources: []string{"kubernetes:rbac.authorization.k8s.io/v1:Role"},
			How:    "who lets people in may touch its own kinds of objects alone, and make neither a user nor a provider",
			Proofs: []string{"lab people log in through Dex", "unit TestRights"},
		},
		{
			Capability: requirements.EncryptionInTransit, Resources: []string{"kubernetes:core/v1:Service"},
			How:    "a login is encrypted on its way from the gateway to Dex too, by a certificate of an authority that signs nothing else",
			Proofs: []string{"lab people log in through Dex", "unit TestService"},
		},
		{
			Capability: requirements.SecretsManagement, Resources: []string{"kubernetes:core/v1:Secret"},
			How:    "what providers are asked with is a secret of the stack and of Dex's namespace, and changing it makes new pods",
			Proofs: []string{"unit TestSecretsAreSecret"},
		},
	}
}
