// Package lab is the resource plugin of the laboratory's cloud: it translates between the engine's contract and
// packages machines and processes, and decides nothing itself. It is no stand-in for anyone's plugin; it shares their plumbing.
package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// version of the contract with providers/lab.
const version = "0.1.0"

// Main serves the plugin to the engine that started this process; args are the arguments without the program's name.
// The lab is the one that the environment names; see OpenHost.
func Main(args []string) error {
	host, err := OpenHost()
	if err != nil {
		return err
	}
	return standin.Serve(args, newProvider(host))
}

type provider struct {
	standin.Base
	host  Host
	kinds map[tokens.Type]kind
}

func newProvider(host Host) *provider {
	return &provider{
		Base: standin.NewBase("lab", version),
		host: host,
		kinds: map[tokens.Type]kind{
			"lab:index:Network":            networks(host),
			"lab:index:Firewall":           firewalls(host),
			"lab:index:LoadBalancer":       loadBalancers(host),
			"lab:index:LoadBalancerMember": members(host),
			"lab:index:Machine":            allMachines(host),
		},
	}
}

// kind is what differs between the resource types.
type kind struct {
	// check reports what is wrong with the inputs; it gets them only when all are known.
	check func(inputs resource.PropertyMap) error
	// inPlace are the inputs that update handles; a change of any other replaces.
	inPlace []resource.PropertyKey
	// computed are the outputs that creation adds; secret the properties that are always secret.
	computed, secret []resource.PropertyKey

	create func(ctx context.Context, owner string, inputs resource.PropertyMap) (id string, computed resource.PropertyMap, err error)
	// read gives what exists under an id, the inputs it was made with included; machines.ErrNotFound if nothing does.
	read   func(id string) (inputs, computed resource.PropertyMap, err error)
	update func(ctx context.Context, id string, inputs resource.PropertyMap) error
	remove func(ctx context.Context, id string) error
}

func (p *provider) kind(token tokens.Type) (kind, error) {
	k, ok := p.kinds[token]
	if !ok {
		return kind{}, p.Unimplemented("resource type " + string(token))
	}
	return k, nil
}

// DiffConfig replaces nothing: all of a lab's resources are on this host, whatever the provider is called.
func (p *provider) DiffConfig(context.Context, plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return plugin.DiffConfigResponse{Changes: plugin.DiffNone}, nil
}

// Configure refuses a program that was written for another lab than the one whose plugin this is.
func (p *provider) Configure(_ context.Context, req plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	declared, ok := req.Inputs["lab"]
	if ok && declared.IsString() && declared.StringValue() != p.host.Name() {
		return plugin.ConfigureResponse{}, fmt.Errorf("lab: the stack is declared for lab %q and this is lab %q; set LAGRUM_LAB=%s or cluster.name to %s",
			declared.StringValue(), p.host.Name(), declared.StringValue(), p.host.Name())
	}
	return plugin.ConfigureResponse{}, nil
}

// Check reports mistakes in inputs that are known.
func (p *provider) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	k, err := p.kind(req.Type)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	inputs := req.News.Copy()
	standin.Secret(inputs, k.secret...)
	answer := plugin.CheckResponse{Properties: inputs}
	if !inputs.ContainsUnknowns() {
		if err := k.check(inputs); err != nil {
			answer.Failures = []plugin.CheckFailure{{Reason: err.Error()}}
		}
	}
	return answer, nil
}

// Diff replaces on every change that is not in place. Names are fixed, so the old one has to go first.
func (p *provider) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	k, err := p.kind(req.Type)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.DiffResponse{}, err
	}
	diff := standin.Diff(req.OldInputs, req.NewInputs, replacing(k, req.OldInputs, req.NewInputs)...)
	diff.DeleteBeforeReplace = true
	return diff, nil
}

func replacing(k kind, sides ...resource.PropertyMap) []resource.PropertyKey {
	keys := map[resource.PropertyKey]bool{}
	for _, side := range sides {
		for key := range side {
			keys[key] = true
		}
	}
	for _, key := range k.inPlace {
		delete(keys, key)
	}
	replaces := make([]resource.PropertyKey, 0, len(keys))
	for key := range keys {
		replaces = append(replaces, key)
	}
	return replaces
}

// Create makes the object; in a preview it answers that what only creation can tell is unknown.
func (p *provider) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	k, err := p.kind(req.Type)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	outputs := standin.Unknown(req.Properties, k.computed...)
	var id string
	if !req.Preview {
		ctx, cancel := p.WithCancel(ctx)
		defer cancel()
		var computed resource.PropertyMap
		if id, computed, err = k.create(ctx, string(req.URN), req.Properties); err != nil {
			return plugin.CreateResponse{}, fmt.Errorf("%s: %w", req.URN, err)
		}
		maps.Copy(outputs, computed)
	}
	standin.Secret(outputs, k.secret...)
	return plugin.CreateResponse{ID: resource.ID(id), Properties: p.Mark(outputs), Status: resource.StatusOK}, nil
}

// Read refreshes and imports. What a machine was born with (user-data and secrets) is not read back: the lab keeps no
// copy of secrets, and neither changes under a living machine.
func (p *provider) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	k, err := p.kind(req.Type)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.State); err != nil {
		return plugin.ReadResponse{}, err
	}
	inputs, computed, err := k.read(string(req.ID))
	if errors.Is(err, machines.ErrNotFound) {
		return plugin.ReadResponse{Status: resource.StatusOK}, nil
	}
	if err != nil {
		return plugin.ReadResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	known := resource.PropertyMap{}
	maps.Copy(known, req.Inputs)
	maps.Copy(known, inputs)
	outputs := known.Copy()
	maps.Copy(outputs, computed)
	standin.Secret(known, k.secret...)
	standin.Secret(outputs, k.secret...)
	return plugin.ReadResponse{
		ReadResult: plugin.ReadResult{ID: req.ID, Inputs: known, Outputs: p.Mark(outputs)}, Status: resource.StatusOK,
	}, nil
}

// Update changes what can change in place.
func (p *provider) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	k, err := p.kind(req.Type)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.UpdateResponse{}, err
	}
	outputs := req.OldOutputs.Copy()
	maps.Copy(outputs, req.NewInputs)
	if !req.Preview {
		if err := k.update(ctx, string(req.ID), req.NewInputs); err != nil {
			return plugin.UpdateResponse{}, fmt.Errorf("%s: %w", req.URN, err)
		}
	}
	standin.Secret(outputs, k.secret...)
	return plugin.UpdateResponse{Properties: p.Mark(outputs), Status: resource.StatusOK}, nil
}

// Delete removes the object; one that is gone already is fine.
func (p *provider) Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	k, err := p.kind(req.Type)
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.Outputs); err != nil {
		return plugin.DeleteResponse{}, err
	}
	if err := k.remove(ctx, string(req.ID)); err != nil && !errors.Is(err, machines.ErrNotFound) {
		return plugin.DeleteResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	return plugin.DeleteResponse{Status: resource.StatusOK}, nil
}
