//go:build lab

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/engine"
)

const checkout = "../.."

// TestDeclaredStacks has the real engine preview and make what the declared stacks have in a cloud, against plugins that
// make nothing.
func TestDeclaredStacks(t *testing.T) {
	e := prepare(t)
	files, err := filepath.Glob(filepath.Join(checkout, "Pulumi.*-*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		t.Run(name, func(t *testing.T) { e.stack(t, name, file) })
	}
}

func prepare(t testing.TB) *clouds {
	t.Helper()
	e, err := engine.Prepare(t.Context(), checkout, t.TempDir(), engine.Clouds())
	require.NoError(t, err)
	return &clouds{e}
}

// clouds is the engine with the plugins that a declared stack asks for.
type clouds struct{ *engine.Engine }

func (e *clouds) run(stack string, args ...string) (string, error) {
	out, err := e.Command(300, stack, args...).CombinedOutput()
	return string(out), err
}

func (e *clouds) must(t testing.TB, stack string, args ...string) string {
	t.Helper()
	out, err := e.run(stack, args...)
	require.NoError(t, err, "pulumi %v\n%s", args, out)
	return out
}

// inCloud bounds an operation to what lies in the cloud and in the program: no cluster answers here.
func inCloud(args ...string) []string {
	for _, pattern := range []string{"**openstack**", "**aws**", "**tls:index**", "**random**", "**lagrum:pki:PKI**", "**lagrum:objectstore:Stores**", "**lagrum:cluster:Cluster::**", "**providers:kubernetes**"} {
		args = append(args, "--target", pattern)
	}
	return args
}

func (e *clouds) stack(t *testing.T, name, file string) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, e.Init(name, text))

	// The first preview shows all that the mock engine has seen, and the stack itself.
	graph, err := os.ReadFile(filepath.Join(checkout, "tests/stacks/testdata", name+".graph.txt"))
	require.NoError(t, err)
	var resources int
	_, err = fmt.Sscanf(string(graph), "%d resources", &resources)
	require.NoError(t, err)
	preview := e.must(t, name, "preview", "--diff")
	assert.Regexp(t, regexp.MustCompile(fmt.Sprintf(`\+ %d to create`, resources+1)), preview)
	assert.Contains(t, preview, "[unknown]", "what a cloud computes is not known before")

	e.must(t, name, inCloud("up", "--yes", "--skip-preview")...)
	e.must(t, name, inCloud("preview", "--expect-no-changes")...)
	e.must(t, name, inCloud("refresh", "--yes", "--skip-preview", "--expect-no-changes")...)

	state := e.must(t, name, "stack", "export")
	require.True(t, json.Valid([]byte(state)))
	for what, secret := range map[string]string{
		"a private key": "BEGIN EC PRIVATE KEY", "a credential of the stack": "sentinel-credential", "user-data that names a credential": "application_credential\\\":{",
	} {
		assert.NotContains(t, state, secret, "%s stands in the state in the clear", what)
	}
	t.Logf("%s: %d resources in the plan, a state of %d KiB", name, resources, len(state)/1024)

	// What patients depend on cannot be destroyed by one command.
	out, err := e.run(name, "destroy", "--yes", "--skip-preview")
	require.Error(t, err, out)
	require.Contains(t, out, "protected")
}
