package requirements

// Capability is something that the platform can do or hold ready, and that requirements ask for.
type Capability string

// The capabilities.
const (
	AccessReview          Capability = "access-review"
	AnnualEvaluation      Capability = "annual-evaluation"
	AppAccessLog          Capability = "app-access-log"
	AppFeature            Capability = "app-feature"
	AssetInventory        Capability = "asset-inventory"
	AuditLog              Capability = "audit-log"
	Backup                Capability = "backup"
	BackupSeparation      Capability = "backup-separation"
	CapacityManagement    Capability = "capacity-management"
	ChangeManagement      Capability = "change-management"
	ConfigHardening       Capability = "config-hardening"
	DataDeletion          Capability = "data-deletion"
	DataResidency         Capability = "data-residency"
	DNSSecurity           Capability = "dns-security"
	Documentation         Capability = "documentation"
	DPIA                  Capability = "dpia"
	DRPlan                Capability = "dr-plan"
	EncryptionAtRest      Capability = "encryption-at-rest"
	EncryptionInTransit   Capability = "encryption-in-transit"
	EnvSeparation         Capability = "env-separation"
	ExitPortability       Capability = "exit-portability"
	IdentitySSO           Capability = "identity-sso"
	ImageProvenance       Capability = "image-provenance"
	IncidentProcess       Capability = "incident-process"
	IntrusionDetection    Capability = "intrusion-detection"
	KeyManagement         Capability = "key-management"
	LogRetention          Capability = "log-retention"
	LogReview             Capability = "log-review"
	LogSearch             Capability = "log-search"
	MalwareProtection     Capability = "malware-protection"
	MediaDestruction      Capability = "media-destruction"
	MFA                   Capability = "mfa"
	MonitoringAlerting    Capability = "monitoring-alerting"
	NetworkSegmentation   Capability = "network-segmentation"
	Patching              Capability = "patching"
	PhysicalSecurity      Capability = "physical-security"
	PodSecurity           Capability = "pod-security"
	PolicyISMS            Capability = "policy-isms"
	RBAC                  Capability = "rbac"
	RecordRetention       Capability = "record-retention"
	RecordsOfProcessing   Capability = "records-of-processing"
	Redundancy            Capability = "redundancy"
	RestoreTest           Capability = "restore-test"
	RiskAnalysis          Capability = "risk-analysis"
	SecretsManagement     Capability = "secrets-management"
	SubprocessorRegister  Capability = "subprocessor-register"
	SupplierAgreement     Capability = "supplier-agreement"
	TamperProofLogStore   Capability = "tamper-proof-log-store"
	TimeSync              Capability = "time-sync"
	Training              Capability = "training"
	VulnerabilityScanning Capability = "vulnerability-scanning"
)

// Capabilities returns all capabilities, sorted.
func Capabilities() []Capability {
	return []Capability{
		AccessReview, AnnualEvaluation, AppAccessLog, AppFeature, AssetInventory, AuditLog, Backup, BackupSeparation,
		CapacityManagement, ChangeManagement, ConfigHardening, DataDeletion, DataResidency, DNSSecurity, Documentation,
		DPIA, DRPlan, EncryptionAtRest, EncryptionInTransit, EnvSeparation, ExitPortability, IdentitySSO,
		ImageProvenance, IncidentProcess, IntrusionDetection, KeyManagement, LogRetention, LogReview, LogSearch,
		MalwareProtection, MediaDestruction, MFA, MonitoringAlerting, NetworkSegmentation, Patching, PhysicalSecurity,
		PodSecurity, PolicyISMS, RBAC, RecordRetention, RecordsOfProcessing, Redundancy, RestoreTest, RiskAnalysis,
		SecretsManagement, SubprocessorRegister, SupplierAgreement, TamperProofLogStore, TimeSync, Training,
		VulnerabilityScanning,
	}
}
