package provider

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return v
}

func TestDrift(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name                   string
		sent, want, live, then string
		blind                  bool // the dry run was refused
	}{
		{name: "same", sent: `{"a":1}`, want: `{"a":1}`, live: `{"a":1}`, then: `{"a":1}`},
		{name: "written differently by the server", sent: `{"cpu":"1000m"}`, want: `{"cpu":"1"}`, live: `{"cpu":"1"}`, then: `{"cpu":"1000m"}`},
		{name: "changed", sent: `{"a":1}`, want: `{"a":1}`, live: `{"a":2}`, then: `{"a":2}`},
		{name: "removed", sent: `{"a":1,"b":1}`, want: `{"a":1,"b":1}`, live: `{"a":1}`, then: `{"a":1}`},
		{name: "defaults and others' fields", sent: `{"a":1}`, want: `{"a":1,"d":1,"x":1}`, live: `{"a":1,"d":1,"x":1}`, then: `{"a":1}`},
		{name: "put into what is ours as a whole", sent: `{"s":{"a":1}}`, want: `{"s":{"a":1}}`, live: `{"s":{"a":1,"x":1}}`, then: `{"s":{"a":1,"x":1}}`},
		{name: "empty is dropped by the server", sent: `{"e":{},"a":1}`, want: `{"a":1}`, live: `{"a":1}`, then: `{"e":{},"a":1}`},
		{
			name: "named list: changed item, foreign item", sent: `{"l":[{"name":"a","i":1},{"name":"b"}]}`,
			want: `{"l":[{"name":"a","i":1},{"name":"x"},{"name":"b"}]}`, live: `{"l":[{"name":"a","i":2},{"name":"x"},{"name":"b"}]}`,
			then: `{"l":[{"name":"a","i":2},{"name":"b"}]}`,
		},
		{
			name: "named list: item removed, item put in", sent: `{"l":[{"name":"a"},{"name":"b"}]}`,
			want: `{"l":[{"name":"a"},{"name":"b"}]}`, live: `{"l":[{"name":"b"},{"name":"c"}]}`, then: `{"l":[{"name":"b"},{"name":"c"}]}`,
		},
		{name: "plain list", sent: `{"l":[1,2]}`, want: `{"l":[1,2]}`, live: `{"l":[2]}`, then: `{"l":[2]}`},
		{name: "blind: defaults", blind: true, sent: `{"a":{"b":1}}`, want: `{"a":{"b":1}}`, live: `{"a":{"b":1,"d":1},"x":1}`, then: `{"a":{"b":1}}`},
		{name: "blind: list with defaults", blind: true, sent: `{"l":[{"p":1}]}`, want: `{"l":[{"p":1}]}`, live: `{"l":[{"p":1,"d":1}]}`, then: `{"l":[{"p":1}]}`},
		{name: "blind: changed", blind: true, sent: `{"a":{"b":1}}`, want: `{"a":{"b":1}}`, live: `{"a":{"b":2}}`, then: `{"a":{"b":2}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, _ := drift{authoritative: !row.blind}.object(parse(t, row.sent), parse(t, row.want), parse(t, row.live))
			assert.Equal(t, parse(t, row.then), got)
		})
	}
}

func TestImportTakesWhatWasApplied(t *testing.T) {
	t.Parallel()
	obj := parse(t, `{
		"apiVersion": "v1", "kind": "Service",
		"metadata": {"name": "web", "namespace": "ns", "uid": "u", "resourceVersion": "7", "labels": {"ours": "1", "theirs": "1"}, "managedFields": [
			{"manager": "helm", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}}},
			{"manager": "pulumi-kubernetes-standin", "operation": "Apply", "fieldsV1": {
				"f:metadata": {"f:labels": {"f:ours": {}}, "f:finalizers": {"v:\"a/b\"": {}}},
				"f:spec": {"f:selector": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:name": {}}}}}}]},
		"spec": {"clusterIP": "10.0.0.1", "selector": {"app": "web"}, "ports": [
			{"name": "other", "port": 81, "protocol": "TCP"}, {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]},
		"status": {"loadBalancer": {}}}`)
	obj["metadata"].(map[string]any)["finalizers"] = []any{"x/y", "a/b"}
	want := parse(t, `{
		"apiVersion": "v1", "kind": "Service",
		"metadata": {"name": "web", "namespace": "ns", "labels": {"ours": "1"}, "finalizers": ["a/b"]},
		"spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}}`)
	assert.Equal(t, want, imported(&unstructured.Unstructured{Object: obj}).Mappable())
}

func TestVeil(t *testing.T) {
	t.Parallel()
	inputs := resource.NewPropertyMapFromMap(map[string]any{"apiVersion": "v1", "kind": "Secret", "stringData": map[string]any{"a": "hunter22", "b": "true"}})
	v := newVeil(inputs)
	assert.Equal(t, `bad value "[secret]" ([secret]) is not true`, v.hide(`bad value "hunter22" (aHVudGVyMjI=) is not true`))
	sealed := v.seal(resource.NewPropertyValue(map[string]any{"note": "uses hunter22", "on": "true", "list": []any{"x", "aHVudGVyMjI="}})).ObjectValue()
	assert.True(t, sealed["note"].IsSecret())
	assert.False(t, sealed["on"].IsSecret())
	assert.True(t, sealed["list"].ArrayValue()[1].IsSecret())
}
