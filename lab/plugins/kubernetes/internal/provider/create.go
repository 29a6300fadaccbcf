package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// errUnconfigured is the answer of every operation that needs a cluster while the provider has none.
var errUnconfigured = errors.New("the Kubernetes provider has no kubeconfig yet: make the resource depend on the cluster that gives it one")

// Create makes the object and waits until it works. An object that exists already is an error, unless the provider says upsertExistingObjects
// or the resource is a *Patch. In a preview it is a dry run, if the API server can be asked.
func (p *Provider) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	ctx, cancel := p.WithCancel(withURN(ctx, req.URN))
	defer cancel()
	inputs := compact(req.Properties)
	hide := newVeil(inputs)
	if req.Preview {
		dry, err := p.dryCreate(ctx, req, inputs)
		if err != nil {
			return plugin.CreateResponse{}, hide.hidden(fmt.Errorf("%s: the API server would refuse this: %w", req.URN.Name(), err))
		}
		return plugin.CreateResponse{Properties: p.previewed(dry, inputs, true)}, nil
	}
	if inputs.ContainsUnknowns() {
		return plugin.CreateResponse{}, fmt.Errorf("%s: an input is still unknown", req.URN)
	}
	resp, err := p.create(ctx, req, inputs, hide)
	return resp, hide.hidden(err)
}

func (p *Provider) create(ctx context.Context, req plugin.CreateRequest, inputs resource.PropertyMap, hide veil) (plugin.CreateResponse, error) {
	timeout, err := timeoutOf(req.Timeout, inputs)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if p.cluster == nil {
		return plugin.CreateResponse{}, errUnconfigured
	}
	if err := p.cluster.reach(ctx); err != nil {
		return plugin.CreateResponse{}, err
	}
	obj := object(inputs)
	patch := isPatch(req.Type, obj.GroupVersionKind())

	t, live, err := p.make(ctx, req.URN, obj, applyOptions{
		manager: managerOf(req.URN, patch), force: p.force(inputs),
	}, patch || p.settings.upsert)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	id := objectID(t.namespace, t.name)
	if patch {
		return plugin.CreateResponse{ID: id, Properties: p.outputs(live, inputs)}, nil
	}
	live, err = p.await(ctx, req.URN, t, live, inputs, timeout, hide)
	if err != nil {
		return plugin.CreateResponse{}, p.unready(id, err, live, inputs, hide)
	}
	return plugin.CreateResponse{ID: id, Properties: p.outputs(live, inputs)}, nil
}

// make applies a new object. A type or a namespace that the API server does not serve yet is waited for briefly: another resource of this
// update may have made it a moment ago.
func (p *Provider) make(ctx context.Context, urn resource.URN, obj *unstructured.Unstructured, opts applyOptions, adopt bool,
) (target, *unstructured.Unstructured, error) {
	deadline := time.Now().Add(p.settle)
	for {
		t, live, err := p.makeOnce(ctx, obj, opts, adopt)
		if !notYet(err) || time.Now().After(deadline) {
			if err == nil {
				_ = p.Progress(ctx, urn, "")
			}
			return t, live, missing(obj, err)
		}
		_ = p.Progress(ctx, urn, "waiting for its type or namespace: "+err.Error())
		if err := sleep(ctx, p.poll); err != nil {
			return t, nil, err
		}
		if meta.IsNoMatchError(err) {
			p.cluster.mapper.Reset()
		}
	}
}

func (p *Provider) makeOnce(ctx context.Context, obj *unstructured.Unstructured, opts applyOptions, adopt bool,
) (target, *unstructured.Unstructured, error) {
	t, err := p.cluster.targetOf(obj)
	if err != nil {
		return t, nil, err
	}
	if !adopt {
		// There is no precondition "must not exist" for an apply: between this look and the apply another party may still create the object.
		switch existing, err := p.cluster.get(ctx, t); {
		case err == nil:
			return t, nil, exists(t, existing)
		case !apierrors.IsNotFound(err):
			return t, nil, fmt.Errorf("%s: %w", t, err)
		}
	}
	live, err := p.cluster.apply(ctx, t, obj, opts)
	return t, live, err
}

// notYet tells whether an error may go away when the type or the namespace of the object appears.
func notYet(err error) bool {
	return err != nil && (meta.IsNoMatchError(err) || apierrors.IsNotFound(err))
}

// missing explains that the type or the namespace of an object does not exist.
func missing(obj *unstructured.Unstructured, err error) error {
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("%s: the API server serves no %s of %s: make the resource depend on its CustomResourceDefinition: %w",
			describe(obj.GroupVersionKind(), obj.GetNamespace(), obj.GetName()), obj.GetKind(), obj.GetAPIVersion(), err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: make the resource depend on what it needs, for example its namespace", err)
	}
	return err
}

// exists is the error of a Create for an object that is there already.
func exists(t target, live *unstructured.Unstructured) error {
	if live.GetDeletionTimestamp() != nil {
		return fmt.Errorf("%s exists already and is being deleted; finalizers: %s. Wait until it is gone, then run the update again",
			t, orNone(live.GetFinalizers()))
	}
	var managers []string
	for _, entry := range live.GetManagedFields() {
		if !slices.Contains(managers, entry.Manager) {
			managers = append(managers, entry.Manager)
		}
	}
	return fmt.Errorf("%s exists already and is not in this stack's state; its field managers: %s. To adopt it, import it by the id %q; "+
		"to make it anew, delete it first", t, orNone(managers), objectID(t.namespace, t.name))
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// dryCreate asks the API server what it would make of the inputs. It returns nil if that cannot be told: unknown inputs, no cluster, a type or
// namespace that this very update will make, or an object of that name that this one may replace.
func (p *Provider) dryCreate(ctx context.Context, req plugin.CreateRequest, inputs resource.PropertyMap) (*unstructured.Unstructured, error) {
	if inputs.ContainsUnknowns() || p.cluster == nil {
		return nil, nil
	}
	if err := p.cluster.reach(ctx); err != nil {
		p.warnedOnce.Do(func() {
			_ = p.Log(ctx, standin.Warning, "", "this preview is not checked by the API server: "+err.Error())
		})
		return nil, nil
	}
	obj := object(inputs)
	t, err := p.cluster.targetOf(obj)
	if err != nil || isPatch(req.Type, t.gvk) {
		return nil, nil
	}
	if _, err := p.cluster.get(ctx, t); !apierrors.IsNotFound(err) {
		return nil, nil
	}
	dry, err := p.cluster.apply(ctx, t, obj, applyOptions{manager: manager, dryRun: true, force: true})
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || err != nil && strings.Contains(err.Error(), untypedPatch) {
		return nil, err
	}
	// Any other refusal may come from what this update has yet to make: a namespace, a priority class, an admission webhook.
	return dry, nil
}

// untypedPatch is in the text of the API server's refusal of a field or a type of value that the kind does not have; the code is 500.
const untypedPatch = "failed to create typed patch object"

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
