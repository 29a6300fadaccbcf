package processes

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/lab/machines"
)

func TestNodeLabels(t *testing.T) {
	t.Parallel()
	labels, err := nodeLabels([]byte(kubeadmConfig))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a.example/zone": "a", "b": ""}, labels)
}

// The cluster approves a node's request by this subject and signer alone.
func TestCertificateRequest(t *testing.T) {
	t.Parallel()
	manifest, key, err := certificateRequest("w-1-g1")
	require.NoError(t, err)
	var request struct {
		Spec struct {
			Request    []byte
			SignerName string
			Usages     []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(manifest), &request))
	assert.Equal(t, "kubernetes.io/kube-apiserver-client-kubelet", request.Spec.SignerName)
	assert.Equal(t, []string{"digital signature", "client auth"}, request.Spec.Usages)
	block, _ := pem.Decode(request.Spec.Request)
	require.NotNil(t, block)
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	require.NoError(t, err)
	assert.Equal(t, "CN=system:node:w-1-g1,O=system:nodes", parsed.Subject.String())
	secret, _ := pem.Decode(key)
	require.NotNil(t, secret)
	private, err := x509.ParseECPrivateKey(secret.Bytes)
	require.NoError(t, err)
	assert.True(t, private.PublicKey.Equal(parsed.PublicKey))
}

func TestWithCredential(t *testing.T) {
	t.Parallel()
	out, err := withCredential([]byte(`
clusters: [{name: c, cluster: {server: "https://127.9.8.2:6443"}}]
users: [{name: c, user: {client-certificate-data: b2xk, client-key-data: b2xk}}]
`), []byte("new"), []byte("key"))
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, yaml.Unmarshal(out, &got))
	assert.Equal(t, map[string]any{
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{"server": "https://127.9.8.2:6443"}}},
		"users":    []any{map[string]any{"name": "c", "user": map[string]any{"client-certificate-data": "bmV3", "client-key-data": "a2V5"}}},
	}, got)

	_, err = withCredential([]byte("users: []"), nil, nil)
	require.EqualError(t, err, "0 users; want one")
}

// A simulated node must not be taken for a real one.
func TestNodeSaysThatNothingRuns(t *testing.T) {
	t.Parallel()
	k := keeper{machine: made{Machine: machines.Machine{MachineSpec: machines.MachineSpec{Name: "w-1-g1", CPUs: 2, MemoryMiB: 2048}, Address: "127.9.8.10"}}}
	node := k.node(map[string]string{})
	status := node["status"].(map[string]any)
	info := status["nodeInfo"].(map[string]string)
	assert.Equal(t, "none (kwok)", info["kubeletVersion"])
	assert.Equal(t, "none (kwok)", info["containerRuntimeVersion"])
	assert.Equal(t, map[string]string{"cpu": "2", "memory": "2048Mi", "pods": "110"}, status["capacity"])
}
