package stacks

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/traffic"
	program "github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/harness"
	"github.com/lagrum/lagrum/tests/reach"
)

const networkPolicy = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

// planOf is the plan of a declared stack.
func planOf(t *testing.T, name string) *plan.Plan {
	t.Helper()
	text, err := os.ReadFile("../../Pulumi." + name + ".yaml")
	require.NoError(t, err)
	p, _, err := plan.OfStack(text, at)
	require.NoError(t, err)
	return &p
}

// graphOf is the traffic graph of a declared stack.
func graphOf(t *testing.T, name string) (*plan.Plan, *traffic.Graph) {
	t.Helper()
	p := planOf(t, name)
	graph, err := program.Traffic(p)
	require.NoError(t, err)
	return p, graph
}

// readBack reads the policies that a run asked for.
func readBack(t *testing.T, r *harness.Recording) reach.Policies {
	t.Helper()
	var inputs []map[string]any
	for _, made := range r.Of(networkPolicy) {
		input := made.Inputs
		// In a preview a tenant's namespace has no name yet but the one that it will get.
		if metadata := input["metadata"].(map[string]any); metadata["namespace"] == harness.UnknownText {
			t.Fatalf("%s: its namespace is not known in a preview", made.URN)
		}
		inputs = append(inputs, input)
	}
	policies, err := reach.Parse(inputs...)
	require.NoError(t, err)
	return policies
}

// running are the workloads of a run: what pods they make, and whether on the network of their node.
type running struct {
	*harness.Resource
	namespace string
	labels    map[string]string
	host      bool
}

func workloads(t *testing.T, r *harness.Recording) []running {
	t.Helper()
	var all []running
	for _, made := range r.Resources {
		template, ok := harness.Dig(made.Inputs, "spec", "template").(map[string]any)
		if !ok || !strings.HasPrefix(made.Type, "kubernetes:") {
			require.NotContains(t, []string{"kubernetes:core/v1:Pod", "kubernetes:batch/v1:CronJob"}, made.Type, "%s: say here where its labels are", made.URN)
			continue
		}
		w := running{Resource: made, labels: map[string]string{}}
		w.namespace, _ = harness.Dig(made.Inputs, "metadata", "namespace").(string)
		w.host, _ = harness.Dig(template, "spec", "hostNetwork").(bool)
		for key, value := range harness.Dig(template, "metadata", "labels").(map[string]any) {
			w.labels[key] = value.(string)
		}
		require.NotEmpty(t, w.namespace, made.URN)
		all = append(all, w)
	}
	require.NotEmpty(t, all)
	return all
}

// Every namespace that there is, those that Kubernetes makes among them, is closed both ways; and no pod can be there before.
func TestEveryNamespaceIsClosed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		p, graph := graphOf(t, name)
		want := []string{"default", "kube-node-lease", "kube-public", "kube-system"}
		for _, tenant := range p.Tenants {
			want = append(want, tenant.Name)
		}
		for _, made := range r.Of("kubernetes:core/v1:Namespace") {
			if made := harness.Dig(made.Inputs, "metadata", "name").(string); !slices.Contains(want, made) {
				want = append(want, made)
			}
		}
		var known []string
		for _, n := range graph.Namespaces {
			known = append(known, n.Name)
		}
		assert.ElementsMatch(t, want, known, "a namespace is not in the graph, or the other way round")
		policies := readBack(t, r)
		for _, namespace := range want {
			assert.True(t, policies.Closed(namespace), namespace)
			assert.False(t, policies.Without(namespace, "default-deny").Closed(namespace), namespace)
		}
		for _, w := range workloads(t, r) {
			for _, policy := range r.Of(networkPolicy) {
				if harness.Dig(policy.Inputs, "metadata", "namespace") == w.namespace {
					assert.Contains(t, w.Dependencies, policy.URN, "%s runs before it is closed", w.URN)
				}
			}
		}
	})
}

// Pods of ours are known to the graph, each as one party; those on the network of their node are in none, since no policy
// holds for them.
func TestEveryWorkloadIsInTheGraph(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		_, graph := graphOf(t, name)
		seen := map[string]bool{}
		for _, w := range workloads(t, r) {
			var parties []string
			for _, p := range graph.Parties {
				if p.Selects(w.namespace, w.labels) {
					parties = append(parties, p.Name)
					seen[p.Name] = true
				}
			}
			if w.host {
				assert.Empty(t, parties, "%s: is on its node's network", w.URN)
				continue
			}
			assert.Len(t, parties, 1, w.URN)
		}
		for _, p := range graph.Parties {
			assert.True(t, seen[p.Name] || len(p.Networks) > 0 || strings.HasPrefix(p.Name, "tenant-"), "%s: nothing runs that is it", p.Name)
		}
	})
}

// need is a connection that a workload cannot do without.
type need struct {
	to       string
	protocol string
	port     int
}

// needs are written down here a second time, by hand: a workload whose edge is lost must not go unseen. Those that are on the
// network of their node are in no row.
var needs = map[string][]need{
	"coredns": {{"api", "TCP", 6443}, {"resolver", "UDP", 53}, {"resolver", "TCP", 53}},
	"cloud-controller-manager": {{"api", "TCP", 6443}, {"resolver", "UDP", 53}, {"resolver", "TCP", 53},
		{"cloud", "TCP", 5000}, {"cloud", "TCP", 443}, {"cloud", "TCP", 8774}},
	"cinder-csi-controller": {{"api", "TCP", 6443}, {"resolver", "UDP", 53}, {"resolver", "TCP", 53},
		{"cloud", "TCP", 5000}, {"cloud", "TCP", 443}, {"cloud", "TCP", 8776}},
	"falco":        nil,
	"dex":          {{"api", "TCP", 6443}, {"dns", "UDP", 53}, {"dns", "TCP", 53}},
	"traefik":      {{"api", "TCP", 6443}},
	"ebs-csi-node": {{"api", "TCP", 6443}, {"resolver", "UDP", 53}, {"resolver", "TCP", 53}},
}

// around are the ends that pods of a stack may think of asking.
func around(t *testing.T, p *plan.Plan) map[string]reach.End {
	t.Helper()
	node, err := netip.ParsePrefix(p.Network.NodeCIDR)
	require.NoError(t, err)
	return map[string]reach.End{
		"api": reach.Outside(node.Addr().Next().Next().String()), "resolver": reach.Outside(node.Addr().Next().String()),
		"cloud": reach.Outside("203.0.113.9"), "provider": reach.Outside("198.51.100.9"), "metadata": reach.Outside("169.254.169.254"), "link-local": reach.Outside("169.254.7.7"),
		"dns":      reach.Pod("kube-system", map[string]string{"k8s-app": "kube-dns", "app.kubernetes.io/name": "coredns"}),
		"platform": reach.Pod("kube-system", map[string]string{"app.kubernetes.io/name": "any"}),
		"login":    reach.Pod("lagrum-identity", map[string]string{"app.kubernetes.io/name": "dex"}),
		"idle":     reach.Pod("default", nil), "stranger": reach.Pod("undeclared", nil),
	}
}

// Every workload gets what it needs, and nothing else that is asked here; so do tenants. Without a party's policy it gets none
// of it.
func TestEveryEdgeIsOpenAndNothingElse(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		p, _ := graphOf(t, name)
		policies, others := readBack(t, r), around(t, p)
		check := func(part string, subject reach.End, wanted []need) {
			for to, other := range others {
				for _, protocol := range []string{"TCP", "UDP"} {
					for _, port := range []int{22, 53, 80, 443, 5000, 5556, 6443, 8774, 8776, 9153, 10250} {
						want := slices.Contains(wanted, need{to, protocol, port})
						// The cloud's ports are its own to choose, and its resolvers and the cloud may be anywhere outside.
						outside := to == "cloud" || to == "provider"
						want = want || (slices.Contains(wanted, need{"cloud", "TCP", 5000}) && outside && protocol == "TCP")
						want = want || (slices.Contains(wanted, need{"resolver", protocol, 53}) && port == 53 && (outside || to == "api"))
						want = want || (slices.Contains(wanted, need{"api", "TCP", 6443}) && protocol == "TCP" && port == 6443 && to == "resolver")
						want = want || (to == "dns" && port == 53 && slices.Contains(wanted, need{"dns", protocol, 53}))
						assert.Equal(t, want, policies.Pass(subject, other, protocol, port), "%s -> %s, %s %d", part, to, protocol, port)
					}
				}
			}
		}
		judged := 0
		for _, w := range workloads(t, r) {
			if w.host {
				continue
			}
			judged++
			part := w.labels["app.kubernetes.io/name"]
			wanted, known := needs[part]
			require.True(t, known, "%s: write down what it needs", w.URN)
			if part == "dex" && len(p.Cluster.Login.Connectors) > 0 {
				wanted = slices.Clone(wanted) // providers may be anywhere but among pods
				for _, where := range []string{"provider", "cloud", "api", "resolver"} {
					wanted = append(wanted, need{where, "TCP", 443})
				}
			}
			if part == "traefik" && p.Cluster.Login != nil {
				wanted = append(slices.Clone(wanted), need{"dns", "UDP", 53}, need{"dns", "TCP", 53}, need{"login", "TCP", 5556})
			}
			check(part, reach.Pod(w.namespace, w.labels), wanted)
			without := policies.Without(w.namespace, part)
			for _, n := range wanted {
				assert.False(t, without.Pass(reach.Pod(w.namespace, w.labels), others[n.to], n.protocol, n.port), "%s -> %s: open without its policy", part, n.to)
			}
		}
		require.NotZero(t, judged)
		dns := []need{{"dns", "TCP", 53}, {"dns", "UDP", 53}}
		for _, tenant := range p.Tenants {
			check(tenant.Name, reach.Pod(tenant.Name, nil), dns)
			for _, other := range p.Tenants {
				assert.Equal(t, other.Name == tenant.Name, policies.Pass(reach.Pod(tenant.Name, nil), reach.Pod(other.Name, nil), "TCP", 5432))
			}
		}
		check("default", reach.Pod("default", nil), nil)
		// Nobody but who asks for names comes in, not even from a namespace that nobody declared.
		for _, namespace := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
			assert.False(t, policies.Pass(others["stranger"], reach.Pod(namespace, nil), "TCP", 80), namespace)
		}
		assert.True(t, policies.Pass(others["stranger"], others["dns"], "UDP", 53))
	})
}
