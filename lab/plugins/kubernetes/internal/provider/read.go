package provider

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// Read looks at the live object: for a refresh, an import, or a resource that the program only reads. An object that is gone, or whose kind
// is, comes back with an empty id. After a refresh the inputs show what differs from what was applied, and nothing that others added.
func (p *Provider) Read(ctx context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	if err := p.CheckMark(req.URN, req.State); err != nil {
		return plugin.ReadResponse{}, err
	}
	ctx, cancel := p.WithCancel(withURN(ctx, req.URN))
	defer cancel()
	hide := newVeil(req.Inputs)
	resp, err := p.read(ctx, req, hide)
	return resp, hide.hidden(err)
}

func (p *Provider) read(ctx context.Context, req plugin.ReadRequest, hide veil) (plugin.ReadResponse, error) {
	if p.cluster == nil {
		return plugin.ReadResponse{}, errUnconfigured
	}
	if err := p.cluster.reach(ctx); err != nil {
		if forgotten, err := p.forget(ctx, req.URN, err); !forgotten {
			return plugin.ReadResponse{}, err
		}
		return plugin.ReadResponse{}, nil
	}
	gvk, err := kindOf(req.Type, req.Inputs)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	if len(req.Inputs) == 0 && builtIn(gvk.Group) && strings.HasSuffix(gvk.Kind, "Patch") {
		return plugin.ReadResponse{}, fmt.Errorf("%s: a Patch resource cannot be imported; declare it and run an update", req.URN)
	}
	namespace, name, err := parseID(req.ID)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	t, err := p.cluster.find(gvk, namespace, name)
	if meta.IsNoMatchError(err) {
		return plugin.ReadResponse{}, nil
	}
	if err != nil {
		return plugin.ReadResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	live, err := p.cluster.get(ctx, t)
	if apierrors.IsNotFound(err) {
		return plugin.ReadResponse{}, nil
	}
	if err != nil {
		return plugin.ReadResponse{}, fmt.Errorf("%s: %w", t, err)
	}

	if len(req.Inputs) == 0 {
		inputs := sealed(imported(live))
		return found(objectID(t.namespace, t.name), inputs, p.outputs(live, inputs)), nil
	}
	inputs := p.drifted(ctx, t, req, live)
	outputs := p.outputs(live, inputs)
	if why := p.unhealthy(ctx, t, live, req.Inputs); why != "" {
		return plugin.ReadResponse{}, initFailed(req.ID, []string{hide.hide(why)}, outputs, inputs)
	}
	return found(req.ID, inputs, outputs), nil
}

func found(id resource.ID, inputs, outputs resource.PropertyMap) plugin.ReadResponse {
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: id, Inputs: inputs, Outputs: outputs}}
}

// unhealthy says why an object that should work does not, at this moment; a refresh does not wait.
func (p *Provider) unhealthy(ctx context.Context, t target, live *unstructured.Unstructured, inputs resource.PropertyMap) string {
	judge := lookFor(t.gvk.GroupKind())
	if judge == nil || annotated(inputs, skipAwait) || live.GetDeletionTimestamp() != nil {
		return ""
	}
	v, err := judge(ctx, p.cluster, live)
	switch {
	case err != nil || v.ready:
		return ""
	case v.failed:
		return fmt.Sprintf("%s failed: %s%s", t, v.why, p.cluster.diagnose(ctx, live))
	}
	return fmt.Sprintf("%s is not ready: %s%s", t, v.why, p.cluster.diagnose(ctx, live))
}

// forget answers an operation on a cluster that does not answer: with PULUMI_K8S_DELETE_UNREACHABLE=true its objects leave the state.
func (p *Provider) forget(ctx context.Context, urn resource.URN, cause error) (bool, error) {
	if !p.settings.deleteUnreachable {
		return false, fmt.Errorf("%s: %w", urn.Name(), cause)
	}
	_ = p.Log(ctx, standin.Warning, urn, fmt.Sprintf("forgotten without being deleted, because deleteUnreachable is set: %v", cause))
	return true, nil
}
