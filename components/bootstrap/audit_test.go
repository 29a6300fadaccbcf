package bootstrap_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

func TestDocumentShowsTheAuditPolicy(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/hardening-nodes.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), bootstrap.AuditTable())
}
