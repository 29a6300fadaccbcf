package provider

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// Annotations of the official plugin that this one honours.
const (
	autonamed      = "pulumi.com/autonamed"
	skipAwait      = "pulumi.com/skipAwait"
	timeoutSeconds = "pulumi.com/timeoutSeconds"
	replaceUnready = "pulumi.com/replaceUnready"
	patchForce     = "pulumi.com/patchForce"
	propagation    = "pulumi.com/deletionPropagationPolicy"
)

// object turns the properties of a resource into the JSON object that the API knows: secrets are unwrapped, nulls dropped, whole numbers are
// integers, and in a CustomResourceDefinition the SDK's names with underscores get their dashes. The properties must hold no unknowns.
func object(props resource.PropertyMap) *unstructured.Unstructured {
	plain, _ := plainValue(resource.NewProperty(props)).(map[string]any)
	obj := &unstructured.Unstructured{Object: plain}
	if isCRD(obj.GroupVersionKind()) {
		obj.Object = renameKeys(plain, dashed).(map[string]any)
	}
	return obj
}

func plainValue(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return plainValue(v.SecretValue().Element)
	case v.IsOutput():
		return plainValue(v.OutputValue().Element)
	case v.IsNull(), v.IsComputed():
		return nil
	case v.IsBool():
		return v.BoolValue()
	case v.IsString():
		return v.StringValue()
	case v.IsNumber():
		if n := v.NumberValue(); n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n)
		}
		return v.NumberValue()
	case v.IsArray():
		list := make([]any, 0, len(v.ArrayValue()))
		for _, element := range v.ArrayValue() {
			list = append(list, plainValue(element))
		}
		return list
	case v.IsObject():
		fields := make(map[string]any, len(v.ObjectValue()))
		for key, value := range v.ObjectValue() {
			if plain := plainValue(value); plain != nil {
				fields[string(key)] = plain
			}
		}
		return fields
	}
	return v.V
}

// properties is the reverse of [object].
func properties(obj *unstructured.Unstructured) resource.PropertyMap {
	fields := any(obj.Object)
	if isCRD(obj.GroupVersionKind()) {
		fields = renameKeys(obj.Object, underscored)
	}
	return resource.NewPropertyMapFromMap(fields.(map[string]any))
}

// The SDKs spell the extensions of OpenAPI in a CustomResourceDefinition with underscores.
func dashed(key string) string {
	if strings.HasPrefix(key, "x_kubernetes_") {
		return strings.ReplaceAll(key, "_", "-")
	}
	return key
}

func underscored(key string) string {
	if strings.HasPrefix(key, "x-kubernetes-") {
		return strings.ReplaceAll(key, "-", "_")
	}
	return key
}

func renameKeys(v any, rename func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[rename(key)] = renameKeys(value, rename)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = renameKeys(value, rename)
		}
		return out
	}
	return v
}

// applied is what is sent to the API server for the inputs: without the fields that only the server sets, and, in a Secret, with stringData
// encoded into data, because the server does not record who owns the keys of stringData.
func applied(inputs *unstructured.Unstructured) *unstructured.Unstructured {
	obj := inputs.DeepCopy()
	for _, field := range serverFields {
		unstructured.RemoveNestedField(obj.Object, "metadata", field)
	}
	text, ok, _ := unstructured.NestedMap(obj.Object, "stringData")
	if !isSecret(obj.GroupVersionKind()) || !ok {
		return obj
	}
	data, _, _ := unstructured.NestedMap(obj.Object, "data")
	if data == nil {
		data = map[string]any{}
	}
	for key, value := range text {
		data[key] = base64.StdEncoding.EncodeToString(fmt.Append(nil, value))
	}
	obj.Object["data"] = data
	delete(obj.Object, "stringData")
	return obj
}

// serverFields of metadata are set by the API server alone.
var serverFields = [...]string{
	"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid",
}

// kindOf tells the kind of a resource: from the inputs if they say it, else (import) from the type token
// kubernetes:<group>/<version>:<Kind>. For a *Patch resource it is the kind that is patched.
func kindOf(typ tokens.Type, inputs resource.PropertyMap) (schema.GroupVersionKind, error) {
	gvk, err := kindOfToken(typ)
	if err != nil {
		return gvk, err
	}
	if v, ok := text(inputs, "apiVersion"); ok {
		gv, err := schema.ParseGroupVersion(v)
		if err != nil {
			return gvk, fmt.Errorf("apiVersion: %q: %w", v, err)
		}
		gvk = gv.WithKind(gvk.Kind)
	}
	if kind, ok := text(inputs, "kind"); ok {
		gvk.Kind = kind
	}
	return gvk, nil
}

func kindOfToken(typ tokens.Type) (schema.GroupVersionKind, error) {
	parts := strings.Split(string(typ), ":")
	if len(parts) != 3 || parts[0] != "kubernetes" {
		return schema.GroupVersionKind{}, fmt.Errorf("type %q: want kubernetes:<group>/<version>:<Kind>", typ)
	}
	group, version, ok := strings.Cut(parts[1], "/")
	if !ok {
		return schema.GroupVersionKind{}, fmt.Errorf("type %q: want a group and a version, got %q", typ, parts[1])
	}
	switch group {
	case "core":
		group = ""
	case "helm.sh", "yaml", "kustomize":
		return schema.GroupVersionKind{}, fmt.Errorf("type %q: the stand-in renders no charts, manifests or kustomizations; declare typed objects", typ)
	}
	return schema.GroupVersionKind{Group: group, Version: version, Kind: parts[2]}, nil
}

// isPatch tells whether a resource changes some fields of an object that another party owns: its type is the kind with the suffix Patch.
func isPatch(typ tokens.Type, gvk schema.GroupVersionKind) bool {
	name := string(typ[strings.LastIndex(string(typ), ":")+1:])
	return name == gvk.Kind+"Patch"
}

func isSecret(gvk schema.GroupVersionKind) bool { return gvk.Group == "" && gvk.Kind == "Secret" }

func isConfigMap(gvk schema.GroupVersionKind) bool { return gvk.Group == "" && gvk.Kind == "ConfigMap" }

func isJob(gvk schema.GroupVersionKind) bool { return gvk.Group == "batch" && gvk.Kind == "Job" }

func isCRD(gvk schema.GroupVersionKind) bool {
	return gvk.Group == "apiextensions.k8s.io" && gvk.Kind == "CustomResourceDefinition"
}

// objectID is the id of an object in the state: namespace/name, or the name alone if the object has no namespace.
func objectID(namespace, name string) resource.ID {
	if namespace == "" {
		return resource.ID(name)
	}
	return resource.ID(namespace + "/" + name)
}

func parseID(id resource.ID) (namespace, name string, err error) {
	parts := strings.Split(string(id), "/")
	switch {
	case len(parts) == 1 && parts[0] != "":
		return "", parts[0], nil
	case len(parts) == 2 && parts[0] != "" && parts[1] != "":
		return parts[0], parts[1], nil
	}
	return "", "", fmt.Errorf("id %q: want namespace/name, or the name alone for an object without namespace", id)
}

// describe names an object for people: "Deployment default/web".
func describe(gvk schema.GroupVersionKind, namespace, name string) string {
	return gvk.Kind + " " + string(objectID(namespace, name))
}

// peel returns the value below secret wrappers.
func peel(v resource.PropertyValue) resource.PropertyValue {
	for v.IsSecret() {
		v = v.SecretValue().Element
	}
	return v
}

// at returns the value at a path of keys, below secret wrappers.
func at(props resource.PropertyMap, keys ...resource.PropertyKey) (resource.PropertyValue, bool) {
	v := resource.NewProperty(props)
	for _, key := range keys {
		v = peel(v)
		if !v.IsObject() {
			return v, false
		}
		next, ok := v.ObjectValue()[key]
		if !ok || peel(next).IsNull() {
			return next, false
		}
		v = next
	}
	return peel(v), true
}

// text returns the known, non-empty string at a path of keys.
func text(props resource.PropertyMap, keys ...resource.PropertyKey) (string, bool) {
	v, ok := at(props, keys...)
	if !ok || !v.IsString() || v.StringValue() == "" {
		return "", false
	}
	return v.StringValue(), true
}

// unknownAt tells whether the value at the path, or an object on the way to it, is not known yet.
func unknownAt(props resource.PropertyMap, keys ...resource.PropertyKey) bool {
	for i := range keys {
		if v, _ := at(props, keys[:i+1]...); peel(v).IsComputed() {
			return true
		}
	}
	return false
}

// annotated tells whether the inputs carry the annotation with the value true.
func annotated(props resource.PropertyMap, annotation resource.PropertyKey) bool {
	value, _ := text(props, "metadata", "annotations", annotation)
	return value == "true"
}

// set puts a value at metadata.<keys> of the inputs, in place, making the objects on the way. It keeps secret wrappers, and changes nothing
// below a value that is unknown.
func set(props resource.PropertyMap, value string, keys ...resource.PropertyKey) {
	key := keys[0]
	if len(keys) == 1 {
		props[key] = resource.NewProperty(value)
		return
	}
	child, ok := props[key]
	if !ok || peel(child).IsNull() {
		child = resource.NewProperty(resource.PropertyMap{})
		props[key] = child
	}
	if inner := peel(child); inner.IsObject() {
		set(inner.ObjectValue(), value, keys[1:]...)
	}
}
