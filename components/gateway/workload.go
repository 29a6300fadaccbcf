package gateway

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/hardening"
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
)

const (
	// Ports that Traefik listens on, none of which needs a privilege.
	httpPort, httpsPort, insidePort = 8080, 8443, 8082
	// user is nobody in particular: upstream's image names none.
	user = 65532
)

// replicas are two on different workers, or one where there is one: load balancers lead to workers alone.
func (b *builder) replicas() int { return max(1, min(b.args.Plan.Workers(), 2)) }

func (b *builder) deployment(config *corev1.ConfigMap, needs []pulumi.Resource) (*appsv1.Deployment, error) {
	made, err := appsv1.NewDeployment(b.Ctx, b.Name, &appsv1.DeploymentArgs{
		Metadata: b.Metadata(),
		Spec: &appsv1.DeploymentSpecArgs{
			Replicas: pulumi.Int(b.replicas()),
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
			// All new ones first: a worker is asked as long as it has one.
			Strategy: &appsv1.DeploymentStrategyArgs{
				Type:          pulumi.String("RollingUpdate"),
				RollingUpdate: &appsv1.RollingUpdateDeploymentArgs{MaxSurge: pulumi.Int(b.replicas()), MaxUnavailable: pulumi.Int(0)},
			},
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: b.Labels(), Annotations: pulumi.StringMap{
					hardening.APIAccess: pulumi.String("Traefik reads routes and certificates of its own namespace, and says there whether it took them up"),
				}},
				Spec: b.pod(config),
			},
		},
	}, b.Awaited(needs)...)
	if err != nil {
		return nil, fmt.Errorf("deployment: %w", err)
	}
	return made, nil
}

func (b *builder) pod(config *corev1.ConfigMap) *corev1.PodSpecArgs {
	listen := func(name string, port int) corev1.ContainerPortArgs {
		return corev1.ContainerPortArgs{Name: pulumi.String(name), ContainerPort: pulumi.Int(port)}
	}
	started := workload.Get("", "/ping", insidePort, 60)
	started.PeriodSeconds = pulumi.Int(1)
	return &corev1.PodSpecArgs{
		ServiceAccountName:            pulumi.String(part),
		AutomountServiceAccountToken:  pulumi.Bool(true),
		EnableServiceLinks:            pulumi.Bool(false),
		PriorityClassName:             pulumi.String(workload.ClusterCritical),
		TerminationGracePeriodSeconds: pulumi.Int(accepting + ending + 5),
		TopologySpreadConstraints:     corev1.TopologySpreadConstraintArray{workload.AcrossNodes(part, b.replicas())},
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(user), RunAsGroup: pulumi.Int(user),
			SeccompProfile: workload.RuntimeDefault(),
		},
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:            pulumi.String(part),
			Image:           pulumi.String(images.For(b.args.Plan.Cluster).Traefik.Ref()),
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			// Not upstream's entry point, which is a script.
			Command: pulumi.ToStringArray([]string{"/usr/local/bin/traefik", "--configFile=" + folder + "/" + staticFile}),
			Ports: corev1.ContainerPortArray{
				listen(entryHTTP, httpPort), listen(entryHTTPS, httpsPort), listen(entryInside, insidePort),
			},
			StartupProbe:    started,
			LivenessProbe:   workload.Get("", "/ping", insidePort, 6),
			ReadinessProbe:  workload.Get("", "/ping", insidePort, 2),
			Resources:       workload.Needed("100m", "128Mi", "512Mi"),
			SecurityContext: workload.Confined(false),
			VolumeMounts:    corev1.VolumeMountArray{workload.Mount("config", folder, true)},
		}},
		Volumes: corev1.VolumeArray{workload.FromConfigMap("config", config)},
	}
}

// service is what the gateway's ports lead to. A worker takes connections for its own pods alone: the load balancer sees which
// has none, and a pod sees the load balancer, whom it believes, and not another worker.
func (b *builder) service(deployment *appsv1.Deployment) (*corev1.Service, error) {
	var ports corev1.ServicePortArray
	for _, port := range b.args.Plan.Gateway.Ports {
		ports = append(ports, corev1.ServicePortArgs{
			Name: pulumi.String(port.Name), Port: pulumi.Int(port.Port), TargetPort: pulumi.String(port.Name), Protocol: pulumi.String("TCP"),
			NodePort: pulumi.Int(port.NodePort),
		})
	}
	made, err := corev1.NewService(b.Ctx, b.Name, &corev1.ServiceArgs{
		Metadata: b.Metadata(),
		Spec: &corev1.ServiceSpecArgs{
			Type: pulumi.String("NodePort"), ExternalTrafficPolicy: pulumi.String("Local"), Selector: workload.Selector(part), Ports: ports,
		},
	}, b.Awaited([]pulumi.Resource{deployment})...)
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	return made, nil
}
