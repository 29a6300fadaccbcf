package runtime

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
)

// capabilities are those of upstream's least privileged mode for this probe, and no other:
// https://falco.org/docs/concepts/event-sources/kernel/ and the template of falcosecurity/charts. BPF and PERFMON load the probe
// and read its buffers, SYS_RESOURCE lifts the limit on locked memory, SYS_PTRACE reads of processes that run already.
var capabilities = []string{"BPF", "PERFMON", "SYS_PTRACE", "SYS_RESOURCE"}

const (
	// host is below what Falco looks for the node's folders (HOST_ROOT).
	host = "/host"
	// beatSeconds lie between two heartbeats.
	beatSeconds = 60
	// program is Falco in upstream's image.
	program = "/usr/bin/falco"
)

func (b *builder) daemonSet(account *corev1.ServiceAccount, config *corev1.ConfigMap) (*appsv1.DaemonSet, error) {
	made, err := appsv1.NewDaemonSet(b.Ctx, b.Name, &appsv1.DaemonSetArgs{
		Metadata: b.Metadata(),
		Spec: &appsv1.DaemonSetSpecArgs{
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
			// One node at a time is not watched.
			UpdateStrategy: &appsv1.DaemonSetUpdateStrategyArgs{
				Type:          pulumi.String("RollingUpdate"),
				RollingUpdate: &appsv1.RollingUpdateDaemonSetArgs{MaxUnavailable: pulumi.Int(1)},
			},
			Template: &corev1.PodTemplateSpecArgs{Metadata: &metav1.ObjectMetaArgs{Labels: b.Labels()}, Spec: b.pod(account, config)},
		},
	}, b.Awaited([]pulumi.Resource{account})...)
	if err != nil {
		return nil, fmt.Errorf("daemon set: %w", err)
	}
	return made, nil
}

func (b *builder) pod(account *corev1.ServiceAccount, config *corev1.ConfigMap) *corev1.PodSpecArgs {
	env := func(name, value string) corev1.EnvVarArgs {
		return corev1.EnvVarArgs{Name: pulumi.String(name), Value: pulumi.String(value)}
	}
	node := workload.NodeName()
	node.Name = pulumi.String("FALCO_HOSTNAME") // the hostname of every line
	security := workload.Confined(false, capabilities...)
	// AppArmor's profile of container runtimes keeps a container from reading of processes outside it, whatever its capabilities.
	security.AppArmorProfile = &corev1.AppArmorProfileArgs{Type: pulumi.String("Unconfined")}
	spec := &corev1.PodSpecArgs{
		ServiceAccountName:           account.Metadata.Name().Elem(),
		AutomountServiceAccountToken: pulumi.Bool(false),
		EnableServiceLinks:           pulumi.Bool(false),
		PriorityClassName:            pulumi.String(workload.NodeCritical),
		NodeSelector:                 pulumi.StringMap{"kubernetes.io/os": pulumi.String("linux")},
		// Control planes, nodes in trouble, and nodes that are being left: there most of all.
		Tolerations: corev1.TolerationArray{corev1.TolerationArgs{Operator: pulumi.String("Exists")}},
		// The container runtime's socket and most of the node's /proc are root's.
		SecurityContext: &corev1.PodSecurityContextArgs{RunAsUser: pulumi.Int(0), SeccompProfile: workload.RuntimeDefault()},
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:            pulumi.String(part),
			Image:           pulumi.String(images.For(b.args.Plan.Cluster).Falco.Ref()),
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			Command:         pulumi.ToStringArray([]string{program, "-c", folder + "/" + configFile}),
			Env:             corev1.EnvVarArray{env("HOST_ROOT", host), node},
			Ports:           corev1.ContainerPortArray{corev1.ContainerPortArgs{Name: pulumi.String("web"), ContainerPort: pulumi.Int(port)}},
			// Loading the probe takes a while on a busy node.
			StartupProbe:   workload.Get("", "/healthz", port, 30),
			LivenessProbe:  workload.Get("", "/healthz", port, 6),
			ReadinessProbe: heartbeat(),
			// Upstream's own request and limit.
			Resources:       workload.Needed("100m", "512Mi", "1Gi"),
			SecurityContext: security,
			VolumeMounts: corev1.VolumeMountArray{
				workload.Mount("config", folder, true), workload.Mount("proc", host+"/proc", true),
				// That a socket's folder is mounted read-only holds nobody back who may open it: see docs/security.md.
				workload.Mount("container-runtime", host+"/run/containerd", true), workload.Mount("tracing", "/sys/kernel/tracing", true),
			},
		}},
		Volumes: corev1.VolumeArray{
			workload.FromConfigMap("config", config), workload.FromHost("proc", "/proc", "Directory"),
			// The folder, since the socket in it is another one after the runtime was started anew.
			workload.FromHost("container-runtime", "/run/containerd", "Directory"), workload.FromHost("tracing", "/sys/kernel/tracing", "Directory"),
		},
	}
	if !everywhere(b.args.Plan) {
		spec.Affinity = pools(b.args.Plan.Watched)
	}
	return spec
}

// heartbeat has the kubelet do something in the container that a rule sees: if its line is missing, then the probe, the rules
// or the way out of the lines do not work, whatever Falco says of itself.
func heartbeat() *corev1.ProbeArgs {
	p := workload.Run(program, beat[1])
	p.PeriodSeconds = pulumi.Int(beatSeconds)
	return p
}

// pools are nodes by their pools.
func pools(names []string) *corev1.AffinityArgs {
	return &corev1.AffinityArgs{NodeAffinity: &corev1.NodeAffinityArgs{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelectorArgs{NodeSelectorTerms: corev1.NodeSelectorTermArray{corev1.NodeSelectorTermArgs{
			MatchExpressions: corev1.NodeSelectorRequirementArray{corev1.NodeSelectorRequirementArgs{
				Key: pulumi.String(cluster.PoolLabel), Operator: pulumi.String("In"), Values: pulumi.ToStringArray(names),
			}},
		}}},
	}}
}
