package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// described finds a description; one of the fields is called by that word too.
var described = regexp.MustCompile(`description: ?[^\n]`)

// What is embedded is what the types say.
func TestFilesAreCurrent(t *testing.T) {
	for _, set := range sets {
		made, err := set.definitions()
		if err != nil {
			t.Fatalf("%s: %v", set.Folder, err)
		}
		kept, err := filepath.Glob(filepath.Join("../..", set.Folder, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) != len(made) {
			t.Errorf("%s: holds %d files and %d kinds are declared: run make update", set.Folder, len(kept), len(made))
		}
		for name, want := range made {
			text, err := os.ReadFile(filepath.Join("../..", set.Folder, name))
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != string(want) {
				t.Errorf("%s/%s: is not what the types say: run make update", set.Folder, name)
			}
			if described.Match(text) {
				t.Errorf("%s/%s: has descriptions", set.Folder, name)
			}
		}
	}
}

// Gateway API publishes its own files beside its types. Ours say the same, but for descriptions.
func TestGatewayIsAsPublished(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	published := filepath.Join(strings.TrimSpace(string(out)), "config/crd/standard/gateway.networking.k8s.io_")
	i := slices.IndexFunc(sets, func(s Set) bool { return s.Folder == "components/gateway/crds" })
	made, err := sets[i].definitions()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range made {
		theirs, err := os.ReadFile(published + name)
		if err != nil {
			t.Fatal(err)
		}
		ours, want := read(t, text), read(t, theirs)
		silence(&want)
		if !reflect.DeepEqual(ours.Spec, want.Spec) {
			t.Errorf("%s: differs from what is published", name)
		}
		if !reflect.DeepEqual(ours.Annotations, want.Annotations) {
			t.Errorf("%s: annotations %v, published are %v", name, ours.Annotations, want.Annotations)
		}
	}
}

func read(t *testing.T, text []byte) apiextensions.CustomResourceDefinition {
	t.Helper()
	var made apiextensions.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &made); err != nil {
		t.Fatal(err)
	}
	return made
}

// A rule that is not understood is no rule that is left out.
func TestUnknownRule(t *testing.T) {
	for _, text := range []string{
		`<gateway:standard:validation:Enum=A;B>`,
		`<gateway:standard:validation:XValidation:message="x",rule=unquoted>`,
	} {
		fields := map[string]apiextensions.JSONSchemaProps{"field": {Description: text}}
		if err := standardFields(fields); err == nil {
			t.Errorf("%s: was taken", text)
		}
	}
}
