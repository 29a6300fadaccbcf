// Package objects has what a declared stack puts into its cluster, for tests that ask a real API server about it.
package objects

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/engine"
	"github.com/lagrum/lagrum/tests/harness"
)

// Now is when the declared stacks are decided: their certificates are good then.
var Now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Object is one object of Kubernetes. Part is the component that it belongs to, by its label; Text is it as JSON.
type Object struct{ Kind, Name, Part, Text string }

// Plan is what is decided for a declared stack. The test lies two folders below the checkout.
func Plan(t testing.TB, stack string) plan.Plan {
	t.Helper()
	p, _, err := plan.OfStack(file(t, stack), Now)
	require.NoError(t, err)
	return p
}

func file(t testing.TB, stack string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", "Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	return text
}

// Of are the objects that a program makes of a declared stack: those first that others lie in, then kinds that others are of. The
// test lies two folders below the checkout.
func Of(t testing.TB, stack string, program func(*pulumi.Context) error) []Object {
	t.Helper()
	text := file(t, stack)
	var content struct{ Config map[string]any }
	require.NoError(t, yaml.Unmarshal(text, &content))
	config := map[string]string{}
	for key, value := range content.Config {
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		config[key] = string(encoded)
	}
	secrets, err := engine.Secrets(text)
	require.NoError(t, err)
	recording := harness.Run(t, program, harness.Options{Stack: stack, Config: config, Secrets: secrets})
	var namespaces, kinds, others []Object
	for _, made := range recording.Resources {
		if !strings.HasPrefix(made.Type, "kubernetes:") || strings.HasSuffix(made.Type, "Patch") {
			continue // a patch is of an object that kubeadm or a controller makes
		}
		metadata := made.Inputs["metadata"].(map[string]any)
		if metadata["name"] == nil {
			metadata["name"] = made.Name // Pulumi's name for it is as good as any
		}
		if made.Inputs["stringData"] != nil {
			made.Inputs["stringData"] = map[string]any{"cloud.conf": "[Global]\n", "tls.crt": "", "tls.key": ""} // what some kinds of Secrets must have
		}
		encoded, err := json.Marshal(made.Inputs)
		require.NoError(t, err)
		encoded = bytes.ReplaceAll(encoded, []byte(`"x_kubernetes_preserve_unknown_fields"`), []byte(`"x-kubernetes-preserve-unknown-fields"`)) // Pulumi's spelling
		part, _ := metadata["labels"].(map[string]any)["app.kubernetes.io/part-of"].(string)
		object := Object{made.Inputs["kind"].(string), metadata["name"].(string), part, string(encoded)}
		switch object.Kind {
		case "Namespace":
			namespaces = append(namespaces, object)
		case "CustomResourceDefinition":
			kinds = append(kinds, object)
		default:
			others = append(others, object)
		}
	}
	return slices.Concat(namespaces, kinds, others)
}
