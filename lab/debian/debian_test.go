package debian

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		missing, err := Missing(t.Context(), "dpkg")
		require.NoError(t, err)
		assert.Equal(t, []string{"dpkg"}, missing, "without Debian everything is")
		return
	}
	missing, err := Missing(t.Context(), "dpkg", "no-such-package-of-debian")
	require.NoError(t, err)
	assert.Equal(t, []string{"no-such-package-of-debian"}, missing)
}
