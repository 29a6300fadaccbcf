package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
)

// No site knows another, so that a recovery stack stands apart is judged over two plans.
func TestApart(t *testing.T) {
	t.Parallel()
	law := profile(t, load(t, "se-prod"))
	resolve := func(stack string) plan.Plan {
		s := load(t, stack)
		p, _, err := plan.Resolve(s, profile(t, s), at())
		require.NoError(t, err)
		return p
	}
	primary := resolve("se-prod")
	beside := resolve("se-dr")
	beside.Cloud.Region = "sto-1"
	assert.EqualError(t, plan.Apart(beside, primary, law), `cloud.openstack.region: "sto-1" is where se-prod stands: one disaster takes both; rebuild in another region
    by: GDPR art. 32(1)(c) "restore" [EU-GDPR-32-1-c]
    by: NIS2 art. 21(2)(c); IR 2024/2690 annex 4 (4.2 backup) [EU-NIS2-21-2-c]`)

	tests := []struct {
		name string
		edit func(recovery *plan.Plan)
	}{
		{"another region", func(r *plan.Plan) { r.Cloud.Region = "got-1" }},
		{"a region of that name in another cloud", func(r *plan.Plan) { r.Cloud.Kind = "aws" }},
		{"another stack's recovery", func(r *plan.Plan) { r.Recovery = &plan.Recovery{Of: "se-test"} }},
		{"a stack that takes nobody's place", func(r *plan.Plan) { r.Recovery = &plan.Recovery{} }},
		{"a stack without recovery", func(r *plan.Plan) { r.Recovery = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			recovery := beside
			tt.edit(&recovery)
			assert.NoError(t, plan.Apart(recovery, primary, law))
		})
	}
}
