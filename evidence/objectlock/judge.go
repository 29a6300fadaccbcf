package objectlock

import (
	"fmt"
	"slices"
)

// Verdict on one check.
type Verdict string

// Verdicts on attacks.
const (
	Refused    Verdict = "refused"
	Harmless   Verdict = "harmless"    // the store said yes, as S3 must, and the locked version stands
	NotOffered Verdict = "not offered" // the store does not know the request
	Accepted   Verdict = "ACCEPTED"    // the lock is weaker than before, whatever the store said
)

// Verdicts on controls and facts.
const (
	Holds Verdict = "holds"
	Fails Verdict = "FAILS"
)

// Verdicts on later objects.
const (
	Unaffected Verdict = "unaffected"
	Affected   Verdict = "affected"
)

// Unclear is a check without an answer that could be judged: none came, or the store failed.
const Unclear Verdict = "UNCLEAR"

// Finding is what became of one check.
type Finding struct {
	ID      ID
	Kind    Kind
	On      Subject
	Answers []Answer
	Verdict Verdict
	// Effect is what the check did to the object, or what was read instead of what should have been.
	Effect string
}

// Judgement on a store.
type Judgement struct {
	// Archive is true if no attack weakened a lock and nothing was left untried.
	Archive bool
	// Reasons why the store is no archive.
	Reasons []Reason
	// Conditions are what the site must still see to.
	Conditions []string
}

// Reason against a store.
type Reason struct {
	What, Broken, Remedy string
}

// sound are the verdicts by kind of check that speak for a store.
var sound = map[Kind][]Verdict{
	Control: {Holds},
	Fact:    {Holds},
	Attack:  {Refused, Harmless, NotOffered},
	Later:   {Unaffected},
}

// Judge decides whether findings make a store an archive. Every check of the catalogue has to be among them: what was not
// tried is not believed.
func Judge(findings []Finding) Judgement {
	var j Judgement
	for _, check := range Catalogue() {
		for _, on := range check.On {
			what := fmt.Sprintf("%s (%s)", check.What, on)
			i := slices.IndexFunc(findings, func(f Finding) bool { return f.ID == check.ID && f.Kind == check.Kind && f.On == on })
			if i < 0 {
				j.Reasons = append(j.Reasons, Reason{what, "was not tried, and what was not tried is not believed", "run the preflight to its end"})
				continue
			}
			switch f := findings[i]; {
			case slices.Contains(sound[f.Kind], f.Verdict):
			case check.ID == "bypass-governance" && f.Verdict == NotOffered:
				// Without a mode that can be bypassed there is nothing that a bypass could be mistaken for.
			case f.Verdict == Affected:
				j.Conditions = append(j.Conditions, check.Broken)
			case f.Verdict == Unclear, f.Verdict == "":
				j.Reasons = append(j.Reasons, Reason{what, "could not be judged: " + f.detail(), "see to it that the store answers, and run the preflight again"})
			default:
				broken := check.Broken
				if f.Effect != "" {
					broken += ": " + f.Effect
				}
				j.Reasons = append(j.Reasons, Reason{what, broken, check.Remedy})
			}
		}
	}
	j.Archive = len(j.Reasons) == 0
	return j
}

// judgeAttack decides on an attack from what the store answered and from what it did. What it did counts.
func judgeAttack(answers []Answer, effect string) Verdict {
	last := answers[len(answers)-1]
	switch {
	case effect != "":
		return Accepted
	case last.unclear():
		return Unclear
	case last.notOffered():
		return NotOffered
	case last.ok():
		return Harmless
	default:
		return Refused
	}
}

// judgeControl decides on a request that must be possible.
func judgeControl(answer Answer) Verdict {
	switch {
	case answer.ok():
		return Holds
	case answer.unclear():
		return Unclear
	case answer.notOffered():
		return NotOffered
	default:
		return Fails
	}
}
