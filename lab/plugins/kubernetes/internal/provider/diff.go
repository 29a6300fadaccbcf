package provider

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// Diff compares the inputs of the last deployment with the new ones and says what replaces the object. After a refresh the old inputs are
// those of the live object, so drift shows here too.
//
// It makes no request, but for a Job with the annotation replaceUnready. What the API server thinks of the change is asked in the preview of
// Update.
func (p *Provider) Diff(ctx context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.DiffResponse{}, err
	}
	gvk, err := kindOf(req.Type, req.NewInputs)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	oldNamespace, oldName, err := parseID(req.ID)
	if err != nil {
		return plugin.DiffResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	olds, news := identified(req.OldInputs, oldNamespace, oldName), compact(req.NewInputs)
	if _, ok := text(news, "metadata", "namespace"); !ok && oldNamespace != "" && p.isDefault(oldNamespace) && !unknownAt(news, "metadata", "namespace") {
		// The kind's scope was not known when the inputs were checked.
		set(news, oldNamespace, "metadata", "namespace")
	}

	if isSecret(gvk) {
		alignText(olds, news)
	}
	result := detail(compare(olds, news))
	for _, ignored := range req.IgnoreChanges {
		path, err := resource.ParsePropertyPath(ignored)
		if err != nil {
			return plugin.DiffResponse{}, fmt.Errorf("%s: ignoreChanges %q: %w", req.URN, ignored, err)
		}
		for key := range result.DetailedDiff {
			if changed, err := resource.ParsePropertyPath(key); err == nil && path.Contains(changed) {
				delete(result.DetailedDiff, key)
			}
		}
	}
	markReplacements(result.DetailedDiff, p.replacedBy(req, gvk, news), standin.Plain(olds), standin.Plain(news))
	if p.retry(ctx, gvk, oldNamespace, oldName, news) {
		result.DetailedDiff[`metadata.annotations["`+replaceUnready+`"]`] = plugin.PropertyDiff{Kind: plugin.DiffUpdateReplace, InputDiff: true}
	}
	result = withKeys(result)
	result.DeleteBeforeReplace = len(result.ReplaceKeys) > 0 && fixed(olds, news)
	return result, nil
}

// identified completes the old inputs with the identity that the object really has.
func identified(olds resource.PropertyMap, namespace, name string) resource.PropertyMap {
	olds = compact(olds)
	set(olds, name, "metadata", "name")
	if namespace != "" {
		set(olds, namespace, "metadata", "namespace")
	}
	return olds
}

// alignText writes the old entries of a Secret as the new inputs write theirs: in stringData as they are, or in data in base64. An imported
// Secret has data only.
func alignText(olds, news resource.PropertyMap) {
	move := func(from, to resource.PropertyKey, convert func(string) (string, bool)) {
		wanted, _ := at(news, to)
		source, _ := at(olds, from)
		if !wanted.IsObject() || !source.IsObject() {
			return
		}
		for key := range wanted.ObjectValue() {
			old, ok := text(olds, from, key)
			if converted, valid := convert(old); ok && valid {
				set(olds, converted, to, key)
				delete(source.ObjectValue(), key)
			}
		}
		if len(source.ObjectValue()) == 0 {
			delete(olds, from)
		}
	}
	move("data", "stringData", func(v string) (string, bool) {
		plain, err := base64.StdEncoding.DecodeString(v)
		return string(plain), err == nil
	})
	move("stringData", "data", func(v string) (string, bool) {
		return base64.StdEncoding.EncodeToString([]byte(v)), true
	})
}

func (p *Provider) isDefault(namespace string) bool {
	if p.cluster == nil {
		return namespace == "default"
	}
	return namespace == p.cluster.namespace
}

// fixed tells whether the new object must have the very name of the old one, so that both cannot exist at a time.
func fixed(olds, news resource.PropertyMap) bool {
	oldName, _ := text(olds, "metadata", "name")
	newName, _ := text(news, "metadata", "name")
	oldNamespace, _ := text(olds, "metadata", "namespace")
	newNamespace, _ := text(news, "metadata", "namespace")
	return newName != "" && newName == oldName && newNamespace == oldNamespace && !annotated(news, autonamed)
}

// retry tells whether a Job that did not complete shall be replaced, as its annotation replaceUnready asks. A Job that cannot be read is left
// alone: Update will say why.
func (p *Provider) retry(ctx context.Context, gvk schema.GroupVersionKind, namespace, name string, news resource.PropertyMap) bool {
	if !isJob(gvk) || !annotated(news, replaceUnready) || p.cluster == nil || p.cluster.reach(ctx) != nil {
		return false
	}
	t, err := p.cluster.find(gvk, namespace, name)
	if err != nil {
		return false
	}
	live, err := p.cluster.get(ctx, t)
	if err != nil {
		return false
	}
	v, err := jobReady(ctx, p.cluster, live)
	return err == nil && !v.ready
}

// compare returns the difference of two property maps; whether a value is secret is none. It is nil if there is no difference.
func compare(olds, news resource.PropertyMap) *resource.ObjectDiff {
	return standin.Plain(compact(olds)).Diff(standin.Plain(compact(news)), resource.IsInternalPropertyKey)
}

// detail spells a difference out, property by property.
func detail(changes *resource.ObjectDiff) plugin.DiffResult {
	return plugin.DiffResult{Changes: plugin.DiffNone, DetailedDiff: plugin.NewDetailedDiffFromObjectDiff(changes, true)}
}

// withKeys fills the summary of a diff from its details.
func withKeys(result plugin.DiffResult) plugin.DiffResult {
	if len(result.DetailedDiff) == 0 {
		return plugin.DiffResult{Changes: plugin.DiffNone}
	}
	result.Changes = plugin.DiffSome
	for key, change := range result.DetailedDiff {
		result.ChangedKeys = append(result.ChangedKeys, resource.PropertyKey(key))
		if change.Kind.IsReplace() {
			result.ReplaceKeys = append(result.ReplaceKeys, resource.PropertyKey(key))
		}
	}
	slices.Sort(result.ChangedKeys)
	slices.Sort(result.ReplaceKeys)
	return result
}
