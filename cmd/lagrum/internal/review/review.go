// Package review turns the previews of a pull request into Markdown for its reviewers: what each stack would gain,
// change, replace and lose, and before that what a person must look at, with the legal requirement that it touches.
//
// It is pure: previews and plans come in as bytes, Markdown goes out, and the same input gives the same bytes. It knows
// the engine's JSON by its own small types, so that no part of the engine is linked.
package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Severity says how much a person must look at something.
type Severity int

// The severities.
const (
	Ordinary Severity = iota
	// Flagged: look at it before merging.
	Flagged
	// Severe: what it takes away does not come back by reverting.
	Severe
)

// The exit codes of the command. One is left to errors, as everywhere.
const (
	CodeOrdinary = 0
	CodeFailed   = 1
	CodeFlagged  = 2
	CodeSevere   = 3
)

// Input is what is known of one stack.
type Input struct {
	Stack string
	// Preview is what `pulumi preview --json --show-sames` printed.
	Preview []byte
	// OldPlan and NewPlan are the stack's plan.json before and after the change; empty where there is none.
	OldPlan, NewPlan []byte
	// Plans says that plans were asked for, so that a missing one is worth a word.
	Plans bool
}

// Report is the review of all stacks.
type Report struct {
	stacks    []*stack
	catalogue *requirements.Catalogue
}

// stack is the review of one stack.
type stack struct {
	name string
	// problem says why the preview tells nothing, or not everything; empty where all went well.
	problem string
	// notes limit what the review can see.
	notes   []string
	changes []change
	plan    []property // what differs between the plans
	flags   []flag
	law     law
}

// flag is one thing to look at.
type flag struct {
	kind     Kind
	severity Severity
	// says is the line under the kind's heading: already Markdown.
	says string
	// cites are the ids that the plan itself names for it; empty: those of the kind.
	cites []string
}

// New reviews the stacks. A stack whose input cannot be read does not hide the others: it says so in its place.
func New(inputs []Input) (*Report, error) {
	catalogue, err := requirements.Embedded()
	if err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	r := &Report{catalogue: catalogue}
	for _, in := range inputs {
		r.stacks = append(r.stacks, reviewStack(in))
	}
	// What needs a person comes first, what needs nobody last.
	slices.SortStableFunc(r.stacks, func(a, b *stack) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), strings.Compare(a.name, b.name))
	})
	return r, nil
}

func reviewStack(in Input) *stack {
	s := &stack{name: in.Stack}
	was, now, err := plans(in)
	if err != nil {
		s.problem = err.Error()
	}
	p, err := parse(in.Preview)
	if err != nil {
		s.problem = strings.TrimPrefix(s.problem+"\n"+err.Error(), "\n")
	} else if failure := p.failure(); failure != "" {
		s.problem = strings.TrimPrefix(s.problem+"\n"+failure, "\n")
	}
	s.law = lawOf(was, now, p)
	if p != nil {
		s.changes = p.changes()
		s.notes = p.limits()
		s.flags = append(s.flags, resourceFlags(p, s.changes, was, now, s.law)...)
	}
	if in.Plans {
		flags, notes := planFlags(was, now, s.law)
		s.flags, s.notes = append(s.flags, flags...), append(s.notes, notes...)
		s.plan = planChanges(in.OldPlan, in.NewPlan)
	}
	order := kindOrder()
	slices.SortStableFunc(s.flags, func(a, b flag) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(order[a.kind], order[b.kind]), strings.Compare(a.says, b.says))
	})
	s.flags = slices.CompactFunc(s.flags, func(a, b flag) bool { return a.kind == b.kind && a.severity == b.severity && a.says == b.says })
	return s
}

// rank orders stacks: failed, severe, flagged, changed, untouched.
func (s *stack) rank() int {
	switch {
	case s.problem != "":
		return 4
	case s.severity() != Ordinary:
		return 1 + int(s.severity())
	case len(s.changes) > 0 || len(s.plan) > 0:
		return 1
	default:
		return 0
	}
}

func (s *stack) severity() Severity {
	worst := Ordinary
	for _, f := range s.flags {
		worst = max(worst, f.severity)
	}
	return worst
}

// Code is the exit code. A preview that failed tells too little to be called severe or harmless.
func (r *Report) Code() int {
	worst := Ordinary
	for _, s := range r.stacks {
		if s.problem != "" {
			return CodeFailed
		}
		worst = max(worst, s.severity())
	}
	switch worst {
	case Severe:
		return CodeSevere
	case Flagged:
		return CodeFlagged
	default:
		return CodeOrdinary
	}
}

// law is the rules that a stack is under, as far as its plan or its configuration tell.
type law struct {
	known    bool
	profile  requirements.Profile
	duties   country.Duties
	overlays []string
}

// lawOf finds the stack's country and its operator's kind: in the plan, else in the site that the preview was made of.
func lawOf(was, now *plan.Plan, p *preview) law {
	for _, known := range []*plan.Plan{now, was} {
		if known == nil {
			continue
		}
		profile, err := country.Lookup(known.Country)
		if err != nil {
			continue
		}
		kind := ""
		for _, o := range profile.Overlays {
			if slices.Contains(known.Duties.Overlays, o.Name) {
				kind = o.Operator
			}
		}
		return lawFor(profile, kind)
	}
	if p == nil {
		return law{}
	}
	at, kind := p.site()
	profile, err := country.Lookup(at)
	if err != nil {
		return law{}
	}
	return lawFor(profile, kind)
}

func lawFor(p country.Profile, operator string) law {
	duties, overlays := p.For(operator)
	return law{known: true, profile: requirements.Profile(p.Code), duties: duties, overlays: overlays}
}
