package site_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

const guest = `guestEncryption:
  keyServers:
    - {url: "http://keys-1.example.org", thumbprint: QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU}
    - {url: "http://keys-2.example.org:7500", thumbprint: yj09c2cK-U8Scgt-PhHZhhmSMIwMbffCriZxCr2Miqc}
  needed: 1
identity:
`

func TestGuestEncryptionIsRead(t *testing.T) {
	t.Parallel()
	s, warnings, err := site.Load([]byte(edit(t, yamlOf(t, site.ExampleProd()), "identity:\n", guest)))
	require.NoError(t, err)
	assert.Empty(t, warnings)
	require.Len(t, s.GuestEncryption.KeyServers, 2)
	assert.Equal(t, "http://keys-1.example.org", s.GuestEncryption.KeyServers[0].URL.String())

	_, warnings, err = site.Load([]byte(edit(t, yamlOf(t, site.ExampleProd()), "identity:\n", guest, "needed: 1", "needed: 2")))
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Equal(t, "guestEncryption.needed: is all of them: while one is away, no node that restarts gets its data disk open; "+
		"have one more server than are needed", warnings[0].String())
}

func TestGuestEncryptionProblems(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, old, new, want string }{
		{"no data disk", "      - name: data\n        gib: 200\n", "",
			"guestEncryption: has nothing to encrypt: no pool has a data disk; take it out, or add {name: data, gib: 200} to a pool's disks"},
		{"no key server", guest, "guestEncryption: {keyServers: []}\nidentity:\n",
			"guestEncryption.keyServers: is empty; name the Tang servers that help to open the disks"},
		{"more than there are", "needed: 1", "needed: 3", `guestEncryption.needed: "3" is no number of them; use 1 to 2`},
		{"none needed", "needed: 1", "needed: 0", `guestEncryption.needed: "0" is no number of them; use 1 to 2`},
		{"a server twice", "yj09c2cK-U8Scgt-PhHZhhmSMIwMbffCriZxCr2Miqc", "QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU",
			`guestEncryption.keyServers[1].thumbprint: "QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU" is another server's; name each server once`},
		{"a thumbprint of another kind", "yj09c2cK-U8Scgt-PhHZhhmSMIwMbffCriZxCr2Miqc", `"ca:fe"`,
			`guestEncryption.keyServers[1].thumbprint: "ca:fe" is not a key's thumbprint; write the 43 characters that tang-show-keys prints on the key server`},
		{"a server that is no web server", "http://keys-2", "ldaps://keys-2",
			`guestEncryption.keyServers[1].url: "ldaps://keys-2.example.org:7500" is no web address; use http:// or https://`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := site.Load([]byte(edit(t, yamlOf(t, site.ExampleProd()), "identity:\n", guest, row.old, row.new)))
			assert.EqualError(t, err, row.want)
		})
	}
}

// A system container has no disk of its own: a lab that asks for one gets a virtual machine, or a reason.
func TestDataDiskInTheLab(t *testing.T) {
	t.Parallel()
	const disks = "    size: 2c2g\n    disks:\n      - name: root\n        gib: 40\n"
	lab := edit(t, yamlOf(t, site.ExampleDev()), disks, disks+"      - name: data\n        gib: 5\n")
	_, _, err := site.Load([]byte(lab))
	assert.EqualError(t, err, `nodePools[0].disks[1].name: "data" is a disk that a system container cannot have; take it out, or use a virtual machine: size: vm-2c2g`)
	_, _, err = site.Load([]byte(edit(t, lab, disks, "    size: vm-2c2g\n"+strings.TrimPrefix(disks, "    size: 2c2g\n"))))
	assert.NoError(t, err)
}
