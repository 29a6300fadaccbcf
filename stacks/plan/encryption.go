package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lagrum/lagrum/stacks/site"
)

// Keys are the numbers of the keys that a control plane encrypts and decrypts with in etcd. The first writes, the others
// only read.
type Keys []int

// String names keys where only letters, digits and hyphens go: 2-1 writes with the second key, and reads with the first.
func (k Keys) String() string {
	text := make([]string, len(k))
	for i, n := range k {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, "-")
}

// EncryptionStep is a step of a change of keys.
type EncryptionStep struct {
	Keys Keys `json:"keys"`
	// Complete is true once every control plane has these keys or later ones; Retirements is after how many of the plan's
	// retirements.
	Complete    bool `json:"complete"`
	Retirements int  `json:"retirements"`
}

// EncryptionKeys are the numbers of all keys that some control plane is born with.
func (c Cluster) EncryptionKeys() []int {
	var all []int
	for _, step := range c.Encryption {
		all = append(all, step.Keys...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// encryption judges a change of keys by the history that the site tells. Two control planes that serve at once must be able
// to read each other, and files of an API server reach a control plane only with its next generation: so a step may follow
// another only where every control plane was replaced in between.
func (j *judge) encryption(s *site.Site) {
	pool := s.ControlPlane()
	steps := s.Cluster.Encryption
	for i, step := range steps {
		path := fmt.Sprintf("cluster.encryption[%d]", i)
		if i == 0 {
			if len(step.Reads) > 0 {
				j.refuse(Finding{Path: path + ".reads", Value: keysOf(step)[1:].String(), Message: "is where a change begins, and nothing says with what",
					Remedy: fmt.Sprintf("put the key before it that all control planes have: {writes: %d}", step.Writes)})
			}
			continue
		}
		j.follows(path, steps[i-1], step)
		if i == 1 {
			continue // all control planes of before have the first step's key
		}
		for slot := 1; slot <= pool.Count; slot++ {
			if slices.Contains(pool.Replacements[steps[i-1].After:step.After], slot) {
				continue
			}
			j.refuse(Finding{Path: path + ".after", Value: strconv.Itoa(step.After),
				Message: fmt.Sprintf("is before slot %d was replaced: its control plane does not have %s", slot, names(steps[i-1])),
				Remedy:  fmt.Sprintf("first append %d to replacements and update, and then declare this step", slot)})
		}
	}
}

// follows refuses a step that loses something when it follows another.
func (j *judge) follows(path string, before, step site.EncryptionStep) {
	w := before.Writes
	next := site.EncryptionStep{Writes: w, Reads: []int{w + 1}}
	switch {
	case slices.Equal(before.Reads, []int{w + 1}):
		next = site.EncryptionStep{Writes: w + 1, Reads: []int{w}}
	case len(before.Reads) > 0:
		next = site.EncryptionStep{Writes: w}
	}
	if step.Writes == next.Writes && slices.Equal(step.Reads, next.Reads) {
		return
	}
	had := keysOf(before)
	f := Finding{Path: path, Value: names(step), Remedy: "the step that follows " + names(before) + " is " + names(next)}
	switch {
	case !slices.Contains(had, step.Writes):
		f.Path, f.Value = path+".writes", strconv.Itoa(step.Writes)
		f.Message = "writes before every control plane can read it"
	case !slices.Contains(keysOf(step), before.Writes):
		f.Message = fmt.Sprintf("drops key %d, and what that wrote is not written anew", before.Writes)
	default:
		f.Message = "is no step of a change of keys"
	}
	j.refuse(f)
}

func keysOf(s site.EncryptionStep) Keys { return append(Keys{s.Writes}, s.Reads...) }

// names says a step as a site does.
func names(s site.EncryptionStep) string {
	if len(s.Reads) == 0 {
		return fmt.Sprintf("{writes: %d}", s.Writes)
	}
	return fmt.Sprintf("{writes: %d, reads: [%s]}", s.Writes, strings.ReplaceAll(keysOf(s)[1:].String(), "-", ", "))
}

// encryptionSteps decides after which retirement each step holds everywhere. A site that says nothing has the first key.
func encryptionSteps(s *site.Site) []EncryptionStep {
	declared, pool := s.Cluster.Encryption, s.ControlPlane()
	if len(declared) == 0 {
		return []EncryptionStep{{Keys: Keys{1}, Complete: true}}
	}
	steps := make([]EncryptionStep, len(declared))
	for i, d := range declared {
		end := len(pool.Replacements)
		if i+1 < len(declared) {
			end = declared[i+1].After
		}
		steps[i] = EncryptionStep{Keys: keysOf(d), Complete: true}
		if i == 0 {
			continue
		}
		steps[i].Retirements = end
		for slot := 1; slot <= pool.Count; slot++ {
			steps[i].Complete = steps[i].Complete && slices.Contains(pool.Replacements[d.After:end], slot)
		}
	}
	return steps
}

// bornWith gives the control plane in a slot the keys of the step in which it was made, and those that every control plane
// must have come to before it joins. The node that initialises finds nothing to be careful with.
func bornWith(s *site.Site, steps []EncryptionStep, slot int, initialises bool) (keys, after Keys) {
	at := -1
	for i, replaced := range s.ControlPlane().Replacements {
		if replaced == slot {
			at = i
		}
	}
	step := 0
	for i, d := range s.Cluster.Encryption {
		if i > 0 && d.After <= at {
			step = i
		}
	}
	keys = steps[step].Keys
	// The first key of all needs nothing before it. Another one that the history begins with is the end of a change that is no
	// longer told: that it is over is known to the cluster alone.
	if before := steps[max(step-1, 0)].Keys; !initialises && (step > 1 || before[0] > 1) {
		after = before
	}
	return keys, after
}
