package storage

import "github.com/lagrum/lagrum/requirements"

// Controls are what storage serves. No cloud has run the drivers here: the highest rung is a real API server, which takes
// the objects and refuses what the policies forbid.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.EncryptionAtRest,
			Resources: []string{"kubernetes:storage.k8s.io/v1:StorageClass",
				"kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"},
			How:    "there is no class whose volumes are not encrypted as the stack's disks are, and the API refuses one that anybody makes",
			Proofs: []string{"policy TestEveryStorageClassIsEncrypted", "unit TestPoliciesDeny"},
		},
		{
			Capability: requirements.RecordRetention, Resources: []string{"kubernetes:storage.k8s.io/v1:StorageClass"},
			How:    "a volume of the class for records stays when its claim is deleted",
			Proofs: []string{"unit TestClasses"},
		},
		{
			Capability: requirements.PodSecurity, Resources: []string{"kubernetes:apps/v1:DaemonSet"},
			How:    "one container of the cluster is privileged, the one that mounts volumes, and it has no credential of the cloud",
			Proofs: []string{"policy TestOnlyTheStorageDriverIsPrivileged", "unit TestCredential"},
		},
	}
}
