// Package nodecertificates has the cluster's authority sign what kubelets serve with, so that an API server knows the kubelet
// that it opens logs or exec on.
//
// A kubelet asks for a certificate, and Kubernetes approves none by itself: it cannot know which names and addresses are the
// machine's. The program does, from the cloud. It declares them as a table, and an approver compares: who asks is a node of the
// table, the request names it and nobody else, and the only address is the one that the cloud gave its machine. What a node says
// of itself counts for nothing. Whatever differs is left unapproved, and said.
//
// The approver is a script in a workload.Shell: what decides fits on a page, and no image has to be trusted besides etcd's. It is on
// the host's network and tolerates nodes that are not ready, since logs matter most before the pod network works.
package nodecertificates

import (
	_ "embed"
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

const token = "lagrum:nodecertificates:NodeCertificates"

const (
	part  = "node-certificates"
	table = "node-addresses"
)

//go:embed approve.sh
var script string

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Endpoint is the host of the API's load balancer, without port.
	Endpoint pulumi.StringInput
	// Machines by node.
	Machines map[string]Machine
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// Machine is what the cloud says of one.
type Machine struct {
	Address pulumi.StringInput // in the node network
	// Alias is the name by which the cloud's controllers know the node besides its own, or nil.
	Alias pulumi.StringInput
}

// NodeCertificates is the approver and its table.
type NodeCertificates struct {
	pulumi.ResourceState
}

// New declares both. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*NodeCertificates, error) {
	n := &NodeCertificates{}
	err := construct.Component(ctx, token, name, n, pulumi.Map{}, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		s := &workload.Set{Ctx: ctx, Name: name, PartOf: part, Parent: parent, Guards: args.Guards}
		needs, err := rights(s)
		if err != nil {
			return nil, err
		}
		rows := pulumi.StringMap{}
		for node, m := range args.Machines {
			rows[node] = m.Address
			if m.Alias != nil {
				rows[node] = pulumi.Sprintf("%s %s", m.Address, m.Alias)
			}
		}
		_, err = corev1.NewConfigMap(ctx, name+"-"+table, &corev1.ConfigMapArgs{
			Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(table), Namespace: pulumi.String(workload.Namespace), Labels: s.Labels(part)},
			Data:     rows,
		}, parent)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
		return pulumi.Map{}, approver(s, args, needs)
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// rights let the approver see requests, approve those of one signer, and read its table.
func rights(s *workload.Set) ([]pulumi.Resource, error) {
	const group, requests = "certificates.k8s.io", "certificatesigningrequests"
	_, needs, err := s.Account(part, "lagrum:"+part,
		workload.Rule{Group: group, Resources: []string{requests}, Verbs: []string{"get", "list"}},
		workload.Rule{Group: group, Resources: []string{requests + "/approval"}, Verbs: []string{"update"}},
		workload.Rule{Group: group, Resources: []string{"signers"}, Verbs: []string{"approve"}, Names: []string{"kubernetes.io/kubelet-serving"}})
	if err != nil {
		return nil, err
	}
	reads, err := s.Local(part, part, workload.Rule{Resources: []string{"configmaps"}, Verbs: []string{"get"}, Names: []string{table}})
	if err != nil {
		return nil, err
	}
	return append(needs, reads...), nil
}

func approver(s *workload.Set, args *Args, needs []pulumi.Resource) error {
	pod := workload.Shell{
		Account: part, Name: "approve", Image: images.For(args.Plan.Cluster).Etcd.Ref(), Script: script,
		Env:      corev1.EnvVarArray{corev1.EnvVarArgs{Name: pulumi.String("TABLE"), Value: pulumi.String(table)}},
		Endpoint: args.Endpoint, Port: args.Plan.Cluster.APIPort,
	}.Pod()
	pod.RestartPolicy = pulumi.String("Always")
	pod.Tolerations = append(pod.Tolerations.(corev1.TolerationArray), corev1.TolerationArgs{
		Key: pulumi.String("node.kubernetes.io/not-ready"), Operator: pulumi.String("Exists"), Effect: pulumi.String("NoSchedule"),
	})
	// The container has nobody to answer to when it is told to end.
	pod.TerminationGracePeriodSeconds = pulumi.Int(1)
	_, err := appsv1.NewDeployment(s.Ctx, s.Name, &appsv1.DeploymentArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(part), Namespace: pulumi.String(workload.Namespace), Labels: s.Labels(part)},
		Spec: &appsv1.DeploymentSpecArgs{
			Replicas: pulumi.Int(1),
			Selector: &metav1.LabelSelectorArgs{MatchLabels: workload.Selector(part)},
			Template: &corev1.PodTemplateSpecArgs{Metadata: &metav1.ObjectMetaArgs{Labels: s.Labels(part)}, Spec: pod},
		},
	}, s.Awaited(needs)...)
	if err != nil {
		return fmt.Errorf("deployment: %w", err)
	}
	return nil
}
