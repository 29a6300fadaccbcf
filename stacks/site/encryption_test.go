package site_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

func TestEncryption(t *testing.T) {
	t.Parallel()
	prod := site.ExampleProd()
	require.Len(t, prod.ControlPlane().Replacements, 3)
	prod.Cluster.Encryption = []site.EncryptionStep{{Writes: 1}, {Writes: 1, Reads: []int{2}}, {Writes: 2, Reads: []int{1}, After: 3}}
	loaded, _, err := site.Load([]byte(yamlOf(t, prod)))
	require.NoError(t, err)
	assert.Equal(t, prod.Cluster.Encryption, loaded.Cluster.Encryption)

	prod.Cluster.Encryption = []site.EncryptionStep{{Writes: 0, After: 1}, {Writes: 1, Reads: []int{1000}, After: 2}, {Writes: 2, After: 1}, {Writes: 2, After: 4}}
	_, _, err = site.Load([]byte(yamlOf(t, prod)))
	assert.EqualError(t, err, `cluster.encryption[0].writes: "0" is no key; count keys from 1, one more each time
cluster.encryption[0].after: "1" has no meaning: nothing comes before the first step; take it out
cluster.encryption[1].reads[0]: "1000" is no key; count keys from 1, one more each time
cluster.encryption[2].after: "1" is before the step that it follows; use at least 2
cluster.encryption[3].after: "4" is more than there are replacements; use at most 3`)
}
