package network

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// onEveryNode makes the DaemonSet of a part that is the node's own network: on the host's network, on every node
// whatever its taints, and never evicted for an ordinary pod.
func (b *builder) onEveryNode(
	part string, account *corev1.ServiceAccount, needs []pulumi.Resource,
	containers corev1.ContainerArray, volumes corev1.VolumeArray,
) (*appsv1.DaemonSet, error) {
	made, err := appsv1.NewDaemonSet(b.ctx, b.name+"-"+part, &appsv1.DaemonSetArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(part), Namespace: pulumi.String(namespace), Labels: labels(part),
		},
		Spec: &appsv1.DaemonSetSpecArgs{
			Selector: &metav1.LabelSelectorArgs{MatchLabels: selector(part)},
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: labels(part)},
				Spec: &corev1.PodSpecArgs{
					ServiceAccountName:           account.Metadata.Name().Elem(),
					AutomountServiceAccountToken: pulumi.Bool(true),
					HostNetwork:                  pulumi.Bool(true),
					// The node's own resolver: cluster DNS is not there yet, and would be asked through this very pod.
					DnsPolicy:         pulumi.String("Default"),
					PriorityClassName: pulumi.String(nodeCritical),
					NodeSelector:      pulumi.StringMap{"kubernetes.io/os": pulumi.String("linux")},
					Tolerations:       corev1.TolerationArray{corev1.TolerationArgs{Operator: pulumi.String("Exists")}},
					SecurityContext:   &corev1.PodSecurityContextArgs{SeccompProfile: runtimeDefault()},
					Containers:        containers,
					Volumes:           volumes,
				},
			},
		},
	}, b.workload(needs)...)
	if err != nil {
		return nil, fmt.Errorf("%s: daemon set: %w", part, err)
	}
	return made, nil
}

// workload gives the options of an awaited workload. It depends on its rights, so that at teardown it loses them last.
func (b *builder) workload(needs []pulumi.Resource) []pulumi.ResourceOption {
	timeout := rolloutTimeout.String()
	return []pulumi.ResourceOption{
		b.parent, pulumi.DependsOn(needs), pulumi.Timeouts(&pulumi.CustomTimeouts{Create: timeout, Update: timeout, Delete: timeout}),
	}
}

// confined is the security context of a container: no capability but those named, no way to more. A root file system
// stays writable only where writable is true.
func confined(writable bool, capabilities ...string) *corev1.SecurityContextArgs {
	c := &corev1.CapabilitiesArgs{Drop: pulumi.ToStringArray([]string{"ALL"})}
	if len(capabilities) > 0 {
		c.Add = pulumi.ToStringArray(capabilities)
	}
	return &corev1.SecurityContextArgs{
		AllowPrivilegeEscalation: pulumi.Bool(false),
		ReadOnlyRootFilesystem:   pulumi.Bool(!writable),
		Capabilities:             c,
	}
}

func runtimeDefault() *corev1.SeccompProfileArgs {
	return &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")}
}

// needed are the resources that a container asks for, and the memory at which it is ended. There is no CPU limit: a
// throttled network is worse than a busy one.
func needed(cpu, memory, memoryLimit string) *corev1.ResourceRequirementsArgs {
	return &corev1.ResourceRequirementsArgs{
		Requests: pulumi.StringMap{"cpu": pulumi.String(cpu), "memory": pulumi.String(memory)},
		Limits:   pulumi.StringMap{"memory": pulumi.String(memoryLimit)},
	}
}

// get probes a path over HTTP, every ten seconds; host is empty for the pod's own address.
func get(host, path string, port, failures int) *corev1.ProbeArgs {
	request := &corev1.HTTPGetActionArgs{Path: pulumi.String(path), Port: pulumi.Int(port)}
	if host != "" {
		request.Host = pulumi.String(host)
	}
	return &corev1.ProbeArgs{
		HttpGet: request, PeriodSeconds: pulumi.Int(10), TimeoutSeconds: pulumi.Int(5), FailureThreshold: pulumi.Int(failures),
	}
}

// run probes by a command, every five seconds.
func run(command ...string) *corev1.ProbeArgs {
	return &corev1.ProbeArgs{
		Exec:          &corev1.ExecActionArgs{Command: pulumi.ToStringArray(command)},
		PeriodSeconds: pulumi.Int(5), TimeoutSeconds: pulumi.Int(5),
	}
}

func mount(volume, path string, readOnly bool) corev1.VolumeMountArgs {
	return corev1.VolumeMountArgs{Name: pulumi.String(volume), MountPath: pulumi.String(path), ReadOnly: pulumi.Bool(readOnly)}
}

func fromConfigMap(volume string, configMap *corev1.ConfigMap) corev1.VolumeArgs {
	return corev1.VolumeArgs{
		Name:      pulumi.String(volume),
		ConfigMap: &corev1.ConfigMapVolumeSourceArgs{Name: configMap.Metadata.Name().Elem()},
	}
}

func fromHost(volume, path, kind string) corev1.VolumeArgs {
	return corev1.VolumeArgs{
		Name:     pulumi.String(volume),
		HostPath: &corev1.HostPathVolumeSourceArgs{Path: pulumi.String(path), Type: pulumi.String(kind)},
	}
}

// nodeName is the environment variable NODE_NAME.
func nodeName() corev1.EnvVarArgs {
	return corev1.EnvVarArgs{
		Name: pulumi.String("NODE_NAME"),
		ValueFrom: &corev1.EnvVarSourceArgs{
			FieldRef: &corev1.ObjectFieldSelectorArgs{FieldPath: pulumi.String("spec.nodeName")},
		},
	}
}
