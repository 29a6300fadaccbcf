package provider

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// Check completes the inputs: the namespace, a name where the program gives none, and the secret marks of a Secret. It needs no cluster.
//
// It sets no label app.kubernetes.io/managed-by: the official plugin sets none either with server-side apply, but keeps one that is there.
func (p *Provider) Check(ctx context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	gvk, err := kindOf(req.Type, req.News)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	inputs := compact(req.News)
	if failure := refuse(req.Type, gvk, inputs); failure != nil {
		return plugin.CheckResponse{Properties: inputs, Failures: []plugin.CheckFailure{*failure}}, nil
	}
	setIfMissing(inputs, gvk.GroupVersion().String(), "apiVersion")
	setIfMissing(inputs, gvk.Kind, "kind")
	if failure := p.name(inputs, req); failure != nil {
		return plugin.CheckResponse{Properties: inputs, Failures: []plugin.CheckFailure{*failure}}, nil
	}
	if isCRD(gvk) && !inputs.ContainsUnknowns() {
		p.scopes.learn(object(inputs))
	}
	if p.cluster != nil && !unknownAt(inputs, "metadata", "namespace") && p.namespaced(ctx, gvk) {
		setIfMissing(inputs, p.cluster.namespace, "metadata", "namespace")
	}
	return plugin.CheckResponse{Properties: sealed(inputs)}, nil
}

// refuse tells why the stand-in cannot manage a resource at all.
func refuse(typ tokens.Type, gvk schema.GroupVersionKind, inputs resource.PropertyMap) *plugin.CheckFailure {
	_, named := text(inputs, "metadata", "name")
	_, generated := text(inputs, "metadata", "generateName")
	switch _, items := at(inputs, "items"); {
	case items && len(gvk.Kind) > 4 && gvk.Kind[len(gvk.Kind)-4:] == "List":
		return &plugin.CheckFailure{Property: "kind", Reason: gvk.Kind + " is a list, not an object; declare its items one by one"}
	case generated && !named:
		return &plugin.CheckFailure{
			Property: "metadata", Reason: "metadata.generateName does not work with server-side apply; give a metadata.name, or none at all",
		}
	case isPatch(typ, gvk) && !named && !unknownAt(inputs, "metadata", "name"):
		return &plugin.CheckFailure{Property: "metadata", Reason: fmt.Sprintf("a %sPatch needs the metadata.name of the object that it changes", gvk.Kind)}
	}
	return nil
}

// name gives the object a name if the program does not: the one it had, or a new one, as the engine's random seed or the stack's autonaming
// configuration says. The annotation autonamed tells such objects from those that may exist only once.
func (p *Provider) name(inputs resource.PropertyMap, req plugin.CheckRequest) *plugin.CheckFailure {
	if _, ok := text(inputs, "metadata", "name"); ok || unknownAt(inputs, "metadata", "name") {
		return nil
	}
	if old, ok := text(req.Olds, "metadata", "name"); ok && annotated(req.Olds, autonamed) {
		set(inputs, old, "metadata", "name")
		set(inputs, "true", "metadata", "annotations", autonamed)
		return nil
	}
	var name string
	switch naming := req.Autonaming; {
	case naming != nil && naming.Mode == plugin.AutonamingModeDisabled:
		return &plugin.CheckFailure{
			Property: "metadata", Reason: "metadata.name is missing and this stack's configuration disables autonaming; give a metadata.name",
		}
	case naming != nil && naming.ProposedName != "":
		name = naming.ProposedName
	default:
		var err error
		if name, err = resource.NewUniqueName(req.RandomSeed, req.URN.Name()+"-", 8, 0, nil); err != nil {
			return &plugin.CheckFailure{Property: "metadata", Reason: fmt.Sprintf("metadata.name: %v", err)}
		}
	}
	set(inputs, name, "metadata", "name")
	set(inputs, "true", "metadata", "annotations", autonamed)
	return nil
}

// namespaced tells whether objects of a kind live in a namespace. A custom kind that neither the program nor the API server knows yet counts
// as not: Create finds its scope, and Diff knows that no namespace and the default one are the same.
func (p *Provider) namespaced(ctx context.Context, gvk schema.GroupVersionKind) bool {
	if namespaced, known := p.scopes.of(gvk.GroupKind()); known {
		return namespaced
	}
	if p.cluster.reach(ctx) != nil {
		return false
	}
	mapping, err := p.cluster.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	return err == nil && mapping.Scope.Name() == meta.RESTScopeNameNamespace
}

func setIfMissing(inputs resource.PropertyMap, value string, keys ...resource.PropertyKey) {
	if _, ok := at(inputs, keys...); !ok && !unknownAt(inputs, keys...) {
		set(inputs, value, keys...)
	}
}

// compact returns a deep copy of the properties without nulls.
func compact(props resource.PropertyMap) resource.PropertyMap {
	return compactValue(resource.NewProperty(props)).ObjectValue()
}

func compactValue(v resource.PropertyValue) resource.PropertyValue {
	switch {
	case v.IsSecret():
		return resource.MakeSecret(compactValue(v.SecretValue().Element))
	case v.IsOutput():
		out := v.OutputValue()
		switch inner := compactValue(out.Element); {
		case !out.Known:
			return resource.MakeComputed(resource.NewProperty(""))
		case out.Secret:
			return resource.MakeSecret(inner)
		default:
			return inner
		}
	case v.IsArray():
		list := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, element := range v.ArrayValue() {
			list[i] = compactValue(element)
		}
		return resource.NewProperty(list)
	case v.IsObject():
		fields := make(resource.PropertyMap, len(v.ObjectValue()))
		for key, element := range v.ObjectValue() {
			if element.HasValue() || element.IsComputed() || element.IsOutput() {
				fields[key] = compactValue(element)
			}
		}
		return resource.NewProperty(fields)
	}
	return v
}
