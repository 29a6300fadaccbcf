package nodecertificates

import "github.com/lagrum/lagrum/requirements"

// Controls are what certificates of kubelets serve.
func Controls() []requirements.Control {
	return []requirements.Control{{
		Capability: requirements.EncryptionInTransit, Resources: []string{"kubernetes:apps/v1:Deployment", "kubernetes:core/v1:ConfigMap"},
		How:    "a kubelet serves with a certificate of the cluster's authority for the name and address that the cloud gave its machine; API servers speak to no other",
		Proofs: []string{"lab a kubelet that nobody vouches for is not spoken to", "unit TestScript"},
	}}
}
