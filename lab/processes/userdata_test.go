package processes

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nodeData is user-data of a node with a role.
func nodeData(role string) []byte {
	return []byte(`#cloud-config
hostname: n-1-g1
runcmd:
- - /usr/local/sbin/lagrum-boot
write_files:
- path: /etc/lagrum/node.env
  permissions: "0644"
  content: |
    LAGRUM_NODE='n-1-g1'
    LAGRUM_ROLE='` + role + `'
    LAGRUM_SERVER='https://127.1.2.3:6443'
    LAGRUM_VERSION='v1.36.3'
- path: /etc/lagrum/packed
  permissions: "0600"
  encoding: gz+b64
  content: H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==
- path: /etc/lagrum/encoded
  permissions: "0600"
  encoding: b64
  content: aGVsbG8=
`)
}

func TestWriteFiles(t *testing.T) {
	t.Parallel()
	config, err := parseCloudConfig(nodeData(roleWorker))
	require.NoError(t, err)
	root := t.TempDir()
	require.NoError(t, config.writeFiles(root))
	for path, want := range map[string]string{"etc/lagrum/packed": "hello", "etc/lagrum/encoded": "hello"} {
		got, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), path)
		info, err := os.Stat(filepath.Join(root, path))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), path)
	}
	told, err := config.facts()
	require.NoError(t, err)
	assert.Equal(t, facts{"n-1-g1", roleWorker, "https://127.1.2.3:6443", "v1.36.3"}, told)
}

func TestUserDataMistakes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ data, err string }{
		"a script":    {"#!/bin/sh\n", "userData: does not begin with #cloud-config; a lab without machines runs nothing else"},
		"half a gzip": {"\x1f\x8b", "userData: unexpected EOF"},
		"no facts":    {"#cloud-config\nwrite_files: []\n", "userData: has no file /etc/lagrum/node.env: is it a node's?"},
		"an encoding": {"#cloud-config\nwrite_files: [{path: /a, encoding: xz, permissions: '0600'}]\n",
			`userData: write_files[0] /a: encoding "xz" is unknown; use b64 or gz+b64`},
		"permissions": {"#cloud-config\nwrite_files: [{path: /a, permissions: rw}]\n",
			`userData: write_files[0] /a: permissions: strconv.ParseUint: parsing "rw": invalid syntax`},
		"a role": {string(nodeData("king")), `/etc/lagrum/node.env: role "king" is unknown; use init, control-plane or worker`},
		"facts left out": {"#cloud-config\nwrite_files: [{path: /etc/lagrum/node.env, content: \"LAGRUM_NODE='a'\", permissions: '0600'}]\n",
			`/etc/lagrum/node.env: node "a", server "", version "": each has to be told`},
		"a control plane that joins": {string(nodeData(roleControlPlane)),
			"it would join as a control plane, which a lab without machines cannot show: nothing here drains a node or removes an etcd member; " +
				"declare one control plane without replacements, or use a host that can run machines"},
		"a worker":  {string(nodeData(roleWorker)), ""},
		"the first": {string(nodeData(roleInit)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := refuse([]byte(row.data)); row.err != "" {
				require.EqualError(t, err, row.err)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		header tar.Header
		err    string
	}{
		"a key":           {tar.Header{Typeflag: tar.TypeReg, Name: "etc/kubernetes/pki/ca.key", Mode: 0o600}, ""},
		"out of the root": {tar.Header{Typeflag: tar.TypeReg, Name: "../../ca.key", Mode: 0o600}, `secrets: path "../../ca.key" leaves the machine's root`},
		"a link":          {tar.Header{Typeflag: tar.TypeSymlink, Name: "etc/x", Linkname: "/etc/passwd"}, "secrets: etc/x is no plain file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bundle bytes.Buffer
			w := tar.NewWriter(&bundle)
			if row.header.Typeflag == tar.TypeReg {
				row.header.Size = 3
			}
			require.NoError(t, w.WriteHeader(&row.header))
			if row.header.Typeflag == tar.TypeReg {
				_, err := w.Write([]byte("key"))
				require.NoError(t, err)
			}
			require.NoError(t, w.Close())
			root := filepath.Join(t.TempDir(), "a", "b")
			err := unpack(root, &bundle)
			if row.err != "" {
				require.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			info, err := os.Stat(filepath.Join(root, row.header.Name))
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode())
		})
	}
}
