package objectlock

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a preflight found.
type Report struct {
	Endpoint, Region, Bucket string
	Findings                 []Finding
	// Remains is what the store keeps until its lock ends.
	Remains Remains
	// Unrestored is what of the canary bucket could not be set as before.
	Unrestored []string
}

// Judge decides whether the store is an archive.
func (r Report) Judge() Judgement { return Judge(r.Findings) }

// detail is a finding's effect, or else its last answer in full.
func (f Finding) detail() string {
	if f.Effect != "" {
		return f.Effect
	}
	if len(f.Answers) == 0 {
		return "nothing was asked"
	}
	return f.Answers[len(f.Answers)-1].full()
}

// Write prints the table of checks, the judgement, and what stays.
func (r Report) Write(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Object lock of %s, region %s, tried in bucket %s\n\n", r.Endpoint, r.Region, r.Bucket)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	section := map[Kind]string{Control: "CONTROLS AND FACTS", Fact: "CONTROLS AND FACTS", Attack: "ATTACKS", Later: "ATTACKS"}
	last := ""
	for _, f := range r.Findings {
		if name := section[f.Kind]; name != last {
			if last != "" {
				fmt.Fprintln(table, "\t\t\t")
			}
			fmt.Fprintf(table, "%s\tON\tTHE STORE ANSWERED\tVERDICT\n", name)
			last = name
		}
		answers := make([]string, 0, len(f.Answers))
		for _, a := range f.Answers {
			answers = append(answers, a.String())
		}
		if len(answers) == 0 {
			answers = []string{"-"}
		}
		verdict := string(f.Verdict)
		if f.Effect != "" {
			verdict += ": " + f.Effect
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.what(), f.On, strings.Join(answers, ", then "), verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text.WriteString("\n")
	r.Judge().write(&text)
	r.writeRemains(&text)
	_, err := io.WriteString(w, trimLines(text.String()))
	return err
}

// what the finding's check does, by the catalogue.
func (f Finding) what() string {
	all := Catalogue()
	i := slices.IndexFunc(all, func(c Check) bool { return c.ID == f.ID && c.Kind == f.Kind })
	if i < 0 {
		return string(f.ID)
	}
	return all[i].What
}

func (j Judgement) write(text *strings.Builder) {
	if j.Archive {
		text.WriteString("Judgement: an archive. No attack weakened a lock.\n")
	} else {
		fmt.Fprintf(text, "Judgement: NOT AN ARCHIVE, for %d reasons:\n", len(j.Reasons))
	}
	for _, reason := range j.Reasons {
		fmt.Fprintf(text, "- %s: %s\n  remedy: %s\n", reason.What, reason.Broken, reason.Remedy)
	}
	if len(j.Conditions) > 0 {
		text.WriteString("What the site must still see to:\n")
	}
	for _, condition := range j.Conditions {
		fmt.Fprintf(text, "- %s\n", condition)
	}
}

func (r Report) writeRemains(text *strings.Builder) {
	text.WriteString("\n")
	if left := r.Remains; left.Versions == 0 {
		text.WriteString("Nothing stays in the store.\n")
	} else {
		ends := "the next preflight removes them after that"
		if left.Expires {
			ends = "a lifecycle rule removes them then"
		}
		fmt.Fprintf(text, "What stays: %d versions, %d bytes, locked until %s; %s.\n", left.Versions, left.Bytes, left.Until.UTC().Format(time.RFC3339), ends)
	}
	for _, what := range r.Unrestored {
		fmt.Fprintf(text, "Could not be restored: %s\n", what)
	}
}

// trimLines removes the spaces with which the table fills its last column.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
