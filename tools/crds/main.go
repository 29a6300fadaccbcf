// Command crds writes the custom resource definitions of other people's kinds, from their Go types, into the packages that
// embed them. Descriptions are dropped: nobody reads them there, and they are most of the bytes.
//
// Another component adds a row to the table of sets, a line `//go:generate go run -C ../../tools/crds . <its folder>`, and its
// types' module to this go.mod.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-tools/pkg/crd"
	"sigs.k8s.io/controller-tools/pkg/loader"
	"sigs.k8s.io/controller-tools/pkg/markers"
	"sigs.k8s.io/yaml"
)

// Set is the kinds that one component needs.
type Set struct {
	// Folder that the files go to, below the checkout.
	Folder string
	// Packages hold the types, and what those are made of as far as it is looked up by name.
	Packages []string
	Kinds    []string
	// Edit is the last hand on a definition, for what its makers say in words of their own; nil where they do not.
	Edit func(*apiextensions.CustomResourceDefinition) error
}

var sets = []Set{{
	Folder: "components/gateway/crds",
	Packages: []string{
		"k8s.io/apimachinery/pkg/runtime/schema", // for the types' own registration
		"sigs.k8s.io/gateway-api/apis/v1beta1",
		"sigs.k8s.io/gateway-api/apis/v1",
	},
	Kinds: []string{"GRPCRoute", "Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant"},
	Edit:  standardChannel,
}}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: crds FOLDER")
	}
	i := slices.IndexFunc(sets, func(s Set) bool { return s.Folder == os.Args[1] })
	if i < 0 {
		log.Fatalf("crds: no set for %s; add one in tools/crds/main.go", os.Args[1])
	}
	if err := sets[i].write("../.."); err != nil {
		log.Fatalf("crds: %s: %v", sets[i].Folder, err)
	}
}

// write replaces what the folder holds.
func (s Set) write(checkout string) error {
	made, err := s.definitions()
	if err != nil {
		return err
	}
	folder := filepath.Join(checkout, s.Folder)
	old, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, text := range made {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// definitions are the set's files by their names.
func (s Set) definitions() (map[string][]byte, error) {
	roots, err := loader.LoadRoots(s.Packages...)
	if err != nil {
		return nil, fmt.Errorf("load the types: %w", err)
	}
	generator := &crd.Generator{}
	parser := &crd.Parser{
		Collector: &markers.Collector{Registry: &markers.Registry{}},
		Checker:   &loader.TypeChecker{NodeFilters: []loader.NodeFilter{generator.CheckFilter()}},
	}
	if err := generator.RegisterMarkers(parser.Collector.Registry); err != nil {
		return nil, fmt.Errorf("register markers: %w", err)
	}
	crd.AddKnownTypes(parser)
	for _, root := range roots {
		parser.NeedPackage(root)
	}
	metav1 := crd.FindMetav1(roots)
	if metav1 == nil {
		return nil, fmt.Errorf("none of %v has a kind", s.Packages)
	}
	files := map[string][]byte{}
	for _, kind := range crd.FindKubeKinds(parser, metav1) {
		if !slices.Contains(s.Kinds, kind.Kind) {
			continue
		}
		parser.NeedCRDFor(kind, nil)
		made := parser.CustomResourceDefinitions[kind]
		crd.FixTopLevelMetadata(made)
		if s.Edit != nil {
			if err := s.Edit(&made); err != nil {
				return nil, fmt.Errorf("%s: %w", kind.Kind, err)
			}
		}
		silence(&made)
		text, err := marshal(&made)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Kind, err)
		}
		files[made.Spec.Names.Plural+".yaml"] = text
	}
	if len(files) != len(s.Kinds) {
		return nil, fmt.Errorf("%d of the kinds %v are in %v", len(files), s.Kinds, s.Packages)
	}
	return files, nil
}

// silence drops every description.
func silence(made *apiextensions.CustomResourceDefinition) {
	for i := range made.Spec.Versions {
		for c := range made.Spec.Versions[i].AdditionalPrinterColumns {
			made.Spec.Versions[i].AdditionalPrinterColumns[c].Description = ""
		}
		crd.EditSchema(made.Spec.Versions[i].Schema.OpenAPIV3Schema, quiet{})
	}
}

type quiet struct{}

func (q quiet) Visit(schema *apiextensions.JSONSchemaProps) crd.SchemaVisitor {
	if schema == nil {
		return nil
	}
	schema.Description = ""
	return q
}

// marshal writes what was declared: neither the status that Go's type always has, nor a time of creation.
func marshal(made *apiextensions.CustomResourceDefinition) ([]byte, error) {
	text, err := yaml.Marshal(made)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := yaml.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	delete(fields["metadata"].(map[string]any), "creationTimestamp")
	return yaml.Marshal(fields)
}
