package network

import (
	_ "embed"
	"encoding/json"
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const (
	flannel = "flannel"
	// flannelHealth is a free port; it listens on the loopback address alone.
	flannelHealth = 10270
)

// What each way of carrying packets adds to them, in bytes (flannel's pkg/backend/vxlan and .../wireguard).
const (
	vxlanOverhead     = 50
	wireguardOverhead = 80
)

// cniScript writes the node's CNI configuration from what flannel decided.
//
//go:embed cni.sh
var cniScript string

// flannel carries packets between the pods of different nodes, encrypted where the plan says so.
func (b *builder) flannel() (*appsv1.DaemonSet, error) {
	account, needs, err := b.Account(flannel, "lagrum:flannel",
		// It learns of every node, and writes its own address and key to its node.
		workload.Rule{Group: "", Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch"}},
		workload.Rule{Group: "", Resources: []string{"nodes/status"}, Verbs: []string{"patch"}},
	)
	if err != nil {
		return nil, err
	}
	netConf, err := flannelConfig(b.plan.Cluster.PodCIDR, b.plan.Network.Encryption, b.plan.Network.MTU)
	if err != nil {
		return nil, err
	}
	config, err := b.ConfigMap(flannel, map[string]string{"net-conf.json": netConf, guardFile: guard(b.plan.Cluster.PodCIDR)})
	if err != nil {
		return nil, err
	}
	image := pulumi.String(b.images.Flannel.Ref())
	return b.onEveryNode(flannel, account, needs, b.guards(), corev1.ContainerArray{
		corev1.ContainerArgs{
			Name:            pulumi.String(flannel),
			Image:           image,
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			Args: pulumi.ToStringArray([]string{
				"--kube-subnet-mgr", "--ip-masq", "--healthz-ip=127.0.0.1", fmt.Sprintf("--healthz-port=%d", flannelHealth),
			}),
			Env: append(corev1.EnvVarArray{workload.NodeName()}, b.api...),
			// It serves health only once it has read every node, for which it allows itself ten minutes.
			StartupProbe:  workload.Get("127.0.0.1", "/healthz", flannelHealth, 60),
			LivenessProbe: workload.Get("127.0.0.1", "/healthz", flannelHealth, 6),
			Resources:     workload.Needed("50m", "64Mi", "256Mi"),
			// Upstream's image chooses between two iptables at the first call, and writes the choice to its own disk.
			SecurityContext: workload.Confined(true, "NET_ADMIN", "NET_RAW"),
			VolumeMounts: corev1.VolumeMountArray{
				workload.Mount("config", "/etc/kube-flannel", true), workload.Mount("run", "/run/flannel", false),
				workload.Mount("xtables-lock", "/run/xtables.lock", false),
			},
		},
		corev1.ContainerArgs{
			Name:            pulumi.String("cni"),
			Image:           image,
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			Command:         pulumi.ToStringArray([]string{"/bin/sh", "-c", cniScript}),
			// A node is Ready, and gets pods, by this file: so this probe is the pod network's readiness.
			ReadinessProbe:  workload.Run("/bin/sh", "-c", "[ -s /etc/cni/net.d/10-lagrum.conflist ]"),
			Resources:       workload.Needed("5m", "8Mi", "32Mi"),
			SecurityContext: workload.Confined(false),
			VolumeMounts: corev1.VolumeMountArray{
				workload.Mount("run", "/run/flannel", false), workload.Mount("cni", "/etc/cni/net.d", false),
			},
		},
	}, corev1.VolumeArray{
		workload.FromConfigMap("config", config),
		workload.FromHost("run", "/run/flannel", "DirectoryOrCreate"),
		workload.FromHost("cni", "/etc/cni/net.d", "DirectoryOrCreate"),
		workload.FromHost("xtables-lock", "/run/xtables.lock", "FileOrCreate"),
	})
}

// flannelConfig renders flannel's net-conf.json. mtu is that of pod interfaces; flannel is told the larger one of what
// carries it.
func flannelConfig(podCIDR, encryption string, mtu int) (string, error) {
	var backend map[string]any
	switch encryption {
	case "wireguard":
		backend = map[string]any{"Type": "wireguard", "MTU": mtu + wireguardOverhead}
	case "none":
		backend = map[string]any{"Type": "vxlan", "MTU": mtu + vxlanOverhead}
	default:
		return "", fmt.Errorf("flannel: network.encryption: %q: want wireguard or none", encryption)
	}
	config, err := json.MarshalIndent(map[string]any{"Network": podCIDR, "Backend": backend}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("flannel: net-conf.json: %w", err)
	}
	return string(config) + "\n", nil
}
