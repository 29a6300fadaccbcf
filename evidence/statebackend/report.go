package statebackend

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/lagrum/lagrum/requirements"
)

// Worst is the worst verdict of all.
func Worst(findings []Finding) Verdict {
	worst := Holds
	for _, f := range findings {
		worst = max(worst, f.Verdict)
	}
	return worst
}

// Code is the exit code for findings: 0 where everything holds, 2 where something is warned about or not shown, 3 where
// something is refused. 1 is left to a check that could not be made.
func Code(findings []Finding) int {
	switch Worst(findings) {
	case Holds:
		return 0
	case Refused:
		return 3
	default:
		return 2
	}
}

// Write prints a row for each finding, then what to do about those that do not hold, the worst first, each with the
// requirements it touches at the certainty that the catalogue allows.
func Write(w io.Writer, stack string, findings []Finding) error {
	catalogue, err := requirements.Embedded()
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "State of stack %s\n\n", stack)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tFOUND\tVERDICT")
	for _, f := range findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Check, f.Found, f.Verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, verdict := range []Verdict{Refused, Warned, NotShown} {
		for _, f := range findings {
			if f.Verdict != verdict {
				continue
			}
			fmt.Fprintf(&text, "\n%s: %s: %s\n  remedy: %s\n", f.Verdict, f.Check, f.Message, f.Remedy)
			for _, id := range f.Cites {
				if row, ok := catalogue.ByID(id); ok {
					fmt.Fprintf(&text, "  by: %s\n", row.Cite())
				}
			}
		}
	}
	_, err = io.WriteString(w, text.String())
	return err
}
