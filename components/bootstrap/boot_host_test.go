package bootstrap_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

// containerd learns where the sandbox image comes from, and is restarted for that alone.
func TestBootTellsContainerdTheSandboxImage(t *testing.T) {
	t.Parallel()
	s := boot(t, "init", map[string]string{"containerd": `
if [ -e /etc/containerd/conf.d/lagrum.toml ]; then cat /etc/containerd/conf.d/lagrum.toml | tr '"' "'"; else echo "    sandbox = 'registry.k8s.io/pause:3.10.2'"; fi`}, nil)
	require.Equal(t, 0, s.code, s.output)
	assert.Equal(t, []string{"enable --now lagrum-metadata", "restart containerd", "enable --now containerd", "enable kubelet"}, s.called("systemctl"))
	assert.Equal(t, `version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "registry.example.se/mirror/pause:3.10.2"`, s.read("etc/containerd/conf.d/lagrum.toml"))
}

// A kernel that cannot be set is told of, and one that is right already is left alone.
func TestBootNeedsKernelSettings(t *testing.T) {
	t.Parallel()
	s := boot(t, "init", map[string]string{"kubelet": `echo "Kubernetes v1.36.3"; rm /proc/sys/net/bridge/*; rmdir /proc/sys/net/bridge`}, nil)
	assert.Equal(t, "failed: host: /proc/sys/net/bridge/bridge-nf-call-iptables has to be 1 and cannot be set", s.read("var/lib/lagrum/boot.status"), s.output)
}

// Where the kernel is the node's own, the kubelet gets the settings that it wants, and refuses to start where they changed.
func TestBootSetsItsOwnKernel(t *testing.T) {
	t.Parallel()
	node := nodes()["join-worker"]
	node.OwnKernel = true
	in := bootstrap.Input{Cluster: cluster(), Node: node, SecretFetch: "cat /bundle.tar"}
	want := map[string]string{
		"kernel/keys/root_maxbytes": "25000000", "kernel/keys/root_maxkeys": "1000000", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0",
	}
	other := map[string]string{}
	for path := range want {
		other["proc/sys/"+path] = "7\n"
	}
	s := bootInput(t, in, nil, other)
	require.Equal(t, "ok", s.read("var/lib/lagrum/boot.status"), s.output)
	for path, value := range want {
		assert.Equal(t, value, s.read("proc/sys/"+path), path)
		assert.Contains(t, s.read("etc/sysctl.d/90-lagrum.conf")+"\n", strings.ReplaceAll(path, "/", ".")+" = "+value+"\n")
	}
	assert.Equal(t, "protectKernelDefaults: true", s.read("etc/lagrum/patches/kubeletconfiguration.yaml"))
	assert.Contains(t, s.read("etc/lagrum/kubeadm.yaml"), "patches:\n  directory: /etc/lagrum/patches\n")

	other["proc/sys/vm/overcommit_memory/file"] = "in its place"
	delete(other, "proc/sys/vm/overcommit_memory")
	s = bootInput(t, in, nil, other)
	assert.Equal(t, "failed: host: /proc/sys/vm/overcommit_memory has to be 1 and cannot be set", s.read("var/lib/lagrum/boot.status"), s.output)
}

// The kernel under a container of the lab is another's: nothing of it is changed but what pods need.
func TestBootLeavesAnothersKernel(t *testing.T) {
	t.Parallel()
	s := boot(t, "join-worker", nil, map[string]string{"proc/sys/vm/overcommit_memory": "7\n"})
	require.Equal(t, "ok", s.read("var/lib/lagrum/boot.status"), s.output)
	assert.Equal(t, "7", s.read("proc/sys/vm/overcommit_memory"))
	assert.NotContains(t, s.read("etc/lagrum/kubeadm.yaml"), "patches")
}

// etcd's user has its data and what it serves with, and no key of an authority.
func TestBootGivesEtcdAUser(t *testing.T) {
	t.Parallel()
	s := boot(t, "init", nil, nil)
	require.Equal(t, "ok", s.read("var/lib/lagrum/boot.status"), s.output)
	assert.Equal(t, []string{"--uid 2379 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin etcd"}, s.called("useradd"))
	assert.Equal(t, []string{"-R 2379:2379 /etc/lagrum/etcd /var/lib/etcd"}, s.called("chown"))
	var files []string
	for _, dir := range []string{"etc/lagrum/etcd", "var/lib/etcd"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(s.root, dir), func(path string, d fs.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := d.Info()
			files = append(files, info.Mode().String()+" "+strings.TrimPrefix(path, s.root))
			return err
		}))
	}
	assert.Equal(t, []string{
		"drwx------ /etc/lagrum/etcd", "-rw------- /etc/lagrum/etcd/ca.crt", "-rw------- /etc/lagrum/etcd/peer.crt", "-rw------- /etc/lagrum/etcd/peer.key",
		"-rw------- /etc/lagrum/etcd/server.crt", "-rw------- /etc/lagrum/etcd/server.key", "drwx------ /var/lib/etcd",
	}, files)

	worker := boot(t, "join-worker", nil, nil)
	assert.Empty(t, append(worker.called("useradd"), worker.called("chown")...), "a worker has no etcd")
}

func TestBootNeedsEtcdsUser(t *testing.T) {
	t.Parallel()
	s := boot(t, "init", nil, map[string]string{"etc/passwd": "etcd:x:106:112::/:/bin/false\n", "etc/group": "etcd:x:112:\n"})
	assert.Equal(t, "failed: host: the node image's user etcd is 106:112, and has to be 2379:2379", s.read("var/lib/lagrum/boot.status"), s.output)
	assert.Equal(t, []string(nil), s.called("kubeadm"))
	s = boot(t, "init", map[string]string{"useradd": `echo "useradd: error: UID 2379 is not unique" >&2; exit 4`}, nil)
	assert.Equal(t, "failed: host: useradd: error: UID 2379 is not unique", s.read("var/lib/lagrum/boot.status"), s.output)
}

// On a cloud with controllers of its own the kubelet says which machine it is on, in the words of that cloud.
func TestBootIdentifiesTheMachine(t *testing.T) {
	t.Parallel()
	in := bootstrap.Input{
		Cluster: cluster(), Node: nodes()["join-worker"], SecretFetch: "cat /bundle.tar", MachineID: "aws:///eu-north-1a/",
	}
	for _, row := range []struct{ name, cloudInit, want, status string }{
		{"known", `echo i-0123456789abcdef0`, "value: aws:///eu-north-1a/i-0123456789abcdef0\n", "ok"},
		{"unknown", `echo "no such thing" >&2; exit 1`, "value: aws:///eu-north-1a/INSTANCE-ID\n",
			"failed: host: cloud-init says that the cloud calls this machine ''"},
		{"no id of a machine", `echo 'a/b"'`, "value: aws:///eu-north-1a/INSTANCE-ID\n",
			`failed: host: cloud-init says that the cloud calls this machine 'a/b"'`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := bootInput(t, in, map[string]string{"cloud-init": row.cloudInit}, nil)
			assert.Equal(t, row.status, s.read("var/lib/lagrum/boot.status"), s.output)
			assert.Equal(t, []string{"query v1.instance_id"}, s.called("cloud-init"))
			assert.Contains(t, s.read("etc/lagrum/kubeadm.yaml")+"\n", row.want)
		})
	}
}

func TestBootAsksNothingWithoutACloudsController(t *testing.T) {
	t.Parallel()
	s := boot(t, "join-worker", nil, nil)
	require.Equal(t, 0, s.code, s.output)
	assert.Empty(t, s.called("cloud-init"))
}
