package pki

import "github.com/lagrum/lagrum/requirements"

// Controls are what the cluster's identity serves.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.KeyManagement,
			Resources:  []string{"tls:index/privateKey:PrivateKey", "tls:index/selfSignedCert:SelfSignedCert", "random:index/randomPassword:RandomPassword"},
			How:        "authorities and keys are secret resources that the engine refuses to delete in production, and each authority signs for one purpose",
			Proofs:     []string{"policy TestLifecycleOptions", "unit TestPrivateMaterialIsSecret", "unit TestAuthoritiesAreApart"},
		},
		{
			Capability: requirements.RBAC, Resources: []string{"tls:index/locallySignedCert:LocallySignedCert"},
			How:    "the administrator's certificate is of an ordinary group, lasts 90 days and is renewed by any update in its last 30",
			Proofs: []string{"lab an administrator's certificate that ended is renewed"},
		},
	}
}
