package segmentation

import (
	"fmt"
	"maps"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
)

// Exemption is the annotation that says why a namespace is beyond Pod Security's strictest level.
const Exemption = "lagrum.dev/pod-security"

// Namespace is one that a service of the platform has to itself.
type Namespace struct {
	Graph *traffic.Graph
	Name  string
	// Labels are of it and its policies.
	Labels pulumi.StringMap
	// Privileged says why what runs there needs more than Pod Security's strictest level allows; empty: it does not. What goes
	// beyond is recorded and warned of all the same.
	Privileged string
	// Guards must be in force before it is there.
	Guards []pulumi.Resource
	// Protect has the engine refuse to delete it, and what lies in it.
	Protect bool
}

// Make makes the namespace and closes it: nothing may run there before what is closed. It bears its own level of Pod Security,
// though the cluster's default is the same: it can be read where it holds. Within is its name, known once it is there.
func (n Namespace) Make(ctx *pulumi.Context, name string, parent pulumi.ResourceOption) (within pulumi.StringInput, closed []pulumi.Resource, err error) {
	metadata := &metav1.ObjectMetaArgs{Name: pulumi.String(n.Name)}
	labels := workload.Restricted(maps.Clone(n.Labels))
	if n.Privileged != "" {
		labels["pod-security.kubernetes.io/enforce"] = pulumi.String("privileged")
		metadata.Annotations = pulumi.StringMap{Exemption: pulumi.String(n.Privileged)}
	}
	metadata.Labels = labels
	made, err := corev1.NewNamespace(ctx, name, &corev1.NamespaceArgs{Metadata: metadata}, parent, pulumi.DependsOn(n.Guards), pulumi.Protect(n.Protect))
	if err != nil {
		return nil, nil, fmt.Errorf("namespace: %w", err)
	}
	within = made.Metadata.Name().Elem()
	closed, err = Close(ctx, name, &Closing{Graph: n.Graph, Namespace: n.Name, Within: within, Labels: n.Labels}, parent)
	return within, closed, err
}
