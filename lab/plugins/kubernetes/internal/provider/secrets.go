package provider

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// veil knows the secret texts of one resource, so that they reach neither a message nor a plain output. The zero value knows none.
type veil struct {
	texts []string
}

// shortestSecret is the least length of a text that is looked for in messages and outputs: shorter ones, such as "true", would hide what is
// no secret. They are still secret at their own place.
const shortestSecret = 6

// newVeil collects the secret texts of properties: of everything marked secret and, if the properties are a Secret, of its data, each plain
// and in base64.
func newVeil(maps ...resource.PropertyMap) veil {
	var v veil
	for _, props := range maps {
		v.collect(resource.NewProperty(sealed(props)), false)
	}
	// Longest first, so that a text is hidden whole before a part of it is.
	slices.SortFunc(v.texts, func(a, b string) int { return len(b) - len(a) })
	v.texts = slices.Compact(v.texts)
	return v
}

func (v *veil) collect(value resource.PropertyValue, secret bool) {
	switch {
	case value.IsSecret():
		v.collect(value.SecretValue().Element, true)
	case value.IsArray():
		for _, element := range value.ArrayValue() {
			v.collect(element, secret)
		}
	case value.IsObject():
		for _, element := range value.ObjectValue() {
			v.collect(element, secret)
		}
	case secret && value.IsString():
		plain := value.StringValue()
		texts := []string{plain, strings.TrimSpace(plain), base64.StdEncoding.EncodeToString([]byte(plain))}
		if decoded, err := base64.StdEncoding.DecodeString(plain); err == nil {
			texts = append(texts, string(decoded), strings.TrimSpace(string(decoded)))
		}
		for _, text := range texts {
			if len(text) >= shortestSecret {
				v.texts = append(v.texts, text)
			}
		}
	}
}

// hide blanks the secret texts in a message.
func (v veil) hide(message string) string {
	for _, text := range v.texts {
		message = strings.ReplaceAll(message, text, "[secret]")
	}
	return message
}

// seal marks secret every text in which a secret text occurs, wherever the cluster copied it to: the annotation in which kubectl keeps the
// last applied object, a status, an environment variable.
func (v veil) seal(value resource.PropertyValue) resource.PropertyValue {
	switch {
	case value.IsArray():
		list := make([]resource.PropertyValue, len(value.ArrayValue()))
		for i, element := range value.ArrayValue() {
			list[i] = v.seal(element)
		}
		return resource.NewProperty(list)
	case value.IsObject():
		fields := make(resource.PropertyMap, len(value.ObjectValue()))
		for key, element := range value.ObjectValue() {
			fields[key] = v.seal(element)
		}
		return resource.NewProperty(fields)
	case value.IsString() && slices.ContainsFunc(v.texts, func(text string) bool { return strings.Contains(value.StringValue(), text) }):
		return resource.MakeSecret(value)
	}
	return value
}

// sealed returns the properties with the data of a Secret marked secret; other objects come back as they are.
func sealed(props resource.PropertyMap) resource.PropertyMap {
	kind, _ := text(props, "kind")
	apiVersion, _ := text(props, "apiVersion")
	if kind != "Secret" || apiVersion != "v1" {
		return props
	}
	props = props.Copy()
	for _, key := range []resource.PropertyKey{"data", "stringData"} {
		if value, ok := props[key]; ok && !value.IsSecret() {
			props[key] = resource.MakeSecret(value)
		}
	}
	return props
}

// project marks in out what is secret in in: recursively through objects; a list with a secret element becomes secret as a whole, because the
// API server may have reordered it.
func project(out, in resource.PropertyMap) resource.PropertyMap {
	marked := out.Copy()
	for key, inner := range in {
		outer, ok := marked[key]
		switch {
		case !ok || outer.IsSecret():
		case outer.IsObject() && inner.IsObject():
			marked[key] = resource.NewProperty(project(outer.ObjectValue(), inner.ObjectValue()))
		case inner.ContainsSecrets():
			marked[key] = resource.MakeSecret(outer)
		}
	}
	return marked
}
