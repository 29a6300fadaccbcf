package provider

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Update changes the object in place and waits until it works again. A refusal of the API server changes nothing: the state stays as it was.
// In a preview it is a dry run, so that conflicts, immutable fields and invalid values show before anything happens.
func (p *Provider) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.UpdateResponse{}, err
	}
	ctx, cancel := p.WithCancel(withURN(ctx, req.URN))
	defer cancel()
	hide := newVeil(req.NewInputs, req.OldInputs)
	outputs, err := p.update(ctx, req, compact(req.NewInputs), hide)
	return plugin.UpdateResponse{Properties: outputs}, hide.hidden(err)
}

func (p *Provider) update(ctx context.Context, req plugin.UpdateRequest, inputs resource.PropertyMap, hide veil) (resource.PropertyMap, error) {
	timeout, err := timeoutOf(req.Timeout, inputs)
	if err != nil {
		return nil, err
	}
	if req.Preview && (p.cluster == nil || inputs.ContainsUnknowns() || p.cluster.reach(ctx) != nil) {
		return p.previewed(nil, inputs, false), nil
	}
	if p.cluster == nil {
		return nil, errUnconfigured
	}
	if inputs.ContainsUnknowns() {
		return nil, fmt.Errorf("%s: an input is still unknown", req.URN)
	}
	if err := p.cluster.reach(ctx); err != nil {
		return nil, err
	}

	obj := object(inputs)
	patch := isPatch(req.Type, obj.GroupVersionKind())
	namespace, name, err := parseID(req.ID)
	if err != nil {
		return nil, err
	}
	t, err := p.cluster.find(obj.GroupVersionKind(), namespace, name)
	if err != nil {
		return nil, missing(obj, err)
	}
	live, err := p.cluster.get(ctx, t)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%s is in the state but no longer in the cluster: run pulumi refresh, then the update again", t)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	inputs, err = withLive(inputs, live, req.IgnoreChanges)
	if err != nil {
		return nil, err
	}
	live, err = p.cluster.apply(ctx, t, object(inputs), applyOptions{
		manager: managerOf(req.URN, patch), dryRun: req.Preview, force: p.force(inputs),
	})
	if req.Preview && apierrors.IsForbidden(err) {
		return p.previewed(nil, inputs, false), nil
	}
	if err != nil {
		return nil, err
	}
	if req.Preview {
		return p.previewed(live, inputs, false), nil
	}
	if patch {
		return p.outputs(live, inputs), nil
	}
	live, err = p.await(ctx, req.URN, t, live, inputs, timeout, hide)
	if err != nil {
		return nil, p.unready(req.ID, err, live, inputs, hide)
	}
	return p.outputs(live, inputs), nil
}

// unready turns the error of a wait into one that keeps the object in the state.
func (p *Provider) unready(id resource.ID, err error, live *unstructured.Unstructured, inputs resource.PropertyMap, hide veil) error {
	return initFailed(id, []string{hide.hide(err.Error())}, p.outputs(live, inputs), nil)
}
