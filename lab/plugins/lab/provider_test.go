package lab

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"github.com/lagrum/lagrum/lab/machines"
)

const (
	networkType  tokens.Type = "lab:index:Network"
	firewallType tokens.Type = "lab:index:Firewall"
	balancerType tokens.Type = "lab:index:LoadBalancer"
	memberType   tokens.Type = "lab:index:LoadBalancerMember"
	machineType  tokens.Type = "lab:index:Machine"

	notALabel = " is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first"
)

// unit is a provider over a lab that has nothing, in a folder of the test's own.
func unit(t *testing.T) *provider {
	t.Helper()
	host, err := machines.Open("unit", filepath.Join(t.TempDir(), "unit"))
	require.NoError(t, err)
	return newProvider(host)
}

func urn(token tokens.Type) resource.URN { return resource.NewURN("dev", "lagrum", "", token, "x") }

// props builds inputs from plain Go values.
func props(values map[string]any) resource.PropertyMap { return resource.NewPropertyMapFromMap(values) }

// machine is a machine's inputs, changed by edits: a key with its new value, nil to leave it out.
func machine(edits ...any) map[string]any {
	inputs := map[string]any{
		"name": "cp-1-g1", "network": "dev", "role": "control-plane", "cpus": 2, "memoryMiB": 2048, "diskGiB": 20,
		"userData": "#cloud-config\n", "secrets": base64.StdEncoding.EncodeToString([]byte("SENTINEL")),
		"tags": map[string]any{"lagrum.dev/stack": "dev"},
	}
	for i := 0; i+1 < len(edits); i += 2 {
		key := edits[i].(string)
		if inputs[key] = edits[i+1]; edits[i+1] == nil {
			delete(inputs, key)
		}
	}
	return inputs
}

func TestCheck(t *testing.T) {
	t.Parallel()
	rule := map[string]any{
		"name": "api", "from": "worker", "to": "load-balancer", "protocol": "tcp", "firstPort": 6443, "lastPort": 6443, "reason": "the API",
	}
	for name, row := range map[string]struct {
		token  tokens.Type
		inputs map[string]any
		want   string
	}{
		"network":            {networkType, map[string]any{"name": "dev", "cidr": "10.88.0.0/24"}, ""},
		"network, bad range": {networkType, map[string]any{"name": "dev", "cidr": "10.88.0.1/24"}, `cidr: "10.88.0.1/24" has host bits set; use 10.88.0.0/24`},
		"network, another key": {networkType, map[string]any{"name": "dev", "cidr": "10.88.0.0/24", "mtu": 1500},
			`decode properties: json: unknown field "mtu"`},
		"firewall": {firewallType, map[string]any{"name": "dev", "network": "dev", "rules": []any{rule}}, ""},
		"firewall, rule of another type": {firewallType, map[string]any{"name": "dev", "network": "dev", "rules": []any{"all"}},
			`decode properties: json: cannot unmarshal string into Go struct field FirewallSpec.rules of type machines.Rule`},
		"firewall, no protocol": {firewallType, map[string]any{"name": "dev", "network": "dev", "rules": []any{map[string]any{
			"name": "api", "from": "worker", "to": "load-balancer", "reason": "the API",
		}}}, `rules[0].protocol: "" is unknown; use tcp, udp or icmp`},
		"balancer":           {balancerType, map[string]any{"name": "api", "network": "dev", "port": 6443}, ""},
		"balancer, bad port": {balancerType, map[string]any{"name": "api", "network": "dev", "port": 65536}, `port: 65536 is no port; use 1 to 65535`},
		"balancer, port as text": {balancerType, map[string]any{"name": "api", "network": "dev", "port": "https"},
			`decode properties: json: cannot unmarshal string into Go struct field LoadBalancerSpec.port of type int`},
		"member":              {memberType, map[string]any{"loadBalancer": "api", "name": "cp-1-g1", "address": "10.88.0.10"}, ""},
		"member, no address":  {memberType, map[string]any{"loadBalancer": "api", "name": "cp-1-g1"}, `address: "" is no IPv4 address; use the machine's`},
		"machine":             {machineType, machine(), ""},
		"machine, no secrets": {machineType, machine("secrets", nil), ""},
		"machine, no role":    {machineType, machine("role", nil), `role: ""` + notALabel},
		"machine, secrets that are no base64": {machineType, machine("secrets", "SENTINEL!"),
			`secrets: no base64; give the tar archive in base64`},
		"machine, two mistakes": {machineType, machine("network", nil, "cpus", -1), `network: ""` + notALabel +
			"\ncpus: -1 is negative; use 0 for unbounded, or more"},
		"machine, another key": {machineType, machine("image", "debian"), `decode properties: json: unknown field "image"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := unit(t).Check(t.Context(), plugin.CheckRequest{URN: urn(row.token), Type: row.token, News: props(row.inputs)})
			require.NoError(t, err)
			if row.want == "" {
				assert.Empty(t, got.Failures)
				return
			}
			assert.Equal(t, []plugin.CheckFailure{{Reason: row.want}}, got.Failures)
		})
	}
}

func TestCheckMarksSecretsAndLetsUnknownsPass(t *testing.T) {
	t.Parallel()
	inputs := props(machine())
	inputs["network"] = resource.MakeComputed(resource.NewProperty(""))
	got, err := unit(t).Check(t.Context(), plugin.CheckRequest{URN: urn(machineType), Type: machineType, News: inputs})
	require.NoError(t, err)
	assert.Empty(t, got.Failures)
	assert.True(t, got.Properties["secrets"].IsSecret())
	assert.False(t, got.Properties["userData"].IsSecret())
	assert.True(t, got.Properties["network"].IsComputed())
}

func TestAnotherTypeIsRefused(t *testing.T) {
	t.Parallel()
	_, err := unit(t).Check(t.Context(), plugin.CheckRequest{Type: "lab:index:Volume"})
	assert.ErrorContains(t, err, "resource type lab:index:Volume is unimplemented by this stand-in")
}

func TestDiff(t *testing.T) {
	t.Parallel()
	rules := func(names ...string) map[string]any {
		var all []any
		for _, name := range names {
			all = append(all, map[string]any{"name": name})
		}
		return map[string]any{"name": "dev", "network": "dev", "rules": all}
	}
	for name, row := range map[string]struct {
		token    tokens.Type
		old, new map[string]any
		changes  plugin.DiffChanges
		replace  []resource.PropertyKey
	}{
		"nothing":          {machineType, machine(), machine(), plugin.DiffNone, nil},
		"tags in place":    {machineType, machine(), machine("tags", map[string]any{"a": "b"}), plugin.DiffSome, nil},
		"user-data":        {machineType, machine(), machine("userData", "#cloud-config\nx: y\n"), plugin.DiffSome, []resource.PropertyKey{"userData"}},
		"secrets":          {machineType, machine(), machine("secrets", "AA=="), plugin.DiffSome, []resource.PropertyKey{"secrets"}},
		"memory":           {machineType, machine(), machine("memoryMiB", 4096), plugin.DiffSome, []resource.PropertyKey{"memoryMiB"}},
		"secrets dropped":  {machineType, machine(), machine("secrets", nil), plugin.DiffSome, []resource.PropertyKey{"secrets"}},
		"rules in place":   {firewallType, rules("a"), rules("a", "b"), plugin.DiffSome, nil},
		"firewall's name":  {firewallType, rules("a"), map[string]any{"name": "x", "network": "dev", "rules": rules("a")["rules"]}, plugin.DiffSome, []resource.PropertyKey{"name"}},
		"network's range":  {networkType, map[string]any{"name": "dev", "cidr": "10.88.0.0/24"}, map[string]any{"name": "dev", "cidr": "10.89.0.0/24"}, plugin.DiffSome, []resource.PropertyKey{"cidr"}},
		"balancer's port":  {balancerType, map[string]any{"port": 6443}, map[string]any{"port": 443}, plugin.DiffSome, []resource.PropertyKey{"port"}},
		"member's address": {memberType, map[string]any{"address": "10.88.0.10"}, map[string]any{"address": "10.88.0.11"}, plugin.DiffSome, []resource.PropertyKey{"address"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := unit(t)
			got, err := p.Diff(t.Context(), plugin.DiffRequest{
				URN: urn(row.token), Type: row.token, OldInputs: props(row.old), OldOutputs: p.Mark(props(row.old)), NewInputs: props(row.new),
			})
			require.NoError(t, err)
			assert.Equal(t, row.changes, got.Changes)
			assert.Equal(t, row.replace, got.ReplaceKeys)
			assert.True(t, got.DeleteBeforeReplace, "names are taken until the old one is gone")
		})
	}
}

func TestPreviewOfCreate(t *testing.T) {
	t.Parallel()
	for token, row := range map[tokens.Type]struct {
		inputs  map[string]any
		unknown []resource.PropertyKey
	}{
		networkType:  {map[string]any{"name": "dev", "cidr": "10.88.0.0/24"}, []resource.PropertyKey{"bridge", "gateway"}},
		balancerType: {map[string]any{"name": "api", "network": "dev", "port": 6443}, []resource.PropertyKey{"address"}},
		machineType:  {machine(), []resource.PropertyKey{"address"}},
	} {
		t.Run(string(token), func(t *testing.T) {
			t.Parallel()
			p := unit(t)
			got, err := p.Create(t.Context(), plugin.CreateRequest{URN: urn(token), Type: token, Properties: props(row.inputs), Preview: true})
			require.NoError(t, err)
			assert.Empty(t, got.ID)
			for _, key := range row.unknown {
				assert.True(t, got.Properties[key].IsComputed(), key)
			}
			assert.NoDirExists(t, p.host.Dir(), "a preview makes nothing")
		})
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	p := unit(t)
	gone, err := p.Read(t.Context(), plugin.ReadRequest{URN: urn(machineType), Type: machineType, ID: "cp-1-g1"})
	require.NoError(t, err)
	assert.Empty(t, gone.ID, "what does not exist has no id")

	record := filepath.Join(p.host.Dir(), "machines/cp-1-g1/machine.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(record), 0o700))
	require.NoError(t, os.WriteFile(record, []byte(`{"name":"cp-1-g1","network":"dev","role":"control-plane","cpus":2,
		"memoryMiB":2048,"diskGiB":20,"tags":{"lagrum.dev/stack":"changed"},"address":"10.88.0.10","owner":"urn:x"}`), 0o600))

	t.Run("import", func(t *testing.T) {
		got, err := p.Read(t.Context(), plugin.ReadRequest{URN: urn(machineType), Type: machineType, ID: "cp-1-g1"})
		require.NoError(t, err)
		assert.Equal(t, resource.ID("cp-1-g1"), got.ID, "a dead machine still exists")
		assert.Equal(t, props(machine("userData", nil, "secrets", nil, "tags", map[string]any{"lagrum.dev/stack": "changed"})).Mappable(), got.Inputs.Mappable())
		assert.Equal(t, "10.88.0.10", got.Outputs["address"].StringValue())
	})
	t.Run("refresh shows drift and keeps what is not read back", func(t *testing.T) {
		inputs := props(machine())
		got, err := p.Read(t.Context(), plugin.ReadRequest{
			URN: urn(machineType), Type: machineType, ID: "cp-1-g1", Inputs: inputs, State: p.Mark(inputs),
		})
		require.NoError(t, err)
		assert.Equal(t, "changed", got.Inputs["tags"].ObjectValue()["lagrum.dev/stack"].StringValue())
		assert.Equal(t, "#cloud-config\n", got.Inputs["userData"].StringValue())
		for name, side := range map[string]resource.PropertyMap{"inputs": got.Inputs, "outputs": got.Outputs} {
			assert.True(t, side["secrets"].IsSecret(), name)
		}
	})
}

func TestStateOfAnotherPluginIsRefused(t *testing.T) {
	t.Parallel()
	p := unit(t)
	_, err := p.Delete(t.Context(), plugin.DeleteRequest{URN: urn(machineType), Type: machineType, ID: "cp-1-g1", Outputs: props(machine())})
	assert.ErrorContains(t, err, "its state was not written by the stand-in for the lab plugin")
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ lab, want string }{
		"this lab":    {"unit", ""},
		"another lab": {"dev", `lab: the stack is declared for lab "dev" and this is lab "unit"; set LAGRUM_LAB=dev or cluster.name to unit`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := unit(t).Configure(t.Context(), plugin.ConfigureRequest{Inputs: props(map[string]any{"lab": row.lab})})
			if row.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, row.want)
		})
	}
}
