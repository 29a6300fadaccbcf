package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lagrum/lagrum/stacks/site"
)

// longWaiver is the time after which a waiver looks like a habit.
const longWaiver = 366 * 24 * time.Hour

// waive turns each refusal that a valid waiver names into a warning, and judges the waivers themselves: an expired
// one refuses, whether it is still needed or not, so that nobody forgets it. Those of provenance hold for images without
// digests too, which are judged later: see Unresolved.
func (j *judge) waive(declared []site.Waiver, provenance IDs) []Waiver {
	refusals := j.refusals
	j.refusals = nil
	valid := make([]*Waiver, len(declared)) // nil: not valid
	for i, w := range declared {
		path, id := fmt.Sprintf("waivers[%d]", i), w.Requirement.String()
		row, known := j.catalogue.ByID(id)
		switch {
		case !known:
			j.refuse(Finding{Path: path + ".requirement", Value: id, Message: "is not in the catalogue", Remedy: "name the id that the refusal names"})
		case w.Until.Passed(j.at):
			f := Finding{Path: path + ".until", Value: w.Until.String(),
				Message: fmt.Sprintf("has passed: %s waived %s (%s)", w.Owner, id, w.Reason),
				Remedy:  "mend what it excused and take the waiver out, or have its owner decide on a new date"}
			f.citations = []string{row.Cite()} // no Requirements: a waiver cannot be waived
			j.refuse(f)
		default:
			valid[i] = &Waiver{Requirement: id, Reason: w.Reason.String(), Owner: w.Owner.String(), Until: w.Until.String()}
		}
	}
	for _, r := range refusals {
		var by *Waiver
		for _, w := range valid {
			if w == nil || !slices.Contains(r.Requirements, w.Requirement) {
				continue
			}
			w.Paths = append(w.Paths, r.Path)
			if by == nil {
				by = w
			}
		}
		if by == nil {
			j.refuse(r)
			continue
		}
		j.warnings = append(j.warnings, Warning{Finding: r, Waiver: by})
	}
	var used []Waiver
	for i, w := range valid {
		if w == nil {
			continue
		}
		if j.serious && slices.Contains(provenance, w.Requirement) {
			w.Paths = append(w.Paths, imagesPath)
		}
		path := fmt.Sprintf("waivers[%d]", i)
		if declared[i].Until.Time().Sub(j.at) > longWaiver {
			j.warn(Finding{Path: path + ".until", Value: w.Until, Message: "is more than a year ahead", Remedy: "decide on a nearer date"})
		}
		if len(w.Paths) == 0 {
			j.warn(Finding{Path: path, Value: w.Requirement, Message: "waives nothing: no refusal names it", Remedy: "take it out"})
			continue
		}
		if len(w.Paths) > 1 {
			j.warn(Finding{Path: path, Value: w.Requirement,
				Message: fmt.Sprintf("waives %d refusals: %s", len(w.Paths), strings.Join(w.Paths, ", ")),
				Remedy:  "see that its reason holds for each of them"})
		}
		used = append(used, *w)
	}
	return used
}
