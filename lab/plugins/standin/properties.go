package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Decode fills the struct that out points to from props by the struct's JSON tags. Secrets are decoded as their plain values. It is an error
// that props holds unknowns (test with ContainsUnknowns first), a property that the struct does not have, or a value of another type; the
// error names the property. Properties that start with two underscores are the engine's and are left out.
func Decode(props resource.PropertyMap, out any) error {
	if props.ContainsUnknowns() {
		return fmt.Errorf("decode properties: a value is not known yet")
	}
	plain := map[string]any{}
	for key, value := range Plain(props) {
		if !resource.IsInternalPropertyKey(key) {
			plain[string(key)] = value.Mappable()
		}
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return fmt.Errorf("decode properties: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("decode properties: %w", err)
	}
	return nil
}

// Plain returns a copy of props without secret and output wrappers, at any depth. Unknowns stay.
func Plain(props resource.PropertyMap) resource.PropertyMap {
	plain := make(resource.PropertyMap, len(props))
	for key, value := range props {
		plain[key] = plainValue(value)
	}
	return plain
}

func plainValue(value resource.PropertyValue) resource.PropertyValue {
	switch {
	case value.IsSecret():
		return plainValue(value.SecretValue().Element)
	case value.IsOutput():
		output := value.OutputValue()
		if !output.Known {
			return resource.MakeComputed(resource.NewProperty(""))
		}
		return plainValue(output.Element)
	case value.IsArray():
		elements := make([]resource.PropertyValue, len(value.ArrayValue()))
		for i, element := range value.ArrayValue() {
			elements[i] = plainValue(element)
		}
		return resource.NewProperty(elements)
	case value.IsObject():
		return resource.NewProperty(Plain(value.ObjectValue()))
	}
	return value
}

// Unknown returns a copy of inputs in which each key is a value that is known only after creation: what Create answers in a preview.
func Unknown(inputs resource.PropertyMap, keys ...resource.PropertyKey) resource.PropertyMap {
	outputs := maps.Clone(inputs)
	if outputs == nil {
		outputs = resource.PropertyMap{}
	}
	for _, key := range keys {
		outputs[key] = resource.MakeComputed(resource.NewProperty(""))
	}
	return outputs
}

// Secret marks the value of each key that props has as secret, in place, unless it already is.
func Secret(props resource.PropertyMap, keys ...resource.PropertyKey) {
	for _, key := range keys {
		if value, ok := props[key]; ok && !value.IsSecret() {
			props[key] = resource.MakeSecret(value)
		}
	}
}

// Diff compares the inputs of the last deployment with the new ones. A change at or below one of the top-level keys replaceOn replaces the
// resource; All stands for every key. Whether a value is secret is no difference, nor is null beside missing. An unknown new value counts as
// changed. The engine has already undone what the program ignores (IgnoreChanges).
func Diff(old, new resource.PropertyMap, replaceOn ...resource.PropertyKey) plugin.DiffResult {
	result := plugin.DiffResult{Changes: plugin.DiffNone}
	changes := Plain(old).Diff(Plain(new), resource.IsInternalPropertyKey)
	if changes == nil {
		return result
	}
	result.Changes = plugin.DiffSome
	result.DetailedDiff = map[string]plugin.PropertyDiff{}
	for _, key := range slices.Sorted(slices.Values(changes.Keys())) {
		if !changes.Changed(key) {
			continue
		}
		replaces := slices.Contains(replaceOn, key) || slices.Contains(replaceOn, All)
		result.ChangedKeys = append(result.ChangedKeys, key)
		if replaces {
			result.ReplaceKeys = append(result.ReplaceKeys, key)
		}
		for path, change := range plugin.NewDetailedDiffFromObjectDiff(only(changes, key), true) {
			if replaces {
				change = change.ToReplace()
			}
			result.DetailedDiff[path] = change
		}
	}
	return result
}

// All stands for every key in the arguments of [Diff].
const All resource.PropertyKey = "*"

// only is the part of the diff that concerns one top-level key.
func only(diff *resource.ObjectDiff, key resource.PropertyKey) *resource.ObjectDiff {
	part := &resource.ObjectDiff{Adds: resource.PropertyMap{}, Deletes: resource.PropertyMap{}, Updates: map[resource.PropertyKey]resource.ValueDiff{}}
	if value, ok := diff.Adds[key]; ok {
		part.Adds[key] = value
	}
	if value, ok := diff.Deletes[key]; ok {
		part.Deletes[key] = value
	}
	if value, ok := diff.Updates[key]; ok {
		part.Updates[key] = value
	}
	return part
}
