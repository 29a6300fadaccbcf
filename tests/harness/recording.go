package harness

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"sigs.k8s.io/yaml"
)

// What stands for a value that plain inputs do not show.
const (
	SecretText  = "[secret]"
	UnknownText = "[unknown]"
)

// Recording is everything that one run asked for.
type Recording struct {
	// Resources in the order of their URNs.
	Resources []*Resource
	// Exports of the stack, plain as Inputs are, and raw.
	Exports    map[string]any
	RawExports resource.PropertyMap
	// Log holds what the program told its user, as "<severity>: <message>", in the order of arrival.
	Log []string
}

// Resource is one registration.
type Resource struct {
	Type, Name, URN string
	// Parent is a URN; empty below the stack itself.
	Parent string
	// Provider is the URN of the explicit provider; empty if there is none.
	Provider string
	Custom   bool
	// Inputs are plain maps, lists and scalars. A secret shows as SecretText, an unknown value as UnknownText.
	Inputs map[string]any
	// Raw are the inputs as the engine gets them.
	Raw resource.PropertyMap
	// Outputs are what a component registered, plain and raw.
	Outputs    map[string]any
	RawOutputs resource.PropertyMap

	Protect, DeleteBeforeReplace bool
	IgnoreChanges                []string
	CreateTimeout, UpdateTimeout string
	// Dependencies are the URNs of everything that must be there before, by DependsOn or by a consumed output.
	Dependencies []string
}

func newResource(stack string, rpc *pulumirpc.RegisterResourceRequest, inputs resource.PropertyMap) *Resource {
	parent := resource.URN(rpc.GetParent())
	var parentType tokens.Type
	if parent != "" && parent.QualifiedType() != resource.RootStackType {
		parentType = parent.QualifiedType()
	} else {
		parent = ""
	}
	provider := rpc.GetProvider() // <urn>::<id>
	if i := strings.LastIndex(provider, "::"); i >= 0 {
		provider = provider[:i]
	}
	urn := resource.NewURN(tokens.QName(stack), tokens.PackageName(Project), parentType, tokens.Type(rpc.GetType()), rpc.GetName())
	return &Resource{
		Type: rpc.GetType(), Name: rpc.GetName(), URN: string(urn), Parent: string(parent), Provider: provider,
		Custom: rpc.GetCustom(), Inputs: plainMap(inputs), Raw: inputs,
		Protect: rpc.GetProtect(), DeleteBeforeReplace: rpc.GetDeleteBeforeReplace(),
		IgnoreChanges: rpc.GetIgnoreChanges(),
		CreateTimeout: rpc.GetCustomTimeouts().GetCreate(), UpdateTimeout: rpc.GetCustomTimeouts().GetUpdate(),
		Dependencies: slices.Sorted(slices.Values(rpc.GetDependencies())),
	}
}

// Of returns all resources of a type, in the order of their names.
func (r *Recording) Of(typ string) []*Resource {
	var found []*Resource
	for _, made := range r.Resources {
		if made.Type == typ {
			found = append(found, made)
		}
	}
	return found
}

// Get returns the one resource of that type and name, and ends the test if there is none.
func (r *Recording) Get(t testing.TB, typ, name string) *Resource {
	t.Helper()
	for _, made := range r.Of(typ) {
		if made.Name == name {
			return made
		}
	}
	t.Fatalf("no resource %s %q; there are:\n%s", typ, name, r.Graph())
	return nil
}

// Graph is the golden text that reviewers read: the tree of resources, children below their parent, each line with
// type and name.
func (r *Recording) Graph() string {
	children := map[string][]*Resource{}
	for _, made := range r.Resources {
		children[made.Parent] = append(children[made.Parent], made)
	}
	var text strings.Builder
	var write func(parent, indent string)
	write = func(parent, indent string) {
		for _, made := range children[parent] {
			fmt.Fprintf(&text, "%s%s %s\n", indent, made.Type, made.Name)
			write(made.URN, indent+"  ")
		}
	}
	write("", "")
	return text.String()
}

// URNs is the golden text that shows a rename: one URN a line.
func (r *Recording) URNs() string {
	var text strings.Builder
	for _, made := range r.Resources {
		text.WriteString(made.URN + "\n")
	}
	return text.String()
}

// Objects is the golden text of every Kubernetes object, as YAML documents in the order of their URNs. A comment
// names the resource, since an object that Pulumi names has no name of its own yet. With names, only objects of these
// resources are shown.
func (r *Recording) Objects(names ...string) (string, error) {
	var text strings.Builder
	for _, made := range r.Resources {
		if !strings.HasPrefix(made.Type, "kubernetes:") || len(names) > 0 && !slices.Contains(names, made.Name) {
			continue
		}
		body, err := yaml.Marshal(made.Inputs)
		if err != nil {
			return "", fmt.Errorf("%s: %w", made.URN, err)
		}
		fmt.Fprintf(&text, "---\n# %s\n%s", made.Name, body)
	}
	return text.String(), nil
}

func plainMap(properties resource.PropertyMap) map[string]any {
	plain := make(map[string]any, len(properties))
	for key, value := range properties {
		plain[string(key)] = plainValue(value)
	}
	return plain
}

func plainValue(value resource.PropertyValue) any {
	switch {
	case value.IsSecret():
		return SecretText
	case value.IsComputed(), value.IsOutput():
		return UnknownText
	case value.IsObject():
		return plainMap(value.ObjectValue())
	case value.IsArray():
		list := make([]any, 0, len(value.ArrayValue()))
		for _, element := range value.ArrayValue() {
			list = append(list, plainValue(element))
		}
		return list
	default:
		return value.Mappable()
	}
}
