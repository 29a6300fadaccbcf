package plan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/golden"
)

// The same site, law and time give the same bytes, whatever the order in which the site lists pools and networks and
// whatever the time zone of the caller.
func TestDeterminism(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "se-prod", "se-dr", "dk-prod"} {
		s := load(t, stack)
		var first []byte
		for run := range 100 {
			slices.Reverse(s.NodePools)
			slices.Reverse(s.Cluster.APISources)
			here := at().In(time.FixedZone("elsewhere", run*600)).Add(time.Duration(run) * time.Nanosecond)
			p, _, err := plan.Resolve(s, profile(t, s), here)
			require.NoError(t, err)
			got, err := p.JSON()
			require.NoError(t, err)
			if first == nil {
				first = got
			}
			require.Equal(t, string(first), string(got), "%s, run %d", stack, run)
		}
	}
}

// Resolve changes neither the site nor what an earlier call returned.
func TestPurity(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	before, err := site.Marshal(s)
	require.NoError(t, err)
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	p.Pools[1].Labels["example.org/zone"] = "changed"
	p.Cluster.APISources[0] = "changed"
	after, err := site.Marshal(s)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
	again, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	golden.Compare(t, "se-prod.plan.json", string(must(again.JSON())))
}

// The longest window that a site may ask for is one that bootstrap signs.
func TestLongestJoinWindow(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	s.Cluster.JoinLifetime = parse[site.Duration](t, "24h")
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, 24*time.Hour+5*time.Minute, p.Cluster.Join.NotAfter.Sub(p.Cluster.Join.NotBefore))
}

// Nodes on their way out keep their machines and their zones, after those that stay.
func TestLeavingNodes(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	workers := &s.NodePools[0]
	workers.Count, workers.Generation = 1, 3
	workers.Leaving = []site.Name{parse[site.Name](t, "workers-3-g2"), parse[site.Name](t, "workers-1-g2")}
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, []plan.Node{
		{Name: "workers-1-g3", Slot: 1, Zone: "a", Generation: 3},
		{Name: "workers-3-g2", Slot: 3, Zone: "c", Generation: 2, Leaving: true},
		{Name: "workers-1-g2", Slot: 1, Zone: "a", Generation: 2, Leaving: true},
	}, p.Pools[1].Nodes)
}

func TestControlPlaneNodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		count         int
		replacements  []int
		initialisedBy string
		nodes         []string // an asterisk marks the node that initialises
		retired       []string
	}{
		{"new", 3, nil, "cp-1-g1", []string{"cp-1-g1*", "cp-2-g1", "cp-3-g1"}, nil},
		{"another was replaced", 3, []int{2}, "cp-1-g1", []string{"cp-1-g1*", "cp-2-g2", "cp-3-g1"}, []string{"cp-2-g1 cp-2-g2"}},
		{"the initialiser was replaced: everyone joins", 3, []int{1}, "cp-1-g1", []string{"cp-1-g2", "cp-2-g1", "cp-3-g1"}, []string{"cp-1-g1 cp-1-g2"}},
		{"twice, with another between", 3, []int{1, 3, 1}, "cp-1-g1", []string{"cp-1-g3", "cp-2-g1", "cp-3-g2"},
			[]string{"cp-1-g1 cp-1-g2", "cp-3-g1 cp-3-g2", "cp-1-g2 cp-1-g3"}},
		{"rebuilt from nothing after a replacement", 3, []int{1}, "cp-1-g2", []string{"cp-1-g2*", "cp-2-g1", "cp-3-g1"}, []string{"cp-1-g1 cp-1-g2"}},
		{"one node", 1, nil, "cp-1-g1", []string{"cp-1-g1*"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, "dev")
			s.NodePools[0].Count, s.NodePools[0].Replacements = tt.count, tt.replacements
			s.Cluster.InitialisedBy = parse[site.Name](t, tt.initialisedBy)
			p, _, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			var nodes, retired []string
			for _, n := range p.Pools[0].Nodes {
				name := n.Name
				if n.Initialises {
					name += "*"
				}
				nodes = append(nodes, name)
			}
			for _, r := range p.Retirements {
				retired = append(retired, r.Node+" "+r.Replacement)
			}
			assert.Equal(t, tt.nodes, nodes)
			assert.Equal(t, tt.retired, retired)
		})
	}
}

// Only a control plane initialises, whatever a worker pool is called.
func TestWorkerNeverInitialises(t *testing.T) {
	t.Parallel()
	s := load(t, "dev")
	s.Cluster.InitialisedBy = parse[site.Name](t, "workers-1-g1")
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	for _, pool := range p.Pools {
		for _, n := range pool.Nodes {
			assert.False(t, n.Initialises, n.Name)
		}
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	s.NodePools[0].Count = 5
	s.NodePools[0].Zones = []site.Zone{parse[site.Zone](t, "d"), parse[site.Zone](t, "b")}
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c", "d"}, p.Cloud.Zones)
	var zones []string
	for _, n := range p.Pools[1].Nodes {
		zones = append(zones, n.Zone)
	}
	assert.Equal(t, []string{"d", "b", "d", "b", "d"}, zones)
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	lab, wireguard, cloud := load(t, "dev"), load(t, "dev"), load(t, "dk-prod")
	wireguard.Cloud.Lab.WireGuard = true
	cloud.Cluster.ServiceCIDR = parse[site.CIDR](t, "10.7.255.240/28")
	for _, tt := range []struct {
		name, encryption, dns string
		site                  site.Site
		mtu                   int
	}{
		{"lab without WireGuard", "none", "10.96.0.10", lab, 1450},
		{"lab with WireGuard", "wireguard", "10.96.0.10", wireguard, 1420},
		{"cloud", "wireguard", "10.7.255.250", cloud, 1420},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, _, err := plan.Resolve(tt.site, profile(t, tt.site), at())
			require.NoError(t, err)
			assert.Equal(t, tt.encryption, p.Network.Encryption)
			assert.Equal(t, tt.mtu, p.Network.MTU)
			assert.Equal(t, tt.dns, p.Cluster.DNSAddress)
		})
	}
}

// Site and plan must agree on the versions: one that only the site knew would be accepted and then refused.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, version := range site.SupportedVersions() {
		s := load(t, "dev")
		s.Cluster.Version = parse[site.Version](t, version)
		p, _, err := plan.Resolve(s, profile(t, s), at())
		require.NoError(t, err)
		assert.Equal(t, version, p.Cluster.Version)
		assert.NotEmpty(t, p.Cluster.EtcdTag)
		assert.NotEmpty(t, p.Cluster.PauseTag)
		assert.NotEmpty(t, p.Cluster.CoreDNSTag)
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, nodes := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			s := load(b, "se-prod")
			s.NodePools[0].Count = nodes - 3
			p := profile(b, s)
			for b.Loop() {
				decided, _, err := plan.Resolve(s, p, at())
				if err != nil || len(decided.Pools[1].Nodes) != nodes-3 {
					b.Fatal(len(decided.Pools), err)
				}
			}
			if each := b.Elapsed() / time.Duration(b.N); each > 100*time.Millisecond {
				b.Errorf("%s for one plan of %d nodes; it is to stay below 100 ms", each, nodes)
			}
		})
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}
