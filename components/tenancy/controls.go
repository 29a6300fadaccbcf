package tenancy

import "github.com/lagrum/lagrum/requirements"

// Controls are what a tenant's namespace serves.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.NetworkSegmentation, Resources: []string{"kubernetes:networking.k8s.io/v1:NetworkPolicy"},
			How:    "a tenant's namespace is closed both ways, but for its own pods and the cluster's DNS, before anybody may work in it",
			Proofs: []string{"unit TestNetworkIsClosed"},
		},
		{
			Capability: requirements.RBAC, Resources: []string{"kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"},
			How:    "groups that the site names work in their tenant's namespace and in no other; the account that pods have by default has no token",
			Proofs: []string{"unit TestDevelopersAreGroups", "unit TestDefaultAccountHasNoToken"},
		},
		{
			Capability: requirements.PodSecurity, Resources: []string{"kubernetes:core/v1:Namespace"},
			How:    "a tenant's namespace bears the restricted level of Pod Security",
			Proofs: []string{"api TestTenantNamespace", "unit TestNamespaceLabels"},
		},
	}
}
