// Package cloudcontroller runs the cloud controller manager: what tells Kubernetes of a node which machine it is, where it
// stands and at which addresses, and what takes a Node away when its machine has gone.
//
// Two of its controllers run, that of nodes and that of their life. Load balancers are resources of this program, and
// flannel carries pods between nodes: with the controllers of services and of routes off, the manager needs no right to
// change anything in the cloud.
//
// A kubelet of such a cluster registers with a taint that only this manager takes away. It therefore waits for nothing that
// waits for that: not for cluster DNS, and not for the route to the API's own Service.
package cloudcontroller

import (
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:cloudcontroller:CloudController"

const (
	part       = "cloud-controller-manager"
	configPath = "/etc/lagrum/cloud.conf"
	// healthPort is upstream's.
	healthPort = 10258
	// user is nobody's on a node.
	user = 65532
)

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Endpoint is the host of the API's load balancer, without port.
	Endpoint pulumi.StringInput
	// Config is the file that the manager reads of its cloud. Secret where it holds a credential.
	Config pulumi.StringInput
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// CloudController is a cloud controller manager that runs.
type CloudController struct {
	pulumi.ResourceState

	// Ready is its workload: nodes are told of their machines once it is.
	Ready pulumi.Resource
}

// manager is what differs between clouds.
type manager struct {
	image    images.Image
	provider string // the manager's own name of its cloud
	// host runs the pod on the node's network.
	host bool
}

// managers by the plan's name of the cloud.
func managers(c images.Catalogue) map[string]manager {
	return map[string]manager{
		"openstack": {image: c.OpenStackController, provider: "openstack"},
		// The credential of the machine's role comes from the metadata service, which answers over one hop only.
		"aws": {image: c.AWSController, provider: "aws", host: true},
	}
}

// New installs the manager. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*CloudController, error) {
	c := &CloudController{}
	kind := args.Plan.Cloud.Kind
	m, known := managers(images.For(args.Plan.Cluster))[kind]
	if !known {
		return nil, fmt.Errorf("%s: cloud.kind: %q has no controller manager", name, kind)
	}
	err := construct.Component(ctx, token, name, c, pulumi.Map{"cloud": pulumi.String(kind)}, opts,
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			set := &workload.Set{Ctx: ctx, Name: name, PartOf: "cloud", Parent: parent, Guards: args.Guards}
			account, needs, err := access(set)
			if err != nil {
				return nil, err
			}
			config, err := set.Secret(part, pulumi.StringMap{"cloud.conf": args.Config.ToStringOutput()})
			if err != nil {
				return nil, err
			}
			made, err := appsv1.NewDaemonSet(ctx, name+"-"+part, &appsv1.DaemonSetArgs{
				Metadata: &metav1.ObjectMetaArgs{
					Name: pulumi.String(part), Namespace: pulumi.String(workload.Namespace), Labels: set.Labels(part),
				},
				Spec: &appsv1.DaemonSetSpecArgs{
					Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
					Template: &corev1.PodTemplateSpecArgs{
						Metadata: &metav1.ObjectMetaArgs{Labels: set.Labels(part)},
						Spec:     m.pod(args, account, config),
					},
				},
			}, set.Awaited(needs)...)
			if err != nil {
				return nil, fmt.Errorf("%s: daemon set: %w", part, err)
			}
			c.Ready = made
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// access is what the two controllers and the election of their leader ask of the API: Nodes, and nothing that is secret.
func access(set *workload.Set) (*corev1.ServiceAccount, []pulumi.Resource, error) {
	account, needs, err := set.Account(part, "lagrum:"+part,
		workload.Rule{Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch", "update", "patch", "delete"}},
		workload.Rule{Resources: []string{"nodes/status"}, Verbs: []string{"patch"}},
		workload.Rule{Resources: []string{"events"}, Verbs: []string{"create", "patch", "update"}},
	)
	if err != nil {
		return nil, nil, err
	}
	leases, err := set.Leases(part, part)
	if err != nil {
		return nil, nil, err
	}
	return account, append(needs, leases...), nil
}

func (m manager) pod(args *Args, account *corev1.ServiceAccount, config *corev1.Secret) *corev1.PodSpecArgs {
	// Its health is for the kubelet: on the node's network, which others reach, it listens to the node alone.
	bind, asked := "0.0.0.0", ""
	if m.host {
		bind, asked = "127.0.0.1", "127.0.0.1"
	}
	probe := func(failures int) *corev1.ProbeArgs {
		p := workload.Get(asked, "/healthz", healthPort, failures)
		p.HttpGet.(*corev1.HTTPGetActionArgs).Scheme = pulumi.String("HTTPS")
		return p
	}
	return &corev1.PodSpecArgs{
		ServiceAccountName:           account.Metadata.Name().Elem(),
		AutomountServiceAccountToken: pulumi.Bool(true),
		HostNetwork:                  pulumi.Bool(m.host),
		DnsPolicy:                    pulumi.String("Default"), // the node's resolver: cluster DNS waits for this pod
		PriorityClassName:            pulumi.String(workload.ClusterCritical),
		NodeSelector:                 pulumi.StringMap{"node-role.kubernetes.io/control-plane": pulumi.String("")},
		Tolerations: corev1.TolerationArray{
			tolerates("node-role.kubernetes.io/control-plane"),
			// Set by a kubelet that waits for this manager, and by Kubernetes until the node has a network.
			tolerates("node.cloudprovider.kubernetes.io/uninitialized"),
			tolerates("node.kubernetes.io/not-ready"),
		},
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(user), RunAsGroup: pulumi.Int(user), FsGroup: pulumi.Int(user),
			SeccompProfile: workload.RuntimeDefault(),
		},
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:            pulumi.String(part),
			Image:           pulumi.String(m.image.Ref()),
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			Command:         pulumi.ToStringArray([]string{"/bin/" + m.program()}),
			Args: pulumi.ToStringArray([]string{
				"--cloud-provider=" + m.provider, "--cloud-config=" + configPath, "--cluster-name=" + args.Plan.Cluster.Name,
				"--controllers=cloud-node-controller,cloud-node-lifecycle-controller",
				// Both belong to the controllers that are off; said here too, so that none of them is turned on by a default.
				"--configure-cloud-routes=false", "--allocate-node-cidrs=false",
				// One account for both controllers, and no look-up of who else may ask: nobody may but for its health.
				"--use-service-account-credentials=false", "--authentication-skip-lookup=true",
				"--leader-elect=true", "--leader-elect-resource-name=" + part, "--leader-elect-resource-namespace=" + workload.Namespace,
				"--bind-address=" + bind, "--v=1",
			}),
			Env:             workload.APIAddress(args.Endpoint, args.Plan.Cluster.APIPort),
			LivenessProbe:   probe(6),
			ReadinessProbe:  probe(3),
			Resources:       workload.Needed("50m", "64Mi", "256Mi"),
			SecurityContext: workload.Confined(false),
			VolumeMounts:    corev1.VolumeMountArray{workload.Mount("config", "/etc/lagrum", true)},
		}},
		Volumes: corev1.VolumeArray{workload.FromSecret("config", config)},
	}
}

// program is the name of the manager's binary in its image.
func (m manager) program() string { return m.provider + "-cloud-controller-manager" }

// tolerates any value of a taint, and any effect.
func tolerates(key string) corev1.TolerationArgs {
	return corev1.TolerationArgs{Key: pulumi.String(key), Operator: pulumi.String("Exists")}
}
