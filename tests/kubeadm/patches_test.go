package kubeadm

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	etcdphase "k8s.io/kubernetes/cmd/kubeadm/app/phases/etcd"
	"k8s.io/kubernetes/cmd/kubeadm/app/phases/kubelet"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/staticpod"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// kubeadm's own etcd, changed by the node's patch as kubeadm changes it: another user, nothing beyond, copies of its keys.
func TestKubeadmPatchesEtcd(t *testing.T) {
	for _, node := range []string{"init", "join-control-plane"} {
		config := initConfiguration(t)
		before := etcdphase.GetEtcdPodSpec(&config.ClusterConfiguration, &config.LocalAPIEndpoint, config.NodeRegistration.Name, nil)
		var said bytes.Buffer
		after, err := staticpod.PatchStaticPod(before.DeepCopy(), filepath.Join(goldens, node, "files/etc/lagrum/patches"), &said)
		require.NoError(t, err)
		require.NotContains(t, said.String(), "Ignored", "every file is one that kubeadm knows")

		want := before.DeepCopy()
		etcd := &want.Spec.Containers[0]
		etcd.SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			ReadOnlyRootFilesystem: ptr.To(true), RunAsGroup: ptr.To[int64](2379), RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](2379),
		}
		for i := range etcd.VolumeMounts {
			etcd.VolumeMounts[i].ReadOnly = etcd.VolumeMounts[i].Name == "etcd-certs"
		}
		for i := range want.Spec.Volumes {
			if want.Spec.Volumes[i].Name == "etcd-certs" {
				want.Spec.Volumes[i].HostPath = &corev1.HostPathVolumeSource{Path: "/etc/lagrum/etcd", Type: ptr.To(corev1.HostPathDirectory)}
			}
		}
		assert.Equal(t, render(t, want), render(t, after), node)
		assert.NotEqual(t, render(t, &before), render(t, after), node)
	}
}

func render(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	text, err := yaml.Marshal(pod)
	require.NoError(t, err)
	return string(text)
}

// Where the kernel is the node's own, kubeadm adds that to the kubelet's configuration, and elsewhere it does not.
func TestKubeadmPatchesTheKubelet(t *testing.T) {
	for node, protects := range map[string]bool{"data-control-plane": true, "init": false} {
		config := initConfiguration(t)
		dir := t.TempDir()
		require.NoError(t, kubelet.WriteInstanceConfigToDisk(&kubeletconfig.KubeletConfiguration{}, dir))
		require.NoError(t, kubelet.WriteConfigToDisk(&config.ClusterConfiguration, dir, filepath.Join(goldens, node, "files/etc/lagrum/patches"), io.Discard))
		written, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
		require.NoError(t, err)
		assert.Equal(t, protects, strings.Contains(string(written), "\nprotectKernelDefaults: true\n"), node)
		assert.Contains(t, string(written), "\nseccompDefault: true\n", "what is for every node stays")
	}
}
