//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

// joinCredentialEnds signs join credentials with the stack's own authority: one for now, and one whose window is over.
func (w *world) joinCredentialEnds(t *testing.T) {
	server := w.kubectl(t, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
	credential := func(notBefore, notAfter time.Time) string {
		config, err := bootstrap.JoinKubeconfig(bootstrap.JoinCredential{
			Pool: "workers", Server: server, NotBefore: notBefore, NotAfter: notAfter,
			CA:    w.output(t, "tls:index/selfSignedCert:SelfSignedCert", "dev-pki-ca", "certPem"),
			CAKey: w.output(t, "tls:index/privateKey:PrivateKey", "dev-pki-ca", "privateKeyPem"),
		})
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "join.conf")
		require.NoError(t, os.WriteFile(file, config, 0o600))
		return file
	}
	read := []string{"-n", "kube-system", "get", "configmap", "kubeadm-config"}
	now := time.Now().UTC().Truncate(time.Second)

	good := credential(now.Add(-time.Minute), now.Add(10*time.Minute))
	w.kubectl(t, append([]string{"--kubeconfig", good}, read...)...)
	for _, forbidden := range [][]string{
		{"get", "secrets", "-A"}, {"get", "nodes"}, {"-n", "kube-system", "get", "configmaps"}, {"create", "namespace", "mine"},
	} {
		r := w.try(t, time.Minute, "kubectl", append([]string{"--kubeconfig", good}, forbidden...)...)
		require.NotZero(t, r.code, "a join credential may %v", forbidden)
		require.Contains(t, r.out, "Forbidden", "%v", forbidden)
	}

	ended := credential(now.Add(-time.Hour), now.Add(-time.Minute))
	r := w.try(t, time.Minute, "kubectl", append([]string{"--kubeconfig", ended}, read...)...)
	require.NotZero(t, r.code, "an ended join credential opens nothing")
	require.Contains(t, r.out, "Unauthorized")
}

// output reads one output of a resource out of the state, secret or not.
func (w *world) output(t *testing.T, kind, name, property string) []byte {
	t.Helper()
	var state struct {
		Deployment struct {
			Resources []struct {
				URN, Type string
				Outputs   map[string]json.RawMessage
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(w.pulumi(t, "stack", "export", "--show-secrets")), &state))
	for _, r := range state.Deployment.Resources {
		if r.Type != kind || !strings.HasSuffix(r.URN, "::"+name) {
			continue
		}
		var text string
		if json.Unmarshal(r.Outputs[property], &text) == nil {
			return []byte(text)
		}
		var secret struct{ Plaintext string }
		require.NoError(t, json.Unmarshal(r.Outputs[property], &secret))
		require.NoError(t, json.Unmarshal([]byte(secret.Plaintext), &text))
		return []byte(text)
	}
	require.Fail(t, "no such resource", "%s %s", kind, name)
	return nil
}
