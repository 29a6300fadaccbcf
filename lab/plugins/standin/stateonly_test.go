package standin

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

const thing tokens.Type = "pkg:index:Thing"

// newThing is a provider of one type: input size replaces, input note does not, output key is a secret, and a note "old" makes it stale.
func newThing() *StateOnly {
	return NewStateOnly(NewBase("pkg", "1.2.3"), map[tokens.Type]Kind{thing: {
		Required: []resource.PropertyKey{"size"},
		Defaults: resource.PropertyMap{"note": text("none")},
		Check: func(known resource.PropertyMap) []plugin.CheckFailure {
			if size, ok := known["size"]; ok && size.StringValue() == "huge" {
				return []plugin.CheckFailure{{Property: "size", Reason: "is too big"}}
			}
			return nil
		},
		Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
			if inputs["size"].StringValue() == "broken" {
				return "", nil, errors.New("it broke")
			}
			return "id", resource.PropertyMap{"key": text("key of " + inputs["size"].StringValue()), "stale": resource.NewProperty(false)}, nil
		},
		Computed: []resource.PropertyKey{"key", "stale"},
		Secret:   []resource.PropertyKey{"key"},
		InPlace:  []resource.PropertyKey{"note"},
		Stale: func(state resource.PropertyMap) (bool, error) {
			return state["note"].IsString() && state["note"].StringValue() == "old", nil
		},
		StaleKey: "stale",
	}})
}

func TestStateOnlyCheck(t *testing.T) {
	t.Parallel()
	p := newThing()
	for _, row := range []struct {
		name         string
		inputs, want resource.PropertyMap
		failures     []plugin.CheckFailure
	}{
		{"defaults", resource.PropertyMap{"size": text("s")}, resource.PropertyMap{"size": text("s"), "note": text("none")}, nil},
		{
			"null is missing", resource.PropertyMap{"size": resource.NewNullProperty(), "note": resource.NewNullProperty()},
			resource.PropertyMap{"note": text("none")}, []plugin.CheckFailure{{Property: "size", Reason: "is required; set it"}},
		},
		{
			"judged without the secret wrapper", resource.PropertyMap{"size": secret("huge")},
			resource.PropertyMap{"size": secret("huge"), "note": text("none")}, []plugin.CheckFailure{{Property: "size", Reason: "is too big"}},
		},
		{
			"unknown is not judged", resource.PropertyMap{"size": resource.MakeSecret(unknown())},
			resource.PropertyMap{"size": resource.MakeSecret(unknown()), "note": text("none")}, nil,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			response, err := p.Check(t.Context(), plugin.CheckRequest{URN: urn, Type: thing, News: row.inputs})
			require.NoError(t, err)
			assert.Equal(t, row.want, response.Properties)
			assert.Equal(t, row.failures, response.Failures)
		})
	}
}

func TestStateOnlyLife(t *testing.T) {
	t.Parallel()
	p := newThing()
	inputs := resource.PropertyMap{"size": secret("s"), "note": text("new")}

	preview, err := p.Create(t.Context(), plugin.CreateRequest{URN: urn, Type: thing, Properties: inputs, Preview: true})
	require.NoError(t, err)
	assert.Empty(t, preview.ID)
	assert.Equal(t, resource.MakeSecret(unknown()), preview.Properties["key"])
	assert.Equal(t, secret("s"), preview.Properties["size"])

	created, err := p.Create(t.Context(), plugin.CreateRequest{URN: urn, Type: thing, Properties: inputs})
	require.NoError(t, err)
	assert.Equal(t, resource.ID("id"), created.ID)
	state := resource.PropertyMap{
		"size": secret("s"), "note": text("new"), "key": secret("key of s"), "stale": resource.NewProperty(false), markKey: text("pkg"),
	}
	assert.Equal(t, state, created.Properties)

	read, err := p.Read(t.Context(), plugin.ReadRequest{URN: urn, Type: thing, ID: "id", Inputs: inputs, State: state})
	require.NoError(t, err)
	assert.Equal(t, plugin.ReadResult{ID: "id", Inputs: inputs, Outputs: state}, read.ReadResult)

	updated, err := p.Update(t.Context(), plugin.UpdateRequest{
		URN: urn, Type: thing, OldInputs: inputs, OldOutputs: state, NewInputs: resource.PropertyMap{"size": secret("s"), "note": text("newer")},
	})
	require.NoError(t, err)
	assert.Equal(t, text("newer"), updated.Properties["note"])
	assert.Equal(t, secret("key of s"), updated.Properties["key"], "an update keeps what was generated")

	_, err = p.Delete(t.Context(), plugin.DeleteRequest{URN: urn, Type: thing, Outputs: state})
	assert.NoError(t, err)
}

func TestStateOnlyDiff(t *testing.T) {
	t.Parallel()
	p := newThing()
	inputs := resource.PropertyMap{"size": text("s"), "note": text("new")}
	state := p.Mark(resource.PropertyMap{"size": text("s"), "note": text("new"), "stale": resource.NewProperty(false)})
	for _, row := range []struct {
		name    string
		new     resource.PropertyMap
		changes plugin.DiffChanges
		detail  map[string]plugin.PropertyDiff
	}{
		{"no change", inputs, plugin.DiffNone, nil},
		{
			"in place", resource.PropertyMap{"size": text("s"), "note": text("newer")}, plugin.DiffSome,
			map[string]plugin.PropertyDiff{"note": {Kind: plugin.DiffUpdate, InputDiff: true}},
		},
		{
			"replace", resource.PropertyMap{"size": text("m"), "note": text("new")}, plugin.DiffSome,
			map[string]plugin.PropertyDiff{"size": {Kind: plugin.DiffUpdateReplace, InputDiff: true}},
		},
		{
			"new key replaces", resource.PropertyMap{"size": text("s"), "note": text("new"), "more": text("x")}, plugin.DiffSome,
			map[string]plugin.PropertyDiff{"more": {Kind: plugin.DiffAddReplace, InputDiff: true}},
		},
		{
			"stale by the new inputs", resource.PropertyMap{"size": text("s"), "note": text("old")}, plugin.DiffSome,
			map[string]plugin.PropertyDiff{"note": {Kind: plugin.DiffUpdate, InputDiff: true}, "stale": {Kind: plugin.DiffUpdateReplace}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			diff, err := p.Diff(t.Context(), plugin.DiffRequest{URN: urn, Type: thing, OldInputs: inputs, OldOutputs: state, NewInputs: row.new})
			require.NoError(t, err)
			assert.Equal(t, row.changes, diff.Changes)
			assert.Equal(t, row.detail, diff.DetailedDiff)
		})
	}
}

func TestStateOnlyStale(t *testing.T) {
	t.Parallel()
	p := newThing()
	inputs := resource.PropertyMap{"size": text("s"), "note": text("old")}
	state := p.Mark(resource.PropertyMap{"size": text("s"), "note": text("old"), "stale": resource.NewProperty(false)})
	diff, err := p.Diff(t.Context(), plugin.DiffRequest{URN: urn, Type: thing, OldInputs: inputs, OldOutputs: state, NewInputs: inputs})
	require.NoError(t, err)
	assert.Equal(t, plugin.DiffResult{
		Changes: plugin.DiffSome, ChangedKeys: []resource.PropertyKey{"stale"}, ReplaceKeys: []resource.PropertyKey{"stale"},
		DetailedDiff: map[string]plugin.PropertyDiff{"stale": {Kind: plugin.DiffUpdateReplace}},
	}, diff)
	read, err := p.Read(t.Context(), plugin.ReadRequest{URN: urn, Type: thing, ID: "id", Inputs: inputs, State: state})
	require.NoError(t, err)
	assert.Equal(t, resource.NewProperty(true), read.Outputs["stale"])
	assert.Equal(t, resource.NewProperty(false), state["stale"], "the request's state stays as it was")
}

func TestStateOnlyRefusals(t *testing.T) {
	t.Parallel()
	p := newThing()
	official := resource.PropertyMap{"size": text("s")}
	const foreign = "its state was not written by the stand-in for the pkg plugin"
	for _, row := range []struct {
		name string
		call func(ctx context.Context) error
		want string
	}{
		{"import", func(ctx context.Context) error {
			_, err := p.Read(ctx, plugin.ReadRequest{URN: urn, Type: thing, ID: "id"})
			return err
		}, string(urn) + ": a resource of type pkg:index:Thing cannot be imported: it exists only in the state of the stack that made it. " +
			"Declare a new one instead"},
		{"failed creation", func(ctx context.Context) error {
			_, err := p.Create(ctx, plugin.CreateRequest{URN: urn, Type: thing, Properties: resource.PropertyMap{"size": text("broken")}})
			return err
		}, string(urn) + ": it broke"},
		{"diff of official state", func(ctx context.Context) error {
			_, err := p.Diff(ctx, plugin.DiffRequest{URN: urn, Type: thing, OldOutputs: official})
			return err
		}, foreign},
		{"read of official state", func(ctx context.Context) error {
			_, err := p.Read(ctx, plugin.ReadRequest{URN: urn, Type: thing, State: official})
			return err
		}, foreign},
		{"update of official state", func(ctx context.Context) error {
			_, err := p.Update(ctx, plugin.UpdateRequest{URN: urn, Type: thing, OldOutputs: official})
			return err
		}, foreign},
		{"delete of official state", func(ctx context.Context) error {
			_, err := p.Delete(ctx, plugin.DeleteRequest{URN: urn, Type: thing, Outputs: official})
			return err
		}, foreign},
		{"unknown type", func(ctx context.Context) error {
			_, err := p.Check(ctx, plugin.CheckRequest{URN: urn, Type: "pkg:index:Other"})
			return err
		}, "resource type pkg:index:Other is unimplemented by this stand-in for the pkg plugin 1.2.3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.ErrorContains(t, row.call(t.Context()), row.want)
		})
	}
}
