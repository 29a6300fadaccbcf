package runtime

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

func TestDetectionsPassTheLint(t *testing.T) {
	t.Parallel()
	detections := Detections(site(), graph(t, site()))
	require.NoError(t, detections.Lint())
	require.NoError(t, Detections(&plan.Plan{}, &traffic.Graph{}).Lint(), "also where nobody has business outside")
	require.Len(t, detections.Rules, 13)
	// What is excused is excused of a rule that there is.
	excused := 0
	for _, r := range detections.Rules {
		excused += len(r.Exceptions)
	}
	want := 0
	for _, all := range exceptions(site()) {
		want += len(all)
	}
	assert.Equal(t, want, excused, "an exception names no rule")
}

// sound is a set without a mistake.
func sound() Set {
	return Set{
		Lists:  []List{{"shells", []string{"sh"}}},
		Macros: []Macro{{"started", `evt.type in ("execve")`}, {"shell_started", `started and proc.name in (shells)`}},
		Rules: []Rule{{
			Name: "Shell", Desc: "a shell", Capability: requirements.IntrusionDetection, Priority: Error,
			Condition: `shell_started and not (proc.tty = 0 or proc.pname exists)`, Output: says("Shell", "fd.name"),
			Exceptions: []Exception{{Name: "known", Owner: "o", Reason: "r", Expires: until,
				When: []Match{{"container.image.repository", "=", "a"}, {"proc.exepath", "startswith", "/b"}}}},
		}},
	}
}

// Each mistake by itself: what is made wrong, and what is said, and nothing else.
func TestLint(t *testing.T) {
	t.Parallel()
	require.NoError(t, sound().Lint())
	condition := func(text string) func(*Set) {
		return func(s *Set) { s.Rules[0].Condition = "shell_started and " + text }
	}
	excuse := func(change func(*Exception)) func(*Set) { return func(s *Set) { change(&s.Rules[0].Exceptions[0]) } }
	for want, change := range map[string]func(*Set){
		`rule "Shell": condition: field "proc.nme" is not in the table`:          condition(`proc.nme = "x"`),
		`rule "Shell": condition: macro "in_container" is not defined before it`: condition("in_container"),
		`rule "Shell": condition: list "sh" is not defined; a literal wants`:     condition("proc.name in (sh)"),
		`rule "Shell": condition: field proc.name: compared with "sh", which`:    condition("proc.name = sh"),
		`rule "Shell": condition: field proc.tty is compared with nothing`:       condition("proc.tty"),
		`rule "Shell": condition: field proc.tty: compared with "", which is`:    condition("proc.tty ="),
		`rule "Shell": condition: wants a field or a macro, has "and"`:           condition("and proc.tty = 0"),
		`rule "Shell": condition: wants a field or a macro, has ""`:              condition("not"),
		`rule "Shell": condition: wants ")", has ""`:                             condition("(proc.tty = 0"),
		`rule "Shell": condition: ")" after its end`:                             condition("proc.tty = 0)"),
		`rule "Shell": condition: wants a value, has ")"`:                        condition("proc.name in ()"),
		`rule "Shell": condition: cannot read "~ 0"`:                             condition("proc.tty ~ 0"),
		`rule "Shell": condition: cannot read "\"x"`:                             condition(`proc.name = "x`),
		`rule "Shell": names no type of event`: func(s *Set) {
			s.Macros[0].Condition, s.Rules[0].Condition = `proc.tty = 1`, "shell_started"
		},
		`macro "started": condition: macro "shell_started" is not defined before it`: func(s *Set) {
			s.Macros[0].Condition = `evt.type in ("execve") and shell_started`
		},
		`macro "started": its name is given twice`: func(s *Set) { s.Macros = append(s.Macros, s.Macros[0]) },
		`list "started": its name is given twice`: func(s *Set) {
			s.Lists = append(s.Lists, List{"started", []string{"x"}}, List{"started", []string{"x"}})
		},
		`macro "shells": its name is given twice`:                          func(s *Set) { s.Macros = append(s.Macros, Macro{"shells", "started"}) },
		`list "and": is no name`:                                           func(s *Set) { s.Lists = append(s.Lists, List{"and", []string{"x"}}) },
		`list "shells": has no items`:                                      func(s *Set) { s.Lists[0].Items = nil },
		`"spare": nothing uses it`:                                         func(s *Set) { s.Macros = append(s.Macros, Macro{"spare", "started"}) },
		`"idle": nothing uses it`:                                          func(s *Set) { s.Lists = append(s.Lists, List{"idle", []string{"x"}}) },
		`rule "Shell": is there twice`:                                     func(s *Set) { s.Rules = append(s.Rules, s.Rules[0]) },
		`rule "": has no name`:                                             func(s *Set) { s.Rules[0].Name = "" },
		`rule "Shell": has no description`:                                 func(s *Set) { s.Rules[0].Desc = "" },
		`rule "Shell": priority "HIGH" is none of`:                         func(s *Set) { s.Rules[0].Priority = "HIGH" },
		`rule "Shell": capability "speed" is not in`:                       func(s *Set) { s.Rules[0].Capability = "speed" },
		`rule "Shell": output: %proc.nme is no field`:                      func(s *Set) { s.Rules[0].Output += " %proc.nme" },
		`rule "Shell": output: % is no field`:                              func(s *Set) { s.Rules[0].Output += " 5%" },
		`rule "Shell": output: %proc.cmdline can hold what somebody wrote`: func(s *Set) { s.Rules[0].Output += " %proc.cmdline" },
		`rule "Shell": output: %evt.buffer can hold what somebody wrote`:   func(s *Set) { s.Rules[0].Output += " %evt.buffer" },
		`rule "Shell": output: does not tell user.uid`: func(s *Set) {
			s.Rules[0].Output = strings.Replace(s.Rules[0].Output, "%user.uid", "nobody", 1)
		},
		`exception "known": wants an owner`:                   excuse(func(e *Exception) { e.Owner = " " }),
		`exception "known": wants an owner, a reason`:         excuse(func(e *Exception) { e.Reason = "" }),
		`exception "known": wants an owner, a reason and the`: excuse(func(e *Exception) { e.Expires = time.Time{} }),
		`exception "known": wants two fields or more`:         excuse(func(e *Exception) { e.When = e.When[:1] }),
		`exception "known": field "proc.nme" is not in the`:   excuse(func(e *Exception) { e.When[0].Field = "proc.nme" }),
		`exception "known": proc.exepath: comparison "glob"`:  excuse(func(e *Exception) { e.When[1].Comparison = "glob" }),
		`exception "known": proc.exepath: is compared with`:   excuse(func(e *Exception) { e.When[1].Value = "" }),
		`exception "Known": wants a name of its own`:          excuse(func(e *Exception) { e.Name = "Known" }),
		`exception "known": wants a name of its own`: func(s *Set) {
			s.Rules[0].Exceptions = append(s.Rules[0].Exceptions, s.Rules[0].Exceptions[0])
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			set := sound()
			change(&set)
			require.ErrorContains(t, set.Lint(), want)
		})
	}
}

// All of them are told at once.
func TestLintTellsEveryMistake(t *testing.T) {
	t.Parallel()
	set := sound()
	set.Rules[0].Desc, set.Rules[0].Priority = "", ""
	set.Rules[0].Exceptions[0].Owner = ""
	err := set.Lint()
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3, "%s", err)
}

// Each rule of the lint is tried on the rules that are compiled in: a field whose name is lost from the table, say, is missed.
func TestEveryFieldIsNeeded(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	detections := Detections(site(), graph(t, site()))
	note := func(text string) {
		c, err := parse(text)
		require.NoError(t, err)
		for _, f := range c.fields {
			used[f] = true
		}
	}
	for _, m := range detections.Macros {
		note(m.Condition)
	}
	for _, r := range detections.Rules {
		note(r.Condition)
		for _, p := range placeholder.FindAllString(r.Output, -1) {
			used[p[1:]] = true
		}
	}
	for name, f := range fields {
		// What must not be told is in the table so that the lint knows it.
		assert.True(t, used[name] || f.Content, "%s: no rule uses it", name)
	}
}
