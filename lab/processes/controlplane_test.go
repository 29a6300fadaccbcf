package processes

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var here = place{root: "/state/m/root", address: "127.9.8.10", declared: "172.31.240.10"}

const kubeadmConfig = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  bindPort: 6443
nodeRegistration:
  kubeletExtraArgs:
  - name: node-labels
    value: a.example/zone=a,b=
  name: cp-1-g1
---
apiServer:
  certSANs:
  - 127.9.8.2
apiVersion: kubeadm.k8s.io/v1beta4
etcd:
  local:
    dataDir: /var/lib/etcd
kind: ClusterConfiguration
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
`

// The configuration that makes certificates certifies the loopback address; the one that the cluster keeps is as
// declared, but for the address to advertise.
func TestConfig(t *testing.T) {
	t.Parallel()
	const advertised = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 172.31.240.10
  bindPort: 6443
nodeRegistration:
  kubeletExtraArgs:
  - name: node-labels
    value: a.example/zone=a,b=
  name: cp-1-g1
---
`
	for name, row := range map[string]struct {
		moved   bool
		cluster string
	}{
		"advertised": {false, `apiServer:
  certSANs:
  - 127.9.8.2
apiVersion: kubeadm.k8s.io/v1beta4
etcd:
  local:
    dataDir: /var/lib/etcd
kind: ClusterConfiguration
`},
		"moved": {true, `apiServer:
  certSANs:
  - 127.9.8.2
  - 127.9.8.10
apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /state/m/root/etc/kubernetes/pki
etcd:
  local:
    dataDir: /var/lib/etcd
    peerCertSANs:
    - 127.9.8.10
    serverCertSANs:
    - 127.9.8.10
kind: ClusterConfiguration
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := here.config([]byte(kubeadmConfig), row.moved)
			require.NoError(t, err)
			assert.Equal(t, advertised+row.cluster+"---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n", string(got))
		})
	}
}

func TestArgument(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ arg, want string }{
		"a path":               {"--data-dir=/var/lib/etcd", "--data-dir=/state/m/root/var/lib/etcd"},
		"a moved path":         {"--client-ca-file=/state/m/root/etc/kubernetes/pki/ca.crt", "--client-ca-file=/state/m/root/etc/kubernetes/pki/ca.crt"},
		"to be advertised":     {"--advertise-address=172.31.240.10", "--advertise-address=172.31.240.10"},
		"a loopback address":   {"--bind-address=127.0.0.1", "--bind-address=127.9.8.10"},
		"one URL":              {"--etcd-servers=https://127.0.0.1:2379", "--etcd-servers=https://127.9.8.10:2379"},
		"two that become one":  {"--listen-client-urls=https://127.0.0.1:2379,https://172.31.240.10:2379", "--listen-client-urls=https://127.9.8.10:2379"},
		"a URL behind a name":  {"--initial-cluster=cp-1-g1=https://172.31.240.10:2380", "--initial-cluster=cp-1-g1=https://127.9.8.10:2380"},
		"a list":               {"--controllers=*,bootstrapsigner,tokencleaner", "--controllers=*,bootstrapsigner,tokencleaner"},
		"a range":              {"--service-cluster-ip-range=10.96.0.0/16", "--service-cluster-ip-range=10.96.0.0/16"},
		"another's address":    {"--etcd-servers=https://172.31.240.100:2379", "--etcd-servers=https://172.31.240.100:2379"},
		"no value":             {"--leader-elect", "--leader-elect"},
		"a URL that is a name": {"--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--service-account-issuer=https://kubernetes.default.svc.cluster.local"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, here.argument(row.arg))
		})
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	command, folders, err := here.command([]byte(`
spec:
  containers:
  - command: [kube-apiserver, --advertise-address=172.31.240.10, --audit-log-path=/var/log/kubernetes/audit/audit.log, --secure-port=6443]
  volumes:
  - hostPath: {path: /var/log/kubernetes/audit, type: DirectoryOrCreate}
    name: audit
  - hostPath: {path: /etc/kubernetes/scheduler.conf, type: FileOrCreate}
    name: kubeconfig
`))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"kube-apiserver", "--advertise-address=172.31.240.10", "--audit-log-path=/state/m/root/var/log/kubernetes/audit/audit.log",
		"--secure-port=6443", "--bind-address=127.9.8.10",
	}, command, "an API server that is not told binds to every address of the host")
	assert.Equal(t, []string{"/state/m/root/var/log/kubernetes/audit"}, folders)

	_, _, err = here.command([]byte("spec: {containers: []}"))
	require.EqualError(t, err, "manifest: want one container with a command")
}
