//go:build lab

package provider

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// control is the control plane that the tests of this package share: etcd, the API server, the controller manager and the scheduler of the
// lab, on loopback, with a pretended node.
type control struct {
	dir        string
	server     string
	kubeconfig string
	client     dynamic.Interface
	kubelet    *pretendedNode
	stop       []func()
}

var shared *control // made once by TestMain: a control plane takes seconds to start

func TestMain(m *testing.M) {
	os.Exit(func() int {
		c, err := startControl()
		defer c.close()
		if err != nil {
			fmt.Fprintln(os.Stderr, "start the control plane:", err)
			return 1
		}
		shared = c
		return m.Run()
	}())
}

func (c *control) close() {
	for i := len(c.stop) - 1; i >= 0; i-- {
		c.stop[i]()
	}
}

// artifact finds a program in the lab's artifact cache.
func artifact(name, program string) (string, error) {
	cache := os.Getenv("LAGRUM_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(base, "lagrum")
	}
	found, err := filepath.Glob(filepath.Join(cache, "artifacts", name+"-*", program))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s: no artifact %s/%s; build it with lagrum lab up", cache, name, program)
	}
	return found[len(found)-1], nil
}

func startControl() (*control, error) {
	dir, err := os.MkdirTemp("", "lagrum-kubernetes-test-")
	if err != nil {
		return &control{}, err
	}
	c := &control{dir: dir, stop: []func(){func() { _ = os.RemoveAll(dir) }}}
	etcd, err := artifact("etcd", "etcd")
	if err != nil {
		return c, err
	}
	kube, err := artifact("kubernetes", "kube")
	if err != nil {
		return c, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return c, err
	}
	if err := writeKeys(dir); err != nil {
		return c, err
	}
	c.server = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	etcdURL := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	peerURL := fmt.Sprintf("http://127.0.0.1:%d", ports[1])

	err = c.start("etcd", etcd, "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=default="+peerURL)
	if err != nil {
		return c, err
	}
	key := filepath.Join(dir, "sa.key")
	err = c.start("kube-apiserver", kube, "kube-apiserver",
		"--etcd-servers="+etcdURL, "--cert-dir="+filepath.Join(dir, "certs"),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+strconv.Itoa(ports[2]),
		"--token-auth-file="+filepath.Join(dir, "tokens.csv"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.96.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key)
	if err != nil {
		return c, err
	}
	if err := c.writeKubeconfig(); err != nil {
		return c, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(c.kubeconfig))
	if err != nil {
		return c, err
	}
	config.QPS = -1
	if c.client, err = dynamic.NewForConfig(config); err != nil {
		return c, err
	}
	if err := c.untilReady(); err != nil {
		return c, err
	}
	file := filepath.Join(dir, "kubeconfig")
	err = c.start("kube-controller-manager", kube, "kube-controller-manager", "--kubeconfig="+file, "--leader-elect=false",
		"--secure-port=0", "--service-account-private-key-file="+key)
	if err != nil {
		return c, err
	}
	if err := c.start("kube-scheduler", kube, "kube-scheduler", "--kubeconfig="+file, "--leader-elect=false", "--secure-port=0"); err != nil {
		return c, err
	}
	c.kubelet, err = startNode(c.client, filepath.Join(dir, "certs"))
	if err != nil {
		return c, err
	}
	c.stop = append(c.stop, c.kubelet.close)
	return c, nil
}

// start runs a program until the tests end; it dies with them even if they are killed.
func (c *control) start(name, path string, args ...string) error {
	log, err := os.Create(filepath.Join(c.dir, name+".log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.stop = append(c.stop, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	return nil
}

func (c *control) writeKubeconfig() error {
	file := filepath.Join(c.dir, "certs", "apiserver.crt")
	var ca []byte
	for range 300 {
		var err error
		if ca, err = os.ReadFile(file); err == nil && len(ca) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.kubeconfig = fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: admin
  user: {token: test-admin-token}
contexts:
- name: test
  context: {cluster: test, user: admin}
`, c.server, base64.StdEncoding.EncodeToString(ca))
	return os.WriteFile(filepath.Join(c.dir, "kubeconfig"), []byte(c.kubeconfig), 0o600)
}

func (c *control) untilReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for {
		_, err := c.client.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).Get(ctx, "kube-system", metav1.GetOptions{})
		if err == nil {
			return nil
		}
		if sleep(ctx, 200*time.Millisecond) != nil {
			log, _ := os.ReadFile(filepath.Join(c.dir, "kube-apiserver.log"))
			return fmt.Errorf("the API server is not ready: %w\n%s", err, bytes.TrimSpace(log))
		}
	}
}

func writeKeys(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "sa.key"), data, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "tokens.csv"), []byte("test-admin-token,admin,admin,\"system:masters\"\n"), 0o600)
}

func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// namespaceFor makes a namespace for one test.
func namespaceFor(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	if len(name) > 40 {
		name = name[:40]
	}
	name = fmt.Sprintf("%s-%x", strings.Trim(name, "-"), time.Now().UnixNano()&0xffffff)
	apply(t, "test-setup", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	return name
}

// loopbackTLS is an HTTPS server of the API server's own certificate; the API server does not check a kubelet's.
func loopbackTLS(certs string, handler http.Handler) (*http.Server, int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_ = server.ServeTLS(listener, filepath.Join(certs, "apiserver.crt"), filepath.Join(certs, "apiserver.key"))
	}()
	return server, listener.Addr().(*net.TCPAddr).Port, nil
}
