package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/gateway-api/pkg/consts"
)

// Gateway API has one set of types for its two channels. What belongs to one alone is said in the text of a field's comment.
var (
	experimental = "<gateway:experimental>"
	addresses    = "<gateway:validateIPAddress>"
	rule         = regexp.MustCompile(`<gateway:standard:validation:XValidation:message="([^"]*)",rule="([^"]*)">`)
	ruled        = "<gateway:standard:validation:"
)

// eitherAddress is what a list marked with addresses holds: an address of IPv4 or IPv6, or a value of another type.
const eitherAddress = `[
  {"properties": {"type": {"enum": ["IPAddress"]}, "value": {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}}},
  {"properties": {"type": {"not": {"enum": ["IPAddress"]}}}}
]`

// standardChannel leaves what Gateway API promises to keep, and says so as its own files do.
func standardChannel(made *apiextensions.CustomResourceDefinition) error {
	made.Annotations = map[string]string{
		apiextensions.KubeAPIApprovedAnnotation: consts.ApprovalLink,
		consts.BundleVersionAnnotation:          consts.BundleVersion,
		consts.ChannelAnnotation:                "standard",
	}
	for _, version := range made.Spec.Versions {
		if err := standardFields(version.Schema.OpenAPIV3Schema.Properties); err != nil {
			return fmt.Errorf("%s: %w", version.Name, err)
		}
	}
	return nil
}

// standardFields drops fields of the other channel at any depth, and takes up rules that hold in this one.
func standardFields(fields map[string]apiextensions.JSONSchemaProps) error {
	for name, field := range fields {
		if strings.Contains(field.Description, experimental) {
			delete(fields, name)
			continue
		}
		if err := standardField(&field); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fields[name] = field
	}
	return nil
}

func standardField(field *apiextensions.JSONSchemaProps) error {
	found := rule.FindAllStringSubmatch(field.Description, -1)
	if want := strings.Count(field.Description, ruled); len(found) != want {
		return fmt.Errorf("%d of %d rules in its comment are understood", len(found), want)
	}
	for _, match := range found {
		field.XValidations = append(field.XValidations, apiextensions.ValidationRule{Message: match[1], Rule: match[2]})
	}
	if field.Format == "date-time" {
		field.Type = "string" // the types know times as structures
	}
	if strings.Contains(field.Description, addresses) {
		if err := json.Unmarshal([]byte(eitherAddress), &field.Items.Schema.OneOf); err != nil {
			return fmt.Errorf("rule for addresses: %w", err)
		}
	}
	if field.Items != nil && field.Items.Schema != nil {
		if err := standardField(field.Items.Schema); err != nil {
			return fmt.Errorf("items: %w", err)
		}
	}
	return standardFields(field.Properties)
}
