//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/tests/server"
)

// encryptionFile is the configuration that a control plane with these keys is given, taken out of its bundle of secrets. The
// first key writes.
func encryptionFile(t *testing.T, keys ...[]byte) string {
	t.Helper()
	x := []byte("not looked at")
	bundle, err := bootstrap.Bundle(bootstrap.Secrets{
		ClusterCA: x, ClusterCAKey: x, FrontProxyCA: x, FrontProxyCAKey: x, EtcdCA: x, EtcdCAKey: x, ServiceAccountKey: x, ServiceAccountPub: x,
		EncryptionKey: keys[0], ReadingKeys: keys[1:],
	}, bootstrap.Node{Name: "cp-1-g1", ControlPlane: true, Initialises: true})
	require.NoError(t, err)
	for r := tar.NewReader(bytes.NewReader(bundle)); ; {
		header, err := r.Next()
		require.False(t, errors.Is(err, io.EOF), "the bundle holds no encryption.yaml")
		require.NoError(t, err)
		if filepath.Base(header.Name) != "encryption.yaml" {
			continue
		}
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "encryption.yaml")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		return file
	}
}

var keyName = regexp.MustCompile(`k8s:enc:secretbox:v1:(key-[0-9a-f]{8}):`)

// TestEncryptionKeyIsChanged takes an API server through the configurations by which a key is changed, each of them a new
// server on the same etcd, as control planes are replaced.
func TestEncryptionKeyIsChanged(t *testing.T) {
	before, after := bytes.Repeat([]byte("b"), 32), bytes.Repeat([]byte("a"), 32)
	first := server.StartKubernetes(t, "10.96.0.0/16", "--encryption-provider-config="+encryptionFile(t, before))
	create := func(k server.Kubernetes, name string) {
		k.Must(t, "", "create", "secret", "generic", name, "--from-literal=value=of-"+name)
	}
	writtenWith := func(name string) string {
		found := keyName.FindStringSubmatch(first.Etcdctl(t, "get", "/registry/secrets/default/"+name))
		require.NotNil(t, found, "%s lies in etcd in clear", name)
		return found[1]
	}
	next := func(name string, run func(t *testing.T, k server.Kubernetes), keys ...[]byte) {
		require.True(t, t.Run(name, func(t *testing.T) {
			run(t, first.Beside(t, "10.96.0.0/16", "--encryption-provider-config="+encryptionFile(t, keys...)))
		}))
	}
	readable := func(t *testing.T, k server.Kubernetes, names ...string) {
		t.Helper()
		for _, name := range names {
			assert.Equal(t, "b2Yt", k.Must(t, "", "get", "secret", name, "-o", "jsonpath={.data.value}")[:4], name)
		}
	}
	create(first, "one")
	old := writtenWith("one")

	next("a server that has only the new key cannot read what is old", func(t *testing.T, k server.Kubernetes) {
		out, err := k.Kubectl(t, "", "get", "secret", "one")
		require.Error(t, err, out)
		assert.NotContains(t, out, "NotFound")
	}, after)
	next("the new key can be read with, and does not write yet", func(t *testing.T, k server.Kubernetes) {
		readable(t, k, "one")
		create(k, "two")
		assert.Equal(t, old, writtenWith("two"))
	}, before, after)
	next("the new key writes, and what lies there is written anew", func(t *testing.T, k server.Kubernetes) {
		readable(t, k, "one", "two")
		create(k, "three")
		require.NotEqual(t, old, writtenWith("three"))
		require.Equal(t, old, writtenWith("one"), "nothing is written anew by itself")
		k.Must(t, k.Must(t, "", "get", "secrets", "--all-namespaces", "-o", "json"), "replace", "-f", "-")
	}, after, before)
	raw := first.Etcdctl(t, "get", "--prefix", "/registry/secrets/")
	assert.NotContains(t, raw, old)
	assert.Equal(t, 3, strings.Count(raw, "k8s:enc:secretbox:v1:"+writtenWith("three")+":"))
	next("the old key is gone", func(t *testing.T, k server.Kubernetes) { readable(t, k, "one", "two", "three") }, after)
}
