package segmentation

import (
	"fmt"

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
	// Privileged says why what runs there needs more than Pod Security's strictest level allows; empty: it does not. What goes
	// beyond is recorded and warned of all the same.
	Privileged string
	// Protect has the engine refuse to delete it, and what lies in it.
	Protect bool
}

// Make makes the namespace and closes it: nothing of the service runs there before. It bears its own level of Pod Security, though
// the cluster's default is the same: it can be read where it holds.
func (n Namespace) Make(a *workload.Alone) error {
	metadata := &metav1.ObjectMetaArgs{Name: pulumi.String(n.Name)}
	labels := workload.Restricted(a.Labels())
	if n.Privileged != "" {
		labels["pod-security.kubernetes.io/enforce"] = pulumi.String("privileged")
		metadata.Annotations = pulumi.StringMap{Exemption: pulumi.String(n.Privileged)}
	}
	metadata.Labels = labels
	made, err := corev1.NewNamespace(a.Ctx, a.Name, &corev1.NamespaceArgs{Metadata: metadata}, a.Parent, pulumi.DependsOn(a.Guards), pulumi.Protect(n.Protect))
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	a.Within = made.Metadata.Name().Elem()
	closed, err := Close(a.Ctx, a.Name, &Closing{Graph: n.Graph, Namespace: n.Name, Within: a.Within, Labels: a.Labels()}, a.Parent)
	a.Before = append(closed, a.Before...)
	return err
}
