package firewall

import (
	"fmt"
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
}

func TestRulesKeepTheDoorsShut(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range Rules(example(plan.WireGuard)) {
		require.False(t, names[r.Name], "%s: twice", r.Name)
		names[r.Name] = true
		require.NotEmpty(t, r.Reason, "%s: says why it exists", r.Name)
		require.LessOrEqual(t, r.FirstPort, r.LastPort, r.Name)
		require.False(t, r.FirstPort <= 22 && 22 <= r.LastPort, "%s: opens SSH", r.Name)
		if r.From == Declared {
			require.Equal(t, LoadBalancer, r.To, "%s: strangers reach the load balancer only", r.Name)
		}
		if r.FirstPort <= 2380 && r.LastPort >= 2379 {
			require.Equal(t, []Group{"control-plane", "control-plane"}, []Group{r.From, r.To}, "%s: only control planes reach etcd", r.Name)
		}
	}
}
