// Package country holds what each country's rules ask of a platform for health data, as data: every value names the
// requirements that it rests on, and says so where the number is our own reading because the rule gives none.
//
// It knows no site. Whether a site fulfils its country's duties is for stacks/plan to say. Another country is another
// file like sweden.go and one line in Profiles; nothing else changes.
package country

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
)

//go:generate go run ./internal/countrydoc ../../docs/countries

// Rule is one value that the country's rules ask for. The zero Rule means that the country asks nothing there.
type Rule[T any] struct {
	Value T
	// Cites are the ids of the requirements that it rests on.
	Cites []string
	// Reading says how the number came about where no cited requirement carries it as a parameter.
	Reading string
}

// Set tells a rule that exists.
func (r Rule[T]) Set() bool { return len(r.Cites) > 0 }

// Profile is one country.
type Profile struct {
	Code string // ISO 3166-1 alpha-2, lower case
	Name string // in English
	// Remarks are what a reader must know before the duties, in our own words: what is not established, and what the
	// catalogue says of the country as a whole. They decide nothing.
	Remarks []string
	// Acts are those of the Union that hold here, as their ids in the catalogue begin: EU-GDPR. A directive is one only
	// where an act that implements it is established.
	Acts []string
	Duties
	// Overlays bind only operators of one kind, on top of the duties above.
	Overlays []Overlay
	// Instruction lists the topics that a controller's instruction to its processor has in this country. Empty where
	// no row names any.
	Instruction []Topic
}

// Topic is one heading of a controller's instruction to its processor.
type Topic struct {
	Requirement string // id of the row that names it
	Subject     string // in English
	// Capability is the one by which the platform answers the topic. It is one of the row's own.
	Capability requirements.Capability
}

// Overlay is what a country asks of one kind of operator besides.
type Overlay struct {
	Name     string // se-state
	Operator string // the site's operator kind: state
	Duties
}

// Duties are what rules ask of a stack. The tag capability names the capabilities of which each cited requirement has
// one. Where no row that holds in a country has any of them, the duty may be read from a more general row; the tag read
// names the capabilities of which such a row has one, and the rule's Reading then says how.
type Duties struct {
	// Residency lists the countries where data may lie without a transfer assessment.
	Residency Rule[[]string] `capability:"data-residency"`
	// ListedSystem takes the place of Residency for a system that the law ties to one country by name.
	ListedSystem Rule[[]string] `capability:"data-residency"`

	PatientAccessLog    LogRule
	PlatformSecurityLog LogRule
	// LogStore asks for a store of logs whose contents nobody can change or remove.
	LogStore Rule[bool] `capability:"tamper-proof-log-store"`

	// RecordYears is how long a patient record is kept after its last entry; 0 where no number is established and the
	// site must declare one.
	RecordYears Rule[int] `capability:"record-retention" read:"data-deletion records-of-processing"`

	// BackupHours bounds the time between two backups.
	BackupHours Rule[Interval] `capability:"backup"`
	// BackupApart asks that backups lie apart from the originals.
	BackupApart Rule[bool] `capability:"backup-separation" read:"backup"`
	// RestoreTestDays bounds the time between two restore tests.
	RestoreTestDays Rule[Interval] `capability:"restore-test"`
	// Recovery asks for a way back after the loss of a site.
	Recovery Rule[bool] `capability:"dr-plan restore-test"`
	// ControlPlanes is the least number of control-plane nodes on which patients may depend.
	ControlPlanes Rule[int] `capability:"redundancy"`

	// ReviewDays bounds the time between two evaluations of the protection against unauthorised access.
	ReviewDays Rule[Interval] `capability:"annual-evaluation"`
	// MFA says whether every source of identities must ask for more than one factor.
	MFA Rule[Demand] `capability:"mfa" read:"rbac"`
	// TLSMinimum is the oldest version of TLS that may be spoken: 1.2 or 1.3.
	TLSMinimum Rule[string] `capability:"encryption-in-transit"`
	// Encrypted asks for encryption of what is stored.
	Encrypted Rule[bool] `capability:"encryption-at-rest"`
	// ClosedNetwork asks that only declared networks reach the API.
	ClosedNetwork Rule[bool] `capability:"network-segmentation"`
	// Separation asks that production stands apart from development and test.
	Separation Rule[bool] `capability:"env-separation network-segmentation change-management"`
	// Supported asks for software that its makers still mend.
	Supported Rule[bool] `capability:"patching" read:"config-hardening"`
	// DNSSEC asks for signed zones.
	DNSSEC Rule[Demand] `capability:"dns-security"`
	// TimeSource asks for synchronised clocks; the value names the source, where rules advise one.
	TimeSource Rule[string] `capability:"time-sync" read:"audit-log"`
	// PatchInternetDays and PatchInternalDays bound the age of an update that is not installed.
	PatchInternetDays Rule[int] `capability:"patching"`
	PatchInternalDays Rule[int] `capability:"patching"`
	// ScanDays bounds the time between two scans of the public addresses.
	ScanDays Rule[int] `capability:"vulnerability-scanning"`

	// ProviderProof is the standard by which the data centre shows its protection.
	ProviderProof Rule[Proof] `capability:"physical-security supplier-agreement policy-isms"`
}

// Proof is the standard that a provider's certificate must name.
type Proof struct {
	Standard string // as people write it: ISO/IEC 27001
	// Marks are the words that a certificate's standard holds, in either case, when it is this one.
	Marks []string
	// Named says that the rules themselves name the standard, so that no other will do. Where they name none, another
	// standard is for the operator to judge.
	Named bool
}

// ShownBy tells whether a certificate of the standard is the proof.
func (p Proof) ShownBy(standard string) bool {
	standard = strings.ToLower(standard)
	return !slices.ContainsFunc(p.Marks, func(mark string) bool { return !strings.Contains(standard, strings.ToLower(mark)) })
}

// LogRule bounds the retention of one class of log.
type LogRule struct {
	// Floor in days is the least that the rules ask for; 0 where they ask the site to decide a number itself.
	Floor Rule[int] `capability:"log-retention"`
	// Ceiling says how the upper bound is found. No country has a number: the need bounds it.
	Ceiling Rule[CeilingRule] `capability:"log-retention"`
}

// CeilingRule says how an upper bound is found.
type CeilingRule string

// The ways to find it.
const (
	// NeedBased: no longer than the purpose needs; the site declares the number of days.
	NeedBased CeilingRule = "need-based"
	// RecordBound: the same, and no longer than the records are kept that the log is about.
	RecordBound CeilingRule = "record-bound"
)

// Demand is how strongly something is asked for.
type Demand string

// The demands.
const (
	Required      Demand = "required"
	AsAppropriate Demand = "as-appropriate" // where the operator's own risk analysis finds it appropriate
)

// Interval bounds a time between two events, in the unit that the field names. Rules that name no number ask the
// site to declare one.
type Interval struct {
	Limit   int // longest that is lawful; 0: no number
	Advised int // longest that official advice recommends; 0: no advice
}

// Profiles returns the countries that are known, sorted by code.
func Profiles() []Profile {
	return []Profile{germany(), denmark(), finland(), france(), netherlands(), norway(), sweden()}
}

// Lookup returns the profile of a country by its ISO 3166-1 alpha-2 code in lower case. The error lists the known
// ones.
func Lookup(code string) (Profile, error) {
	var known []string
	for _, p := range Profiles() {
		if p.Code == code {
			return p, nil
		}
		known = append(known, fmt.Sprintf("%s (%s)", p.Code, p.Name))
	}
	return Profile{}, fmt.Errorf("country %q: no profile of its law; use one of: %s", code, strings.Join(known, ", "))
}

// For returns the duties of an operator of the kind, with the names of the overlays that were laid on.
func (p Profile) For(operator string) (Duties, []string) {
	duties, names := p.Duties, []string(nil)
	for _, o := range p.Overlays {
		if o.Operator == operator {
			duties = duties.with(o.Duties)
			names = append(names, o.Name)
		}
	}
	return duties, names
}

// with lays an overlay on the duties: where the overlay has a rule, its value holds and both are cited.
func (d Duties) with(o Duties) Duties {
	return Duties{
		Residency:    lay(d.Residency, o.Residency),
		ListedSystem: lay(d.ListedSystem, o.ListedSystem),
		PatientAccessLog: LogRule{
			Floor:   lay(d.PatientAccessLog.Floor, o.PatientAccessLog.Floor),
			Ceiling: lay(d.PatientAccessLog.Ceiling, o.PatientAccessLog.Ceiling),
		},
		PlatformSecurityLog: LogRule{
			Floor:   lay(d.PlatformSecurityLog.Floor, o.PlatformSecurityLog.Floor),
			Ceiling: lay(d.PlatformSecurityLog.Ceiling, o.PlatformSecurityLog.Ceiling),
		},
		LogStore:          lay(d.LogStore, o.LogStore),
		RecordYears:       lay(d.RecordYears, o.RecordYears),
		BackupHours:       lay(d.BackupHours, o.BackupHours),
		BackupApart:       lay(d.BackupApart, o.BackupApart),
		RestoreTestDays:   lay(d.RestoreTestDays, o.RestoreTestDays),
		Recovery:          lay(d.Recovery, o.Recovery),
		ControlPlanes:     lay(d.ControlPlanes, o.ControlPlanes),
		ReviewDays:        lay(d.ReviewDays, o.ReviewDays),
		MFA:               lay(d.MFA, o.MFA),
		TLSMinimum:        lay(d.TLSMinimum, o.TLSMinimum),
		Encrypted:         lay(d.Encrypted, o.Encrypted),
		ClosedNetwork:     lay(d.ClosedNetwork, o.ClosedNetwork),
		Separation:        lay(d.Separation, o.Separation),
		Supported:         lay(d.Supported, o.Supported),
		DNSSEC:            lay(d.DNSSEC, o.DNSSEC),
		TimeSource:        lay(d.TimeSource, o.TimeSource),
		PatchInternetDays: lay(d.PatchInternetDays, o.PatchInternetDays),
		PatchInternalDays: lay(d.PatchInternalDays, o.PatchInternalDays),
		ScanDays:          lay(d.ScanDays, o.ScanDays),
		ProviderProof:     lay(d.ProviderProof, o.ProviderProof),
	}
}

func lay[T any](base, over Rule[T]) Rule[T] {
	if !over.Set() {
		return base
	}
	return Rule[T]{Value: over.Value, Cites: slices.Concat(over.Cites, base.Cites), Reading: over.Reading}
}

// Binds tells whether the row of the catalogue binds an operator in this country on whom the named overlays lie: the
// country's own rows, and those of the Union's acts that hold here. A row that decides nothing binds nobody.
func (p Profile) Binds(row requirements.Requirement, overlays []string) bool {
	if !row.Decides() {
		return false
	}
	if name, overlay := strings.CutPrefix(string(row.Status), "overlay:"); overlay && !slices.Contains(overlays, name) {
		return false
	}
	if row.Profile != requirements.EU {
		return string(row.Profile) == p.Code
	}
	return slices.ContainsFunc(p.Acts, func(act string) bool { return strings.HasPrefix(row.ID, act+"-") })
}
