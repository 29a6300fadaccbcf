package aws

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

// site is a small plan in zones, with nodes control planes and as many workers in each.
func site(cidr, zones string, nodes int) *plan.Plan {
	p := &plan.Plan{
		Name: "dk-prod", Cloud: plan.Cloud{Kind: "aws", Region: "eu-north-1", AWS: &plan.AWS{Account: "123456789012", Image: "ami-0123456789abcdef0"}},
		Cluster: plan.Cluster{Name: "dk-prod", APIPort: 6443}, Network: plan.Network{NodeCIDR: cidr, Encryption: plan.WireGuard},
		Pools: []plan.Pool{
			{Name: "cp", Role: plan.ControlPlane, Size: "m5.large", Disks: []plan.Disk{{Name: "root", GiB: 60}}},
			{Name: "workers", Role: plan.Worker, Size: "m7i.metal-24xl", Disks: []plan.Disk{{Name: "root", GiB: 60}, {Name: "data", GiB: 200}}},
		},
	}
	for _, zone := range strings.Split(zones, "") {
		p.Cloud.Zones = append(p.Cloud.Zones, zone)
		for i := range p.Pools {
			for n := range nodes {
				p.Pools[i].Nodes = append(p.Pools[i].Nodes, plan.Node{Name: fmt.Sprintf("%s-%s-%d", p.Pools[i].Name, zone, n), Zone: zone})
			}
		}
	}
	return p
}

func TestCarve(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, cidr, zones, vpc, nodes, public string }{
		{"usual", "172.31.0.0/20", "abc", "172.31.0.0/20", "172.31.0.0/22 172.31.4.0/22 172.31.8.0/22", "172.31.12.0/28 172.31.12.16/28 172.31.12.32/28"},
		{"a zone that goes moves no other", "172.31.0.0/20", "ac", "172.31.0.0/20", "172.31.0.0/22 172.31.8.0/22", "172.31.12.0/28 172.31.12.32/28"},
		{"wider than AWS takes", "10.0.0.0/8", "abc", "10.0.0.0/16", "10.0.0.0/18 10.0.64.0/18 10.0.128.0/18", "10.0.192.0/28 10.0.192.16/28 10.0.192.32/28"},
		{"as wide as AWS takes", "10.7.0.0/16", "b", "10.7.0.0/16", "10.7.64.0/18", "10.7.192.16/28"},
		{"smallest for c", "192.168.9.0/24", "abc", "192.168.9.0/24", "192.168.9.0/26 192.168.9.64/26 192.168.9.128/26", "192.168.9.192/28 192.168.9.208/28 192.168.9.224/28"},
		{"smallest for b", "192.168.9.128/25", "ab", "192.168.9.128/25", "192.168.9.128/27 192.168.9.160/27", "192.168.9.224/28 192.168.9.240/28"},
		{"smallest of all", "192.168.9.64/26", "a", "192.168.9.64/26", "192.168.9.64/28", "192.168.9.112/28"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := site(row.cidr, row.zones, 1)
			cut, err := carve(p)
			require.NoError(t, err)
			assert.Equal(t, row.vpc, cut.vpc.String())
			var nodes, public []string
			for _, zone := range p.Cloud.Zones {
				nodes = append(nodes, cut.nodes[zone].String())
				public = append(public, cut.public[zone].String())
			}
			assert.Equal(t, row.nodes, strings.Join(nodes, " "))
			assert.Equal(t, row.public, strings.Join(public, " "))
		})
	}
}

// Whatever the size: every subnet lies in the VPC, the VPC in the declared network, and no two subnets overlap.
func TestCarveNeverOverlaps(t *testing.T) {
	t.Parallel()
	for bits := 8; bits <= 24; bits++ {
		p := site(fmt.Sprintf("10.0.0.0/%d", bits), "abc", 1)
		cut, err := carve(p)
		require.NoError(t, err)
		assert.LessOrEqual(t, bits, cut.vpc.Bits())
		all := cut.nodes
		for zone, subnet := range cut.public {
			all["public-"+zone] = subnet
		}
		for one, a := range all {
			assert.True(t, cut.vpc.Contains(a.Addr()) && a.Bits() >= cut.vpc.Bits(), "%s %s is not in %s", one, a, cut.vpc)
			for other, b := range all {
				assert.True(t, one == other || !a.Overlaps(b), "/%d: %s %s overlaps %s %s", bits, one, a, other, b)
			}
		}
	}
}

func TestCarveRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, cidr, zones string
		nodes             int
		err               string
	}{
		{"too small for c", "172.31.0.0/25", "abc", 1,
			`cluster.nodeCIDR: "172.31.0.0/25" has no room for zone c, where AWS wants 16 addresses for nodes and 16 for the way out; use a /24 or larger`},
		{"too small for b", "172.31.0.0/26", "ab", 1,
			`cluster.nodeCIDR: "172.31.0.0/26" has no room for zone b, where AWS wants 16 addresses for nodes and 16 for the way out; use a /25 or larger`},
		{"too small for any", "172.31.0.0/28", "a", 1,
			`cluster.nodeCIDR: "172.31.0.0/28" has no room for zone a, where AWS wants 16 addresses for nodes and 16 for the way out; use a /26 or larger`},
		{"too many nodes", "172.31.0.0/24", "abc", 20,
			`cluster.nodeCIDR: "172.31.0.0/24" leaves zone a room for 58 nodes, and 60 may exist during a replacement; use a larger network`},
		{"a zone that no region has", "172.31.0.0/20", "ad", 1, `nodePools zones: "d" is no zone of a European region of AWS; use a, b or c`},
		{"no network", "172.31.0.0", "a", 1, `cluster.nodeCIDR: "172.31.0.0" is no IPv4 network; use one such as 172.31.0.0/20`},
		{"IPv6", "fd00::/64", "a", 1, `cluster.nodeCIDR: "fd00::/64" is no IPv4 network; use one such as 172.31.0.0/20`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := carve(site(row.cidr, row.zones, row.nodes))
			require.EqualError(t, err, row.err)
		})
	}
}

// Everything that AWS would refuse later is reported before the first resource, all of it at once.
func TestCheck(t *testing.T) {
	t.Parallel()
	require.NoError(t, check(site("172.31.0.0/20", "abc", 1)))
	p := site("172.31.0.0/28", "abc", 1)
	p.Cloud.Region, p.Cloud.AWS.Image, p.Cluster.Name, p.Pools[0].Size = "eusc-de-east-1", "debian-12", "internal-one", "2c2g"
	for i := range 12 {
		p.Pools[1].Disks = append(p.Pools[1].Disks, plan.Disk{Name: fmt.Sprintf("more-%d", i), GiB: 1})
	}
	require.EqualError(t, check(p), `cloud.aws.region: "eusc-de-east-1" is in a partition of its own, whose names and endpoints are not built; use a region of the partition aws
cloud.aws.image: "debian-12" is no id of a machine image; write it as ami-0123456789abcdef0
cluster.name: "internal-one" begins as AWS lets no load balancer's name begin; use another name
nodePools cp.size: "2c2g" is no instance type; write it as m5.large
nodePools workers.disks: "more-10" is one more than the 11 data disks that AWS attaches; declare fewer, larger ones
cluster.nodeCIDR: "172.31.0.0/28" has no room for zone a, where AWS wants 16 addresses for nodes and 16 for the way out; use a /26 or larger`)
}

func TestDevices(t *testing.T) {
	t.Parallel()
	got, err := devices([]plan.Disk{{Name: "data"}, {Name: "root"}, {Name: "images"}})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"data": "/dev/sdf", "images": "/dev/sdg"}, got)
}

func TestTags(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Tags: map[string]string{
		"lagrum.dev/stack": "dk-prod", "lagrum.dev/operator": "Sjælland & Søn (Nord), \"Øst\"", "lagrum.dev/country": strings.Repeat("å", 300),
	}}
	assert.Equal(t, map[string]string{
		"lagrum.dev/stack": "dk-prod", "lagrum.dev/operator": "Sjælland _ Søn _Nord__ _Øst_", "lagrum.dev/country": strings.Repeat("å", 256),
	}, providers.AWSTags(p))
}

// Every reason of the table can stand in a rule of AWS as it is.
func TestEveryReasonCanBeSaid(t *testing.T) {
	t.Parallel()
	for _, encryption := range []string{plan.WireGuard, plan.NotEncrypted} {
		p := site("172.31.0.0/20", "abc", 1)
		p.Network.Encryption, p.Cluster.APISources = encryption, []string{"192.0.2.0/24"}
		for _, rule := range firewall.Rules(p) {
			got, err := description(rule.Reason)
			require.NoError(t, err, rule.Name)
			assert.Equal(t, rule.Reason, string(got))
		}
	}
	for _, bad := range []string{"", "the cluster's", strings.Repeat("a", 256), "år"} {
		_, err := description(bad)
		assert.Error(t, err, bad)
	}
}
