package runtime

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/requirements"
)

// Priority of a rule, as Falco names it.
type Priority string

// The priorities that rules of ours have.
const (
	Critical      Priority = "CRITICAL"      // somebody is in, or has what lets them in
	Error         Priority = "ERROR"         // what nobody of ours does
	Warning       Priority = "WARNING"       // what somebody may do in an emergency
	Notice        Priority = "NOTICE"        // what belongs to work, and wants a reason
	Informational Priority = "INFORMATIONAL" // no alert: its absence is one
)

// Set is all that Falco judges by, in the order in which it has to read it.
type Set struct {
	Lists  []List
	Macros []Macro
	Rules  []Rule
}

// List is a name for values.
type List struct {
	Name  string
	Items []string
}

// Macro is a name for a condition.
type Macro struct{ Name, Condition string }

// Rule is something that must not happen unseen.
type Rule struct {
	Name string
	// Desc says what happened, and why it matters.
	Desc       string
	Capability requirements.Capability
	Priority   Priority
	// Condition in Falco's language. A literal string is quoted: a bare word is a list or a macro of the same set.
	Condition string
	// Output is one line. It tells who, what and where, and nothing of what anybody wrote: see Field.
	Output     string
	Exceptions []Exception
}

// Exception is what a rule sees and does not tell. All of When hold together.
type Exception struct {
	Name string // of a rule's exceptions
	When []Match
	// Owner answers for it.
	Owner, Reason string
	// Expires is the last day on which it holds.
	Expires time.Time
}

// Match compares a field with a value.
type Match struct{ Field, Comparison, Value string }

// versions that a rule file asks for: the engine of the catalogue's Falco, and the first plugin with all fields that are used.
const (
	engineVersion = "0.63.0"
	pluginVersion = "0.4.0"
)

// YAML is a set as Falco reads it: the same bytes for the same set.
func (s Set) YAML() (string, error) {
	type plugin struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	all := []any{
		map[string]string{"required_engine_version": engineVersion},
		map[string][]plugin{"required_plugin_versions": {{containerPlugin, pluginVersion}}},
	}
	for _, l := range s.Lists {
		all = append(all, struct {
			List  string   `json:"list"`
			Items []string `json:"items"`
		}{l.Name, l.Items})
	}
	for _, m := range s.Macros {
		all = append(all, struct {
			Macro     string `json:"macro"`
			Condition string `json:"condition"`
		}{m.Name, m.Condition})
	}
	for _, r := range s.Rules {
		all = append(all, r.rendered())
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("rules: %w", err)
	}
	return string(text), nil
}

// rendered is a rule as Falco has it.
func (r Rule) rendered() any {
	type exception struct {
		Name   string     `json:"name"`
		Fields []string   `json:"fields"`
		Comps  []string   `json:"comps"`
		Values [][]string `json:"values"`
	}
	var exceptions []exception
	for _, e := range r.Exceptions {
		made := exception{Name: e.Name, Values: [][]string{{}}}
		for _, m := range e.When {
			made.Fields, made.Comps = append(made.Fields, m.Field), append(made.Comps, m.Comparison)
			made.Values[0] = append(made.Values[0], m.Value)
		}
		exceptions = append(exceptions, made)
	}
	return struct {
		Rule       string      `json:"rule"`
		Desc       string      `json:"desc"`
		Condition  string      `json:"condition"`
		Output     string      `json:"output"`
		Priority   Priority    `json:"priority"`
		Tags       []string    `json:"tags"`
		Exceptions []exception `json:"exceptions,omitempty"`
	}{r.Name, r.Desc, r.Condition, r.Output, r.Priority, []string{string(r.Capability)}, exceptions}
}

// everybody is what each line tells: who, by numbers, since names are the container's to give; what ran; and where. The node is
// in Falco's own frame of the line, as hostname.
var everybody = []string{
	"evt.type", "user.uid", "user.loginuid", "proc.name", "proc.exepath", "proc.pname",
	"k8s.ns.name", "k8s.pod.name", "container.id", "container.image.repository",
}

// says writes an output: the rule's name, what every line tells, and some fields more.
func says(name string, more ...string) string {
	var told []string
	for _, field := range append(everybody[:len(everybody):len(everybody)], more...) {
		told = append(told, field+"=%"+field)
	}
	return name + ": " + strings.Join(told, " ")
}

// Expired are the exceptions of a set that hold no longer. Whoever owns one mends what it excused, or decides anew.
func (s Set) Expired(at time.Time) error {
	var late []string
	for _, r := range s.Rules {
		for _, e := range r.Exceptions {
			if !at.Before(e.Expires.AddDate(0, 0, 1)) {
				late = append(late, fmt.Sprintf("rule %q: exception %q: %s has passed: %s excused %s; mend that and take it out, or have its owner decide on a new date",
					r.Name, e.Name, e.Expires.Format(time.DateOnly), e.Owner, e.Reason))
			}
		}
	}
	if len(late) > 0 {
		return fmt.Errorf("intrusion detection:\n%s", strings.Join(late, "\n"))
	}
	return nil
}
