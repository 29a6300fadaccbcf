package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/lagrum/lagrum/requirements"
)

// Finding is something that the plan has to say about one place of a site.
type Finding struct {
	Path    string // nodePools[0].count
	Value   string // as the site has it; empty where there is none
	Message string
	Remedy  string
	// Requirements are the ids that the finding rests on, strongest first. Empty: nothing legal, so no waiver helps.
	Requirements []string
	// Reading says how the number came about where the requirements name none.
	Reading string

	citations []string // of Requirements, as they may be printed
}

// String is a line that reads like a problem of package site, and a line below it for each citation.
func (f Finding) String() string {
	head := fmt.Sprintf("%s: %s; %s", f.Path, f.Message, f.Remedy)
	if f.Value != "" {
		head = fmt.Sprintf("%s: %q %s; %s", f.Path, f.Value, f.Message, f.Remedy)
	}
	lines := []string{head}
	for _, c := range f.citations {
		lines = append(lines, "    by: "+c)
	}
	if f.Reading != "" {
		lines = append(lines, "    our reading: "+f.Reading)
	}
	return strings.Join(lines, "\n")
}

// Refusals are all reasons why a site may not be built. It is the error of Resolve.
type Refusals []Finding

// Error has a block of lines for each reason.
func (r Refusals) Error() string {
	blocks := make([]string, len(r))
	for i, f := range r {
		blocks[i] = f.String()
	}
	return strings.Join(blocks, "\n")
}

// Warning is something that is allowed and must not be forgotten.
type Warning struct {
	Finding
	// Waiver is set where the finding would refuse without it.
	Waiver *Waiver
}

// String reads like a refusal, and names the waiver first.
func (w Warning) String() string {
	if w.Waiver == nil {
		return w.Finding.String()
	}
	return fmt.Sprintf("waived until %s by %s (%s): %s", w.Waiver.Until, w.Waiver.Owner, w.Waiver.Reason, w.Finding)
}

// Waiver turned refusals into warnings until a date.
type Waiver struct {
	Requirement string `json:"requirement"`
	Reason      string `json:"reason"`
	Owner       string `json:"owner"`
	Until       string `json:"until"` // its last day, as 2006-01-02
	// Paths of the site where it took effect.
	Paths []string `json:"paths"`
}

// judge collects what is found.
type judge struct {
	catalogue *requirements.Catalogue
	at        time.Time
	serious   bool
	refusals  Refusals
	warnings  []Warning
}

// on fills in what a finding rests on.
func (j *judge) on(f Finding, cites []string, reading string) Finding {
	f.Requirements, f.Reading = cites, reading
	for _, id := range cites {
		if row, ok := j.catalogue.ByID(id); ok { // country's tests see to it that each id exists
			f.citations = append(f.citations, row.Cite())
		}
	}
	return f
}

func (j *judge) refuse(f Finding) { j.refusals = append(j.refusals, f) }

func (j *judge) warn(f Finding) { j.warnings = append(j.warnings, Warning{Finding: f}) }

// refuseSerious refuses where patients depend on the stack, and warns elsewhere.
func (j *judge) refuseSerious(f Finding) {
	if j.serious {
		j.refuse(f)
		return
	}
	j.warn(f)
}
