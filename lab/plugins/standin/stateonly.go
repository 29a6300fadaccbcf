package standin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// StateOnly is a provider of resources that exist nowhere but in the stack's state: generated keys, certificates, random values. Creating one
// computes its outputs, reading it returns what is in state, deleting it forgets it, and importing it is impossible.
type StateOnly struct {
	Base
	kinds map[tokens.Type]Kind
}

// Kind is one resource type of [StateOnly].
type Kind struct {
	// Required are the inputs that must be there. The SDK checks them too; a hand-written program may not.
	Required []resource.PropertyKey
	// Defaults are filled into the inputs where the program left them out, so that spelling out a default is no change.
	Defaults resource.PropertyMap
	// Check judges the inputs that are known, without secret wrappers. It may be nil.
	Check func(known resource.PropertyMap) []plugin.CheckFailure
	// Create computes the id and the outputs beyond the inputs. The inputs are known and without secret wrappers.
	Create func(ctx context.Context, urn resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error)
	// Computed are the outputs that Create returns; in a preview they are unknown.
	Computed []resource.PropertyKey
	// Secret are the outputs, copied inputs among them, that are secret whatever the program says.
	Secret []resource.PropertyKey
	// InPlace are the inputs whose change only changes state. A change of any other input replaces the resource.
	InPlace []resource.PropertyKey
	// Stale tells that the resource has outlived itself, given its outputs with the new inputs laid over them and without secret wrappers.
	// Then the output StaleKey is true after a refresh, and the next update replaces the resource. It may be nil.
	Stale    func(state resource.PropertyMap) (bool, error)
	StaleKey resource.PropertyKey
}

// NewStateOnly returns a provider of kinds on top of base.
func NewStateOnly(base Base, kinds map[tokens.Type]Kind) *StateOnly {
	return &StateOnly{Base: base, kinds: kinds}
}

func (p *StateOnly) kind(token tokens.Type) (Kind, error) {
	kind, ok := p.kinds[token]
	if !ok {
		return Kind{}, p.Unimplemented("resource type " + string(token))
	}
	return kind, nil
}

// Check fills in the defaults and reports every mistake in the inputs that are known.
func (p *StateOnly) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	kind, err := p.kind(req.Type)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	inputs := resource.PropertyMap{}
	maps.Copy(inputs, kind.Defaults)
	for key, value := range req.News {
		if !value.IsNull() {
			inputs[key] = value
		}
	}
	var failures []plugin.CheckFailure
	for _, key := range kind.Required {
		if _, ok := inputs[key]; !ok {
			failures = append(failures, plugin.CheckFailure{Property: key, Reason: "is required; set it"})
		}
	}
	known := resource.PropertyMap{}
	for key, value := range Plain(inputs) {
		if !value.ContainsUnknowns() {
			known[key] = value
		}
	}
	if kind.Check != nil {
		failures = append(failures, kind.Check(known)...)
	}
	return plugin.CheckResponse{Properties: inputs, Failures: failures}, nil
}

// Diff replaces on every change that is not in place, and once the resource is stale.
func (p *StateOnly) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	kind, err := p.kind(req.Type)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.DiffResponse{}, err
	}
	var replaceOn []resource.PropertyKey
	for _, inputs := range []resource.PropertyMap{req.OldInputs, req.NewInputs} {
		for key := range inputs {
			if !slices.Contains(kind.InPlace, key) {
				replaceOn = append(replaceOn, key)
			}
		}
	}
	diff := Diff(req.OldInputs, req.NewInputs, replaceOn...)
	stale, err := isStale(kind, req.OldOutputs, req.NewInputs)
	if err != nil {
		return plugin.DiffResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	if stale {
		diff.Changes = plugin.DiffSome
		diff.ChangedKeys = append(diff.ChangedKeys, kind.StaleKey)
		diff.ReplaceKeys = append(diff.ReplaceKeys, kind.StaleKey)
		if diff.DetailedDiff == nil {
			diff.DetailedDiff = map[string]plugin.PropertyDiff{}
		}
		diff.DetailedDiff[string(kind.StaleKey)] = plugin.PropertyDiff{Kind: plugin.DiffUpdateReplace}
	}
	return diff, nil
}

// isStale asks kind.Stale about the state as it would be with the new inputs; while one of them is unknown, the state alone decides.
func isStale(kind Kind, outputs, inputs resource.PropertyMap) (bool, error) {
	if kind.Stale == nil {
		return false, nil
	}
	state := Plain(outputs)
	for key, value := range Plain(inputs) {
		if !value.ContainsUnknowns() {
			state[key] = value
		}
	}
	return kind.Stale(state)
}

// Create computes the outputs; in a preview it answers that they are unknown.
func (p *StateOnly) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	kind, err := p.kind(req.Type)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	outputs := Unknown(req.Properties, kind.Computed...)
	var id resource.ID
	if !req.Preview {
		var computed resource.PropertyMap
		id, computed, err = kind.Create(ctx, req.URN, Plain(req.Properties))
		if err != nil {
			return plugin.CreateResponse{}, fmt.Errorf("%s: %w", req.URN, err)
		}
		maps.Copy(outputs, computed)
	}
	Secret(outputs, kind.Secret...)
	return plugin.CreateResponse{ID: id, Properties: p.Mark(outputs), Status: resource.StatusOK}, nil
}

// Read returns what is in state, with the stale output brought up to date. There is nothing else to read, so an import is refused.
func (p *StateOnly) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	kind, err := p.kind(req.Type)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	if len(req.State) == 0 {
		return plugin.ReadResponse{}, fmt.Errorf(
			"%s: a resource of type %s cannot be imported: it exists only in the state of the stack that made it. Declare a new one instead",
			req.URN, req.Type)
	}
	if err := p.CheckMark(req.URN, req.State); err != nil {
		return plugin.ReadResponse{}, err
	}
	outputs := req.State.Copy()
	stale, err := isStale(kind, req.State, nil)
	if err != nil {
		return plugin.ReadResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	if stale {
		outputs[kind.StaleKey] = resource.NewProperty(true)
	}
	Secret(outputs, kind.Secret...)
	return plugin.ReadResponse{
		ReadResult: plugin.ReadResult{ID: req.ID, Inputs: req.Inputs, Outputs: outputs},
		Status:     resource.StatusOK,
	}, nil
}

// Update lays the inputs that change in place over the state.
func (p *StateOnly) Update(_ context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	kind, err := p.kind(req.Type)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.UpdateResponse{}, err
	}
	outputs := req.OldOutputs.Copy()
	for _, key := range kind.InPlace {
		if value, ok := req.NewInputs[key]; ok {
			outputs[key] = value
		} else {
			delete(outputs, key)
		}
	}
	Secret(outputs, kind.Secret...)
	return plugin.UpdateResponse{Properties: outputs, Status: resource.StatusOK}, nil
}

// Delete has nothing to do: the engine forgets the resource.
func (p *StateOnly) Delete(_ context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	if _, err := p.kind(req.Type); err != nil {
		return plugin.DeleteResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.Outputs); err != nil {
		return plugin.DeleteResponse{}, err
	}
	return plugin.DeleteResponse{Status: resource.StatusOK}, nil
}
