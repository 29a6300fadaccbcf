package archive

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a walk found.
type Report struct {
	Endpoint    string    `json:"endpoint"`
	Bucket      string    `json:"bucket"`
	Prefix      string    `json:"prefix"`
	FloorDays   int       `json:"floorDays"`
	CeilingDays int       `json:"ceilingDays,omitempty"`
	At          time.Time `json:"at"`
	// Objects are whole ones, Versions everything that the bucket lists, delete markers included.
	Objects  int `json:"objects"`
	Versions int `json:"versions"`
	// Events are lines; Identified those of them with a unique id, Unique the ids, Duplicates how often one came again.
	Events     int `json:"events"`
	Identified int `json:"identified"`
	Unique     int `json:"unique"`
	Duplicates int `json:"duplicates"`
	// AuditIDs are unique ids of the API's audit events, whatever their stage.
	AuditIDs int `json:"auditIDs"`
	// Flawed are events that do not follow their source's schema, and were kept.
	Flawed   int       `json:"flawed"`
	Chains   []Chain   `json:"chains"`
	Problems []Finding `json:"problems"`
	Notices  []Finding `json:"notices"`
}

// Chain is what was found of one chain.
type Chain struct {
	Class   string `json:"class"`
	Cluster string `json:"cluster"`
	Node    string `json:"node"`
	Chain   string `json:"chain"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	// SHA256 of the last.
	SHA256 string    `json:"sha256"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended"`
}

func (c Chain) name() chainName { return chainName{c.Class, c.Cluster, c.Node, c.Chain} }

// Kind of a finding.
type Kind string

// What speaks against an archive.
const (
	Altered     Kind = "ALTERED"
	Broken      Kind = "BROKEN LINK"
	Fork        Kind = "FORK"
	Long        Kind = "LOCKED TOO LONG"
	Malformed   Kind = "MALFORMED"
	Marked      Kind = "MARKED AS DELETED"
	Missing     Kind = "MISSING"
	Overwritten Kind = "OVERWRITTEN"
	Setting     Kind = "SETTING"
	Short       Kind = "LOCK TOO SHORT"
	Unexpected  Kind = "UNEXPECTED"
	Unlocked    Kind = "NOT LOCKED"
	Unreadable  Kind = "UNREADABLE"
)

// What does not, and should be known.
const (
	Again   Kind = "put again"
	Begun   Kind = "new chain"
	Partial Kind = "partial chain"
)

// Finding is one thing that was found.
type Finding struct {
	Kind Kind `json:"kind"`
	// Key of the object, or the name of the chain; empty for the bucket.
	Key     string `json:"key,omitempty"`
	Version string `json:"version,omitempty"`
	What    string `json:"what"`
}

// Whole says that nothing speaks against the archive, and that there is one: an empty bucket proves nothing.
func (r Report) Whole() bool { return len(r.Problems) == 0 && r.Objects > 0 }

func (w *walk) sort() {
	for _, all := range [][]Finding{w.report.Problems, w.report.Notices} {
		slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind)) })
	}
}

// Write prints the counts, the chains, what was found and the judgement.
func (r Report) Write(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Archive %s at %s, prefix %q, each version to be locked for %d days\n\n", r.Bucket, r.Endpoint, r.Prefix, r.FloorDays)
	fmt.Fprintf(&text, "objects %d, versions %d, events %d\n", r.Objects, r.Versions, r.Events)
	fmt.Fprintf(&text, "with an id %d: unique %d, duplicates %d; audit ids %d; kept against their schema %d\n\n", r.Identified, r.Unique, r.Duplicates, r.AuditIDs, r.Flawed)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CLASS\tCLUSTER\tNODE\tCHAIN\tFROM\tTO\tLAST WRITTEN\tSHA-256 OF THE LAST")
	for _, c := range r.Chains {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", c.Class, c.Cluster, c.Node, c.Chain, c.First, c.Last, c.Ended.UTC().Format(time.RFC3339), c.SHA256)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, section := range []struct {
		title string
		found []Finding
	}{{"What should be known", r.Notices}, {"What is wrong", r.Problems}} {
		if len(section.found) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n%s:\n", section.title)
		for _, f := range section.found {
			of := f.Key
			if of == "" {
				of = "the bucket"
			}
			if f.Version != "" {
				of += ", version " + f.Version
			}
			fmt.Fprintf(&text, "- %s: %s\n  %s\n", f.Kind, of, f.What)
		}
	}
	switch {
	case r.Whole():
		text.WriteString("\nJudgement: whole. Every object is in its place, unchanged and locked.\n")
	case r.Objects == 0 && len(r.Problems) == 0:
		text.WriteString("\nJudgement: NOTHING IS THERE, which proves nothing.\n")
	default:
		fmt.Fprintf(&text, "\nJudgement: NOT WHOLE, for %d reasons.\n", len(r.Problems))
	}
	_, err := io.WriteString(out, text.String())
	return err
}
