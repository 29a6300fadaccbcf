package network

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

// onEveryNode makes the DaemonSet of a part that is the node's own network: on the host's network, on every node
// whatever its taints, and never evicted for an ordinary pod. The containers before end before the others start.
func (b *builder) onEveryNode(
	part string, account *corev1.ServiceAccount, needs []pulumi.Resource,
	before, containers corev1.ContainerArray, volumes corev1.VolumeArray,
) (*appsv1.DaemonSet, error) {
	made, err := appsv1.NewDaemonSet(b.Ctx, b.Name+"-"+part, &appsv1.DaemonSetArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(part), Namespace: pulumi.String(workload.Namespace), Labels: b.Labels(part),
		},
		Spec: &appsv1.DaemonSetSpecArgs{
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: b.Labels(part)},
				Spec: &corev1.PodSpecArgs{
					ServiceAccountName:           account.Metadata.Name().Elem(),
					AutomountServiceAccountToken: pulumi.Bool(true),
					HostNetwork:                  pulumi.Bool(true),
					// The node's own resolver: cluster DNS is not there yet, and would be asked through this very pod.
					DnsPolicy:         pulumi.String("Default"),
					PriorityClassName: pulumi.String(workload.NodeCritical),
					NodeSelector:      pulumi.StringMap{"kubernetes.io/os": pulumi.String("linux")},
					Tolerations:       corev1.TolerationArray{corev1.TolerationArgs{Operator: pulumi.String("Exists")}},
					SecurityContext:   &corev1.PodSecurityContextArgs{SeccompProfile: workload.RuntimeDefault()},
					InitContainers:    before,
					Containers:        containers,
					Volumes:           volumes,
				},
			},
		},
	}, b.Awaited(needs)...)
	if err != nil {
		return nil, fmt.Errorf("%s: daemon set: %w", part, err)
	}
	return made, nil
}
