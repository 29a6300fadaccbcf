// Package requirements holds the catalogue of legal requirements that the product rests on: which provision asks
// what, which platform capabilities it touches, how it can be proved, and how sure we are of the text.
//
// The catalogue is data of our own, embedded in the program. This package parses it strictly and owns the one rule
// about what may be printed of a row (see Requirement.Print): laws are quoted in refusals, previews and evidence
// reports, and a wrong quotation there is worse than none. It depends on nothing else in the repository.
package requirements

import (
	_ "embed"
	"slices"
	"sync"
)

//go:embed catalogue.yaml
var embedded []byte

// embeddedCatalogue parses once; the result is never changed afterwards.
var embeddedCatalogue = sync.OnceValues(func() (*Catalogue, error) { return Parse(embedded) })

// Embedded returns the catalogue that is built into the program. The error is nil in every program whose tests
// passed; it names each malformed row otherwise.
func Embedded() (*Catalogue, error) { return embeddedCatalogue() }

// Profile is the rule set that a row belongs to: a country, the EU, or a standard.
type Profile string

// The profiles.
const (
	Sweden      Profile = "se"
	Denmark     Profile = "dk"
	EU          Profile = "eu"
	Norway      Profile = "no"
	Finland     Profile = "fi"
	Germany     Profile = "de"
	France      Profile = "fr"
	Netherlands Profile = "nl"
	UK          Profile = "uk"
	ISO27001    Profile = "iso27001"
	Hardening   Profile = "hardening" // CIS benchmark, Pod Security Standards, NSA/CISA guide
)

// Grade says how sure we are of a row.
type Grade string

// The grades.
const (
	// GradeA: the text of the provision itself was read.
	GradeA Grade = "A"
	// GradeAOldWording: HSLF-FS 2016:40, read verbatim in the wording before 2026-02-01.
	GradeAOldWording Grade = "A*"
	// GradeB: an authority, a law firm or a data protection authority's decision states it with this number.
	GradeB Grade = "B"
	// GradeC: partly inferred.
	GradeC Grade = "C"
	// GradeT: id and title verified, the control text not read.
	GradeT Grade = "T"
	// GradeU: no source, or known to exist but not read.
	GradeU Grade = "U"
)

// Status says whether a row's rule applies.
type Status string

// The statuses.
const (
	InForce       Status = "in-force"
	Standard      Status = "standard"
	OverlaySE     Status = "overlay:se-state"
	OverlayDK     Status = "overlay:dk-state"
	Check2557     Status = "check-2025:57"
	Amended       Status = "amended-2026-02-01"
	DoNotAssert   Status = "do-not-assert"
	ToConfirm     Status = "to-confirm"
	Phased        Status = "phased"
	Legacy        Status = "legacy"
	NotApplicable Status = "not-applicable"
)

// Proof is a way in which a requirement's platform part can be shown.
type Proof string

// The ways of proving.
const (
	ProofRunning  Proof = "R" // a check on a running cluster
	ProofDeclared Proof = "D" // configuration, plan or state
	ProofEvidence Proof = "O" // an organisational evidence file
)

// Requirement is one row of the catalogue.
type Requirement struct {
	ID      string
	Profile Profile
	Status  Status
	// Citation is the catalogue's own text. What may be printed of it is decided by Print and Cite.
	Citation string
	// Title in the original language; "-" none, "?" unknown.
	Title        string
	Demand       string
	Capabilities []Capability
	Proof        []Proof
	Grade        Grade
	// Sources is empty for two rows of grade U.
	Sources []Source
	// Note narrows the row and is binding; a parameter has been taken out of it.
	Note string
	// Param is the number that the note carries ready for use; nil for most rows.
	Param *Param
}

// Param is a number that a provision sets, such as patient_access_log_min_days=1827.
type Param struct {
	Name  string
	Value int
}

// Source is where a row was read.
type Source struct {
	Key, Ref, Kind string
}

// Decides tells whether a value of the program may rest on the row: its text is established and its duty is in
// force (or is a standard, or binds the state bodies that choose its overlay).
func (r Requirement) Decides() bool {
	if r.Grade == GradeC || r.Grade == GradeU {
		return false
	}
	switch r.Status {
	case InForce, Standard, OverlaySE, OverlayDK, Check2557, Amended:
		return true
	default: // legacy, not-applicable, phased, to-confirm, do-not-assert
		return false
	}
}

// Catalogue is the parsed catalogue. It is safe for concurrent use: its methods return copies.
type Catalogue struct {
	rows         []Requirement
	byID         map[string]int
	byCapability map[Capability][]int
	sources      []Source
}

// All returns every row, in the catalogue's order.
func (c *Catalogue) All() []Requirement { return slices.Clone(c.rows) }

// Sources returns every source, sorted by key.
func (c *Catalogue) Sources() []Source { return slices.Clone(c.sources) }

// ByID returns the row with the id.
func (c *Catalogue) ByID(id string) (Requirement, bool) {
	i, ok := c.byID[id]
	if !ok {
		return Requirement{}, false
	}
	return c.rows[i], true
}

// ByCapability returns the rows that touch the capability, in the catalogue's order. With profiles named, only
// rows of those profiles are returned.
func (c *Catalogue) ByCapability(capability Capability, profiles ...Profile) []Requirement {
	var found []Requirement
	for _, i := range c.byCapability[capability] {
		if len(profiles) == 0 || slices.Contains(profiles, c.rows[i].Profile) {
			found = append(found, c.rows[i])
		}
	}
	return found
}
