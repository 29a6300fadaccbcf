package storage

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

// node makes the half of the driver that mounts, on every node. It is privileged: Kubernetes lets no other container make a
// mount that the node sees. It knows no credential of the cloud.
func (b *builder) node() (*appsv1.DaemonSet, error) {
	part := b.driver.part + "-node"
	account, needs, err := b.nodeAccess(part)
	if err != nil {
		return nil, err
	}
	half := b.driver.node
	plugin := kubelet + "/plugins/" + b.driver.name
	volumes := corev1.VolumeArray{
		workload.FromHost("kubelet", kubelet, "Directory"),
		workload.FromHost("socket", plugin, "DirectoryOrCreate"),
		workload.FromHost("registration", kubelet+"/plugins_registry", "Directory"),
		workload.FromHost("devices", "/dev", "Directory"),
	}
	propagated := workload.Mount("kubelet", kubelet, false)
	propagated.MountPropagation = pulumi.String("Bidirectional")
	devices := workload.Mount("devices", "/dev", false)
	devices.MountPropagation = pulumi.String("HostToContainer")
	mounts := []corev1.VolumeMountInput{propagated, workload.Mount("socket", socketDir, false), devices}
	if b.driver.nodeConfig != "" {
		config, err := b.ConfigMap(part, map[string]string{"cloud.conf": b.driver.nodeConfig})
		if err != nil {
			return nil, err
		}
		volumes = append(volumes, workload.FromConfigMap("config", config))
		mounts = append(mounts, workload.Mount("config", configDir, true))
	}
	privileged := &corev1.SecurityContextArgs{Privileged: pulumi.Bool(true), ReadOnlyRootFilesystem: pulumi.Bool(true)}
	registrar := b.sidecar("registrar", b.images.CSINodeRegistrar,
		"--csi-address="+socket, "--kubelet-registration-path="+plugin+"/csi.sock")
	registrar.VolumeMounts = corev1.VolumeMountArray{
		workload.Mount("socket", socketDir, false), workload.Mount("registration", "/registration", false),
	}
	made, err := appsv1.NewDaemonSet(b.Ctx, b.Name+"-"+part, &appsv1.DaemonSetArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(part), Namespace: pulumi.String(workload.Namespace), Labels: b.Labels(part)},
		Spec: &appsv1.DaemonSetSpecArgs{
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: b.Labels(part)},
				Spec: &corev1.PodSpecArgs{
					ServiceAccountName:           account.Metadata.Name().Elem(),
					AutomountServiceAccountToken: pulumi.Bool(len(b.driver.nodeReads) > 0),
					HostNetwork:                  pulumi.Bool(half.host),
					DnsPolicy:                    pulumi.String("Default"),
					PriorityClassName:            pulumi.String(workload.NodeCritical),
					NodeSelector:                 pulumi.StringMap{"kubernetes.io/os": pulumi.String("linux")},
					// A node that takes no new pods still has volumes to let go of.
					Tolerations: corev1.TolerationArray{corev1.TolerationArgs{Operator: pulumi.String("Exists")}},
					// What the kubelet's folders hold is root's. The sidecars are root without any of its powers.
					SecurityContext: &corev1.PodSecurityContextArgs{RunAsUser: pulumi.Int(0), SeccompProfile: workload.RuntimeDefault()},
					Containers: corev1.ContainerArray{
						b.driverContainer(half, privileged, mounts...), registrar, b.liveness(half.host),
					},
					Volumes: volumes,
				},
			},
		},
	}, b.Awaited(append(needs, b.args.After...))...)
	if err != nil {
		return nil, fmt.Errorf("%s: daemon set: %w", part, err)
	}
	return made, nil
}

// nodeAccess is the plugin's identity: with no rights, where its driver asks the API nothing.
func (b *builder) nodeAccess(part string) (*corev1.ServiceAccount, []pulumi.Resource, error) {
	if len(b.driver.nodeReads) == 0 {
		account, err := b.Nobody(part)
		return account, []pulumi.Resource{account}, err
	}
	return b.Account(part, "lagrum:"+part, b.driver.nodeReads...)
}
