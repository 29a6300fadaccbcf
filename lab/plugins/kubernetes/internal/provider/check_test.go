package provider

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// configured returns a provider for a cluster that is never asked.
func configured(t *testing.T, args resource.PropertyMap) *Provider {
	t.Helper()
	p := New(func(string) string { return "" })
	args["kubeconfig"] = resource.NewProperty(kubeconfigFor("https://127.0.0.1:1"))
	_, err := p.Configure(t.Context(), plugin.ConfigureRequest{Inputs: args})
	require.NoError(t, err)
	return p
}

func TestCheck(t *testing.T) {
	t.Parallel()
	unknown := resource.MakeComputed(resource.NewProperty(""))
	seed := []byte("01234567890123456789012345678901")
	type object = map[string]any
	for _, row := range []struct {
		name       string
		typ        tokens.Type
		olds, news object
		change     func(resource.PropertyMap)
		naming     *plugin.AutonamingOptions
		want       object
		failure    string
	}{
		{
			name: "default namespace and kind", typ: configMapType, news: object{"metadata": object{"name": "x"}},
			want: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "x", "namespace": "default"}},
		},
		{
			name: "no namespace for a cluster-scoped kind", typ: "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", news: object{"metadata": object{"name": "x"}},
			want: object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": "x"}},
		},
		{
			name: "no namespace for a custom kind of unknown scope", typ: "kubernetes:example.org/v1:Widget",
			news: object{"metadata": object{"name": "x"}},
			want: object{"apiVersion": "example.org/v1", "kind": "Widget", "metadata": object{"name": "x"}},
		},
		{
			name: "nulls are dropped", typ: configMapType, news: object{"metadata": object{"name": "x", "labels": nil}, "data": nil},
			want: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "x", "namespace": "default"}},
		},
		{
			name: "old autoname is kept", typ: configMapType, news: object{},
			olds: object{"metadata": object{"name": "n-1", "annotations": object{"pulumi.com/autonamed": "true"}}},
			want: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{
				"name": "n-1", "namespace": "default", "annotations": object{"pulumi.com/autonamed": "true"},
			}},
		},
		{
			name: "proposed name", typ: configMapType, news: object{},
			naming: &plugin.AutonamingOptions{Mode: plugin.AutonamingModePropose, ProposedName: "proposed"},
			want: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{
				"name": "proposed", "namespace": "default", "annotations": object{"pulumi.com/autonamed": "true"},
			}},
		},
		{
			name: "autonaming disabled", typ: configMapType, news: object{}, naming: &plugin.AutonamingOptions{Mode: plugin.AutonamingModeDisabled},
			failure: "metadata.name is missing and this stack's configuration disables autonaming; give a metadata.name",
		},
		{
			name: "generateName", typ: configMapType, news: object{"metadata": object{"generateName": "x-"}},
			failure: "metadata.generateName does not work with server-side apply; give a metadata.name, or none at all",
		},
		{
			name: "list", typ: "kubernetes:core/v1:ConfigMapList", news: object{"items": []any{}},
			failure: "ConfigMapList is a list, not an object; declare its items one by one",
		},
		{
			name: "nameless patch", typ: "kubernetes:core/v1:ConfigMapPatch", news: object{"kind": "ConfigMap"},
			failure: "a ConfigMapPatch needs the metadata.name of the object that it changes",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			resp, err := configured(t, resource.PropertyMap{}).Check(t.Context(), plugin.CheckRequest{
				URN: urnOf(string(row.typ), "n"), Type: row.typ, Olds: resource.NewPropertyMapFromMap(row.olds),
				News: resource.NewPropertyMapFromMap(row.news), RandomSeed: seed, Autonaming: row.naming,
			})
			require.NoError(t, err)
			if row.failure != "" {
				require.Len(t, resp.Failures, 1)
				assert.Equal(t, row.failure, resp.Failures[0].Reason)
				return
			}
			assert.Empty(t, resp.Failures)
			assert.Equal(t, row.want, resp.Properties.Mappable())
		})
	}

	t.Run("unknown name and namespace stay", func(t *testing.T) {
		t.Parallel()
		news := resource.PropertyMap{"metadata": resource.NewProperty(resource.PropertyMap{"name": unknown, "namespace": unknown})}
		resp, err := configured(t, resource.PropertyMap{}).Check(t.Context(), plugin.CheckRequest{
			URN: urnOf(configMapType, "n"), Type: configMapType, News: news, RandomSeed: seed,
		})
		require.NoError(t, err)
		assert.Equal(t, news["metadata"], resp.Properties["metadata"])
	})
	t.Run("the same seed gives the same name", func(t *testing.T) {
		t.Parallel()
		names := map[string]bool{}
		for range 2 {
			resp, err := configured(t, resource.PropertyMap{}).Check(t.Context(), plugin.CheckRequest{
				URN: urnOf(configMapType, "n"), Type: configMapType, News: resource.PropertyMap{}, RandomSeed: seed,
			})
			require.NoError(t, err)
			name, _ := text(resp.Properties, "metadata", "name")
			assert.Regexp(t, "^n-[0-9a-f]{8}$", name)
			names[name] = true
		}
		assert.Len(t, names, 1)
	})
	t.Run("the data of a Secret is secret", func(t *testing.T) {
		t.Parallel()
		resp, err := configured(t, resource.PropertyMap{}).Check(t.Context(), plugin.CheckRequest{
			URN: urnOf("kubernetes:core/v1:Secret", "n"), Type: "kubernetes:core/v1:Secret",
			News: resource.NewPropertyMapFromMap(object{"metadata": object{"name": "x"}, "data": object{"a": "eA=="}, "stringData": object{"b": "y"}}),
		})
		require.NoError(t, err)
		assert.True(t, resp.Properties["data"].IsSecret())
		assert.True(t, resp.Properties["stringData"].IsSecret())
		assert.False(t, resp.Properties["metadata"].ContainsSecrets())
	})
	t.Run("a custom kind of this program has the scope of its definition", func(t *testing.T) {
		t.Parallel()
		p := configured(t, resource.PropertyMap{})
		const crd = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
		_, err := p.Check(t.Context(), plugin.CheckRequest{
			URN: urnOf(crd, "n"), Type: crd, News: resource.NewPropertyMapFromMap(object{
				"metadata": object{"name": "widgets.example.org"},
				"spec":     object{"group": "example.org", "scope": "Namespaced", "names": object{"kind": "Widget"}},
			}),
		})
		require.NoError(t, err)
		resp, err := p.Check(t.Context(), plugin.CheckRequest{
			URN: urnOf("kubernetes:example.org/v1:Widget", "n"), Type: "kubernetes:example.org/v1:Widget",
			News: resource.NewPropertyMapFromMap(object{"metadata": object{"name": "x"}}),
		})
		require.NoError(t, err)
		namespace, _ := text(resp.Properties, "metadata", "namespace")
		assert.Equal(t, "default", namespace)
	})
}
