package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

func writes(key int, reads ...int) site.EncryptionStep {
	return site.EncryptionStep{Writes: key, Reads: reads}
}

func after(n int, s site.EncryptionStep) site.EncryptionStep {
	s.After = n
	return s
}

// rekeying is se-prod, with three control planes, in the middle of a change.
func rekeying(t *testing.T, replacements []int, steps ...site.EncryptionStep) site.Site {
	t.Helper()
	s := load(t, "se-prod")
	require.Equal(t, 3, s.ControlPlane().Count)
	s.ControlPlane().Replacements, s.Cluster.Encryption = replacements, steps
	return s
}

// Every row goes one update further, and the last one is what stays.
func TestEncryptionSteps(t *testing.T) {
	t.Parallel()
	round := []int{1, 2, 3}
	two, three := append(round, 1, 2, 3), append(append([]int{}, round...), 1, 2, 3, 1, 2, 3)
	type node struct{ keys, after string }
	all := func(keys, after string) []node {
		n := node{keys, after}
		return []node{n, n, n}
	}
	whole := []site.EncryptionStep{writes(1), writes(1, 2), after(3, writes(2, 1)), after(6, writes(2))}
	for _, row := range []struct {
		name     string
		site     site.Site
		nodes    []node
		complete string // the last step that is, and after how many retirements
		at       int
		keys     []int
	}{
		{"nothing declared", rekeying(t, nil), all("1", ""), "1", 0, []int{1}},
		{"replaced for another reason", rekeying(t, []int{2, 2}), all("1", ""), "1", 0, []int{1}},
		{"the next key, for nobody yet", rekeying(t, nil, whole[:2]...), all("1", ""), "1", 0, []int{1, 2}},
		{"one has it", rekeying(t, []int{2}, whole[:2]...), []node{{"1", ""}, {"1-2", ""}, {"1", ""}}, "1", 0, []int{1, 2}},
		{"all can read with it", rekeying(t, round, whole[:2]...), all("1-2", ""), "1-2", 3, []int{1, 2}},
		{"it writes on one", rekeying(t, append(round, 3), whole[:3]...), []node{{"1-2", ""}, {"1-2", ""}, {"2-1", "1-2"}}, "1-2", 3, []int{1, 2}},
		{"it writes", rekeying(t, two, whole[:3]...), all("2-1", "1-2"), "2-1", 6, []int{1, 2}},
		{"the old one is gone", rekeying(t, three, whole...), all("2", "2-1"), "2", 9, []int{1, 2}},
		{"and forgotten", rekeying(t, three, writes(2)), all("2", "2"), "2", 0, []int{2}},
		{"one replaced since", rekeying(t, append(three, 1), writes(2)), all("2", "2"), "2", 0, []int{2}},
		{"the next change", rekeying(t, append(three, 1), writes(2), after(9, writes(2, 3))), []node{{"2-3", "2"}, {"2", "2"}, {"2", "2"}}, "2", 0, []int{2, 3}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p, _, err := plan.Resolve(row.site, profile(t, row.site), at())
			require.NoError(t, err)
			for i, want := range row.nodes {
				n := p.Pools[0].Nodes[i]
				if n.Initialises {
					want.after = ""
				}
				assert.Equal(t, want, node{n.EncryptionKeys.String(), n.EncryptionAfter.String()}, n.Name)
			}
			var last plan.EncryptionStep
			for _, step := range p.Cluster.Encryption {
				if step.Complete {
					last = step
				}
			}
			assert.Equal(t, row.complete, last.Keys.String())
			assert.Equal(t, row.at, last.Retirements)
			assert.Equal(t, row.keys, p.Cluster.EncryptionKeys())
			for _, n := range p.Pools[1].Nodes {
				assert.Empty(t, n.EncryptionKeys, "a worker has none")
			}
		})
	}
}

// A lone control plane goes the same way: while it is replaced, two of them serve.
func TestEncryptionStepsOfOne(t *testing.T) {
	t.Parallel()
	s := load(t, "dev")
	s.ControlPlane().Replacements = []int{1, 1, 1}
	s.Cluster.Encryption = []site.EncryptionStep{writes(1), writes(1, 2), after(1, writes(2, 1)), after(2, writes(2))}
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, plan.Keys{2}, p.Pools[0].Nodes[0].EncryptionKeys)
	assert.Equal(t, []plan.EncryptionStep{
		{Keys: plan.Keys{1}, Complete: true}, {Keys: plan.Keys{1, 2}, Complete: true, Retirements: 1},
		{Keys: plan.Keys{2, 1}, Complete: true, Retirements: 2}, {Keys: plan.Keys{2}, Complete: true, Retirements: 3},
	}, p.Cluster.Encryption)

	s.Cluster.Encryption = []site.EncryptionStep{writes(1), writes(1, 2), after(0, writes(2, 1))}
	_, _, err = plan.Resolve(s, profile(t, s), at())
	assert.EqualError(t, err, `cluster.encryption[2].after: "0" is before slot 1 was replaced: its control plane does not have {writes: 1, reads: [2]}; `+
		"first append 1 to replacements and update, and then declare this step")
}

func TestEncryptionRefusals(t *testing.T) {
	t.Parallel()
	round := []int{1, 2, 3}
	const follows = "; the step that follows "
	for _, row := range []struct {
		name string
		site site.Site
		want string
	}{
		{"a change without a beginning", rekeying(t, round, writes(1, 2)),
			`cluster.encryption[0].reads: "2" is where a change begins, and nothing says with what; put the key before it that all control planes have: {writes: 1}`},
		{"a key that nobody can read writes", rekeying(t, round, writes(1), writes(2, 1)),
			`cluster.encryption[1].writes: "2" writes before every control plane can read it` + follows + "{writes: 1} is {writes: 1, reads: [2]}"},
		{"a key that nobody can read is the only one", rekeying(t, round, writes(1), writes(2)),
			`cluster.encryption[1].writes: "2" writes before every control plane can read it` + follows + "{writes: 1} is {writes: 1, reads: [2]}"},
		{"a key that is skipped", rekeying(t, round, writes(1), writes(1, 3)),
			`cluster.encryption[1]: "{writes: 1, reads: [3]}" is no step of a change of keys` + follows + "{writes: 1} is {writes: 1, reads: [2]}"},
		{"two keys at once", rekeying(t, round, writes(1), writes(1, 2, 3)),
			`cluster.encryption[1]: "{writes: 1, reads: [2, 3]}" is no step of a change of keys` + follows + "{writes: 1} is {writes: 1, reads: [2]}"},
		{"a key is dropped that wrote what lies there", rekeying(t, round, writes(1), writes(1, 2), after(3, writes(2))),
			`cluster.encryption[2]: "{writes: 2}" drops key 1, and what that wrote is not written anew` + follows +
				"{writes: 1, reads: [2]} is {writes: 2, reads: [1]}"},
		{"a step twice", rekeying(t, round, writes(1), writes(1, 2), after(3, writes(1, 2))),
			`cluster.encryption[2]: "{writes: 1, reads: [2]}" is no step of a change of keys` + follows + "{writes: 1, reads: [2]} is {writes: 2, reads: [1]}"},
		{"a control plane that was not replaced", rekeying(t, []int{1, 3, 1}, writes(1), writes(1, 2), after(2, writes(2, 1))),
			`cluster.encryption[2].after: "2" is before slot 2 was replaced: its control plane does not have {writes: 1, reads: [2]}; ` +
				"first append 2 to replacements and update, and then declare this step"},
		{"one that still writes with the old key", rekeying(t, append(round, 1, 2), writes(1), writes(1, 2), after(3, writes(2, 1)), after(5, writes(2))),
			`cluster.encryption[3].after: "5" is before slot 3 was replaced: its control plane does not have {writes: 2, reads: [1]}; ` +
				"first append 3 to replacements and update, and then declare this step"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			decided, _, err := plan.Resolve(row.site, profile(t, row.site), at())
			assert.EqualError(t, err, row.want)
			assert.Equal(t, plan.Plan{}, decided)
		})
	}
}
