package provider

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const configMapType = "kubernetes:core/v1:ConfigMap"

func kubeconfigFor(server string) string {
	return `apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {server: "` + server + `"}
users:
- name: admin
  user: {token: sentinel-token}
contexts:
- name: test
  context: {cluster: test, user: admin}
`
}

// gone starts a plugin for an API server that does not answer, and returns its URL.
func gone(t *testing.T, env map[string]string) (*engine, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := "https://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	return start(t, resource.PropertyMap{"kubeconfig": resource.NewProperty(kubeconfigFor(server))}, env), server
}

func configMapProps(name, value string) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "default"}, "data": map[string]any{"a": value},
	})
}

// stored is a resource as a former update of this stand-in left it.
func stored(e *engine, props resource.PropertyMap) *managed {
	outputs := props.Copy()
	outputs["__standIn"] = resource.NewProperty("kubernetes")
	return &managed{e: e, urn: urnOf(configMapType, "settings"), id: "default/settings", inputs: props, outputs: outputs}
}

func TestUnknownKubeconfigStillPreviews(t *testing.T) {
	t.Parallel()
	inputs := configMapProps("settings", "1")
	inputs["data"].ObjectValue()["later"] = resource.MakeComputed(resource.NewProperty(""))

	// The engine answers for a plugin whose arguments are unknown; the plugin, asked all the same, needs no cluster.
	e := start(t, nil, nil)
	typ := tokens.Type("pulumi:providers:kubernetes")
	_, err := e.Configure(t.Context(), plugin.ConfigureRequest{
		Type: &typ, Inputs: resource.PropertyMap{"kubeconfig": resource.MakeComputed(resource.NewProperty(""))},
	})
	require.NoError(t, err)
	urn := urnOf(configMapType, "settings")
	checked := e.check(t, urn, nil, inputs)
	assert.Equal(t, inputs, checked)
	resp, err := e.Create(t.Context(), plugin.CreateRequest{URN: urn, Properties: checked, Preview: true})
	require.NoError(t, err)
	assert.Empty(t, resp.ID)

	unconfigured := New(func(string) string { return "" })
	_, err = unconfigured.Configure(t.Context(), plugin.ConfigureRequest{
		Inputs: resource.PropertyMap{"kubeconfig": resource.MakeComputed(resource.NewProperty(""))},
	})
	require.NoError(t, err)
	preview, err := unconfigured.Create(t.Context(), plugin.CreateRequest{URN: urn, Type: urn.Type(), Properties: inputs, Preview: true})
	require.NoError(t, err)
	assert.True(t, preview.Properties["status"].IsComputed())
	assert.True(t, preview.Properties["data"].ObjectValue()["later"].IsComputed())
	assert.Equal(t, inputs["metadata"], preview.Properties["metadata"])
	_, err = unconfigured.Create(t.Context(), plugin.CreateRequest{URN: urn, Type: urn.Type(), Properties: configMapProps("settings", "1")})
	assert.EqualError(t, err, "the Kubernetes provider has no kubeconfig yet: make the resource depend on the cluster that gives it one")
}

func TestStateOfTheOfficialPluginIsRefused(t *testing.T) {
	t.Parallel()
	e, _ := gone(t, map[string]string{"PULUMI_K8S_DELETE_UNREACHABLE": "true"})
	m := stored(e, configMapProps("settings", "1"))
	delete(m.outputs, "__standIn")
	want := "its state was not written by the stand-in for the kubernetes plugin but, it seems, by the official plugin"

	_, err := e.Diff(t.Context(), plugin.DiffRequest{
		URN: m.urn, ID: m.id, OldInputs: m.inputs, OldOutputs: m.outputs, NewInputs: m.inputs, AllowUnknowns: true,
	})
	assert.ErrorContains(t, err, want)
	_, err = e.Read(t.Context(), plugin.ReadRequest{URN: m.urn, ID: m.id, Inputs: m.inputs, State: m.outputs})
	assert.ErrorContains(t, err, want)
	_, err = e.Update(t.Context(), plugin.UpdateRequest{
		URN: m.urn, ID: m.id, OldInputs: m.inputs, OldOutputs: m.outputs, NewInputs: m.inputs,
	})
	assert.ErrorContains(t, err, want)
	assert.ErrorContains(t, m.delete(t, 1), want)
}

func TestUnreachableCluster(t *testing.T) {
	t.Parallel()
	e, server := gone(t, nil)
	m := stored(e, configMapProps("settings", "1"))
	want := "the API server at " + server + " is unreachable: "
	remedy := "If the cluster is gone for good, run the command again with PULUMI_K8S_DELETE_UNREACHABLE=true to forget its objects"

	_, err := e.Create(t.Context(), plugin.CreateRequest{URN: m.urn, Properties: m.inputs})
	assert.ErrorContains(t, err, want)
	_, err = e.Read(t.Context(), plugin.ReadRequest{URN: m.urn, ID: m.id, Inputs: m.inputs, State: m.outputs})
	assert.ErrorContains(t, err, "settings: "+want)
	assert.ErrorContains(t, err, remedy)
	assert.ErrorContains(t, m.delete(t, 1), remedy)
	_, err = e.Update(t.Context(), plugin.UpdateRequest{
		URN: m.urn, ID: m.id, OldInputs: m.inputs, OldOutputs: m.outputs, NewInputs: m.inputs,
	})
	assert.ErrorContains(t, err, want)
	assert.NotContains(t, err.Error(), "sentinel-token")

	// A preview goes on, and says once that it is not checked.
	for range 2 {
		resp, err := e.Create(t.Context(), plugin.CreateRequest{URN: m.urn, Properties: m.inputs, Preview: true})
		require.NoError(t, err)
		assert.Equal(t, m.inputs["data"], resp.Properties["data"])
	}
	assert.Regexp(t, "^[^\n]*stand-in[^\n]*\nthis preview is not checked by the API server: "+want+"[^\n]*$", e.logged())
}

func TestDeadClusterIsNotAskedAgainAndAgain(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var asked atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_, _ = conn.Write([]byte("this is no TLS\n"))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	e := start(t, resource.PropertyMap{"kubeconfig": resource.NewProperty(kubeconfigFor("https://" + listener.Addr().String()))}, nil)
	m := stored(e, configMapProps("settings", "1"))
	_, err = e.Create(t.Context(), plugin.CreateRequest{URN: m.urn, Properties: m.inputs})
	require.Error(t, err)
	once := asked.Load()
	assert.Positive(t, once)
	for range 3 {
		_, err = e.Create(t.Context(), plugin.CreateRequest{URN: m.urn, Properties: m.inputs})
		require.Error(t, err)
	}
	assert.Equal(t, once, asked.Load())
}

func TestUnreachableClusterIsForgottenOnRequest(t *testing.T) {
	t.Parallel()
	e, server := gone(t, map[string]string{"PULUMI_K8S_DELETE_UNREACHABLE": "true"})
	m := stored(e, configMapProps("settings", "1"))
	resp, err := e.Read(t.Context(), plugin.ReadRequest{URN: m.urn, ID: m.id, Inputs: m.inputs, State: m.outputs})
	require.NoError(t, err)
	assert.Empty(t, resp.ID)
	require.NoError(t, m.delete(t, 1))
	assert.Contains(t, e.logged(), "forgotten without being deleted, because deleteUnreachable is set: the API server at "+server+" is unreachable: ")
}

func TestWhatTheStandInRefuses(t *testing.T) {
	t.Parallel()
	e, _ := gone(t, nil)
	_, err := e.Invoke(t.Context(), plugin.InvokeRequest{Tok: "kubernetes:yaml:decode"})
	assert.ErrorContains(t, err, "function kubernetes:yaml:decode is unimplemented by this stand-in for the kubernetes plugin 4.33.0")
	_, err = e.raw.Construct(t.Context(), &pulumirpc.ConstructRequest{Type: "kubernetes:yaml/v2:ConfigGroup"})
	assert.ErrorContains(t, err, "component kubernetes:yaml/v2:ConfigGroup is unimplemented by this stand-in")
	info, err := e.raw.GetPluginInfo(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	assert.Equal(t, "4.33.0", info.Version)
	_, err = e.Check(t.Context(), plugin.CheckRequest{URN: urnOf("kubernetes:helm.sh/v3:Release", "x"), News: resource.PropertyMap{}})
	assert.ErrorContains(t, err, "the stand-in renders no charts, manifests or kustomizations; declare typed objects")
}

func TestDiffOverTheWireIsDetailed(t *testing.T) {
	t.Parallel()
	e, _ := gone(t, nil)
	m := stored(e, configMapProps("settings", "1"))
	m.inputs["data"].ObjectValue()["b"] = resource.NewProperty("2")
	_, diff := m.diff(t, configMapProps("settings", "changed").Mappable())
	assert.Equal(t, map[string]plugin.PropertyDiff{
		"data.a": {Kind: plugin.DiffUpdateReplace, InputDiff: true}, "data.b": {Kind: plugin.DiffDeleteReplace, InputDiff: true},
	}, diff.DetailedDiff)
	assert.True(t, diff.DeleteBeforeReplace)
	_, diff = m.diff(t, configMapProps("settings", "changed").Mappable(), "data.a", "data.b")
	assert.Equal(t, plugin.DiffNone, diff.Changes)
}
