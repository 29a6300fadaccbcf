package workload

import (
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Confined is the security context of a container: no capability but those named, no way to more. A root file system
// stays writable only where writable is true.
func Confined(writable bool, capabilities ...string) *corev1.SecurityContextArgs {
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

// RuntimeDefault keeps a pod to the system calls that its container runtime thinks safe.
func RuntimeDefault() *corev1.SeccompProfileArgs {
	return &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")}
}

// Needed are the resources that a container asks for, and the memory at which it is ended. There is no CPU limit: a
// throttled network is worse than a busy one.
func Needed(cpu, memory, memoryLimit string) *corev1.ResourceRequirementsArgs {
	return &corev1.ResourceRequirementsArgs{
		Requests: pulumi.StringMap{"cpu": pulumi.String(cpu), "memory": pulumi.String(memory)},
		Limits:   pulumi.StringMap{"memory": pulumi.String(memoryLimit)},
	}
}

// Get probes a path over HTTP, every ten seconds; host is empty for the pod's own address.
func Get(host, path string, port, failures int) *corev1.ProbeArgs {
	request := &corev1.HTTPGetActionArgs{Path: pulumi.String(path), Port: pulumi.Int(port)}
	if host != "" {
		request.Host = pulumi.String(host)
	}
	return &corev1.ProbeArgs{
		HttpGet: request, PeriodSeconds: pulumi.Int(10), TimeoutSeconds: pulumi.Int(5), FailureThreshold: pulumi.Int(failures),
	}
}

// Run probes by a command, every five seconds.
func Run(command ...string) *corev1.ProbeArgs {
	return &corev1.ProbeArgs{
		Exec:          &corev1.ExecActionArgs{Command: pulumi.ToStringArray(command)},
		PeriodSeconds: pulumi.Int(5), TimeoutSeconds: pulumi.Int(5),
	}
}

// Mount mounts a volume at a path.
func Mount(volume, path string, readOnly bool) corev1.VolumeMountArgs {
	return corev1.VolumeMountArgs{Name: pulumi.String(volume), MountPath: pulumi.String(path), ReadOnly: pulumi.Bool(readOnly)}
}

// FromConfigMap is a volume of a ConfigMap's keys.
func FromConfigMap(volume string, configMap *corev1.ConfigMap) corev1.VolumeArgs {
	return corev1.VolumeArgs{
		Name:      pulumi.String(volume),
		ConfigMap: &corev1.ConfigMapVolumeSourceArgs{Name: configMap.Metadata.Name().Elem()},
	}
}

// FromHost is a volume that is a path of the node.
func FromHost(volume, path, kind string) corev1.VolumeArgs {
	return corev1.VolumeArgs{
		Name:     pulumi.String(volume),
		HostPath: &corev1.HostPathVolumeSourceArgs{Path: pulumi.String(path), Type: pulumi.String(kind)},
	}
}

// NodeName is the environment variable NODE_NAME.
func NodeName() corev1.EnvVarArgs {
	return corev1.EnvVarArgs{
		Name: pulumi.String("NODE_NAME"),
		ValueFrom: &corev1.EnvVarSourceArgs{
			FieldRef: &corev1.ObjectFieldSelectorArgs{FieldPath: pulumi.String("spec.nodeName")},
		},
	}
}

// FromSecret is a volume of a Secret's keys, which the pod's group may read.
func FromSecret(volume string, secret *corev1.Secret) corev1.VolumeArgs {
	return corev1.VolumeArgs{
		Name:   pulumi.String(volume),
		Secret: &corev1.SecretVolumeSourceArgs{SecretName: secret.Metadata.Name().Elem(), DefaultMode: pulumi.Int(0o440)},
	}
}

// AcrossNodes keeps a part's replicas on different nodes. While only one node is ready the second replica waits: what hangs on
// one machine must not look healthy. Replicas of an old revision do not count, so that a rollout finds room on two nodes, and
// neither do nodes that take no pods.
func AcrossNodes(part string, replicas int) corev1.TopologySpreadConstraintArgs {
	return corev1.TopologySpreadConstraintArgs{
		LabelSelector:     &metav1.LabelSelectorArgs{MatchLabels: Selector(part)},
		MatchLabelKeys:    pulumi.ToStringArray([]string{"pod-template-hash"}),
		MaxSkew:           pulumi.Int(1),
		MinDomains:        pulumi.Int(replicas),
		NodeTaintsPolicy:  pulumi.String("Honor"),
		TopologyKey:       pulumi.String("kubernetes.io/hostname"),
		WhenUnsatisfiable: pulumi.String("DoNotSchedule"),
	}
}
