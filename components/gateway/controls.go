package gateway

import "github.com/lagrum/lagrum/requirements"

// Controls are what the gateway serves.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.EncryptionInTransit, Resources: []string{"kubernetes:core/v1:ConfigMap", "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"},
			How: "web traffic is encrypted by the country's oldest version of TLS or a newer one and suites of today, on to whoever answers behind the gateway; " +
				"who comes without is redirected, and browsers are told to stay with TLS",
			Proofs: []string{"lab the gateway speaks modern TLS only", "api TestGateway", "unit TestDynamicGolden"},
		},
		{
			Capability: requirements.RBAC, Resources: []string{"kubernetes:rbac.authorization.k8s.io/v1:Role", "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"},
			How:    "who faces the Internet reads the certificates and routes of its own namespace and no Secret elsewhere, and changes nothing but its word on them",
			Proofs: []string{"api TestGateway", "unit TestRights"},
		},
	}
}
