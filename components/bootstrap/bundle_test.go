package bootstrap_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/tests/golden"
)

// secrets gives every secret a text of its own, so that a test can tell where it went.
func secrets() bootstrap.Secrets {
	mark := func(what string) []byte { return []byte("sentinel-" + what + "\n") }
	return bootstrap.Secrets{
		JoinKubeconfig:    mark("join"),
		ClusterCA:         mark("ca-crt"),
		ClusterCAKey:      mark("ca-key"),
		FrontProxyCA:      mark("front-proxy-crt"),
		FrontProxyCAKey:   mark("front-proxy-key"),
		EtcdCA:            mark("etcd-crt"),
		EtcdCAKey:         mark("etcd-key"),
		ServiceAccountKey: mark("sa-key"),
		ServiceAccountPub: mark("sa-pub"),
		EncryptionKey:     bytes.Repeat([]byte("*"), 32),
	}
}

func TestBundle(t *testing.T) {
	t.Parallel()
	controlPlane := []string{
		"-rw------- etc/kubernetes/lagrum/encryption.yaml",
		"-rw-r--r-- etc/kubernetes/pki/ca.crt sentinel-ca-crt",
		"-rw------- etc/kubernetes/pki/ca.key sentinel-ca-key",
		"-rw-r--r-- etc/kubernetes/pki/etcd/ca.crt sentinel-etcd-crt",
		"-rw------- etc/kubernetes/pki/etcd/ca.key sentinel-etcd-key",
		"-rw-r--r-- etc/kubernetes/pki/front-proxy-ca.crt sentinel-front-proxy-crt",
		"-rw------- etc/kubernetes/pki/front-proxy-ca.key sentinel-front-proxy-key",
		"-rw------- etc/kubernetes/pki/sa.key sentinel-sa-key",
		"-rw-r--r-- etc/kubernetes/pki/sa.pub sentinel-sa-pub",
	}
	join := "-rw------- run/lagrum/join.conf sentinel-join"
	tests := map[string][]string{
		"init":               controlPlane,
		"join-control-plane": append(append([]string{}, controlPlane...), join),
		"join-worker":        {join},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bundle, err := bootstrap.Bundle(secrets(), nodes()[name])
			require.NoError(t, err)
			var got []string
			for r := tar.NewReader(bytes.NewReader(bundle)); ; {
				header, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				content, err := io.ReadAll(r)
				require.NoError(t, err)
				line := fmt.Sprintf("%s %s", header.FileInfo().Mode(), header.Name)
				if strings.HasSuffix(header.Name, "encryption.yaml") {
					golden.Compare(t, "encryption.yaml", string(content))
				} else {
					line += " " + strings.TrimSpace(string(content))
				}
				got = append(got, line)
				assert.Equal(t, [2]int{0, 0}, [2]int{header.Uid, header.Gid}, "owned by root")
				assert.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), header.ModTime.UTC(), "no time of the run")
			}
			assert.Equal(t, want, got)

			again, err := bootstrap.Bundle(secrets(), nodes()[name])
			require.NoError(t, err)
			assert.Equal(t, bundle, again)
		})
	}
}

func TestBundleRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		node   string
		change func(*bootstrap.Secrets)
		want   string
	}{
		{"worker without credential", "join-worker", func(s *bootstrap.Secrets) { s.JoinKubeconfig = nil }, "secret bundle of node \"ward-1-g1\":\nsecrets.JoinKubeconfig: empty: a node with role worker needs it"},
		{"control plane without two keys", "join-control-plane", func(s *bootstrap.Secrets) { s.ClusterCAKey, s.ServiceAccountKey = nil, nil }, "secret bundle of node \"cp-2-g1\":\nsecrets.ClusterCAKey: empty: a node with role control-plane needs it\nsecrets.ServiceAccountKey: empty: a node with role control-plane needs it"},
		{"encryption key too short", "init", func(s *bootstrap.Secrets) { s.EncryptionKey = s.EncryptionKey[:16] }, "secret bundle of node \"cp-1-g1\":\nsecrets.EncryptionKey: 16 bytes: want 32, the length of a secretbox key"},
		{"key to read with too short", "init", func(s *bootstrap.Secrets) { s.ReadingKeys = [][]byte{s.EncryptionKey, s.EncryptionKey[:16]} }, "secret bundle of node \"cp-1-g1\":\nsecrets.ReadingKeys[1]: 16 bytes: want 32, the length of a secretbox key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := secrets()
			tt.change(&s)
			_, err := bootstrap.Bundle(s, nodes()[tt.node])
			assert.EqualError(t, err, tt.want)
		})
	}
}

// A worker and the initialising node do without what they have no use for.
func TestBundleAsksForNoMoreThanTheRoleNeeds(t *testing.T) {
	t.Parallel()
	_, err := bootstrap.Bundle(bootstrap.Secrets{JoinKubeconfig: []byte("x")}, nodes()["join-worker"])
	assert.NoError(t, err)
	s := secrets()
	s.JoinKubeconfig = nil
	_, err = bootstrap.Bundle(s, nodes()["init"])
	assert.NoError(t, err)
}

// One name must never stand for two keys: etcd stores the name beside the value.
func TestEncryptionKeysHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := secrets()
	s.EncryptionKey = bytes.Repeat([]byte("+"), 32)
	bundle, err := bootstrap.Bundle(s, nodes()["init"])
	require.NoError(t, err)
	assert.Contains(t, string(bundle), "name: key-")
	assert.NotContains(t, string(bundle), "name: key-"+keyName(t))
}

// keyName is the name of the key in the golden file.
func keyName(t *testing.T) string {
	t.Helper()
	bundle, err := bootstrap.Bundle(secrets(), nodes()["init"])
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(bundle), "name: key-")
	require.True(t, found)
	return rest[:8]
}
