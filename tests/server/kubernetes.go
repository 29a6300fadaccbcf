package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Kubernetes is a real API server with its etcd, on loopback. No controller and no node is part of it.
type Kubernetes struct {
	dir, kube, etcd string
}

// StartKubernetes starts one that keeps services in a range of addresses, with more arguments of the API server; of two alike
// the later one holds. It ends with the test.
func StartKubernetes(t *testing.T, services string, more ...string) Kubernetes {
	t.Helper()
	k := Kubernetes{dir: t.TempDir(), kube: File(t, "kubernetes", "kube")}
	client, peer := "http://"+Address(t), "http://"+Address(t)
	k.etcd = client
	k.Run(t, "etcd", File(t, "etcd", "etcd"), "--data-dir="+filepath.Join(k.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
	return k.serve(t, services, more...)
}

// Beside starts another API server on the same etcd, as a second control plane is.
func (k Kubernetes) Beside(t *testing.T, services string, more ...string) Kubernetes {
	t.Helper()
	return Kubernetes{dir: t.TempDir(), kube: k.kube, etcd: k.etcd}.serve(t, services, more...)
}

func (k Kubernetes) serve(t *testing.T, services string, more ...string) Kubernetes {
	t.Helper()
	secure := Address(t)
	_, port, err := net.SplitHostPort(secure)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	keyFile, tokens := filepath.Join(k.dir, "sa.key"), filepath.Join(k.dir, "tokens.csv")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(tokens, []byte("test-token,admin,admin,\"system:masters\"\n"), 0o600))
	k.Run(t, "kube-apiserver", k.kube, append([]string{"kube-apiserver", "--etcd-servers=" + k.etcd, "--cert-dir=" + filepath.Join(k.dir, "certs"),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + port,
		"--token-auth-file=" + tokens, "--authorization-mode=RBAC", "--service-cluster-ip-range=" + services,
		"--allow-privileged=true", // as kubeadm starts it
		// Nothing makes accounts for pods here.
		"--disable-admission-plugins=ServiceAccount", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + keyFile, "--service-account-signing-key-file=" + keyFile}, more...)...)
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: test,
clusters: [{name: test, cluster: {server: "https://%s", certificate-authority: %q}}],
users: [{name: admin, user: {token: test-token}}], contexts: [{name: test, context: {cluster: test, user: admin}}]}
`, secure, filepath.Join(k.dir, "certs/apiserver.crt"))
	require.NoError(t, os.WriteFile(k.Kubeconfig(), []byte(config), 0o600))
	require.Eventually(t, func() bool {
		_, err := k.Kubectl(t, "", "get", "namespace", "kube-system", "default")
		return err == nil
	}, 2*time.Minute, time.Second, "the API server does not answer; its log is %s", filepath.Join(k.dir, "kube-apiserver.log"))
	return k
}

// Kubeconfig is the file of an administrator.
func (k Kubernetes) Kubeconfig() string { return filepath.Join(k.dir, "kubeconfig") }

// Run runs a program beside it until the test ends, and keeps what it says in a file of the name. It dies with the test even
// if that is killed.
func (k Kubernetes) Run(t *testing.T, name, path string, args ...string) (log string) {
	t.Helper()
	file, err := os.Create(filepath.Join(k.dir, name+".log"))
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = file, file, k.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = file.Close()
	})
	return file.Name()
}

// Kubectl runs kubectl as an administrator, and returns all that it says.
func (k Kubernetes) Kubectl(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), k.kube, append([]string{"kubectl", "--request-timeout=20s"}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+k.Kubeconfig(), "HOME="+k.dir)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

// Etcdctl asks the etcd behind it, and returns all that it says.
func (k Kubernetes) Etcdctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), File(t, "etcd", "etcdctl"), append([]string{"--endpoints=" + k.etcd}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// Must is Kubectl that succeeds.
func (k Kubernetes) Must(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := k.Kubectl(t, input, args...)
	require.NoError(t, err, "%s\n%s", out, input)
	return out
}
