package provider

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

func TestDiffConfig(t *testing.T) {
	t.Parallel()
	unknown := resource.MakeComputed(resource.NewProperty(""))
	here := resource.NewProperty(kubeconfigFor("https://10.0.0.1:6443"))
	there := resource.NewProperty(kubeconfigFor("https://10.0.0.2:6443"))
	renewed := resource.NewProperty(kubeconfigFor("https://10.0.0.1:6443") + "# renewed\n")
	lab, other := resource.NewProperty("lab"), resource.NewProperty("other")
	for _, row := range []struct {
		name       string
		olds, news resource.PropertyMap
		want       []string
	}{
		{"nothing changed", resource.PropertyMap{"kubeconfig": here}, resource.PropertyMap{"kubeconfig": here}, []string{}},
		{"a secret is no change", resource.PropertyMap{"kubeconfig": here}, resource.PropertyMap{"kubeconfig": resource.MakeSecret(here)}, []string{}},
		{
			"the identifier changed", resource.PropertyMap{"kubeconfig": here, "clusterIdentifier": lab},
			resource.PropertyMap{"kubeconfig": here, "clusterIdentifier": other}, []string{"clusterIdentifier update-replace"},
		},
		{
			"the same identifier at another address", resource.PropertyMap{"kubeconfig": here, "clusterIdentifier": lab},
			resource.PropertyMap{"kubeconfig": there, "clusterIdentifier": lab}, []string{"kubeconfig update"},
		},
		{
			"the same identifier, kubeconfig unknown", resource.PropertyMap{"kubeconfig": here, "clusterIdentifier": lab},
			resource.PropertyMap{"kubeconfig": unknown, "clusterIdentifier": lab}, []string{"kubeconfig update"},
		},
		{
			"the identifier is new", resource.PropertyMap{"kubeconfig": here},
			resource.PropertyMap{"kubeconfig": here, "clusterIdentifier": lab}, []string{"clusterIdentifier add"},
		},
		{"no identifier, renewed", resource.PropertyMap{"kubeconfig": here}, resource.PropertyMap{"kubeconfig": renewed}, []string{"kubeconfig update"}},
		{
			"no identifier, another cluster", resource.PropertyMap{"kubeconfig": here}, resource.PropertyMap{"kubeconfig": there},
			[]string{"kubeconfig update-replace"},
		},
		{
			"no identifier, unknown", resource.PropertyMap{"kubeconfig": here}, resource.PropertyMap{"kubeconfig": unknown},
			[]string{"kubeconfig update-replace"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			diff, err := New(nil).DiffConfig(t.Context(), plugin.DiffConfigRequest{OldInputs: row.olds, NewInputs: row.news})
			require.NoError(t, err)
			assert.ElementsMatch(t, row.want, kinds(diff))
		})
	}
}

func TestCheckConfig(t *testing.T) {
	t.Parallel()
	text := resource.NewProperty("kubeconfig text")
	for _, row := range []struct {
		name string
		args resource.PropertyMap
		want []plugin.CheckFailure
	}{
		{"good", resource.PropertyMap{"kubeconfig": text}, nil},
		{"unknown", resource.PropertyMap{"kubeconfig": resource.MakeComputed(text)}, nil},
		{"defaults of the SDK", resource.PropertyMap{"kubeconfig": text, "skipUpdateUnreachable": resource.NewProperty("false")}, nil},
		{
			"no kubeconfig", resource.PropertyMap{},
			[]plugin.CheckFailure{{Property: "kubeconfig", Reason: "the lab's stand-in never uses the kubeconfig of the shell: give the provider one"}},
		},
		{
			"rendering", resource.PropertyMap{"kubeconfig": text, "renderYamlToDirectory": resource.NewProperty("out")},
			[]plugin.CheckFailure{{Property: "renderYamlToDirectory", Reason: "the lab's stand-in does not support this argument; remove it"}},
		},
		{
			"client-side apply", resource.PropertyMap{"kubeconfig": text, "enableServerSideApply": resource.NewProperty("false")},
			[]plugin.CheckFailure{{Property: "enableServerSideApply", Reason: "the lab's stand-in knows server-side apply only; remove the argument"}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			resp, err := New(nil).CheckConfig(t.Context(), plugin.CheckConfigRequest{News: row.args})
			require.NoError(t, err)
			assert.Equal(t, row.want, resp.Failures)
			if kubeconfig := row.args["kubeconfig"]; kubeconfig.IsString() {
				assert.True(t, resp.Properties["kubeconfig"].IsSecret())
			}
		})
	}
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string {
		return map[string]string{"PULUMI_K8S_DELETE_UNREACHABLE": "true", "PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}[name]
	}
	s, err := readSettings(resource.PropertyMap{
		"kubeconfig":         resource.MakeSecret(resource.NewProperty("text")),
		"enablePatchForce":   resource.NewProperty("false"),
		"kubeClientSettings": resource.NewProperty(`{"qps":5}`),
	}, getenv)
	require.NoError(t, err)
	assert.Equal(t, settings{
		kubeconfig: "text", deleteUnreachable: true, client: clientSettings{QPS: 5, Timeout: 30},
	}, s)

	_, err = readSettings(resource.PropertyMap{"deleteUnreachable": resource.NewProperty("perhaps")}, getenv)
	assert.EqualError(t, err, "provider argument deleteUnreachable: want true or false, got perhaps")
	_, err = readSettings(resource.PropertyMap{"namespace": resource.NewProperty(1.0)}, getenv)
	assert.EqualError(t, err, "provider argument namespace: got number, want a text")
}

func TestBadKubeconfigIsNotQuoted(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"one line": "sentinel-key", "many lines": "apiVersion: v1\nsentinel-key: [\n"} {
		_, err := loadKubeconfig(text)
		require.ErrorContains(t, err, "provider argument kubeconfig: ", name)
		assert.NotContains(t, err.Error(), "sentinel-key", name)
	}
}
