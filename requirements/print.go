package requirements

import (
	"fmt"
	"regexp"
	"strings"
)

// The texts that go with a grade or a status. They are the printing rule; nothing else in the repository words it.
const (
	toBeConfirmed = "to be confirmed by counsel"
	unverified    = "unverified, " + toBeConfirmed
	oldWording    = "wording before 2026-02-01"
	ownWords      = "in our own words, its text was not read: "
)

// ownWordsNote is the note of the ISO rows.
const ownWordsNote = "id+title verified, demand sentence in our own words (standard text not read)"

// Print returns all that may be printed about the requirement, on one line, and whether that may be printed as
// fact:
//
//	A   fact
//	A*  fact, in the wording before 2026-02-01
//	B   fact, with its source
//	T   id and title are fact; the demand is marked as our own wording
//	C   no fact: marked as unverified
//	U   no fact: the id alone
//
// What the row's status takes away (a legacy rule is no duty in force) is said in the text; notes are binding and
// always printed. A fact about a rule is not yet a duty of the site: see Decides.
func (r Requirement) Print() (text string, fact bool) {
	fact = r.Grade != GradeC && r.Grade != GradeU
	if r.Grade == GradeU {
		return r.head(), fact
	}
	_, demand, _ := r.withinNote()
	if r.Grade == GradeT {
		demand = ownWords + demand
	}
	return r.head() + ": " + demand + r.caveats(func(s Source) string { return s.Ref }), fact
}

// Cite returns the short citation for a refusal or a resource: what Print returns, without the demand, and with
// sources named by their key in the catalogue and their kind.
func (r Requirement) Cite() string {
	if r.Grade == GradeU {
		return r.head()
	}
	return r.head() + r.caveats(func(s Source) string { return s.Key + ", " + s.Kind })
}

// Sure says what a grade means, for the legend of a document that prints rows by their grades.
func (g Grade) Sure() string {
	switch g {
	case GradeA:
		return "the text of the provision was read"
	case GradeAOldWording:
		return "the text was read in its " + oldWording
	case GradeB:
		return "the provision itself was not read; a source states it with this number"
	case GradeT:
		return "number and title are verified, the text was not read"
	case GradeC:
		return "partly inferred: " + unverified
	case GradeU:
		return "not established: " + toBeConfirmed
	default:
		return ""
	}
}

// head is citation, title and id.
func (r Requirement) head() string {
	if r.Grade == GradeU {
		return fmt.Sprintf("[%s] %s", r.ID, toBeConfirmed)
	}
	citation, _, _ := r.withinNote()
	if r.Title != "-" && r.Title != "?" {
		citation += fmt.Sprintf(" %q", r.Title)
	}
	head := fmt.Sprintf("%s [%s]", citation, r.ID)
	if r.Grade == GradeC {
		return unverified + ": " + head
	}
	return head
}

// caveats is what must be said beside the citation: of the grade, of the status, and the binding note.
func (r Requirement) caveats(name func(Source) string) string {
	var said []string
	switch r.Grade {
	case GradeAOldWording:
		said = append(said, oldWording)
	case GradeB:
		names := make([]string, len(r.Sources))
		for i, s := range r.Sources {
			names[i] = name(s)
		}
		said = append(said, "the provision itself was not read; as stated by "+strings.Join(names, "; and by "))
	}
	if status := r.Status.caveat(); status != "" {
		said = append(said, status)
	}
	if _, _, note := r.withinNote(); note != "" {
		said = append(said, "note: "+note)
	}
	if len(said) == 0 {
		return ""
	}
	return " (" + strings.Join(said, "; ") + ")"
}

// caveat says what the status takes away from the row. The statuses to-confirm and do-not-assert say what the
// grades C and U say already.
func (s Status) caveat() string {
	switch s {
	case Standard:
		return "a standard: it binds only by contract, certification or choice"
	case OverlaySE:
		return "binds Swedish state agencies only"
	case OverlayDK:
		return "binds Danish state institutions only"
	case Check2557:
		return "HSLF-FS 2025:57 may have changed it: re-read before relying on the wording"
	case Amended:
		return "changed by HSLF-FS 2025:57"
	case Phased:
		return "in force, but the duty applies from a later date"
	case Legacy:
		return "an older rule, kept as a benchmark: not a duty in force"
	case NotApplicable:
		return "does not apply: listed so that nobody cites it by mistake"
	default:
		return ""
	}
}

var (
	// counted finds the number that a note says was counted by us and not read.
	counted = regexp.MustCompile(`so "nr\. (\d+)" is counted`)
	// postTopic is how the rows of the Danish processor instruction name their place: by the order of a blog post.
	postTopic = regexp.MustCompile(` topic \d+ \(order as in the Danish Elastisys post; section number UNVERIFIED\)$`)
)

// withinNote returns the citation, the demand and what is left to say of the note, within the limits that the note
// sets: a number that was counted from an unnumbered list is not cited, and a topic that only a post names gets no
// place in the guide.
func (r Requirement) withinNote() (citation, demand, note string) {
	citation, demand, note = r.Citation, r.Demand, r.Note
	if m := counted.FindStringSubmatch(note); m != nil {
		citation = strings.TrimSuffix(citation, ", nr. "+m[1])
		demand = strings.Replace(demand, "measure "+m[1]+":", "measure:", 1)
		note = "one item of an unnumbered list"
	}
	if note == ownWordsNote {
		note = "" // the grade says it
	}
	return postTopic.ReplaceAllString(citation, ", a topic named by a post"), demand, note
}
