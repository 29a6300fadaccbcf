package network

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const (
	guardFile = "unruled.nft"
	// ruledMark is what kube-router leaves on the packets that it has judged and lets through, those of pods that no policy
	// selects among them (v2.1.0, pkg/controllers/netpol/pod.go).
	ruledMark = "0x20000"
)

// guard renders the rules of a node that keep a pod shut until kube-router has written its own for it. kube-router learns of a
// pod from the API, after the pod has begun to run: without the guard its first connections would pass whatever the policies
// say, and go on. Here they are dropped, not refused, so that a client's second try finds the rules. Questions for names pass:
// cluster DNS answers the whole pod network, and what else answers at that port is ruled at its own end.
//
// The chains come after kube-router's, which are at the priority of filters, and see their marks.
func guard(podCIDR string) string {
	return fmt.Sprintf(`table inet lagrum_unruled
delete table inet lagrum_unruled
table inet lagrum_unruled {
	chain forward {
		type filter hook forward priority filter + 10; policy accept;
		ct state established,related accept
		meta mark & %[2]s != 0 accept
		ip saddr %[1]s ip daddr %[1]s meta l4proto { tcp, udp } th dport %[3]d accept
		ip saddr %[1]s counter drop
		ip daddr %[1]s counter drop
	}
	chain input {
		type filter hook input priority filter + 10; policy accept;
		ct state established,related accept
		iifname "cni0" meta mark & %[2]s == 0 counter drop
	}
}
`, podCIDR, ruledMark, dnsPort)
}

// guards runs before flannel, and so before a node's first pod has an address: cni.sh tells that it has run, and without that
// no pod gets one, after a restart of the node too. kube-proxy's image is the one that has nft.
func (b *builder) guards() corev1.ContainerArray {
	return corev1.ContainerArray{corev1.ContainerArgs{
		Name:            pulumi.String("guard"),
		Image:           pulumi.String(b.images.KubeProxy.Ref()),
		ImagePullPolicy: pulumi.String("IfNotPresent"),
		Command:         pulumi.ToStringArray([]string{"nft", "--file", "/etc/lagrum/" + guardFile}),
		Resources:       workload.Needed("5m", "16Mi", "64Mi"),
		SecurityContext: workload.Confined(false, "NET_ADMIN"),
		VolumeMounts:    corev1.VolumeMountArray{workload.Mount("config", "/etc/lagrum", true)},
	}}
}
