package review

import (
	"fmt"
	"slices"
	"strings"
)

// Marker is the first line of every review, invisible to readers: by it the pipeline finds the comment to update.
const Marker = "<!-- lagrum review -->"

// How much is shown. GitHub takes 65,536 characters in a comment and refuses a longer one as a whole.
const (
	mostCharacters = 60000
	mostItems      = 30 // resources under one heading, flags of one kind
	mostProperties = 12 // of one resource
)

// Markdown is the comment. Where it would be too long the changes are left out, stack by stack from the end; flags never.
func (r *Report) Markdown() string {
	detailed := make([]bool, len(r.stacks))
	for i := range detailed {
		detailed[i] = true
	}
	for cut := len(detailed) - 1; ; cut-- {
		text := r.render(detailed)
		if len(text) <= mostCharacters || cut < 0 {
			return text
		}
		detailed[cut] = false
	}
}

func (r *Report) render(detailed []bool) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n## Review of the stacks\n\n%s\n", Marker, r.summary())
	var quiet []string
	for i, s := range r.stacks {
		if s.rank() == 0 && len(s.notes) == 0 {
			quiet = append(quiet, "- "+code(s.name)+": no changes\n")
			continue
		}
		s.render(&out, r, detailed[i])
	}
	if len(quiet) > 0 {
		fmt.Fprintf(&out, "\n%s", strings.Join(quiet, ""))
	}
	return out.String()
}

// summary is one sentence on the whole.
func (r *Report) summary() string {
	failed, severe, flagged := 0, 0, 0
	for _, s := range r.stacks {
		if s.problem != "" {
			failed++
		}
		for _, f := range s.flags {
			if f.severity == Severe {
				severe++
			} else {
				flagged++
			}
		}
	}
	var parts []string
	if failed > 0 {
		parts = append(parts, count(failed, "stack")+" could not be reviewed as a whole")
	}
	if severe > 0 {
		parts = append(parts, count(severe, "severe flag"))
	}
	if flagged > 0 {
		parts = append(parts, count(flagged, "flag"))
	}
	if len(parts) == 0 {
		return "No red flag."
	}
	return "**" + strings.Join(parts, ", ") + ".** Whoever approves has looked at each."
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (s *stack) render(out *strings.Builder, r *Report, detailed bool) {
	fmt.Fprintf(out, "\n### %s: %s\n", code(s.name), s.counts())
	if s.problem != "" {
		fmt.Fprintf(out, "\n**The preview failed, so that more may change than is shown.**\n\n%s", block(s.problem))
	}
	for _, n := range s.notes {
		fmt.Fprintf(out, "\n_%s_\n", n)
	}
	s.renderFlags(out, r)
	if len(s.changes) == 0 && len(s.plan) == 0 {
		return
	}
	if !detailed {
		fmt.Fprintf(out, "\n_The changes are left out, since the comment would be too long; see the pipeline's log._\n")
		return
	}
	fmt.Fprintf(out, "\n<details>\n<summary>What changes</summary>\n")
	for _, part := range []struct {
		verb  verb
		title string
	}{{deleted, "Deleted"}, {replaced, "Replaced"}, {changed, "Changed"}, {added, "Added"}} {
		s.renderChanges(out, part.verb, part.title)
	}
	if len(s.plan) > 0 {
		fmt.Fprintf(out, "\n**Plan**\n\n")
		limited(out, s.plan, mostItems, "", func(p property) string { return "- " + propertyText(p) + "\n" })
	}
	fmt.Fprintf(out, "\n</details>\n")
}

func (s *stack) counts() string {
	var parts []string
	for _, part := range []struct {
		verb verb
		name string
	}{{added, "added"}, {changed, "changed"}, {replaced, "replaced"}, {deleted, "deleted"}} {
		if n := len(s.with(part.verb)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, part.name))
		}
	}
	switch {
	case len(parts) > 0:
	case s.problem != "":
		parts = append(parts, "not reviewed")
	default:
		parts = append(parts, "no resource changes")
	}
	return strings.Join(parts, ", ")
}

func (s *stack) with(v verb) []change {
	var found []change
	for _, c := range s.changes {
		if c.verb == v {
			found = append(found, c)
		}
	}
	return found
}

// renderFlags prints the flags under their kinds, each kind with what it touches.
func (s *stack) renderFlags(out *strings.Builder, r *Report) {
	for i := 0; i < len(s.flags); {
		j := i
		for j < len(s.flags) && s.flags[j].kind == s.flags[i].kind && s.flags[j].severity == s.flags[i].severity {
			j++
		}
		group, k := s.flags[i:j], kindOf(s.flags[i].kind)
		word := "Flag"
		if group[0].severity == Severe {
			word = "SEVERE"
		}
		fmt.Fprintf(out, "\n**%s: %s**\n\n", word, k.title)
		limited(out, group, mostItems, "", func(f flag) string { return "- " + f.says + "\n" })
		var cites []string
		whole := false // a flag without citations of its own touches what its kind touches
		for _, f := range group {
			cites = append(cites, f.cites...)
			whole = whole || len(f.cites) == 0
		}
		touched := k.touched(r.catalogue, s.law, cites)
		if whole && len(cites) > 0 {
			touched = append(touched, k.touched(r.catalogue, s.law, nil)...)
		}
		var printed []string
		for _, row := range touched {
			if line := "- " + plain(row.Cite()) + "\n"; !slices.Contains(printed, line) {
				printed = append(printed, line)
			}
		}
		// What is missing touches whatever the plan would have said.
		if k.kind != PlanMissing && len(printed) > 0 {
			fmt.Fprintf(out, "\nTouches:\n\n%s", strings.Join(printed, ""))
		}
		i = j
	}
}

func (s *stack) renderChanges(out *strings.Builder, v verb, title string) {
	found := s.with(v)
	if len(found) == 0 {
		return
	}
	fmt.Fprintf(out, "\n**%s**\n\n", title)
	limited(out, found, mostItems, "", func(c change) string {
		var item strings.Builder
		unknown := ""
		if v == changed && len(c.properties) == 0 { // such as everything behind a provider that changes
			unknown = ": what of it changes is known after the update"
		}
		fmt.Fprintf(&item, "- %s%s\n", resource(c), unknown)
		limited(&item, c.properties, mostProperties, "  ", func(p property) string {
			forces := ""
			if v == replaced && slices.ContainsFunc(c.reasons, func(reason string) bool { return rootOf(reason) == p.path[0] }) {
				forces = ", which forces the replacement"
			}
			return "  - " + propertyText(p) + forces + "\n"
		})
		return item.String()
	})
}

// limited prints at most so many, and how many more there are.
func limited[T any](out *strings.Builder, all []T, most int, indent string, print func(T) string) {
	for i, e := range all {
		if i == most {
			fmt.Fprintf(out, "%s- and %d more\n", indent, len(all)-most)
			return
		}
		out.WriteString(print(e))
	}
}

// propertyText is one property with both sides.
func propertyText(p property) string {
	path := code(pathText(p.path))
	if p.hidden {
		if holdsSecret(p.old) || holdsSecret(p.new) {
			return path + ": another secret value"
		}
		return path + ": differs from what exists"
	}
	if _, ok := p.new.(secret); ok && p.old != nil {
		if _, ok := p.old.(secret); ok {
			return path + ": another secret value"
		}
	}
	old, now := valueTexts(p.old, p.new)
	switch {
	case p.old == nil:
		return path + ": " + code(now) + " is new"
	case p.new == nil:
		return path + ": " + code(old) + " goes"
	}
	return path + ": " + code(old) + " → " + code(now)
}

func holdsSecret(v any) bool {
	switch v := v.(type) {
	case secret:
		return true
	case map[string]any:
		for _, e := range v {
			if holdsSecret(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsSecret)
	}
	return false
}

// code puts a value into a code span that it cannot leave, whatever it holds: a comment must not ping people, link or
// draw because a site says so.
func code(value string) string {
	value = oneLine(value)
	if value == "" {
		return "(empty)"
	}
	fence, run := 1, 0
	for _, r := range value {
		if r != '`' {
			run = 0
			continue
		}
		run++
		fence = max(fence, run+1)
	}
	if fence == 1 {
		return "`" + value + "`"
	}
	ticks := strings.Repeat("`", fence)
	return ticks + " " + value + " " + ticks
}

// block shows text as it is, with a fence that it cannot close.
func block(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if runes := []rune(text); len(runes) > 4000 {
		text = string(runes[:4000]) + "\n… the rest is in the pipeline's log"
	}
	return fence + "text\n" + strings.TrimRight(text, "\n") + "\n" + fence + "\n"
}

// plain keeps Markdown from reading anything into a citation.
func plain(text string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;", "`", "\\`").Replace(text)
}

func join(parts []string) string { return strings.Join(parts, ", ") }
