package plan

import "github.com/lagrum/lagrum/requirements"

// Controls are what the plan's refusals serve: a site that breaks one cannot be previewed.
func Controls() []requirements.Control {
	refused := []string{"unit TestRefusals"}
	return []requirements.Control{
		{Capability: requirements.DataResidency, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses a data centre, a region or a backup outside the places where the country lets data lie"},
		{Capability: requirements.EncryptionAtRest, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses a site that would end up with a disk that is not encrypted"},
		{Capability: requirements.PhysicalSecurity, Resources: []string{"plan"}, Proofs: append(refused, "unit TestEmergencyRebuild"),
			How: "refuses a data centre whose certificate is missing or has passed, and warns in its last 60 days"},
		{Capability: requirements.LogRetention, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses a floor below the country's, and a lock that outlasts the need"},
		{Capability: requirements.RecordRetention, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses to keep records for fewer years than the country asks"},
		{Capability: requirements.BackupSeparation, Resources: []string{"plan"}, Proofs: append(refused, "unit TestStoresRefused"),
			How: "refuses a backup in the region and account of the originals, or without a store whose lock holds"},
		{Capability: requirements.TamperProofLogStore, Resources: []string{"plan"}, Proofs: []string{"unit TestStoresRefused"},
			How: "refuses a production stack whose logs have no store under object lock"},
		{Capability: requirements.RestoreTest, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses a production stack that does not say how often restoring is rehearsed, or too seldom"},
		{Capability: requirements.DRPlan, Resources: []string{"plan"}, Proofs: []string{"unit TestDeclaredRecoveryStandsApart"},
			How: "refuses a recovery stack that stands where its primary stands"},
		{Capability: requirements.MFA, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses a source of identities that asks for one factor, where the country asks for more"},
		{Capability: requirements.Redundancy, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses fewer than three control planes where patients depend on the stack"},
		{Capability: requirements.EnvSeparation, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses a laboratory for production"},
		{Capability: requirements.Patching, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses a version of Kubernetes that is no longer built"},
		{Capability: requirements.NetworkSegmentation, Resources: []string{"plan"}, Proofs: refused,
			How: "refuses an API that is open to the Internet"},
		{Capability: requirements.ImageProvenance, Resources: []string{"plan"}, Proofs: []string{"unit TestUnresolvedImages", "policy TestNoUpdateWithoutDigests"},
			How: "refuses the update of a production stack, though not its preview, while an image has no digest"},
	}
}
