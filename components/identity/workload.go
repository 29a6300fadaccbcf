package identity

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
	// Port that Dex listens on, over TLS; the same as upstream's examples have. ServicePort is that of its Service.
	Port, ServicePort = 5556, 443
	portName          = "https"
	// user of upstream's image.
	user = 1001
	// apiPort is that of the API's own Service, httpsPort that of providers, ldapsPort that of directories.
	apiPort, httpsPort, ldapsPort = 443, 443, 636
)

func (b *builder) deployment(config *corev1.Secret, needs []pulumi.Resource) (*appsv1.Deployment, error) {
	pod, err := b.pod(config)
	if err != nil {
		return nil, err
	}
	made, err := appsv1.NewDeployment(b.Ctx, b.Name, &appsv1.DeploymentArgs{
		Metadata: b.Metadata(),
		Spec: &appsv1.DeploymentSpecArgs{
			Replicas: pulumi.Int(b.replicas()),
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
			// The new one first: nobody can log in without any.
			Strategy: &appsv1.DeploymentStrategyArgs{
				Type:          pulumi.String("RollingUpdate"),
				RollingUpdate: &appsv1.RollingUpdateDeploymentArgs{MaxSurge: pulumi.Int(1), MaxUnavailable: pulumi.Int(0)},
			},
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: b.Labels(), Annotations: pulumi.StringMap{
					hardening.APIAccess: pulumi.String("Dex keeps logins and the keys that it signs with as objects of its own group"),
				}},
				Spec: pod,
			},
		},
	}, b.Awaited(needs)...)
	if err != nil {
		return nil, fmt.Errorf("deployment: %w", err)
	}
	return made, nil
}

func (b *builder) pod(config *corev1.Secret) (*corev1.PodSpecArgs, error) {
	api, err := apiAddress(b.args.Plan.Cluster)
	if err != nil {
		return nil, err
	}
	probe := func(path string, failures int) *corev1.ProbeArgs {
		p := workload.Get("", b.path()+path, Port, failures)
		p.HttpGet.(*corev1.HTTPGetActionArgs).Scheme = pulumi.String("HTTPS")
		return p
	}
	// People wait for what is starting: it is asked every second, for a minute.
	started := probe("/.well-known/openid-configuration", 60)
	started.PeriodSeconds = pulumi.Int(1)
	env := append(corev1.EnvVarArray{
		// Dex would read a $ in a secret as the name of a variable.
		corev1.EnvVarArgs{Name: pulumi.String("DEX_EXPAND_ENV"), Value: pulumi.String("false")},
		corev1.EnvVarArgs{Name: pulumi.String("KUBERNETES_POD_NAMESPACE"), Value: pulumi.String(workload.IdentityNamespace)},
	}, workload.APIAddress(pulumi.String(api), apiPort)...)
	return &corev1.PodSpecArgs{
		ServiceAccountName:           pulumi.String(part),
		AutomountServiceAccountToken: pulumi.Bool(true),
		EnableServiceLinks:           pulumi.Bool(false),
		PriorityClassName:            pulumi.String(workload.ClusterCritical),
		TopologySpreadConstraints:    corev1.TopologySpreadConstraintArray{workload.AcrossNodes(part, b.replicas())},
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(user), RunAsGroup: pulumi.Int(user), FsGroup: pulumi.Int(user),
			SeccompProfile: workload.RuntimeDefault(),
		},
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:            pulumi.String(part),
			Image:           pulumi.String(images.For(b.args.Plan.Cluster).Dex.Ref()),
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			// Not upstream's entry point, which would first expand templates in the configuration.
			Command: pulumi.ToStringArray([]string{"/usr/local/bin/dex", "serve", folder + "/" + configFile}),
			Env:     env,
			Ports:   corev1.ContainerPortArray{corev1.ContainerPortArgs{Name: pulumi.String(portName), ContainerPort: pulumi.Int(Port)}},
			// The first asks the process alone. The second asks the API too: without it nobody can log in, and a new process
			// would change nothing.
			StartupProbe:    started,
			LivenessProbe:   probe("/.well-known/openid-configuration", 6),
			ReadinessProbe:  probe("/healthz", 3),
			Resources:       workload.Needed("50m", "64Mi", "256Mi"),
			SecurityContext: workload.Confined(false),
			VolumeMounts:    corev1.VolumeMountArray{workload.Mount("config", folder, true)},
		}},
		Volumes: corev1.VolumeArray{workload.FromSecret("config", config)},
	}, nil
}

// service is what the gateway asks. Nobody else comes to it.
func (b *builder) service(deployment *appsv1.Deployment) (*corev1.Service, error) {
	made, err := corev1.NewService(b.Ctx, b.Name, &corev1.ServiceArgs{
		Metadata: b.Metadata(),
		Spec: &corev1.ServiceSpecArgs{
			Type: pulumi.String("ClusterIP"), Selector: workload.Selector(part),
			Ports: corev1.ServicePortArray{corev1.ServicePortArgs{
				Name: pulumi.String(portName), Port: pulumi.Int(ServicePort), TargetPort: pulumi.String(portName), Protocol: pulumi.String("TCP"),
			}},
		},
	}, b.Awaited([]pulumi.Resource{deployment})...)
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	return made, nil
}
