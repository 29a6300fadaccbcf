//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/encryption"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/harness"
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

// rekeyed is a cluster whose key is changed: real API servers one after the other on one etcd, as control planes are replaced,
// and the Jobs of components/encryption run as they are declared, with their account's rights and no more.
type rekeyed struct {
	server.Kubernetes // the first
	accounts          string
	keys              map[int][]byte
}

func newRekeyed(t *testing.T) rekeyed {
	t.Helper()
	accounts := filepath.Join(t.TempDir(), "tokens.csv")
	require.NoError(t, os.WriteFile(accounts, []byte("test-token,admin,admin,system:masters\n"+
		"job-token,system:serviceaccount:kube-system:encryption-keys,job\n"), 0o600))
	r := rekeyed{accounts: accounts, keys: map[int][]byte{1: bytes.Repeat([]byte("b"), 32), 2: bytes.Repeat([]byte("a"), 32)}}
	r.Kubernetes = server.StartKubernetes(t, "10.96.0.0/16", r.flags(t, 1)...)
	r.Must(t, "", "create", "configmap", "kubeadm-config", "--namespace=kube-system", "--from-literal=ClusterConfiguration=x")
	return r
}

// flags are those of an API server that was born with keys.
func (r rekeyed) flags(t *testing.T, numbers ...int) []string {
	t.Helper()
	var keys [][]byte
	for _, n := range numbers {
		keys = append(keys, r.keys[n])
	}
	return []string{"--encryption-provider-config=" + encryptionFile(t, keys...), "--token-auth-file=" + r.accounts}
}

// node registers a control plane with the label that it gives itself.
func (r rekeyed) node(t *testing.T, name, keys string) {
	t.Helper()
	r.Must(t, fmt.Sprintf(`{"apiVersion": "v1", "kind": "Node", "metadata": {"name": %q, "labels":
		{"node-role.kubernetes.io/control-plane": "", "lagrum.dev/encryption-keys": %q}}}`, name, keys), "apply", "-f", "-")
}

// declared are the program's objects for a change that has come to its third step.
func (r rekeyed) declared(t *testing.T) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		keys := map[int]pulumi.StringOutput{}
		for n, key := range r.keys {
			keys[n] = pulumi.ToSecret(pulumi.String(base64.StdEncoding.EncodeToString(key))).(pulumi.StringOutput)
		}
		_, err = encryption.New(ctx, "dev-encryption", &encryption.Args{
			Plan: &plan.Plan{Name: "dev", Cluster: plan.Cluster{Name: "dev", EtcdTag: "3.6.5-0", APIPort: 6443, Encryption: []plan.EncryptionStep{
				{Keys: plan.Keys{1}, Complete: true}, {Keys: plan.Keys{1, 2}, Complete: true}, {Keys: plan.Keys{2, 1}, Complete: true},
				{Keys: plan.Keys{2}, Complete: true},
			}}},
			Endpoint: pulumi.String("127.0.0.1"), Keys: keys,
		}, providers)
		return err
	}, harness.Options{})
}

// permit gives the Job's account what the program gives it.
func (r rekeyed) permit(t *testing.T) {
	t.Helper()
	for _, made := range r.declared(t).Resources {
		if made.Type == "kubernetes:batch/v1:Job" || !strings.HasPrefix(made.Type, "kubernetes:") {
			continue
		}
		text, err := json.Marshal(made.Inputs)
		require.NoError(t, err)
		r.Must(t, string(text), "apply", "-f", "-")
	}
}

// job runs the script of a step against an API server, as the pod would, and returns what it says.
func (r rekeyed) job(t *testing.T, step string, at server.Kubernetes, others ...server.Kubernetes) (string, error) {
	t.Helper()
	inputs := r.declared(t).Get(t, "kubernetes:batch/v1:Job", "dev-encryption-"+step).Inputs
	text, err := json.Marshal(inputs["spec"])
	require.NoError(t, err)
	var spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Command []string
					Env     []struct{ Name, Value string }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &spec))
	container := spec.Template.Spec.Containers[0]

	dir := t.TempDir()
	require.NoError(t, os.Symlink(server.File(t, "kubernetes", "kube"), filepath.Join(dir, "kubectl")))
	require.NoError(t, os.Symlink(server.File(t, "etcd", "etcdctl"), filepath.Join(dir, "etcdctl")))
	var authorities []byte
	for _, k := range append([]server.Kubernetes{at}, others...) {
		text, err := os.ReadFile(k.Authority())
		require.NoError(t, err)
		authorities = append(authorities, text...)
	}
	host, port, err := net.SplitHostPort(at.Address)
	require.NoError(t, err)
	for file, text := range map[string]string{
		"ca.crt": string(authorities), "token": "job-token",
		"kubeconfig": fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: pod, clusters: [{name: it, cluster: {server: "https://%s", certificate-authority: %q}}],
users: [{name: job, user: {token: job-token}}], contexts: [{name: pod, context: {cluster: it, user: job}}]}`, at.Address, filepath.Join(dir, "ca.crt")),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", container.Command[1:]...)
	for _, e := range container.Env {
		if e.Name == "KEYS" || e.Name == "NAME" || e.Name == "ENCRYPTED" {
			cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
		}
	}
	cmd.Env = append(cmd.Env, "PATH="+dir+":/usr/bin:/bin", "HOME="+dir, "KUBECONFIG="+filepath.Join(dir, "kubeconfig"), "CREDENTIALS="+dir,
		"ETCDCTL_ENDPOINTS="+r.Etcd(), "KUBERNETES_SERVICE_HOST="+host, "KUBERNETES_SERVICE_PORT="+port)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// create makes a Secret through an API server.
func create(t *testing.T, k server.Kubernetes, name string) {
	t.Helper()
	k.Must(t, "", "create", "secret", "generic", name, "--from-literal=value=of-"+name)
}

// writtenWith is the name of the key that a Secret lies in etcd under.
func (r rekeyed) writtenWith(t *testing.T, name string) string {
	t.Helper()
	found := keyName.FindStringSubmatch(r.Etcdctl(t, "get", "/registry/secrets/default/"+name))
	require.NotNil(t, found, "%s lies in etcd in clear", name)
	return found[1]
}

// TestEncryptionKeyIsChanged takes API servers through the steps by which a key is changed.
func TestEncryptionKeyIsChanged(t *testing.T) {
	r := newRekeyed(t)
	before, after := bootstrap.EncryptionKeyName(r.keys[1]), bootstrap.EncryptionKeyName(r.keys[2])
	r.permit(t)
	next := func(name string, run func(t *testing.T, k server.Kubernetes), keys ...int) {
		require.True(t, t.Run(name, func(t *testing.T) { run(t, r.Beside(t, "10.96.0.0/16", r.flags(t, keys...)...)) }))
	}
	readable := func(t *testing.T, k server.Kubernetes, names ...string) {
		t.Helper()
		for _, name := range names {
			assert.Equal(t, "b2Yt", k.Must(t, "", "get", "secret", name, "-o", "jsonpath={.data.value}")[:4], name)
		}
	}
	r.Must(t, dexKind, "apply", "-f", "-")
	r.Must(t, "", "wait", "--for=condition=Established", "crd/signingkeies.dex.coreos.com", "--timeout=30s")
	require.Eventually(t, func() bool {
		_, err := r.Kubectl(t, `{"apiVersion": "dex.coreos.com/v1", "kind": "SigningKey", "metadata": {"name": "one", "namespace": "default"}, "value": "x"}`, "apply", "-f", "-")
		return err == nil
	}, time.Minute, time.Second)
	create(t, r.Kubernetes, "one")
	require.Equal(t, before, r.writtenWith(t, "one"))
	r.node(t, "cp-1-g1", "1")

	t.Run("what was written before anything was encrypted", func(t *testing.T) {
		var list []string // more than etcd is asked for at once
		for i := range 120 {
			list = append(list, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: in-clear-%d, namespace: default}\ndata: {text: in-clear}\n", i))
		}
		r.Beside(t, "10.96.0.0/16").Must(t, strings.Join(list, "---\n"), "create", "-f", "-")
		require.Contains(t, r.Etcdctl(t, "get", "/registry/configmaps/default/in-clear-7"), "in-clear")
	})
	next("a server that has only the new key cannot read what is old", func(t *testing.T, k server.Kubernetes) {
		out, err := k.Kubectl(t, "", "get", "secret", "one")
		require.Error(t, err, out)
		assert.NotContains(t, out, "NotFound")
	}, 2)
	next("the new key can be read with, and does not write yet", func(t *testing.T, k server.Kubernetes) {
		readable(t, k, "one")
		create(t, k, "two")
		assert.Equal(t, before, r.writtenWith(t, "two"))
		out, err := r.job(t, "1-2", k)
		require.Error(t, err, out)
		assert.Equal(t, "encryption key 1-2: cp-1-g1 was born with keys 1; replace it, and declare no further step before", out)
		r.node(t, "cp-1-g1", "1-2")
		out, err = r.job(t, "1-2", k)
		require.NoError(t, err, out)
		t.Log(out)
		assert.NotContains(t, r.Etcdctl(t, "get", "--prefix", "/registry/configmaps/"), "text", "nothing is in clear any more")
	}, 1, 2)
	next("the new key writes, and what lies there is written anew", func(t *testing.T, k server.Kubernetes) {
		readable(t, k, "one", "two")
		create(t, k, "three")
		require.Equal(t, after, r.writtenWith(t, "three"))
		require.Equal(t, before, r.writtenWith(t, "one"), "nothing is written anew by itself")
		r.node(t, "cp-1-g1", "2-1")
		out, err := r.job(t, "2-1", k)
		require.NoError(t, err, out)
		t.Log(out)
		assert.Contains(t, out, "encryption key 2-1: done: all of it lies in etcd under "+after)
	}, 2, 1)
	for _, what := range []string{"secrets", "configmaps", "dex.coreos.com"} {
		raw := r.Etcdctl(t, "get", "--prefix", "/registry/"+what+"/")
		assert.NotContains(t, raw, before, what)
		keys := strings.Fields(r.Etcdctl(t, "get", "--prefix", "--keys-only", "/registry/"+what+"/"))
		assert.NotEmpty(t, keys)
		assert.Equal(t, len(keys), strings.Count(raw, "k8s:enc:secretbox:v1:"+after+":"), what)
	}
	next("the old key is gone", func(t *testing.T, k server.Kubernetes) {
		readable(t, k, "one", "two", "three")
		assert.Equal(t, "x", k.Must(t, "", "get", "signingkeies.dex.coreos.com", "one", "-o", "jsonpath={.value}"))
		r.node(t, "cp-1-g1", "2")
		out, err := r.job(t, "2", k)
		require.NoError(t, err, out)
		out, err = r.job(t, "2-1", k)
		require.NoError(t, err, out)
		assert.Equal(t, "encryption key 2-1: the cluster is further already: nothing to do", out)
	}, 2)
}

// TestEncryptionKeyWaitsForEveryServer has two API servers, one of which is a step behind, whatever their nodes say.
func TestEncryptionKeyWaitsForEveryServer(t *testing.T) {
	r := newRekeyed(t)
	r.permit(t)
	create(t, r.Kubernetes, "one")
	r.node(t, "cp-1-g2", "2-1")
	_, port, err := net.SplitHostPort(r.Address)
	require.NoError(t, err)
	ahead := r.BesideAt(t, net.JoinHostPort("127.0.0.2", port), "10.96.0.0/16", r.flags(t, 2, 1)...)
	out, err := r.job(t, "2-1", ahead, r.Kubernetes)
	require.Error(t, err, out)
	assert.Equal(t, "encryption key 2-1: the API server at 127.0.0.1 does not write with "+bootstrap.EncryptionKeyName(r.keys[2])+"; replace its control plane", out)
	assert.Equal(t, bootstrap.EncryptionKeyName(r.keys[1]), r.writtenWith(t, "one"), "nothing was touched")

	t.Run("an account that may do nothing", func(t *testing.T) {
		r.Must(t, "", "delete", "clusterrolebinding", "lagrum:encryption-keys")
		out, err := r.job(t, "2-1", ahead, r.Kubernetes)
		require.Error(t, err, out)
		assert.Contains(t, out, "the API does not list the control planes")
	})
}

const dexKind = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: signingkeies.dex.coreos.com}
spec:
  group: dex.coreos.com
  scope: Namespaced
  names: {plural: signingkeies, singular: signingkey, kind: SigningKey, listKind: SigningKeyList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`
