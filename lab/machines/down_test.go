package machines

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRemoveRoot: the lock that labs share goes with the last of them, and never before.
func TestRemoveRoot(t *testing.T) {
	for name, test := range map[string]struct {
		entries []string
		stays   bool
	}{
		"nothing":         {},
		"the lock alone":  {entries: []string{"host.lock"}},
		"another lab":     {entries: []string{"host.lock", "dev"}, stays: true},
		"settings raised": {entries: []string{"host.lock", "host.json"}, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "lagrum")
			require.NoError(t, os.Mkdir(root, 0o700))
			for _, entry := range test.entries {
				require.NoError(t, os.WriteFile(filepath.Join(root, entry), nil, 0o600))
			}
			require.NoError(t, RemoveRoot(root))
			if test.stays {
				assert.DirExists(t, root)
				return
			}
			assert.NoDirExists(t, root)
			assert.NoError(t, RemoveRoot(root), "twice is fine")
		})
	}
}
