package runtime

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
)

// Lint finds what Falco would refuse when it reads a set, and what it would take and never match. It is a lint: only Falco
// itself, fed with events of a kernel, shows that a rule fires. All mistakes are told at once.
func (s Set) Lint() error {
	l := &linter{macros: map[string]condition{}, lists: map[string]bool{}, used: map[string]bool{}}
	for _, list := range s.Lists {
		l.named("list", list.Name)
		if len(list.Items) == 0 {
			l.bad("list %q: has no items: what is compared with it never matches", list.Name)
		}
		l.lists[list.Name] = true
	}
	for _, m := range s.Macros {
		l.named("macro", m.Name)
		l.macros[m.Name] = l.condition("macro", m.Name, m.Condition)
	}
	names := map[string]bool{}
	for _, r := range s.Rules {
		if names[r.Name] {
			l.bad("rule %q: is there twice; the second would take the place of the first", r.Name)
		}
		names[r.Name] = true
		l.rule(r)
	}
	for _, name := range append(listNames(s.Lists), macroNames(s.Macros)...) {
		if !l.used[name] {
			l.bad("%q: nothing uses it; take it out", name)
		}
	}
	return errors.Join(l.mistakes...)
}

type linter struct {
	macros   map[string]condition
	lists    map[string]bool
	used     map[string]bool
	mistakes []error
}

func (l *linter) bad(format string, args ...any) {
	l.mistakes = append(l.mistakes, fmt.Errorf("rules: "+format, args...))
}

var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// named checks the name of a list or macro. Both are bare words in conditions, so they share their names.
func (l *linter) named(kind, name string) {
	_, macro := l.macros[name]
	if l.lists[name] || macro {
		l.bad("%s %q: its name is given twice", kind, name)
	}
	if !plainName.MatchString(name) || slices.Contains(operators, name) || slices.Contains(connecting, name) {
		l.bad("%s %q: is no name; use lower-case letters, digits and _", kind, name)
	}
}

// condition checks one against what was defined before it, as Falco reads it.
func (l *linter) condition(kind, name, text string) condition {
	c, err := parse(text)
	if err != nil {
		l.bad("%s %q: condition: %v", kind, name, err)
		return c
	}
	for _, f := range c.fields {
		if _, known := fields[f]; !known {
			l.bad("%s %q: condition: field %q is not in the table; see fields.go", kind, name, f)
		}
	}
	for _, m := range c.macros {
		if _, known := l.macros[m]; !known {
			l.bad("%s %q: condition: macro %q is not defined before it", kind, name, m)
		}
		l.used[m] = true
	}
	for _, list := range c.lists {
		if !l.lists[list] {
			l.bad("%s %q: condition: list %q is not defined; a literal wants quotes", kind, name, list)
		}
		l.used[list] = true
	}
	return c
}

var (
	placeholder = regexp.MustCompile(`%[A-Za-z0-9_.\[\]]*`)
	priorities  = []Priority{Critical, Error, Warning, Notice, Informational}
)

func (l *linter) rule(r Rule) {
	if r.Name == "" || r.Name != strings.TrimSpace(r.Name) {
		l.bad("rule %q: has no name", r.Name)
	}
	if r.Desc == "" {
		l.bad("rule %q: has no description", r.Name)
	}
	if !slices.Contains(priorities, r.Priority) {
		l.bad("rule %q: priority %q is none of %v", r.Name, r.Priority, priorities)
	}
	if !slices.Contains(requirements.Capabilities(), r.Capability) {
		l.bad("rule %q: capability %q is not in the catalogue", r.Name, r.Capability)
	}
	if c := l.condition("rule", r.Name, r.Condition); !l.looksAt("evt.type", c, 0) {
		l.bad("rule %q: names no type of event: Falco would try it on every one", r.Name)
	}
	told := placeholder.FindAllString(r.Output, -1)
	for _, p := range told {
		field, known := fields[p[1:]]
		switch {
		case !known:
			l.bad("rule %q: output: %s is no field of the table; see fields.go", r.Name, p)
		case field.Content:
			l.bad("rule %q: output: %s can hold what somebody wrote, and a line is kept", r.Name, p)
		}
	}
	for _, f := range everybody {
		if !slices.Contains(told, "%"+f) {
			l.bad("rule %q: output: does not tell %s", r.Name, f)
		}
	}
	l.exceptions(r)
}

// looksAt tells whether a condition looks at a field, by itself or through macros.
func (l *linter) looksAt(field string, c condition, deep int) bool {
	if slices.Contains(c.fields, field) {
		return true
	}
	return deep < len(l.macros) && slices.ContainsFunc(c.macros, func(m string) bool { return l.looksAt(field, l.macros[m], deep+1) })
}

var comparisons = []string{"=", "startswith", "endswith"} // contains excuses too much

func (l *linter) exceptions(r Rule) {
	seen := map[string]bool{}
	for _, e := range r.Exceptions {
		bad := func(format string, args ...any) {
			l.bad("rule %q: exception %q: "+format, append([]any{r.Name, e.Name}, args...)...)
		}
		if !plainName.MatchString(e.Name) || seen[e.Name] {
			bad("wants a name of its own: lower-case letters, digits and _")
		}
		seen[e.Name] = true
		if strings.TrimSpace(e.Owner) == "" || strings.TrimSpace(e.Reason) == "" || e.Expires.IsZero() {
			bad("wants an owner, a reason and the last day on which it holds")
		}
		// One field alone is too easily like it.
		if len(e.When) < 2 {
			bad("wants two fields or more: where it is, and what happens there")
		}
		for _, m := range e.When {
			if _, known := fields[m.Field]; !known {
				bad("field %q is not in the table; see fields.go", m.Field)
			}
			if !slices.Contains(comparisons, m.Comparison) {
				bad("%s: comparison %q is none of %v", m.Field, m.Comparison, comparisons)
			}
			if m.Value == "" {
				bad("%s: is compared with nothing", m.Field)
			}
		}
	}
}

func listNames(all []List) []string {
	var names []string
	for _, l := range all {
		names = append(names, l.Name)
	}
	return names
}

func macroNames(all []Macro) []string {
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
	}
	return names
}
