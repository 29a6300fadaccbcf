package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks"
)

const root = "../../.."

func TestPage(t *testing.T) {
	t.Parallel()
	want, err := render()
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(root, "docs/controls.md"))
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run: go generate ./stacks")
}

// texts reads all files that match a pattern below the root.
func texts(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files, pattern)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// What a room declares is there: the resources in a graph of a declared stack, the tests where they are said to be.
func TestControlsAreTrue(t *testing.T) {
	t.Parallel()
	graphs, policies, steps := texts(t, "tests/stacks/testdata/*.graph.txt"), texts(t, "tests/stacks/*_test.go"), texts(t, "tests/e2e/*_test.go")
	for _, room := range stacks.Controls() {
		require.NotEmpty(t, room.Controls, room.Name)
		units := texts(t, room.Name+"/*_test.go")
		for _, control := range room.Controls {
			assert.True(t, slices.Contains(requirements.Capabilities(), control.Capability), "%s: %s", room.Name, control.Capability)
			assert.NotEmpty(t, control.How, room.Name)
			for _, resource := range control.Resources {
				assert.True(t, resource == "plan" || resource == "node" || strings.Contains(graphs, resource+" "),
					"%s: no declared stack has a %s", room.Name, resource)
			}
			require.NotEmpty(t, control.Proofs, "%s: nothing shows %q", room.Name, control.How)
			for _, proof := range control.Proofs {
				rung, name, _ := strings.Cut(proof, " ")
				switch rung {
				case "unit":
					assert.Contains(t, units, "func "+name+"(", "%s: %s", room.Name, proof)
				case "policy":
					assert.Contains(t, policies, "func "+name+"(", "%s: %s", room.Name, proof)
				case "api":
					tests := texts(t, "tests/admission/*_test.go") + texts(t, "tests/access/*_test.go") + texts(t, "tests/gateway/*_test.go") +
						texts(t, "tests/detection/*_test.go")
					assert.Contains(t, tests, "func "+name+"(", "%s: %s", room.Name, proof)
				case "lab":
					assert.Contains(t, steps, `step(t, "`+name+`"`, "%s: %s", room.Name, proof)
				default:
					assert.Fail(t, "no such rung", "%s: %s", room.Name, proof)
				}
			}
		}
	}
}

// Every adapter and component that makes resources says what they serve.
func TestEveryRoomDeclaresItsControls(t *testing.T) {
	t.Parallel()
	var declared []string
	for _, room := range stacks.Controls() {
		declared = append(declared, room.Name)
	}
	for _, pattern := range []string{"components/*/*.go", "providers/*/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			room, err := filepath.Rel(root, filepath.Dir(file))
			require.NoError(t, err)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			// The lab serves no requirement: nothing of a patient's may be there.
			if strings.Contains(string(text), "construct.Component(") && room != "providers/lab" {
				assert.Contains(t, declared, room)
			}
		}
	}
}
