package review

import (
	"slices"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
)

// Kind is a kind of red flag.
type Kind string

// The kinds, in the order in which they are printed.
const (
	KeyLost          Kind = "key"
	ControlPlaneLost Kind = "control-plane"
	StoreLost        Kind = "store"
	DataLost         Kind = "data"
	Unprotected      Kind = "protection"
	Encryption       Kind = "encryption"
	Transit          Kind = "transit"
	Lock             Kind = "lock"
	Opened           Kind = "rule"
	LogsShortened    Kind = "log-retention"
	RecordsShortened Kind = "record-retention"
	Residency        Kind = "residency"
	DutyLoosened     Kind = "duty"
	Waived           Kind = "waiver"
	PlanMissing      Kind = "plan"
)

// kind ties a flag to the law.
type kind struct {
	kind Kind
	// title is the heading that the flags of the kind stand under.
	title string
	// capabilities are what the flag touches: each requirement that is printed has one of them.
	capabilities []requirements.Capability
	// duty finds the ids that the country's duties rest on; nil where no duty is about it.
	duty func(country.Duties) []string
	// ids are those of every country, for kinds without a duty, and for stacks whose country is not known. Empty: the
	// rows of the first capability.
	ids []string
}

// kinds is the one table from red flags to requirements. The plan's own citations, where a flag is about the plan, go
// before it.
func kinds() []kind {
	return []kind{
		{KeyLost, "a key or a certificate authority is replaced or deleted", []requirements.Capability{requirements.KeyManagement},
			nil, []string{"EU-NIS2-21-2-h", "EU-IR2690-9.2"}},
		{ControlPlaneLost, "a control-plane machine is replaced or deleted", []requirements.Capability{requirements.Redundancy},
			func(d country.Duties) []string { return d.ControlPlanes.Cites }, nil},
		{StoreLost, "an object store is replaced or deleted", []requirements.Capability{requirements.LogRetention, requirements.Backup},
			func(d country.Duties) []string {
				return slices.Concat(d.PatientAccessLog.Floor.Cites, d.BackupHours.Cites)
			}, []string{"EU-IR2690-3.2.5", "EU-IR2690-4.2.2"}},
		{DataLost, "something that holds data is replaced or deleted", []requirements.Capability{requirements.RecordRetention, requirements.Backup},
			func(d country.Duties) []string { return slices.Concat(d.RecordYears.Cites, d.BackupHours.Cites) },
			[]string{"EU-GDPR-5-1-f", "EU-GDPR-32-1-c"}},
		{Unprotected, "protection against deletion is taken away", []requirements.Capability{requirements.Backup, requirements.Redundancy},
			nil, []string{"EU-GDPR-5-1-f", "EU-GDPR-32-1-b"}},
		{Encryption, "encryption of stored data is touched", []requirements.Capability{requirements.EncryptionAtRest},
			func(d country.Duties) []string { return d.Encrypted.Cites }, nil},
		{Transit, "encryption of traffic is touched", []requirements.Capability{requirements.EncryptionInTransit},
			func(d country.Duties) []string { return d.TLSMinimum.Cites }, nil},
		{Lock, "the lock of an object store is touched", []requirements.Capability{requirements.TamperProofLogStore}, nil, nil},
		{Opened, "a firewall rule is opened or widened", []requirements.Capability{requirements.NetworkSegmentation},
			func(d country.Duties) []string { return d.ClosedNetwork.Cites }, nil},
		{LogsShortened, "logs are kept for a shorter time", []requirements.Capability{requirements.LogRetention},
			func(d country.Duties) []string {
				return slices.Concat(d.PatientAccessLog.Floor.Cites, d.PlatformSecurityLog.Floor.Cites)
			}, nil},
		{RecordsShortened, "records are kept for a shorter time", []requirements.Capability{requirements.RecordRetention, requirements.Backup},
			func(d country.Duties) []string { return d.RecordYears.Cites }, []string{"EU-GDPR-5-1-f"}},
		{Residency, "data move, or may leave the EEA", []requirements.Capability{requirements.DataResidency},
			func(d country.Duties) []string { return d.Residency.Cites }, nil},
		{DutyLoosened, "a duty is fulfilled less strictly", []requirements.Capability{requirements.RiskAnalysis}, nil, nil},
		{Waived, "a requirement is waived", []requirements.Capability{requirements.RiskAnalysis}, nil, nil},
		{PlanMissing, "there is no plan", []requirements.Capability{requirements.RiskAnalysis}, nil, nil},
	}
}

func kindOrder() map[Kind]int {
	order := map[Kind]int{}
	for i, k := range kinds() {
		order[k.kind] = i
	}
	return order
}

func kindOf(name Kind) kind {
	for _, k := range kinds() {
		if k.kind == name {
			return k
		}
	}
	return kind{kind: name, title: string(name)}
}

// touched are the requirements that flags of one kind touch, for a stack under the given law.
func (k kind) touched(c *requirements.Catalogue, l law, cites []string) []requirements.Requirement {
	ids := slices.Clone(cites)
	if len(ids) == 0 && k.duty != nil && l.known {
		// A duty may rest on a wider row by a reading of ours, which a flag has no room to give.
		ids = slices.DeleteFunc(slices.Clone(k.duty(l.duties)), func(id string) bool {
			row, ok := c.ByID(id)
			return ok && len(k.capabilities) > 0 && !slices.ContainsFunc(k.capabilities, func(needed requirements.Capability) bool {
				return slices.Contains(row.Capabilities, needed)
			})
		})
	}
	if len(ids) == 0 {
		ids = k.ids
	}
	var found []requirements.Requirement
	for _, id := range ids {
		if row, ok := c.ByID(id); ok && !slices.ContainsFunc(found, func(r requirements.Requirement) bool { return r.ID == id }) {
			found = append(found, row)
		}
	}
	if len(found) > 0 || len(k.capabilities) == 0 {
		return found
	}
	profiles := []requirements.Profile{requirements.EU}
	if l.known {
		profiles = append(profiles, l.profile)
	}
	for _, row := range c.ByCapability(k.capabilities[0], profiles...) {
		// A row that decides nothing touches nothing; a state body's rule touches state bodies.
		if row.Decides() && (len(l.overlays) > 0 || row.Status != requirements.OverlaySE && row.Status != requirements.OverlayDK) {
			found = append(found, row)
		}
	}
	return found
}
