package lab

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/harness"
)

// Where the plan protects, a control plane's machine is not deleted without a person's word; a worker goes when its pool
// shrinks.
func TestProtect(t *testing.T) {
	t.Parallel()
	for _, protect := range []bool{true, false} {
		decided := &plan.Plan{Name: "se-prod", Protect: protect}
		r := harness.Run(t, func(ctx *pulumi.Context) error {
			cloud, err := New(ctx, decided, nil)
			if err != nil {
				return err
			}
			made := &providers.Foundation{Own: own{network: pulumi.String("n").ToStringOutput(), balancer: pulumi.String("b").ToStringOutput()}}
			for role, node := range map[plan.Role]string{plan.ControlPlane: "cp-1-g1", plan.Worker: "workers-1-g1"} {
				text := map[string]pulumi.StringInput{node: pulumi.String("")}
				secrets := map[string]providers.NodeSecret{node: {Bundle: pulumi.String("")}}
				_, err := cloud.Nodes(ctx, "se-prod-"+string(role), &providers.NodesArgs{
					Plan: decided, Foundation: made, UserData: text, Secrets: secrets,
					Pool: plan.Pool{Name: string(role), Role: role, Size: "2c2g", Nodes: []plan.Node{{Name: node}}},
				})
				if err != nil {
					return err
				}
			}
			return nil
		}, harness.Options{})
		require.Equal(t, protect, r.Get(t, "lab:index:Machine", "se-prod-cp-1-g1").Protect)
		require.False(t, r.Get(t, "lab:index:Machine", "se-prod-workers-1-g1").Protect)
	}
}
