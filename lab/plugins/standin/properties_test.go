package standin

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

func text(value string) resource.PropertyValue { return resource.NewProperty(value) }

func secret(value string) resource.PropertyValue { return resource.MakeSecret(text(value)) }

func unknown() resource.PropertyValue { return resource.MakeComputed(text("")) }

func TestDecode(t *testing.T) {
	t.Parallel()
	type inner struct {
		Name string `json:"name"`
	}
	type inputs struct {
		Count int      `json:"count"`
		Inner inner    `json:"inner"`
		Names []string `json:"names"`
	}
	for _, row := range []struct {
		name  string
		props resource.PropertyMap
		want  inputs
		err   string
	}{
		{
			"nested secrets",
			resource.PropertyMap{
				"count": resource.NewProperty(3.0),
				"inner": resource.MakeSecret(resource.NewProperty(resource.PropertyMap{"name": secret("a")})),
				"names": resource.NewProperty([]resource.PropertyValue{secret("b"), text("c")}),
			},
			inputs{Count: 3, Inner: inner{Name: "a"}, Names: []string{"b", "c"}}, "",
		},
		{"engine's own keys", resource.PropertyMap{"__defaults": text("x")}, inputs{}, ""},
		{"unknown value", resource.PropertyMap{"count": unknown()}, inputs{}, "decode properties: a value is not known yet"},
		{"unknown property", resource.PropertyMap{"colour": text("red")}, inputs{}, `decode properties: json: unknown field "colour"`},
		{
			"wrong type", resource.PropertyMap{"count": text("three")}, inputs{},
			"decode properties: json: cannot unmarshal string into Go struct field inputs.count of type int",
		},
		{
			"fraction", resource.PropertyMap{"count": resource.NewProperty(1.5)}, inputs{},
			"decode properties: json: cannot unmarshal number 1.5 into Go struct field inputs.count of type int",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var got inputs
			err := Decode(row.props, &got)
			if row.err != "" {
				assert.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	list := func(values ...resource.PropertyValue) resource.PropertyValue { return resource.NewProperty(values) }
	for _, row := range []struct {
		name      string
		old, new  resource.PropertyMap
		replaceOn []resource.PropertyKey
		want      plugin.DiffResult
	}{
		{
			"same but secret, null and internal",
			resource.PropertyMap{"a": text("x"), "__defaults": text("1")},
			resource.PropertyMap{"a": secret("x"), "b": resource.NewNullProperty(), "__defaults": text("2")},
			[]resource.PropertyKey{All},
			plugin.DiffResult{Changes: plugin.DiffNone},
		},
		{
			"update in place",
			resource.PropertyMap{"a": text("x"), "b": text("y")}, resource.PropertyMap{"a": text("z"), "b": text("y")},
			[]resource.PropertyKey{"b"},
			plugin.DiffResult{
				Changes: plugin.DiffSome, ChangedKeys: []resource.PropertyKey{"a"},
				DetailedDiff: map[string]plugin.PropertyDiff{"a": {Kind: plugin.DiffUpdate, InputDiff: true}},
			},
		},
		{
			"replacement beside an update",
			resource.PropertyMap{"a": list(text("x")), "b": text("y")}, resource.PropertyMap{"a": list(text("z"), text("new"))},
			[]resource.PropertyKey{"a"},
			plugin.DiffResult{
				Changes: plugin.DiffSome, ChangedKeys: []resource.PropertyKey{"a", "b"}, ReplaceKeys: []resource.PropertyKey{"a"},
				DetailedDiff: map[string]plugin.PropertyDiff{
					"a[0]": {Kind: plugin.DiffUpdateReplace, InputDiff: true},
					"a[1]": {Kind: plugin.DiffAddReplace, InputDiff: true},
					"b":    {Kind: plugin.DiffDelete, InputDiff: true},
				},
			},
		},
		{
			"unknown counts as changed",
			resource.PropertyMap{"a": secret("x")}, resource.PropertyMap{"a": resource.MakeSecret(unknown())},
			[]resource.PropertyKey{All},
			plugin.DiffResult{
				Changes: plugin.DiffSome, ChangedKeys: []resource.PropertyKey{"a"}, ReplaceKeys: []resource.PropertyKey{"a"},
				DetailedDiff: map[string]plugin.PropertyDiff{"a": {Kind: plugin.DiffUpdateReplace, InputDiff: true}},
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, Diff(row.old, row.new, row.replaceOn...))
		})
	}
}

func TestUnknownAndSecret(t *testing.T) {
	t.Parallel()
	inputs := resource.PropertyMap{"a": text("x")}
	outputs := Unknown(inputs, "b")
	assert.True(t, outputs["b"].IsComputed())
	assert.NotContains(t, inputs, resource.PropertyKey("b"), "the inputs stay as they were")
	Secret(outputs, "a", "b", "missing")
	Secret(outputs, "a")
	assert.Equal(t, resource.PropertyMap{"a": secret("x"), "b": resource.MakeSecret(unknown())}, outputs)
}

func TestPlainUnwrapsOutputs(t *testing.T) {
	t.Parallel()
	props := resource.PropertyMap{
		"known":   resource.NewProperty(resource.Output{Known: true, Secret: true, Element: text("x")}),
		"unknown": resource.NewProperty(resource.Output{}),
	}
	assert.Equal(t, resource.PropertyMap{"known": text("x"), "unknown": unknown()}, Plain(props))
}
