//go:build lab

package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images/lock"
)

// TestEngineRefusesAnUpdateWithoutDigests has the real engine preview a production stack whose images have no digests, with
// the refusal as a warning, and refuse its update before anything is made.
func TestEngineRefusesAnUpdateWithoutDigests(t *testing.T) {
	e := prepare(t)
	const stack = "se-prod"
	text, err := os.ReadFile(filepath.Join(checkout, "Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	require.NoError(t, e.Init(stack, text))
	require.NoError(t, os.Remove(filepath.Join(e.Dir, lock.Name)))

	preview := e.must(t, stack, "preview")
	assert.Contains(t, preview, "an update is refused as things are")
	assert.Contains(t, preview, "registry.k8s.io/etcd:3.6.5-0")

	out, err := e.run(stack, "up", "--yes", "--skip-preview")
	require.Error(t, err, out)
	assert.Contains(t, out, "the update of stack se-prod is refused")
	assert.Contains(t, out, "[EU-NIS2-21-2-d]")
	var state struct {
		Deployment struct{ Resources []struct{ Type string } }
	}
	require.NoError(t, json.Unmarshal([]byte(e.must(t, stack, "stack", "export")), &state))
	for _, made := range state.Deployment.Resources {
		assert.Equal(t, "pulumi:pulumi:Stack", made.Type)
	}
}
