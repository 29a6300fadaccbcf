package segmentation

import (
	"testing"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
	"github.com/lagrum/lagrum/tests/reach"
)

const policyType = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

// parts have an edge of every kind: between namespaces, within one, to and from addresses, from the whole pod network, of every port.
func parts() traffic.Part {
	why := func(e traffic.Edge) traffic.Edge {
		e.Why, e.Serves = "the test needs it", requirements.NetworkSegmentation
		return e
	}
	return traffic.Part{
		Namespaces: []traffic.Namespace{{Name: "kube-system", Builtin: true, Why: "the platform"}, {Name: "journal", Builtin: true, Why: "a tenant's"}, {Name: "elsewhere", Why: "made by another"}},
		Parties: []traffic.Party{
			{Name: "dns", Namespace: "kube-system", Labels: map[string]string{"app": "dns"}},
			{Name: "agent", Namespace: "kube-system", Labels: map[string]string{"app": "agent"}},
			{Name: "journal", Namespace: "journal"},
			{Name: "pods", Networks: []traffic.Network{{CIDR: "10.244.0.0/16"}}},
			{Name: "cloud", Networks: []traffic.Network{{CIDR: "0.0.0.0/0", Except: []string{"169.254.0.0/16", "10.244.0.0/16"}, Why: "it is anywhere"}}},
			{Name: "balancer", Networks: []traffic.Network{{CIDR: "172.31.0.0/24"}}},
		},
		Edges: []traffic.Edge{
			why(traffic.Edge{From: "pods", To: "dns", Protocol: traffic.UDP, Port: 53}),
			why(traffic.Edge{From: "journal", To: "dns", Protocol: traffic.UDP, Port: 53}),
			why(traffic.Edge{From: "journal", To: "journal"}),
			why(traffic.Edge{From: "agent", To: "cloud", Protocol: traffic.TCP}),
			why(traffic.Edge{From: "balancer", To: "agent", Protocol: traffic.TCP, Port: 8080}),
			why(traffic.Edge{From: "agent", To: "journal", Protocol: traffic.TCP, Port: 9090}),
		},
	}
}

func record(t *testing.T, part traffic.Part, preview bool) *harness.Recording {
	t.Helper()
	graph, err := traffic.Collect(part)
	require.NoError(t, err)
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		guard, err := corev1.NewConfigMap(ctx, "guard", &corev1.ConfigMapArgs{}, providers)
		if err != nil {
			return err
		}
		made, err := New(ctx, "dev-segmentation", &Args{Graph: graph, Guards: []pulumi.Resource{guard}}, providers)
		if err != nil {
			return err
		}
		_, err = corev1.NewConfigMap(ctx, "after", &corev1.ConfigMapArgs{}, providers, pulumi.DependsOn(made.Guards))
		return err
	}, harness.Options{Preview: preview})
}

func policies(t *testing.T, r *harness.Recording) reach.Policies {
	t.Helper()
	var inputs []map[string]any
	for _, made := range r.Of(policyType) {
		inputs = append(inputs, made.Inputs)
	}
	read, err := reach.Parse(inputs...)
	require.NoError(t, err)
	return read
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for mode, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			objects, err := record(t, parts(), preview).Objects()
			require.NoError(t, err)
			golden.Compare(t, "policies.yaml", objects)
		})
	}
}

// Rules come first, then what opens, then what closes, then whatever runs.
func TestOrder(t *testing.T) {
	t.Parallel()
	r := record(t, parts(), false)
	guard, after := r.Get(t, "kubernetes:core/v1:ConfigMap", "guard"), r.Get(t, "kubernetes:core/v1:ConfigMap", "after")
	require.Len(t, r.Of(policyType), 5)
	for _, made := range r.Of(policyType) {
		assert.Contains(t, made.Dependencies, guard.URN, made.Name)
		assert.Contains(t, after.Dependencies, made.URN, made.Name)
	}
	closed := r.Get(t, policyType, "dev-segmentation-kube-system-closed")
	for _, opens := range []string{"dns", "agent"} {
		assert.Contains(t, closed.Dependencies, r.Get(t, policyType, "dev-segmentation-kube-system-"+opens).URN)
	}
}

// A namespace that another component makes is its own to close, and none can be closed that nobody declared.
func TestOnlyDeclaredNamespacesAreClosed(t *testing.T) {
	t.Parallel()
	for _, made := range record(t, parts(), false).Of(policyType) {
		assert.NotContains(t, made.Name, "elsewhere")
	}
	graph, err := traffic.Collect(parts())
	require.NoError(t, err)
	_, err = Close(nil, "x", &Closing{Graph: graph, Namespace: "nowhere"})
	require.EqualError(t, err, `x: the traffic graph has no namespace "nowhere"; declare it where its parties are declared`)
}

// ends has an example of everybody in the graph of parts, and of some who are in none.
func ends() map[string]reach.End {
	return map[string]reach.End{
		"dns": reach.Pod("kube-system", map[string]string{"app": "dns"}), "agent": reach.Pod("kube-system", map[string]string{"app": "agent"}),
		"other": reach.Pod("kube-system", map[string]string{"app": "other"}), "journal": reach.Pod("journal", map[string]string{"app": "any"}),
		"stranger": reach.Pod("undeclared", nil), "far": reach.Outside("198.51.100.7"), "node": reach.Outside("172.31.0.4"),
		"metadata": reach.Outside("169.254.169.254"),
	}
}

// passes are all connections between them, at the ports of the graph and at one more, that the policies let through.
func passes(p reach.Policies) map[string]bool {
	open := map[string]bool{}
	for from, asks := range ends() {
		for to, answers := range ends() {
			for _, at := range []struct {
				protocol string
				port     int
			}{{"UDP", 53}, {"TCP", 8080}, {"TCP", 9090}, {"TCP", 443}} {
				// What both ends are in no graph of is not ruled by it.
				if asks.Namespace+answers.Namespace != "" && p.Pass(asks, answers, at.protocol, at.port) {
					open[from+" -> "+to+" "+at.protocol+" "+map[int]string{53: "53", 8080: "8080", 9090: "9090", 443: "443"}[at.port]] = true
				}
			}
		}
	}
	return open
}

// Read back, the policies let through what the graph says and nothing else. A namespace that nobody closed is open to what
// lets it in.
func TestReadBack(t *testing.T) {
	t.Parallel()
	want := map[string]bool{"journal -> dns UDP 53": true, "stranger -> dns UDP 53": true, "node -> agent TCP 8080": true, "agent -> journal TCP 9090": true}
	for _, port := range []string{"TCP 8080", "TCP 9090", "TCP 443"} {
		want["agent -> far "+port], want["agent -> node "+port] = true, true
	}
	for _, port := range []string{"UDP 53", "TCP 8080", "TCP 9090", "TCP 443"} {
		want["journal -> journal "+port] = true
		// No policy of a graph is about an undeclared namespace.
		for _, other := range []string{"stranger", "far", "node", "metadata"} {
			want["stranger -> "+other+" "+port], want[other+" -> stranger "+port] = true, true
		}
	}
	assert.Equal(t, want, passes(policies(t, record(t, parts(), false))))
}

// The mutation table: an edge that is taken away closes something, and opens nothing; a policy that is taken away changes what
// passes.
func TestEveryEdgeAndEveryPolicyMatters(t *testing.T) {
	t.Parallel()
	whole := passes(policies(t, record(t, parts(), false)))
	for i, edge := range parts().Edges {
		less := parts()
		less.Edges = append(less.Edges[:i:i], less.Edges[i+1:]...)
		now := passes(policies(t, record(t, less, false)))
		if edge.From == "pods" {
			require.NotContains(t, now, "stranger -> dns UDP 53")
		}
		assert.Less(t, len(now), len(whole), "%s: nothing closes without it", edge)
		for open := range now {
			assert.Contains(t, whole, open, "%s: opens by being taken away", edge)
		}
	}
	all := policies(t, record(t, parts(), false))
	for _, p := range [][2]string{{"kube-system", "dns"}, {"kube-system", "agent"}, {"kube-system", "default-deny"}, {"journal", "journal"}} {
		assert.NotEqual(t, whole, passes(all.Without(p[0], p[1])), "%s of %s: nothing changes without it", p[1], p[0])
	}
	require.True(t, all.Closed("journal"))
	assert.False(t, all.Without("journal", "default-deny").Closed("journal"))
}
