// Package retirement takes control-plane nodes out of a cluster after their replacements have joined: it drains the
// old node, removes its member of etcd and deletes its Node. The engine deletes the machine itself at the end of the
// same update, since deletions come last.
//
// Each retirement is a Job, awaited, one after the other in the order of the plan. It says no rather than risk data:
// it waits until the replacement is ready and votes in etcd, refuses to remove a member when those that remain would
// have no quorum, and fails when the member is still there afterwards. It succeeds at once where the old node never
// existed, so that a site is rebuilt from the same declaration. Two replacements of one slot must be declared in two
// updates: the first Job would wait for a machine that nobody declares any more, and fails saying so.
//
// # Why the container is made the way it is
//
// Removing a member needs its id, so a program has to read etcd's answer and decide; neither etcd's nor kubectl's
// image has a shell. The container therefore is etcd's image (for an etcdctl that fits the cluster's etcd) with the
// node's own shell, its libraries and its kubectl mounted read-only, which the contract on node images promises. It
// is root only to read the key of etcd's health-check certificate, has no capability at all, cannot write to any
// disk, and sees three files of the node's PKI, no key of an authority among them. It runs on a control-plane node
// that stays, on the host's network because etcd listens there and because a broken pod network is no reason to keep
// a broken node.
package retirement

import (
	_ "embed"
	"fmt"
	"strconv"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:retirement:Retirement"

const (
	namespace    = "kube-system"
	account      = "control-plane-retirement"
	controlPlane = "node-role.kubernetes.io/control-plane"
)

const (
	// deadlineSeconds ends a Job: ten minutes for the replacement, three for its vote, five for the drain, and the rest.
	deadlineSeconds = 20 * 60
	// awaitTimeout is longer, so that the user sees the Job's own failure and not the engine's impatience.
	awaitTimeout = "25m"
	// attempts at a retirement before it counts as failed.
	attempts = 4
)

//go:embed retire.sh
var script string

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Endpoint is the host of the API's load balancer, without port. It is asked instead of the API's service address
	// because it stops sending to the old API server as soon as that has lost its etcd.
	Endpoint pulumi.StringInput
	// Machines by node name. A Job starts once its replacement's machine is made.
	Machines map[string]pulumi.Resource
}

// Retirement is the history of replaced control-plane nodes.
type Retirement struct {
	pulumi.ResourceState

	// Jobs in the order of the plan's retirements.
	Jobs []pulumi.Resource
}

// New declares one Job for each retirement of the plan. The caller's options must carry the cluster's Kubernetes
// provider. Without a retirement there is nothing in the cluster, no right either.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Retirement, error) {
	r := &Retirement{}
	err := construct.Component(ctx, token, name, r, pulumi.Map{}, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		if len(args.Plan.Retirements) == 0 {
			return pulumi.Map{}, nil
		}
		needs, err := rights(ctx, name, args.Plan.Retirements, parent)
		if err != nil {
			return nil, err
		}
		for _, retired := range args.Plan.Retirements {
			after := needs
			if len(r.Jobs) > 0 {
				after = append(after[:len(after):len(after)], r.Jobs[len(r.Jobs)-1])
			}
			if machine, made := args.Machines[retired.Replacement]; made {
				after = append(after[:len(after):len(after)], machine)
			}
			job, err := retire(ctx, name, args, retired, parent, after)
			if err != nil {
				return nil, err
			}
			r.Jobs = append(r.Jobs, job)
		}
		return pulumi.Map{}, nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// retire declares the Job of one retirement.
func retire(
	ctx *pulumi.Context, name string, args *Args, retired plan.Retirement, parent pulumi.ResourceOption, after []pulumi.Resource,
) (*batchv1.Job, error) {
	physical := "retire-" + retired.Node
	if len(physical) > 63 { // it becomes the value of a label
		return nil, fmt.Errorf("retirement of %s: job name %q has %d characters: shorten the pool's name, 63 fit", retired.Node, physical, len(physical))
	}
	job, err := batchv1.NewJob(ctx, name+"-"+retired.Node, &batchv1.JobArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(physical), Namespace: pulumi.String(namespace), Labels: labels(),
			// A failed retirement is tried anew by the next update, once its cause is mended.
			Annotations: pulumi.StringMap{"pulumi.com/replaceUnready": pulumi.String("true")},
		},
		Spec: &batchv1.JobSpecArgs{
			ActiveDeadlineSeconds: pulumi.Int(deadlineSeconds),
			BackoffLimit:          pulumi.Int(attempts - 1),
			Template: &corev1.PodTemplateSpecArgs{
				Metadata: &metav1.ObjectMetaArgs{Labels: labels()},
				Spec:     pod(args, retired),
			},
		},
	}, parent, pulumi.DependsOn(after),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: awaitTimeout, Update: awaitTimeout}),
		// The name is fixed, so the old Job must go before a new one comes.
		pulumi.DeleteBeforeReplace(true),
		// A retirement is done once: a newer etcd is no reason to do it again.
		pulumi.IgnoreChanges([]string{"spec.template.spec.containers[0].image"}),
	)
	if err != nil {
		return nil, fmt.Errorf("retirement of %s: job: %w", retired.Node, err)
	}
	return job, nil
}

func labels() pulumi.StringMap {
	all := construct.Managed()
	all["app.kubernetes.io/name"] = pulumi.String(account)
	return all
}

func pod(args *Args, retired plan.Retirement) *corev1.PodSpecArgs {
	const pki = "/etc/kubernetes/pki/etcd/"
	env := func(name, value string) corev1.EnvVarArgs {
		return corev1.EnvVarArgs{Name: pulumi.String(name), Value: pulumi.String(value)}
	}
	// Name, path on the node, kind of path, path in the container.
	mounts := [][4]string{
		{"node-bin", "/usr/bin", "Directory", "/node/bin"},
		{"node-lib", "/usr/lib", "Directory", "/lib"},
		// The dynamic loader of amd64; Debian has no such directory elsewhere, and an empty one does no harm.
		{"node-lib64", "/usr/lib64", "DirectoryOrCreate", "/lib64"},
		{"node-kubectl", "/usr/local/bin/kubectl", "File", "/node/tools/kubectl"},
		{"etcd-ca", pki + "ca.crt", "File", "/etcd/ca.crt"},
		{"etcd-certificate", pki + "healthcheck-client.crt", "File", "/etcd/client.crt"},
		{"etcd-key", pki + "healthcheck-client.key", "File", "/etcd/client.key"},
	}
	var volumes corev1.VolumeArray
	var volumeMounts corev1.VolumeMountArray
	for _, m := range mounts {
		volumes = append(volumes, corev1.VolumeArgs{
			Name:     pulumi.String(m[0]),
			HostPath: &corev1.HostPathVolumeSourceArgs{Path: pulumi.String(m[1]), Type: pulumi.String(m[2])},
		})
		volumeMounts = append(volumeMounts, corev1.VolumeMountArgs{
			Name: pulumi.String(m[0]), MountPath: pulumi.String(m[3]), ReadOnly: pulumi.Bool(true),
		})
	}
	return &corev1.PodSpecArgs{
		ServiceAccountName:           pulumi.String(account),
		AutomountServiceAccountToken: pulumi.Bool(true),
		RestartPolicy:                pulumi.String("Never"), // each attempt keeps its log
		HostNetwork:                  pulumi.Bool(true),
		DnsPolicy:                    pulumi.String("Default"),
		PriorityClassName:            pulumi.String("system-cluster-critical"),
		NodeSelector:                 pulumi.StringMap{controlPlane: pulumi.String("")},
		Affinity:                     &corev1.AffinityArgs{NodeAffinity: elsewhere(retired.Node)},
		Tolerations: corev1.TolerationArray{corev1.TolerationArgs{
			Key: pulumi.String(controlPlane), Operator: pulumi.String("Exists"), Effect: pulumi.String("NoSchedule"),
		}},
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsUser:      pulumi.Int(0),
			SeccompProfile: &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")},
		},
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:            pulumi.String("retire"),
			Image:           pulumi.String(images.For(args.Plan.Cluster).Etcd.Ref()),
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			Command:         pulumi.ToStringArray([]string{"/node/bin/sh", "-c", script}),
			Env: corev1.EnvVarArray{
				env("OLD", retired.Node),
				env("NEW", retired.Replacement),
				env("PATH", "/usr/local/bin:/node/tools:/node/bin"), // etcdctl, kubectl, sleep
				env("ETCDCTL_CACERT", "/etcd/ca.crt"),
				env("ETCDCTL_CERT", "/etcd/client.crt"),
				env("ETCDCTL_KEY", "/etcd/client.key"),
				corev1.EnvVarArgs{Name: pulumi.String("KUBERNETES_SERVICE_HOST"), Value: args.Endpoint.ToStringOutput()},
				env("KUBERNETES_SERVICE_PORT", strconv.Itoa(args.Plan.Cluster.APIPort)),
			},
			Resources: &corev1.ResourceRequirementsArgs{
				Requests: pulumi.StringMap{"cpu": pulumi.String("50m"), "memory": pulumi.String("64Mi")},
				Limits:   pulumi.StringMap{"memory": pulumi.String("256Mi")},
			},
			SecurityContext: &corev1.SecurityContextArgs{
				AllowPrivilegeEscalation: pulumi.Bool(false),
				ReadOnlyRootFilesystem:   pulumi.Bool(true),
				Capabilities:             &corev1.CapabilitiesArgs{Drop: pulumi.ToStringArray([]string{"ALL"})},
			},
			VolumeMounts: volumeMounts,
		}},
		Volumes: volumes,
	}
}

// elsewhere keeps the Job off the node that leaves.
func elsewhere(old string) *corev1.NodeAffinityArgs {
	return &corev1.NodeAffinityArgs{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelectorArgs{
			NodeSelectorTerms: corev1.NodeSelectorTermArray{corev1.NodeSelectorTermArgs{
				MatchFields: corev1.NodeSelectorRequirementArray{corev1.NodeSelectorRequirementArgs{
					Key: pulumi.String("metadata.name"), Operator: pulumi.String("NotIn"), Values: pulumi.ToStringArray([]string{old}),
				}},
			}},
		},
	}
}
