package plan_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// A resource serves what any control of its type serves, the country's law first, and nothing that binds others.
func TestServes(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	controls := []requirements.Control{
		{Capability: requirements.KeyManagement, Resources: []string{"key", "disk"}},
		{Capability: requirements.EncryptionAtRest, Resources: []string{"disk"}},
		{Capability: requirements.SecretsManagement, Resources: []string{"secret"}}, // standards alone ask for it
	}
	assert.Equal(t, plan.IDs{"EU-GDPR-48", "EU-IR2690-9.2", "EU-NIS2-21-2-h"}, p.Serves(controls, "key"))
	assert.Equal(t, plan.IDs{"SE-HSLF-3-12", "SE-HSLF-3-14", "SE-PDL-1-2", "EU-GDPR-32-1-a", "EU-GDPR-48", "EU-GDPR-5-1-f",
		"EU-IR2690-9.2", "EU-NIS2-21-2-h"}, p.Serves(controls, "disk"))
	assert.Empty(t, p.Serves(controls, "secret"))
	assert.Empty(t, p.Serves(controls, "network"))

	// Asking twice changes nothing: the lists of the plan are not sorted away from it.
	before, err := p.JSON()
	require.NoError(t, err)
	p.Serves(controls, "disk")
	assert.Equal(t, string(before), string(must(p.JSON())))
	var read plan.Plan
	require.NoError(t, json.Unmarshal(before, &read))
	assert.Equal(t, p.Asks, read.Asks)
}
