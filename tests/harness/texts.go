package harness

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Texts are all texts in what a resource was given, secrets included, and everything that is packed in them: what a node is
// given is compressed. They are for looking for what must not be there, and not for printing.
func (r *Resource) Texts() []string {
	var texts []string
	var walk func(value resource.PropertyValue)
	walk = func(value resource.PropertyValue) {
		switch {
		case value.IsSecret():
			walk(value.SecretValue().Element)
		case value.IsOutput():
			walk(value.OutputValue().Element)
		case value.IsObject():
			for _, key := range value.ObjectValue().StableKeys() {
				walk(value.ObjectValue()[key])
			}
		case value.IsArray():
			for _, element := range value.ArrayValue() {
				walk(element)
			}
		case value.IsString():
			for _, layer := range unwrap([]byte(value.StringValue()), maxLayers) {
				texts = append(texts, string(layer))
			}
		}
	}
	walk(resource.NewProperty(r.Raw))
	return slices.Compact(texts)
}

// Properties are plain inputs as the engine gets them, for tests of what looks at resources.
func Properties(inputs map[string]any) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(inputs)
}
