package aws

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
)

// A gateway in the nodes' subnets takes an address of each; a public one stands elsewhere.
func TestCarveLeavesRoomForAGateway(t *testing.T) {
	t.Parallel()
	p := site("172.31.0.0/24", "abc", 20)
	// 18 control planes and twice 20 workers in each zone: as many as there is room for.
	p.Pools[0].Nodes = slices.DeleteFunc(p.Pools[0].Nodes, func(n plan.Node) bool {
		return strings.HasSuffix(n.Name, "-18") || strings.HasSuffix(n.Name, "-19")
	})
	_, err := carve(p)
	require.NoError(t, err)
	p.Gateway = &plan.Gateway{Public: true}
	_, err = carve(p)
	require.NoError(t, err)
	p.Gateway.Public = false
	_, err = carve(p)
	require.EqualError(t, err, `cluster.nodeCIDR: "172.31.0.0/24" leaves zone a room for 57 nodes, and 58 may exist during a replacement; use a larger network`)
}
