package site_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/golden"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		golden string
		site   site.Site
	}{
		{"lab.yaml", site.ExampleDev()},
		{"prod.yaml", site.ExampleProd()},
		{"recovery.yaml", site.ExampleRecovery()},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			t.Parallel()
			text, err := site.Marshal(tt.site)
			require.NoError(t, err)
			golden.Compare(t, tt.golden, string(text))

			loaded, warnings, err := site.Load(text)
			require.NoError(t, err)
			assert.Empty(t, warnings)
			assert.Equal(t, tt.site, loaded)
		})
	}
}

// Pulumi hands structured configuration over as JSON.
func TestJSON(t *testing.T) {
	t.Parallel()
	for _, want := range []site.Site{site.ExampleDev(), site.ExampleProd(), site.ExampleRecovery()} {
		text, err := site.Marshal(want)
		require.NoError(t, err)
		loaded, _, err := site.Load(asJSON(t, text))
		require.NoError(t, err)
		assert.Equal(t, want, loaded)
	}
}

// The stack of the quick start is the example, and free of warnings.
func TestDevStack(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../Pulumi.dev.yaml")
	require.NoError(t, err)
	var stack struct {
		Config map[string]any `yaml:"config"`
	}
	require.NoError(t, yaml.Unmarshal(text, &stack))
	assert.Equal(t, []any{"*"}, stack.Config["pulumi:disable-default-providers"])
	config, err := json.Marshal(stack.Config["lagrum:site"])
	require.NoError(t, err)
	loaded, warnings, err := site.Load(config)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, site.ExampleDev(), loaded)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	text := edit(t, yamlOf(t, site.ExampleProd()),
		"  domain: cluster.local\n  serviceCIDR: 10.96.0.0/16\n  podCIDR: 10.244.0.0/16\n", "",
		"  initialisedBy: cp-1-g1\n", "", "  joinLifetime: 2h\n", "",
		"    generation: 1\n", "",
		"  interval: 12h\n  ttl: 30d\n", "",
		"  rpo: 24h\n  rto: 4h\n  restoreTestInterval: 180d\n", "  rto: 4h\n")
	loaded, _, err := site.Load([]byte(text))
	require.NoError(t, err)
	want := site.ExampleProd()
	want.Backup.Interval = parse[site.Duration](t, "24h")
	assert.Equal(t, want, loaded)
	assert.Equal(t, "cluster.local", loaded.Cluster.Domain.String())
	assert.Equal(t, "10.96.0.0/16", loaded.Cluster.ServiceCIDR.String())
	assert.Equal(t, "10.244.0.0/16", loaded.Cluster.PodCIDR.String())
	assert.Equal(t, "2h", loaded.Cluster.JoinLifetime.String())
	assert.Equal(t, "cp-1-g1", loaded.Cluster.InitialisedBy.String())
	assert.Equal(t, 1, loaded.NodePools[0].Generation)
	assert.Equal(t, "24h", loaded.Recovery.RPO.String())
	assert.Equal(t, "180d", loaded.Recovery.RestoreTestInterval.String())
	assert.Equal(t, "30d", loaded.Backup.TTL.String())
}

// A default never takes the place of what a site says.
func TestDefaultsDoNotOverwrite(t *testing.T) {
	t.Parallel()
	want := site.ExampleProd()
	want.Cluster.Domain = parse[site.Domain](t, "k8s.example.org")
	want.Cluster.ServiceCIDR = parse[site.CIDR](t, "10.0.0.0/20")
	want.Cluster.PodCIDR = parse[site.CIDR](t, "10.128.0.0/12")
	want.Cluster.JoinLifetime = parse[site.Duration](t, "10m")
	want.Cluster.InitialisedBy = parse[site.Name](t, "cp-3-g2")
	want.NodePools[1].Generation = 7
	want.Backup.Interval = parse[site.Duration](t, "1h")
	want.Backup.TTL = parse[site.Duration](t, "2h")
	want.Recovery.RPO = parse[site.Duration](t, "1h")
	want.Recovery.RTO = parse[site.Duration](t, "30m")
	want.Recovery.RestoreTestInterval = parse[site.Duration](t, "30d")
	loaded, _, err := site.Load([]byte(yamlOf(t, want)))
	require.NoError(t, err)
	assert.Equal(t, want, loaded)
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	prod := yamlOf(t, site.ExampleProd())
	for _, tt := range []struct {
		name string
		text string
		want string
	}{
		{
			"one control plane",
			edit(t, prod, "    count: 3\n", "    count: 1\n", "    replacements:\n      - 1\n      - 3\n      - 1\n", ""),
			"nodePools[0].count: is 1: the API is gone while that machine is; use 3",
		},
		{
			"one zone",
			edit(t, prod, "    count: 6\n    zones:\n      - a\n      - b\n      - c\n", "    count: 6\n    zones:\n      - a\n"),
			"nodePools[1].zones: has one zone: its loss takes every node of the pool; spread the pool over the zones that the cloud has",
		},
		{
			"no sources",
			edit(t, prod, "  apiSources:\n    - 192.0.2.0/24\n    - 2001:db8::/48\n", ""),
			"cluster.apiSources: is empty, so nothing outside the node network reaches the API; " +
				"list the networks that administrators and pipelines come from",
		},
		{
			"production in the lab",
			edit(t, edit(t, prod, "  public: true\n", "", "- 0.0.0.0/0", "- 192.0.2.0/24"), openstack, "  lab: {}\n", "      - name: data\n        gib: 200\n", ""),
			"cloud.lab: is a laboratory, where neither encrypted disks nor a place can be proved; rehearse here, and keep patient data elsewhere",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, warnings, err := site.Load([]byte(tt.text))
			require.NoError(t, err)
			require.Len(t, warnings, 1)
			assert.Equal(t, tt.want, warnings[0].String())
		})
	}
}

func TestStackName(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]site.Site{
		"dev": site.ExampleDev(), "se-prod": site.ExampleProd(), "dk-dr": site.ExampleRecovery(),
	} {
		assert.Equal(t, want, s.Stack())
	}
}

func TestSlotGeneration(t *testing.T) {
	t.Parallel()
	pool := site.ExampleProd().NodePools[0]
	assert.Equal(t, []int{3, 1, 2}, []int{pool.SlotGeneration(1), pool.SlotGeneration(2), pool.SlotGeneration(3)})
}

func TestRedact(t *testing.T) {
	t.Parallel()
	original := site.ExampleProd()
	text := yamlOf(t, original.Redact())
	for _, person := range []string{"security@example.org", "oncall@example.org", "dpo@example.org", "+46101234567", "Head of"} {
		assert.Contains(t, yamlOf(t, original), person)
		assert.NotContains(t, text, person)
	}
	assert.Equal(t, site.ExampleProd(), original, "the original stays whole")
	_, _, err := site.Load([]byte(text))
	assert.NoError(t, err, "a redacted site is still a site")
	dev := site.ExampleDev()
	assert.Equal(t, dev, dev.Redact(), "nothing is made up")
}

func FuzzLoad(f *testing.F) {
	for _, s := range []site.Site{site.ExampleDev(), site.ExampleProd(), site.ExampleRecovery()} {
		text, err := site.Marshal(s)
		require.NoError(f, err)
		f.Add(text)
		f.Add(asJSON(f, text))
	}
	for _, odd := range []string{
		"", "---", "a: &a [*a]", "<<: {country: se}", "{country: [se]}", "? [x]\n: y", "!!binary aGVq", "nodePools: [null]",
		"cloud: {lab: null}", "\xff", "a: 1\n---\nb: 2",
	} {
		f.Add([]byte(odd))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, _, err := site.Load(data)
		if err != nil {
			var problems site.Problems
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems)
			return
		}
		text, err := site.Marshal(first)
		require.NoError(t, err)
		second, _, err := site.Load(text)
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}

func yamlOf(t *testing.T, s site.Site) string {
	t.Helper()
	text, err := site.Marshal(s)
	require.NoError(t, err)
	return string(text)
}

func asJSON(t testing.TB, text []byte) []byte {
	t.Helper()
	var generic any
	require.NoError(t, yaml.Unmarshal(text, &generic))
	out, err := json.Marshal(generic)
	require.NoError(t, err)
	return out
}

// edit replaces the first occurrence of every odd argument by the even one after it; each must occur.
func edit(t *testing.T, text string, changes ...string) string {
	t.Helper()
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, text, changes[i])
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	return text
}

func parse[V any, P interface {
	*V
	UnmarshalText([]byte) error
}](t *testing.T, text string) V {
	t.Helper()
	v, err := site.Parse[V, P](text)
	require.NoError(t, err)
	return v
}

// gateway is that section of the production example.
const gateway = "gateway:\n  public: true\n  sources:\n    - 0.0.0.0/0\n"

// openstack is the cloud section of the production example.
const openstack = `  openstack:
    authURL: https://identity.example.org:5000/v3
    region: sto-1
    project: care-prod
    externalNetwork: 8b1c9a52-5d0e-4f53-a3a5-2d9f7b0c6e11
    externalNetworkName: external
    image: 0d4f7c1e-9b1a-4c57-8f6e-3f0d2b9a7c44
    encryptedVolumeType: luks
`
