// Planonly stands in for the plugin of a cloud that cannot be had here at all: it takes what the program asks for, answers
// with it, and makes nothing. What a cloud would compute is unknown in a preview and made up in an update, by the same table
// as the mock engine's. So the real engine orders, resolves, keeps secrets and protects; whether a cloud would take the
// inputs, nothing here can tell.
//
// It serves the package that its own name asks for: pulumi-resource-aws, pulumi-resource-openstack.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
	"github.com/lagrum/lagrum/tests/harness"
)

// versions are those of the SDKs in go.mod.
var versions = map[string]string{"aws": "6.83.0", "openstack": "3.13.3"}

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "pulumi-resource-")
	version, known := versions[name]
	if !known {
		fmt.Fprintf(os.Stderr, "planonly: no package %q; link it as pulumi-resource-aws or pulumi-resource-openstack\n", name)
		os.Exit(2)
	}
	if err := standin.Serve(os.Args[1:], &provider{standin.NewBase(name, version)}); err != nil {
		fmt.Fprintln(os.Stderr, "planonly:", err)
		os.Exit(1)
	}
}

type provider struct{ standin.Base }

// Check takes everything.
func (p *provider) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	return plugin.CheckResponse{Properties: req.News}, nil
}

// replaces are the properties for whose change the cloud's own provider makes a resource anew, where a change of a site can
// lead there: terraform-provider-openstack v1.54.1. Everything else changes in place here, which a cloud may see otherwise.
var replaces = map[string][]resource.PropertyKey{
	"openstack:blockstorage/volume:Volume": {"availabilityZone", "imageId", "volumeType"},
	"openstack:compute/instance:Instance":  {"availabilityZone", "userData"},
}

// Diff says what changes, and for what the resource is made anew.
func (p *provider) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.DiffResponse{}, err
	}
	return standin.Diff(req.OldInputs, req.NewInputs, replaces[string(req.URN.Type())]...), nil
}

// Create answers with the inputs and what a cloud would compute.
func (p *provider) Create(_ context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	outputs, err := p.outputs(req.URN, req.Properties, req.Preview)
	if err != nil || req.Preview {
		return plugin.CreateResponse{Properties: outputs, Status: resource.StatusOK}, err
	}
	return plugin.CreateResponse{ID: resource.ID("planned-" + req.URN.Name()), Properties: outputs, Status: resource.StatusOK}, nil
}

// Update is Create without a new id.
func (p *provider) Update(_ context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	outputs, err := p.outputs(req.URN, req.NewInputs, req.Preview)
	return plugin.UpdateResponse{Properties: outputs, Status: resource.StatusOK}, err
}

func (p *provider) outputs(urn resource.URN, inputs resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
	answered, err := harness.Answer(string(urn.Type()), urn.Name(), standin.Plain(inputs))
	if err != nil {
		return nil, err
	}
	outputs := resource.PropertyMap{}
	maps.Copy(outputs, inputs)
	for key, value := range answered {
		if _, given := inputs[key]; given {
			continue
		}
		if preview {
			value = resource.MakeComputed(resource.NewProperty(""))
		}
		outputs[key] = value
	}
	return p.Mark(outputs), nil
}

// Read answers with the state.
func (p *provider) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	if err := p.CheckMark(req.URN, req.State); err != nil {
		return plugin.ReadResponse{}, err
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: req.ID, Inputs: req.Inputs, Outputs: req.State}, Status: resource.StatusOK}, nil
}

// Delete has nothing to do.
func (p *provider) Delete(_ context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	return plugin.DeleteResponse{Status: resource.StatusOK}, p.CheckMark(req.URN, req.Outputs)
}
