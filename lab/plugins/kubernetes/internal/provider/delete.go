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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Delete deletes the object, its dependents first, and waits until it is gone. An object or kind that is gone already is a success. A *Patch
// resource only gives up its fields.
func (p *Provider) Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	if err := p.CheckMark(req.URN, req.Outputs); err != nil {
		return plugin.DeleteResponse{}, err
	}
	ctx, cancel := p.WithCancel(withURN(ctx, req.URN))
	defer cancel()
	return plugin.DeleteResponse{}, newVeil(req.Inputs).hidden(p.delete(ctx, req))
}

func (p *Provider) delete(ctx context.Context, req plugin.DeleteRequest) error {
	timeout, err := timeoutOf(req.Timeout, req.Inputs)
	if err != nil {
		return err
	}
	if p.cluster == nil {
		return errUnconfigured
	}
	if err := p.cluster.reach(ctx); err != nil {
		_, err := p.forget(ctx, req.URN, err)
		return err
	}
	gvk, err := kindOf(req.Type, req.Inputs)
	if err != nil {
		return err
	}
	namespace, name, err := parseID(req.ID)
	if err != nil {
		return err
	}
	t, err := p.cluster.find(gvk, namespace, name)
	if meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if isPatch(req.Type, gvk) {
		return p.giveUp(ctx, req.URN, t)
	}
	policy := propagationOf(req.Inputs)
	err = p.cluster.explain(t.client.Delete(ctx, t.name, metav1.DeleteOptions{PropagationPolicy: &policy}))
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t, err)
	}
	if annotated(req.Inputs, skipAwait) && skipsDeletion(gvk.GroupKind()) {
		return nil
	}
	return p.awaitGone(ctx, req, t, timeout)
}

// skipsDeletion lists the kinds whose deletion the annotation skipAwait does not wait for; it is the official plugin's list.
func skipsDeletion(gk schema.GroupKind) bool {
	switch gk {
	case schema.GroupKind{Kind: "Namespace"}, schema.GroupKind{Kind: "Pod"}, schema.GroupKind{Kind: "ReplicationController"},
		schema.GroupKind{Group: "apps", Kind: "DaemonSet"}, schema.GroupKind{Group: "apps", Kind: "Deployment"},
		schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, schema.GroupKind{Group: "batch", Kind: "Job"}:
		return true
	}
	return false
}

func propagationOf(inputs resource.PropertyMap) metav1.DeletionPropagation {
	value, _ := text(inputs, "metadata", "annotations", propagation)
	switch strings.ToLower(value) {
	case "orphan":
		return metav1.DeletePropagationOrphan
	case "background":
		return metav1.DeletePropagationBackground
	}
	return metav1.DeletePropagationForeground
}

// giveUp applies nothing as the manager of a *Patch resource, which removes the fields that it alone owned.
func (p *Provider) giveUp(ctx context.Context, urn resource.URN, t target) error {
	if _, err := p.cluster.get(ctx, t); apierrors.IsNotFound(err) {
		return nil
	}
	nothing := &unstructured.Unstructured{Object: map[string]any{}}
	nothing.SetGroupVersionKind(t.gvk)
	nothing.SetName(t.name)
	_, err := p.cluster.apply(ctx, t, nothing, applyOptions{manager: managerOf(urn, true)})
	return err
}

func (p *Provider) awaitGone(ctx context.Context, req plugin.DeleteRequest, t target, timeout time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	uid, _ := text(req.Outputs, "metadata", "uid")
	var last *unstructured.Unstructured
	shown := ""
	for {
		live, err := p.cluster.get(ctx, t)
		switch {
		case apierrors.IsNotFound(err), err == nil && uid != "" && string(live.GetUID()) != uid && live.GetDeletionTimestamp() == nil:
			_ = p.Progress(ctx, req.URN, "")
			return nil
		case err == nil:
			last = live
			if why := blockedBy(live); why != shown {
				shown = why
				_ = p.Progress(ctx, req.URN, "waiting until it is gone: "+why)
			}
		}
		if sleep(bounded, p.poll) == nil {
			continue
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return fmt.Errorf("%s: the wait for its deletion was cancelled: %s", t, shown)
		}
		if last == nil {
			return fmt.Errorf("%s is not gone after %s: it could not be read: %w", t, timeout, err)
		}
		return fmt.Errorf("%s is not gone after %s: %s%s. Remove the cause, not the finalizer: what a finalizer waits for is cleaned up by its "+
			"controller", t, timeout, shown, p.cluster.childrenOf(ctx, last))
	}
}

// blockedBy says what keeps an object that is being deleted.
func blockedBy(live *unstructured.Unstructured) string {
	why := "finalizers: " + orNone(live.GetFinalizers())
	if grace := live.GetDeletionGracePeriodSeconds(); grace != nil && *grace > 0 && len(live.GetFinalizers()) == 0 {
		why = fmt.Sprintf("its containers have %d seconds to end", *grace)
	}
	// Namespaces and custom kinds report what is left in them.
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, c := range conditions {
		fields, _ := c.(map[string]any)
		kind, _ := fields["type"].(string)
		if fields["status"] == "True" && (strings.HasPrefix(kind, "Namespace") || kind == "Terminating") {
			why += fmt.Sprintf("; %v", fields["message"])
		}
	}
	if live.GetKind() == "Namespace" {
		spec, _, _ := unstructured.NestedStringSlice(live.Object, "spec", "finalizers")
		why += "; namespace finalizers: " + orNone(spec)
	}
	return why
}

// childrenOf lists the dependents that a foreground deletion still waits for, among the usual kinds.
func (c *cluster) childrenOf(ctx context.Context, owner *unstructured.Unstructured) string {
	if owner.GetNamespace() == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
	defer cancel()
	var children []string
	for _, gvr := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "pods"},
		{Group: "apps", Version: "v1", Resource: "replicasets"},
		{Group: "batch", Version: "v1", Resource: "jobs"},
	} {
		found, err := c.objects.Resource(gvr).Namespace(owner.GetNamespace()).List(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for _, item := range found.Items {
			owned := slices.ContainsFunc(item.GetOwnerReferences(), func(ref metav1.OwnerReference) bool { return ref.UID == owner.GetUID() })
			if owned {
				children = append(children, fmt.Sprintf("%s %s (finalizers: %s)", item.GetKind(), item.GetName(), orNone(item.GetFinalizers())))
			}
		}
	}
	if len(children) == 0 {
		return ""
	}
	return "; dependents left: " + strings.Join(children, ", ")
}
