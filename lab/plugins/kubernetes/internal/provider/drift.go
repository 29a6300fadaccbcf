package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// drifted returns the inputs as they would have to be for the live object to be what was applied. To tell a change from a value that the API
// server only writes differently (a quantity, a default), the inputs are applied again as a dry run: where its result and the live object
// agree, nothing has drifted. If the API server refuses the dry run, values are compared as they are.
func (p *Provider) drifted(ctx context.Context, t target, req plugin.ReadRequest, live *unstructured.Unstructured) resource.PropertyMap {
	inputs := compact(req.Inputs)
	given := object(inputs)
	want, err := p.cluster.apply(ctx, t, given, applyOptions{
		manager: managerOf(req.URN, isPatch(req.Type, t.gvk)), dryRun: true, force: true,
	})
	d := drift{authoritative: err == nil}
	sent := applied(given)
	if err != nil {
		want = sent
	}
	now, _ := d.object(sent.Object, want.Object, live.Object)
	if reflect.DeepEqual(now, sent.Object) {
		return req.Inputs
	}
	result := &unstructured.Unstructured{Object: now}
	restoreText(result, given)
	return project(sealed(properties(result)), inputs)
}

// drift compares what was sent, what the API server makes of it, and what is live.
type drift struct {
	// authoritative is whether want is the API server's view; else it is only what was sent, without defaults.
	authoritative bool
}

// value returns sent as it would have to be for live; ok is false if it is gone.
func (d drift) value(sent, want, live any) (any, bool) {
	if equal(want, live) {
		return sent, true
	}
	switch sent := sent.(type) {
	case map[string]any:
		wantFields, _ := want.(map[string]any)
		if liveFields, ok := live.(map[string]any); ok {
			return d.object(sent, wantFields, liveFields)
		}
	case []any:
		wantItems, _ := want.([]any)
		if liveItems, ok := live.([]any); ok {
			return d.list(sent, wantItems, liveItems), true
		}
	}
	return live, live != nil
}

func (d drift) object(sent, want, live map[string]any) (map[string]any, bool) {
	out := map[string]any{}
	for key, value := range sent {
		wanted, isWanted := want[key]
		current, isLive := live[key]
		switch {
		case !isWanted && !isLive:
			out[key] = value // written, never shown: it cannot drift
		case isLive:
			if next, ok := d.value(value, wanted, current); ok {
				out[key] = next
			}
		case isEmpty(value):
			out[key] = value // the API server drops what is empty
		}
	}
	// What an apply would remove is drift too: it was put into a part that is ours as a whole.
	if d.authoritative {
		for key, value := range live {
			if _, ok := want[key]; !ok {
				out[key] = value
			}
		}
	}
	return out, true
}

// list compares lists. Those of named objects (containers, ports, variables) are matched by name, so that what others added between stays out.
func (d drift) list(sent, want, live []any) []any {
	sentByName, named := byName(sent)
	wantByName, wantNamed := byName(want)
	liveByName, liveNamed := byName(live)
	if !named || !wantNamed || !liveNamed {
		if !d.authoritative && len(sent) == len(live) {
			out := make([]any, 0, len(sent))
			for i := range sent {
				next, _ := d.value(sent[i], want[i], live[i])
				out = append(out, next)
			}
			return out
		}
		return live
	}
	out := []any{}
	for _, item := range live {
		name := nameOf(item)
		value, isSent := sentByName[name]
		wanted, isWanted := wantByName[name]
		switch {
		case isSent:
			if next, ok := d.value(value, wanted, liveByName[name]); ok {
				out = append(out, next)
			}
		case d.authoritative && !isWanted:
			out = append(out, item)
		}
	}
	return out
}

func byName(items []any) (map[string]any, bool) {
	out := make(map[string]any, len(items))
	for _, item := range items {
		name := nameOf(item)
		if _, twice := out[name]; name == "" || twice {
			return nil, false
		}
		out[name] = item
	}
	return out, true
}

func nameOf(item any) string {
	fields, _ := item.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// equal compares JSON values; 1 and 1.0 are the same number.
func equal(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	left, err1 := json.Marshal(a)
	right, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(left, right)
}

// restoreText moves the data of a Secret back to stringData, for the keys that the program gave there.
func restoreText(now, given *unstructured.Unstructured) {
	text, ok, _ := unstructured.NestedMap(given.Object, "stringData")
	if !ok || !isSecret(given.GroupVersionKind()) {
		return
	}
	data, _, _ := unstructured.NestedMap(now.Object, "data")
	restored := map[string]any{}
	for key := range text {
		encoded, _ := data[key].(string)
		if plain, err := base64.StdEncoding.DecodeString(encoded); err == nil && data[key] != nil {
			restored[key] = string(plain)
		}
		delete(data, key)
	}
	now.Object["stringData"] = restored
	now.Object["data"] = data
	if _, had := given.Object["data"]; !had && len(data) == 0 {
		delete(now.Object, "data")
	}
}

// imported returns the inputs of an object that is not in the state yet: what this plugin applied, if it did (the engine was killed before it
// wrote the state), else the whole object without what only the server sets.
func imported(live *unstructured.Unstructured) resource.PropertyMap {
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != manager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.Subresource != "" || entry.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		if owned, ok := ownedBy(fields, live.Object).(map[string]any); ok {
			obj := &unstructured.Unstructured{Object: owned}
			obj.SetAPIVersion(live.GetAPIVersion())
			obj.SetKind(live.GetKind())
			obj.SetName(live.GetName())
			if live.GetNamespace() != "" {
				obj.SetNamespace(live.GetNamespace())
			}
			return properties(obj)
		}
	}
	obj := live.DeepCopy()
	delete(obj.Object, "status")
	for _, field := range serverFields {
		unstructured.RemoveNestedField(obj.Object, "metadata", field)
	}
	annotations := obj.GetAnnotations()
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	delete(annotations, "deployment.kubernetes.io/revision")
	if len(annotations) == 0 {
		annotations = nil
	}
	obj.SetAnnotations(annotations)
	return properties(obj)
}

// ownedBy takes the owned fields out of a value. fields is the API's record of them (FieldsV1): "f:" a field, "k:" a list item by its keys,
// "v:" a list item by its value, "." the value itself; nothing below means the whole value.
func ownedBy(fields map[string]any, value any) any {
	below := 0
	for key := range fields {
		if key != "." {
			below++
		}
	}
	switch value := value.(type) {
	case map[string]any:
		if below == 0 {
			if _, itself := fields["."]; itself {
				return map[string]any{}
			}
			return value
		}
		out := map[string]any{}
		for key, child := range fields {
			name, ok := strings.CutPrefix(key, "f:")
			current, present := value[name]
			if ok && present {
				out[name] = ownedBy(asFields(child), current)
			}
		}
		return out
	case []any:
		if below == 0 {
			return value
		}
		out := []any{}
		for _, item := range value {
			for key, child := range fields {
				if matches(key, item) {
					out = append(out, ownedBy(asFields(child), item))
				}
			}
		}
		return out
	}
	return value
}

func asFields(v any) map[string]any {
	fields, _ := v.(map[string]any)
	return fields
}

func matches(key string, item any) bool {
	kind, text, _ := strings.Cut(key, ":")
	var want any
	if (kind != "k" && kind != "v") || json.Unmarshal([]byte(text), &want) != nil {
		return false
	}
	if kind == "v" {
		return equal(want, item)
	}
	fields, _ := item.(map[string]any)
	for name, value := range asFields(want) {
		if !equal(value, fields[name]) {
			return false
		}
	}
	return true
}
