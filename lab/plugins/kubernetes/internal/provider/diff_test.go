package provider

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

func TestWhatReplaces(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	named := object{"name": "x", "namespace": "default"}
	auto := object{"name": "x", "namespace": "default", "annotations": object{"pulumi.com/autonamed": "true"}}
	for _, row := range []struct {
		name         string
		typ          tokens.Type
		args         resource.PropertyMap
		metadata     object
		olds, news   object
		unknown      resource.PropertyKey // a top-level property of the new inputs that is not known yet
		want         []string
		deletesFirst bool
	}{
		{name: "deployment image", typ: "kubernetes:apps/v1:Deployment", olds: object{"spec": object{"template": "a"}},
			news: object{"spec": object{"template": "b"}}, want: []string{"spec.template update"}},
		{name: "deployment selector", typ: "kubernetes:apps/v1:Deployment", olds: object{"spec": object{"selector": object{"matchLabels": object{"a": "1"}}}},
			news: object{"spec": object{"selector": object{"matchLabels": object{"a": "2"}}}},
			want: []string{"spec.selector.matchLabels.a update-replace"}, deletesFirst: true},
		{name: "daemon set selector", typ: "kubernetes:apps/v1:DaemonSet", olds: object{"spec": object{"selector": "a"}},
			news: object{"spec": object{"selector": "b"}}, want: []string{"spec.selector update-replace"}, deletesFirst: true},
		{name: "autonamed", typ: "kubernetes:apps/v1:DaemonSet", metadata: auto, olds: object{"spec": object{"selector": "a"}},
			news: object{"spec": object{"selector": "b"}}, want: []string{"spec.selector update-replace"}},
		{name: "stateful set", typ: "kubernetes:apps/v1:StatefulSet", olds: object{"spec": object{"serviceName": "a", "replicas": 1.0}},
			news: object{"spec": object{"serviceName": "b", "replicas": 2.0}},
			want: []string{"spec.serviceName update-replace", "spec.replicas update"}, deletesFirst: true},
		{name: "job", typ: "kubernetes:batch/v1:Job", olds: object{"spec": object{"template": object{"a": "1"}, "ttlSecondsAfterFinished": 1.0}},
			news: object{"spec": object{"template": object{"a": "2"}, "ttlSecondsAfterFinished": 2.0}},
			want: []string{"spec.template.a update-replace", "spec.ttlSecondsAfterFinished update"}, deletesFirst: true},
		{name: "role binding", typ: "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", olds: object{"roleRef": object{"name": "a"}, "subjects": []any{"a"}},
			news: object{"roleRef": object{"name": "b"}, "subjects": []any{"b"}},
			want: []string{"roleRef.name update-replace", "subjects[0] update"}, deletesFirst: true},
		{name: "pod image", typ: "kubernetes:core/v1:Pod", olds: object{"spec": object{"containers": []any{object{"image": "a"}}}},
			news: object{"spec": object{"containers": []any{object{"image": "b"}}}},
			want: []string{"spec.containers[0].image update-replace"}, deletesFirst: true},
		{name: "secret", typ: "kubernetes:core/v1:Secret", olds: object{"data": object{"a": "1"}}, news: object{"data": object{"a": "2"}},
			want: []string{"data.a update-replace"}, deletesFirst: true},
		{name: "mutable secret", typ: "kubernetes:core/v1:Secret", args: resource.PropertyMap{"enableSecretMutable": resource.NewProperty(true)},
			olds: object{"data": object{"a": "1"}, "type": "a"}, news: object{"data": object{"a": "2"}, "type": "b"},
			want: []string{"data.a update", "type update-replace"}, deletesFirst: true},
		{name: "immutable secret", typ: "kubernetes:core/v1:Secret", args: resource.PropertyMap{"enableSecretMutable": resource.NewProperty(true)},
			olds: object{"data": object{"a": "1"}, "immutable": true}, news: object{"data": object{"a": "2"}, "immutable": true},
			want: []string{"data.a update-replace"}, deletesFirst: true},
		{name: "secret: text instead of data", typ: "kubernetes:core/v1:Secret", olds: object{"data": object{"a": "MQ==", "b": "MQ=="}},
			news: object{"stringData": object{"a": "1"}, "data": object{"b": "MQ=="}}, want: []string{}},
		{name: "secret: data instead of text", typ: "kubernetes:core/v1:Secret", olds: object{"stringData": object{"a": "1", "b": "1"}},
			news: object{"data": object{"a": "MQ==", "b": "Mg=="}}, want: []string{"data.b update-replace"}, deletesFirst: true},
		{name: "unknown data", typ: configMapType, olds: object{"data": object{"a": "1"}}, unknown: "data",
			want: []string{"data update-replace"}, deletesFirst: true},
		{name: "unknown spec may hold what replaces", typ: "kubernetes:apps/v1:Deployment", olds: object{"spec": object{"selector": "a"}}, unknown: "spec",
			want: []string{"spec update-replace"}, deletesFirst: true},
		{name: "patched config map", typ: "kubernetes:core/v1:ConfigMapPatch", olds: object{"kind": "ConfigMap", "data": object{"a": "1"}},
			news: object{"kind": "ConfigMap", "data": object{"a": "2"}}, want: []string{"data.a update"}},
		{name: "other name", typ: configMapType, olds: object{}, news: object{"metadata": object{"name": "y", "namespace": "default"}},
			want: []string{"metadata.name update-replace"}},
		{name: "other namespace", typ: configMapType, olds: object{}, news: object{"metadata": object{"name": "x", "namespace": "other"}},
			want: []string{"metadata.namespace update-replace"}},
		{name: "default namespace unsaid", typ: "kubernetes:example.org/v1:Widget", olds: object{}, news: object{"metadata": object{"name": "x"}}, want: []string{}},
		{name: "newer version of a kind", typ: "kubernetes:example.org/v1:Widget", olds: object{"apiVersion": "example.org/v1beta1", "kind": "Widget"},
			news: object{"apiVersion": "example.org/v1", "kind": "Widget"}, want: []string{"apiVersion update"}},
		{name: "moved out of extensions", typ: "kubernetes:apps/v1:Deployment", olds: object{"apiVersion": "extensions/v1beta1", "kind": "Deployment"},
			news: object{"apiVersion": "apps/v1", "kind": "Deployment"}, want: []string{"apiVersion update"}},
		{name: "kind of another group", typ: "kubernetes:example.org/v1:Widget", olds: object{"apiVersion": "example.com/v1", "kind": "Widget"},
			news: object{"apiVersion": "example.org/v1", "kind": "Widget"}, want: []string{"apiVersion update-replace"}, deletesFirst: true},
		{name: "a secret is no change", typ: configMapType, olds: object{"data": object{"a": "1"}},
			news: object{"data": resource.MakeSecret(resource.NewProperty(resource.PropertyMap{"a": resource.NewProperty("1")}))}, want: []string{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := configured(t, orEmpty(row.args))
			complete := func(o object) resource.PropertyMap {
				full := object{"metadata": named}
				if row.metadata != nil {
					full["metadata"] = row.metadata
				}
				for key, value := range o {
					full[key] = value
				}
				return resource.NewPropertyMapFromMap(full)
			}
			olds, news := complete(row.olds), complete(row.news)
			if row.unknown != "" {
				news[row.unknown] = resource.MakeComputed(resource.NewProperty(""))
			}
			diff, err := p.Diff(t.Context(), plugin.DiffRequest{
				URN: urnOf(string(row.typ), "n"), Type: row.typ, ID: "default/x", OldInputs: olds, OldOutputs: p.Mark(olds), NewInputs: news,
			})
			require.NoError(t, err)
			assert.ElementsMatch(t, row.want, kinds(diff))
			assert.Equal(t, row.deletesFirst, diff.DeleteBeforeReplace)
			assert.Equal(t, len(row.want) > 0, diff.Changes == plugin.DiffSome)
		})
	}
}

func orEmpty(args resource.PropertyMap) resource.PropertyMap {
	if args == nil {
		return resource.PropertyMap{}
	}
	return args.Copy()
}
