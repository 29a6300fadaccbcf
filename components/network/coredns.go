package network

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	policyv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/policy/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const (
	coreDNS = "coredns"
	// dnsService and dnsLabel are the names by which others find cluster DNS: conformance tests, and every
	// NetworkPolicy that lets DNS through.
	dnsService = "kube-dns"
	dnsLabel   = "k8s-app"
	dnsPort    = 53
	// nobody is the user of upstream's image.
	nobody = 65532
)

// coreDNS answers names in the cluster, and forwards all others to the nodes' own resolvers. It returns the Service,
// which is the last of it to be ready.
func (b *builder) coreDNS(after ...pulumi.Resource) (*corev1.Service, error) {
	watched := []string{"list", "watch"}
	account, needs, err := b.Account(coreDNS, "lagrum:coredns",
		workload.Rule{Group: "", Resources: []string{"namespaces", "services"}, Verbs: watched},
		workload.Rule{Group: "discovery.k8s.io", Resources: []string{"endpointslices"}, Verbs: watched},
	)
	if err != nil {
		return nil, err
	}
	config, err := b.ConfigMap(coreDNS, map[string]string{"Corefile": corefile(b.plan.Cluster.Domain)})
	if err != nil {
		return nil, err
	}
	deployment, err := b.coreDNSDeployment(account, config, append(needs, after...))
	if err != nil {
		return nil, err
	}
	if err := b.coreDNSBudget(); err != nil {
		return nil, err
	}
	return b.coreDNSService(deployment)
}

// corefile renders CoreDNS's configuration. It answers no name for a pod's address: that would vouch for addresses
// that no pod has. The cluster's own names are in memory already and are not cached a second time. A changed Corefile
// rolls the pods, so that none is read while it serves.
func corefile(domain string) string {
	return fmt.Sprintf(`.:%[2]d {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes %[1]s in-addr.arpa ip6.arpa {
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
        max_concurrent 1000
    }
    cache 30 {
        disable success %[1]s
        disable denial %[1]s
    }
    loop
    loadbalance
}
`, domain, dnsPort)
}

// coreDNSReplicas is two on different nodes, or one where there is one node.
func (b *builder) coreDNSReplicas() int { return min(b.nodes(), 2) }

func (b *builder) dnsLabels() pulumi.StringMap {
	all := b.Labels(coreDNS)
	all[dnsLabel] = pulumi.String(dnsService)
	return all
}

func (b *builder) coreDNSDeployment(
	account *corev1.ServiceAccount, config *corev1.ConfigMap, needs []pulumi.Resource,
) (*appsv1.Deployment, error) {
	replicas := b.coreDNSReplicas()
	made, err := appsv1.NewDeployment(b.Ctx, b.Name+"-"+coreDNS, &appsv1.DeploymentArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(coreDNS), Namespace: pulumi.String(workload.Namespace), Labels: b.dnsLabels(),
		},
		Spec: &appsv1.DeploymentSpecArgs{
			Replicas: pulumi.Int(replicas),
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(coreDNS)},
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: b.dnsLabels()},
				Spec: &corev1.PodSpecArgs{
					ServiceAccountName:           account.Metadata.Name().Elem(),
					AutomountServiceAccountToken: pulumi.Bool(true),
					DnsPolicy:                    pulumi.String("Default"), // the node's resolver, not itself
					PriorityClassName:            pulumi.String(workload.ClusterCritical),
					NodeSelector:                 pulumi.StringMap{"kubernetes.io/os": pulumi.String("linux")},
					Tolerations: corev1.TolerationArray{
						corev1.TolerationArgs{
							Key: pulumi.String("node-role.kubernetes.io/control-plane"), Operator: pulumi.String("Exists"), Effect: pulumi.String("NoSchedule"),
						},
					},
					TopologySpreadConstraints: corev1.TopologySpreadConstraintArray{workload.AcrossNodes(coreDNS, replicas)},
					SecurityContext: &corev1.PodSecurityContextArgs{
						RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(nobody), RunAsGroup: pulumi.Int(nobody),
						SeccompProfile: workload.RuntimeDefault(),
						// Policies know DNS by port 53, and an ordinary user may not listen there by default.
						Sysctls: corev1.SysctlArray{corev1.SysctlArgs{
							Name: pulumi.String("net.ipv4.ip_unprivileged_port_start"), Value: pulumi.String("53"),
						}},
					},
					Containers: corev1.ContainerArray{corev1.ContainerArgs{
						Name:            pulumi.String(coreDNS),
						Image:           pulumi.String(b.images.CoreDNS.Ref()),
						ImagePullPolicy: pulumi.String("IfNotPresent"),
						Args:            pulumi.ToStringArray([]string{"-conf", "/etc/coredns/Corefile"}),
						Ports: corev1.ContainerPortArray{
							corev1.ContainerPortArgs{Name: pulumi.String("dns"), ContainerPort: pulumi.Int(dnsPort), Protocol: pulumi.String("UDP")},
							corev1.ContainerPortArgs{Name: pulumi.String("dns-tcp"), ContainerPort: pulumi.Int(dnsPort), Protocol: pulumi.String("TCP")},
							corev1.ContainerPortArgs{Name: pulumi.String("metrics"), ContainerPort: pulumi.Int(9153), Protocol: pulumi.String("TCP")},
						},
						LivenessProbe:  workload.Get("", "/health", 8080, 6),
						ReadinessProbe: workload.Get("", "/ready", 8181, 3),
						Resources:      workload.Needed("100m", "70Mi", "256Mi"),
						// The capability is in the file of upstream's program, which does not start where it is barred.
						SecurityContext: workload.Confined(false, "NET_BIND_SERVICE"),
						VolumeMounts:    corev1.VolumeMountArray{workload.Mount("config", "/etc/coredns", true)},
					}},
					Volumes: corev1.VolumeArray{workload.FromConfigMap("config", config)},
				},
			},
		},
	}, b.Awaited(needs)...)
	if err != nil {
		return nil, fmt.Errorf("%s: deployment: %w", coreDNS, err)
	}
	return made, nil
}

// coreDNSBudget lets a drain take one replica at a time; also the only one, or the node could never be drained.
func (b *builder) coreDNSBudget() error {
	_, err := policyv1.NewPodDisruptionBudget(b.Ctx, b.Name+"-"+coreDNS, &policyv1.PodDisruptionBudgetArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(coreDNS), Namespace: pulumi.String(workload.Namespace), Labels: b.Labels(coreDNS),
		},
		Spec: &policyv1.PodDisruptionBudgetSpecArgs{
			MaxUnavailable: pulumi.Int(1),
			Selector:       &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(coreDNS)},
		},
	}, b.Parent)
	if err != nil {
		return fmt.Errorf("%s: pod disruption budget: %w", coreDNS, err)
	}
	return nil
}

// coreDNSService gives DNS the address that every kubelet writes into its pods.
func (b *builder) coreDNSService(deployment *appsv1.Deployment) (*corev1.Service, error) {
	made, err := corev1.NewService(b.Ctx, b.Name+"-"+coreDNS, &corev1.ServiceArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(dnsService), Namespace: pulumi.String(workload.Namespace), Labels: b.dnsLabels(),
		},
		Spec: &corev1.ServiceSpecArgs{
			ClusterIP: pulumi.String(b.plan.Cluster.DNSAddress),
			Selector:  workload.Selector(coreDNS),
			Ports: corev1.ServicePortArray{
				corev1.ServicePortArgs{Name: pulumi.String("dns"), Port: pulumi.Int(dnsPort), TargetPort: pulumi.String("dns"), Protocol: pulumi.String("UDP")},
				corev1.ServicePortArgs{Name: pulumi.String("dns-tcp"), Port: pulumi.Int(dnsPort), TargetPort: pulumi.String("dns-tcp"), Protocol: pulumi.String("TCP")},
			},
		},
	}, b.Awaited([]pulumi.Resource{deployment})...)
	if err != nil {
		return nil, fmt.Errorf("%s: service: %w", coreDNS, err)
	}
	return made, nil
}
