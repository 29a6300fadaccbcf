package runtime

import (
	"fmt"
	"strings"
	"time"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/stacks/plan"
)

// RulesTable is the rules as a table for people, in Markdown.
func RulesTable() string {
	var out strings.Builder
	out.WriteString("| rule | priority | what it tells | serves |\n|---|---|---|---|\n")
	for _, r := range Detections(&plan.Plan{}, &traffic.Graph{}).Rules {
		fmt.Fprintf(&out, "| %s | %s | %s | `%s` |\n", r.Name, strings.ToLower(string(r.Priority)), r.Desc, r.Capability)
	}
	return out.String()
}

// ExceptionsTable is the exceptions as a table for people, in Markdown. Images are named as their makers publish them.
func ExceptionsTable() string {
	var out strings.Builder
	out.WriteString("| rule | exception | where | reason | owner | until |\n|---|---|---|---|---|---|\n")
	for _, r := range Detections(&plan.Plan{}, &traffic.Graph{}).Rules {
		for _, e := range r.Exceptions {
			var where []string
			for _, m := range e.When {
				where = append(where, fmt.Sprintf("%s %s `%s`", m.Field, m.Comparison, m.Value))
			}
			fmt.Fprintf(&out, "| %s | `%s` | %s | %s | %s | %s |\n", r.Name, e.Name, strings.Join(where, ", "), e.Reason, e.Owner, e.Expires.Format(time.DateOnly))
		}
	}
	return out.String()
}
