package storage

import (
	"fmt"
	"strings"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	policyv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/policy/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	// healthPort is where the liveness sidecar answers for the driver.
	healthPort = 9808
	// user is nobody's on a node.
	user = 65532
)

func (b *builder) controllerPart() string { return b.driver.part + "-controller" }

// controller makes the half of the driver that asks the cloud, with the sidecars that tell it what for. They talk over a
// socket that no other pod sees.
func (b *builder) controller() (*appsv1.Deployment, error) {
	part := b.controllerPart()
	account, needs, err := b.controllerAccess()
	if err != nil {
		return nil, err
	}
	config, err := b.Secret(part, pulumi.StringMap{"cloud.conf": b.args.Config.ToStringOutput()})
	if err != nil {
		return nil, err
	}
	replicas := b.controllerReplicas()
	made, err := appsv1.NewDeployment(b.Ctx, b.Name+"-"+part, &appsv1.DeploymentArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(part), Namespace: pulumi.String(workload.Namespace), Labels: b.Labels(part)},
		Spec: &appsv1.DeploymentSpecArgs{
			Replicas: pulumi.Int(replicas),
			// On the node's network two pods of a node want one port: the old one goes before the new one comes.
			Strategy: &appsv1.DeploymentStrategyArgs{
				Type:          pulumi.String("RollingUpdate"),
				RollingUpdate: &appsv1.RollingUpdateDeploymentArgs{MaxSurge: pulumi.Int(0), MaxUnavailable: pulumi.Int(1)},
			},
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: b.Labels(part)},
				Spec:     b.controllerPod(account, config, replicas),
			},
		},
	}, b.Awaited(append(needs, b.args.After...))...)
	if err != nil {
		return nil, fmt.Errorf("%s: deployment: %w", part, err)
	}
	_, err = policyv1.NewPodDisruptionBudget(b.Ctx, b.Name+"-"+part, &policyv1.PodDisruptionBudgetArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(part), Namespace: pulumi.String(workload.Namespace), Labels: b.Labels(part)},
		Spec: &policyv1.PodDisruptionBudgetSpecArgs{
			MaxUnavailable: pulumi.Int(1), Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
		},
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("%s: pod disruption budget: %w", part, err)
	}
	return made, nil
}

// controllerReplicas is two on different control planes, or one where there is one.
func (b *builder) controllerReplicas() int {
	count := 0
	for _, pool := range b.args.Plan.Pools {
		if pool.Role == plan.ControlPlane {
			count += len(pool.Nodes)
		}
	}
	return min(count, 2)
}

// controllerAccess is what the sidecars ask of the API. It reads no Secret, of which no class names one, knows no
// snapshots, and sees no pods: the resizer does not ask whether a volume is in use.
func (b *builder) controllerAccess() (*corev1.ServiceAccount, []pulumi.Resource, error) {
	part := b.controllerPart()
	watched := []string{"get", "list", "watch"}
	account, needs, err := b.Account(part, "lagrum:"+part,
		workload.Rule{Resources: []string{"persistentvolumes"}, Verbs: append(watched[:3:3], "create", "patch", "delete")},
		workload.Rule{Resources: []string{"persistentvolumeclaims"}, Verbs: append(watched[:3:3], "update")},
		workload.Rule{Resources: []string{"persistentvolumeclaims/status"}, Verbs: []string{"patch"}},
		workload.Rule{Resources: []string{"nodes"}, Verbs: watched},
		workload.Rule{Resources: []string{"events"}, Verbs: []string{"create", "patch", "update"}},
		workload.Rule{Group: "storage.k8s.io", Resources: []string{"storageclasses", "csinodes"}, Verbs: watched},
		workload.Rule{Group: "storage.k8s.io", Resources: []string{"volumeattachments"}, Verbs: append(watched[:3:3], "patch")},
		workload.Rule{Group: "storage.k8s.io", Resources: []string{"volumeattachments/status"}, Verbs: []string{"patch"}},
	)
	if err != nil {
		return nil, nil, err
	}
	// What each sidecar calls its lease: the driver's name, with what is no letter, digit or hyphen as a hyphen.
	lease := strings.ReplaceAll(b.driver.name, ".", "-")
	leases, err := b.Leases(part, lease, "external-attacher-leader-"+lease, "external-resizer-"+lease)
	if err != nil {
		return nil, nil, err
	}
	return account, append(needs, leases...), nil
}

func (b *builder) controllerPod(account *corev1.ServiceAccount, config *corev1.Secret, replicas int) *corev1.PodSpecArgs {
	half := b.driver.controller
	elected := []string{"--csi-address=" + socket, "--timeout=3m", "--leader-election=true"}
	const controlPlane = "node-role.kubernetes.io/control-plane"
	return &corev1.PodSpecArgs{
		ServiceAccountName:           account.Metadata.Name().Elem(),
		AutomountServiceAccountToken: pulumi.Bool(true),
		HostNetwork:                  pulumi.Bool(half.host),
		DnsPolicy:                    pulumi.String("Default"),
		PriorityClassName:            pulumi.String(workload.ClusterCritical),
		NodeSelector:                 pulumi.StringMap{controlPlane: pulumi.String("")},
		Tolerations: corev1.TolerationArray{corev1.TolerationArgs{
			Key: pulumi.String(controlPlane), Operator: pulumi.String("Exists"), Effect: pulumi.String("NoSchedule"),
		}},
		TopologySpreadConstraints: corev1.TopologySpreadConstraintArray{corev1.TopologySpreadConstraintArgs{
			LabelSelector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(b.controllerPart())},
			// Old pods count: none may share a node with a new one.
			MaxSkew: pulumi.Int(1), MinDomains: pulumi.Int(replicas), NodeTaintsPolicy: pulumi.String("Honor"),
			TopologyKey: pulumi.String("kubernetes.io/hostname"), WhenUnsatisfiable: pulumi.String("DoNotSchedule"),
		}},
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(user), RunAsGroup: pulumi.Int(user), FsGroup: pulumi.Int(user),
			SeccompProfile: workload.RuntimeDefault(),
		},
		Containers: corev1.ContainerArray{
			b.driverContainer(half, workload.Confined(false),
				workload.Mount("socket", socketDir, false), workload.Mount("config", configDir, true)),
			b.sidecar("provisioner", b.images.CSIProvisioner, append(elected[:3:3], "--default-fstype=ext4", "--extra-create-metadata")...),
			b.sidecar("attacher", b.images.CSIAttacher, append(elected[:3:3], "--default-fstype=ext4")...),
			b.sidecar("resizer", b.images.CSIResizer, append(elected[:3:3], "--handle-volume-inuse-error=false")...),
			b.liveness(half.host),
		},
		Volumes: corev1.VolumeArray{
			corev1.VolumeArgs{Name: pulumi.String("socket"), EmptyDir: &corev1.EmptyDirVolumeSourceArgs{}},
			workload.FromSecret("config", config),
		},
	}
}

// driverContainer runs one half of the driver. Its health is what the liveness sidecar hears from it.
func (b *builder) driverContainer(h half, security *corev1.SecurityContextArgs, mounts ...corev1.VolumeMountInput) corev1.ContainerArgs {
	asked := ""
	if h.host {
		asked = "127.0.0.1"
	}
	return corev1.ContainerArgs{
		Name:            pulumi.String("driver"),
		Image:           pulumi.String(b.driver.image.Ref()),
		ImagePullPolicy: pulumi.String("IfNotPresent"),
		Command:         pulumi.ToStringArray(h.command),
		Args:            pulumi.ToStringArray(h.args),
		Env:             append(b.api[:len(b.api):len(b.api)], h.env...),
		LivenessProbe:   workload.Get(asked, "/healthz", healthPort, 6),
		ReadinessProbe:  workload.Get(asked, "/healthz", healthPort, 3),
		Resources:       workload.Needed("20m", "64Mi", "256Mi"),
		SecurityContext: security,
		VolumeMounts:    corev1.VolumeMountArray(mounts),
	}
}

func (b *builder) sidecar(name string, image images.Image, args ...string) corev1.ContainerArgs {
	return corev1.ContainerArgs{
		Name:            pulumi.String(name),
		Image:           pulumi.String(image.Ref()),
		ImagePullPolicy: pulumi.String("IfNotPresent"),
		Args:            pulumi.ToStringArray(args),
		Env:             b.api,
		Resources:       workload.Needed("10m", "32Mi", "256Mi"),
		SecurityContext: workload.Confined(false),
		VolumeMounts:    corev1.VolumeMountArray{workload.Mount("socket", socketDir, false)},
	}
}

// liveness answers for the driver over HTTP; on the node's network to the node alone.
func (b *builder) liveness(host bool) corev1.ContainerArgs {
	address := ""
	if host {
		address = "127.0.0.1"
	}
	return b.sidecar("liveness", b.images.CSILivenessProbe,
		"--csi-address="+socket, fmt.Sprintf("--http-endpoint=%s:%d", address, healthPort))
}
