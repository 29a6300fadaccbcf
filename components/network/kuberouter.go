package network

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const (
	kubeRouter = "kube-router"
	// kubeRouterHealth is upstream's default.
	kubeRouterHealth = 20244
)

// kubeRouter enforces NetworkPolicy on every node. Nothing else of it runs.
func (b *builder) kubeRouter() (*appsv1.DaemonSet, error) {
	// It starts a watch for each of these, whatever it is told to run (kube-router v2.1.0, pkg/cmd).
	watched := []string{"list", "watch"}
	account, needs, err := b.Account(kubeRouter, "lagrum:kube-router",
		workload.Rule{Group: "", Resources: []string{"namespaces", "pods", "services", "endpoints"}, Verbs: watched},
		workload.Rule{Group: "", Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch"}},
		workload.Rule{Group: "discovery.k8s.io", Resources: []string{"endpointslices"}, Verbs: watched},
		workload.Rule{Group: "networking.k8s.io", Resources: []string{"networkpolicies"}, Verbs: watched},
	)
	if err != nil {
		return nil, err
	}
	return b.onEveryNode(kubeRouter, account, needs, nil, corev1.ContainerArray{corev1.ContainerArgs{
		Name:            pulumi.String(kubeRouter),
		Image:           pulumi.String(b.images.KubeRouter.Ref()),
		ImagePullPolicy: pulumi.String("IfNotPresent"),
		Args: pulumi.ToStringArray([]string{
			"--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false",
			// Traffic to services is let through to the pods behind them, where policy decides.
			"--service-cluster-ip-range=" + b.plan.Cluster.ServiceCIDR,
			fmt.Sprintf("--health-port=%d", kubeRouterHealth), "--metrics-port=0",
		}),
		Env: append(corev1.EnvVarArray{workload.NodeName()}, b.api...),
		// Its health fails when no sync of policies has ended for more than five minutes.
		LivenessProbe: workload.Get("", "/healthz", kubeRouterHealth, 6),
		// Its health says yes before the first rule is written. What counts is the rule that every sync writes last.
		ReadinessProbe: workload.Run("iptables", "--wait", "5", "--check", "KUBE-ROUTER-FORWARD",
			"--match", "comment", "--comment", "rule to explicitly ACCEPT traffic that comply to network policies",
			"--match", "mark", "--mark", ruledMark+"/"+ruledMark, "--jump", "ACCEPT"),
		Resources: workload.Needed("50m", "64Mi", "256Mi"),
		// As with flannel, the image's choice of iptables is written to its own disk.
		SecurityContext: workload.Confined(true, "NET_ADMIN", "NET_RAW"),
		VolumeMounts:    corev1.VolumeMountArray{workload.Mount("xtables-lock", "/run/xtables.lock", false)},
	}}, corev1.VolumeArray{workload.FromHost("xtables-lock", "/run/xtables.lock", "FileOrCreate")})
}
