package network

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const (
	kubeProxy = "kube-proxy"
	// kubeProxyHealth is the port at which cloud load balancers ask too (KEP-3836).
	kubeProxyHealth = 10256
)

// kubeProxy routes service addresses to pods, with nftables.
func (b *builder) kubeProxy() (*appsv1.DaemonSet, error) {
	account, needs, err := b.Account(kubeProxy, "system:node-proxier")
	if err != nil {
		return nil, err
	}
	config, err := b.ConfigMap(kubeProxy, map[string]string{"config.yaml": kubeProxyConfig(b.plan.Cluster.PodCIDR)})
	if err != nil {
		return nil, err
	}
	return b.onEveryNode(kubeProxy, account, needs, nil, corev1.ContainerArray{corev1.ContainerArgs{
		Name:            pulumi.String(kubeProxy),
		Image:           pulumi.String(b.images.KubeProxy.Ref()),
		ImagePullPolicy: pulumi.String("IfNotPresent"),
		Command: pulumi.ToStringArray([]string{
			"kube-proxy", "--config=/etc/kube-proxy/config.yaml", "--hostname-override=$(NODE_NAME)",
		}),
		Env: append(corev1.EnvVarArray{workload.NodeName()}, b.api...),
		// It is alive while no change to a service waits for more than a minute to become a rule.
		LivenessProbe:  workload.Get("", "/livez", kubeProxyHealth, 6),
		ReadinessProbe: workload.Get("", "/livez", kubeProxyHealth, 3),
		Resources:      workload.Needed("50m", "64Mi", "256Mi"),
		// Upstream runs it privileged, to write kernel parameters that ours leaves alone.
		SecurityContext: workload.Confined(false, "NET_ADMIN"),
		VolumeMounts:    corev1.VolumeMountArray{workload.Mount("config", "/etc/kube-proxy", true)},
	}}, corev1.VolumeArray{workload.FromConfigMap("config", config)})
}

// kubeProxyConfig renders kube-proxy's own configuration.
//
// The conntrack table is left as the node image set it: kernel parameters of a node have one owner, and kube-proxy
// needs no privilege for what it does not write. Node ports listen on the node's primary address alone, not on every
// address a machine happens to have.
func kubeProxyConfig(podCIDR string) string {
	return fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: 0.0.0.0
clusterCIDR: %s
conntrack:
  maxPerCore: 0
  min: 0
  tcpCloseWaitTimeout: 0s
  tcpEstablishedTimeout: 0s
detectLocalMode: ClusterCIDR
healthzBindAddress: 0.0.0.0:%d
metricsBindAddress: 127.0.0.1:10249
mode: nftables
nodePortAddresses:
- primary
`, podCIDR, kubeProxyHealth)
}
