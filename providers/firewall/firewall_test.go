package firewall

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
)

func example(encryption string) *plan.Plan {
	return &plan.Plan{
		Cluster: plan.Cluster{APIPort: 6443, APISources: []string{"192.0.2.0/24"}},
		Network: plan.Network{Encryption: encryption},
	}
}

func table(rules []Rule) string {
	text := ""
	for _, r := range rules {
		text += fmt.Sprintf("%-38s %-17s -> %-14s %-4s %d-%d %v  # %s\n", r.Name, r.From, r.To, r.Protocol, r.FirstPort, r.LastPort, r.Sources, r.Reason)
	}
	return text
}

func TestRules(t *testing.T) {
	t.Parallel()
	golden.Compare(t, "vxlan.txt", table(Rules(example(plan.NotEncrypted))))
	golden.Compare(t, "wireguard.txt", table(Rules(example(plan.WireGuard))))
	golden.Compare(t, "gateway.txt", table(Rules(withGateway())))
}

// withGateway is a plan with a gateway that everybody may reach.
func withGateway() *plan.Plan {
	p := example(plan.WireGuard)
	p.Gateway = &plan.Gateway{Public: true, Sources: []string{"0.0.0.0/0"}, Ports: []plan.GatewayPort{
		{Name: "https", Port: 443, NodePort: 30443, Purpose: "for people"}, {Name: "http", Port: 80, NodePort: 30080, Purpose: "leads to the other"},
	}}
	return p
}

func TestGroups(t *testing.T) {
	t.Parallel()
	require.Equal(t, []Group{ControlPlane, Worker, LoadBalancer}, Groups(example(plan.WireGuard)))
	require.Equal(t, []Group{ControlPlane, Worker, LoadBalancer, Gateway}, Groups(withGateway()))
}

func TestRulesKeepTheDoorsShut(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range Rules(withGateway()) {
		require.False(t, names[r.Name], "%s: twice", r.Name)
		names[r.Name] = true
		require.NotEmpty(t, r.Reason, "%s: says why it exists", r.Name)
		require.LessOrEqual(t, r.FirstPort, r.LastPort, r.Name)
		require.False(t, r.FirstPort <= 22 && 22 <= r.LastPort, "%s: opens SSH", r.Name)
		if r.From == Declared {
			require.True(t, r.To.Balances(), "%s: strangers reach load balancers only", r.Name)
			require.Equal(t, r.To == LoadBalancer, slices.Equal(r.Sources, []string{"192.0.2.0/24"}), "%s: who reaches the gateway is no closer to the API", r.Name)
		}
		if r.To == Gateway {
			require.Contains(t, [][]int{{443, 443}, {80, 80}}, []int{r.FirstPort, r.LastPort}, "%s: the gateway has two ports", r.Name)
		}
		if r.From == Gateway {
			require.Equal(t, Worker, r.To, "%s: the gateway leads to workers only", r.Name)
		}
		if r.FirstPort <= 2380 && r.LastPort >= 2379 {
			require.Equal(t, []Group{"control-plane", "control-plane"}, []Group{r.From, r.To}, "%s: only control planes reach etcd", r.Name)
		}
	}
}
