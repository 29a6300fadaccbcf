package openstack

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/lagrum/lagrum/stacks/plan"
)

// Octavia answers so; what is asked for in another order would differ for ever.
func TestAllowedIsInOctaviasOrder(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Network: plan.Network{NodeCIDR: "172.31.0.0/20"}}
	want := pulumi.ToStringArray([]string{"0.0.0.0/0", "10.0.0.0/8", "172.31.0.0/20", "192.0.2.0/24"})
	assert.Equal(t, want, allowed(p, []string{"192.0.2.0/24", "10.0.0.0/8", "0.0.0.0/0", "172.31.0.0/20"}))
}
