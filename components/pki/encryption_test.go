package pki

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

// The id of a resource is never secret, so no secret may be made by a resource whose id is the secret.
func TestEncryptionKey(t *testing.T) {
	t.Parallel()
	one, err := encryptionKey("one")
	require.NoError(t, err)
	again, err := encryptionKey("one")
	require.NoError(t, err)
	two, err := encryptionKey("two")
	require.NoError(t, err)
	require.Equal(t, one, again)
	require.NotEqual(t, one, two)
	key, err := base64.StdEncoding.DecodeString(one)
	require.NoError(t, err)
	require.Len(t, key, 32)
}
