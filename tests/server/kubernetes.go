package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// token of the administrator.
const token = "test-token"

// Kubernetes is a real API server with its etcd, on loopback. No controller and no node is part of it.
type Kubernetes struct {
	// Address is the API server's, host:port.
	Address         string
	dir, kube, etcd string
	processes       map[string]*os.Process
}

// StartKubernetes starts one that keeps services in a range of addresses, with more arguments of the API server; of two alike
// the later one holds. It ends with the test.
func StartKubernetes(t testing.TB, services string, more ...string) Kubernetes {
	t.Helper()
	k := Kubernetes{dir: t.TempDir(), kube: File(t, "kubernetes", "kube"), processes: map[string]*os.Process{}}
	client, peer := "http://"+Address(t), "http://"+Address(t)
	k.etcd = client
	k.Run(t, "etcd", File(t, "etcd", "etcd"), "--data-dir="+filepath.Join(k.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
	return k.serve(t, Address(t), services, more...)
}

// Beside starts another API server on the same etcd, as a second control plane is.
func (k Kubernetes) Beside(t testing.TB, services string, more ...string) Kubernetes {
	t.Helper()
	return k.BesideAt(t, Address(t), services, more...)
}

// BesideAt is Beside with an address of loopback and a port, such as 127.0.0.2:6443.
func (k Kubernetes) BesideAt(t testing.TB, address, services string, more ...string) Kubernetes {
	t.Helper()
	return Kubernetes{dir: t.TempDir(), kube: k.kube, etcd: k.etcd, processes: map[string]*os.Process{}}.serve(t, address, services, more...)
}

func (k Kubernetes) serve(t testing.TB, secure, services string, more ...string) Kubernetes {
	t.Helper()
	k.Address = secure
	host, port, err := net.SplitHostPort(secure)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	keyFile, tokens := filepath.Join(k.dir, "sa.key"), filepath.Join(k.dir, "tokens.csv")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(tokens, []byte(token+",admin,admin,\"system:masters\"\n"), 0o600))
	k.Run(t, "kube-apiserver", k.kube, append([]string{"kube-apiserver", "--etcd-servers=" + k.etcd, "--cert-dir=" + filepath.Join(k.dir, "certs"),
		"--bind-address=" + host, "--advertise-address=" + host, "--secure-port=" + port,
		"--token-auth-file=" + tokens, "--authorization-mode=RBAC", "--service-cluster-ip-range=" + services,
		"--allow-privileged=true", // as kubeadm starts it
		// Nothing makes accounts for pods here.
		"--disable-admission-plugins=ServiceAccount", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + keyFile, "--service-account-signing-key-file=" + keyFile}, more...)...)
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: test,
clusters: [{name: test, cluster: {server: "https://%s", certificate-authority: %q}}],
users: [{name: admin, user: {token: `+token+`}}], contexts: [{name: test, context: {cluster: test, user: admin}}]}
`, secure, k.Authority())
	require.NoError(t, os.WriteFile(k.Kubeconfig(), []byte(config), 0o600))
	require.Eventually(t, func() bool {
		_, err := k.Kubectl(t, "", "get", "namespace", "kube-system", "default")
		return err == nil
	}, 2*time.Minute, 250*time.Millisecond, "the API server does not answer; its log is %s", filepath.Join(k.dir, "kube-apiserver.log"))
	return k
}

// Kubeconfig is the file of an administrator.
func (k Kubernetes) Kubeconfig() string { return filepath.Join(k.dir, "kubeconfig") }

// Authority is the file of the certificate that it serves with, and of who signed that.
func (k Kubernetes) Authority() string { return filepath.Join(k.dir, "certs/apiserver.crt") }

// Etcd is the address of its etcd.
func (k Kubernetes) Etcd() string { return k.etcd }

// Run runs a program beside it until the test ends, and keeps what it says in a file of the name. It dies with the test even
// if that is killed.
func (k Kubernetes) Run(t testing.TB, name, path string, args ...string) (log string) {
	t.Helper()
	file, err := os.Create(filepath.Join(k.dir, name+".log"))
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = file, file, k.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	k.processes[name] = cmd.Process
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = file.Close()
	})
	return file.Name()
}

// Kubectl runs kubectl as an administrator, and returns all that it says.
func (k Kubernetes) Kubectl(t testing.TB, input string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), k.kube, append([]string{"kubectl", "--request-timeout=20s"}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+k.Kubeconfig(), "HOME="+k.dir)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

// Post sends a JSON document to a path of the API as an administrator, without kubectl's own time, and returns the status.
func (k Kubernetes) Post(t testing.TB, client *http.Client, path, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+k.Address+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer.StatusCode
}

// Client trusts the API server's own certificate.
func (k Kubernetes) Client(t testing.TB) *http.Client {
	t.Helper()
	text, err := os.ReadFile(k.Authority())
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

// Memory is what a program beside it holds of the machine's memory, in bytes (VmRSS of proc(5)).
func (k Kubernetes) Memory(t testing.TB, name string) int64 {
	t.Helper()
	require.Contains(t, k.processes, name)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", k.processes[name].Pid))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "VmRSS:")
	require.True(t, found)
	var kib int64
	_, err = fmt.Sscanf(rest, "%d kB", &kib)
	require.NoError(t, err)
	return kib << 10
}

// Etcdctl asks the etcd behind it, and returns all that it says.
func (k Kubernetes) Etcdctl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), File(t, "etcd", "etcdctl"), append([]string{"--endpoints=" + k.etcd}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// Must is Kubectl that succeeds.
func (k Kubernetes) Must(t testing.TB, input string, args ...string) string {
	t.Helper()
	out, err := k.Kubectl(t, input, args...)
	require.NoError(t, err, "%s\n%s", out, input)
	return out
}
