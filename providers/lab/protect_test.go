package lab

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/harness"
)

// Where the plan protects, a machine is not deleted without a person's word, a worker excepted that was drained.
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
			for role, nodes := range map[plan.Role][]plan.Node{
				plan.ControlPlane: {{Name: "cp-1-g1"}}, plan.Worker: {{Name: "workers-1-g1"}, {Name: "workers-2-g1", Leaving: true}},
			} {
				text, secrets := map[string]pulumi.StringInput{}, map[string]providers.NodeSecret{}
				for _, node := range nodes {
					text[node.Name], secrets[node.Name] = pulumi.String(""), providers.NodeSecret{Bundle: pulumi.String("")}
				}
				_, err := cloud.Nodes(ctx, "se-prod-"+string(role), &providers.NodesArgs{
					Plan: decided, Foundation: made, UserData: text, Secrets: secrets,
					Pool: plan.Pool{Name: string(role), Role: role, Size: "2c2g", Nodes: nodes},
				})
				if err != nil {
					return err
				}
			}
			return nil
		}, harness.Options{})
		require.Equal(t, protect, r.Get(t, "lab:index:Machine", "se-prod-cp-1-g1").Protect)
		require.Equal(t, protect, r.Get(t, "lab:index:Machine", "se-prod-workers-1-g1").Protect)
		require.False(t, r.Get(t, "lab:index:Machine", "se-prod-workers-2-g1").Protect)
	}
}
