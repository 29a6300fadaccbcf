package workload

import (
	"fmt"
	"slices"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	policyv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/policy/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Alone makes the objects of a service that has a namespace to itself: one of each kind, under the part's name.
type Alone struct {
	// Set gives labels, the program's name of each resource, and what must be in force before anything runs.
	Set
	Part string
	// Within is the namespace's name, and carries the dependency on it.
	Within pulumi.StringInput
	// Before is what must be there before the service runs, besides its own objects and the guards: what closes its namespace,
	// and what a pod needs of the cluster.
	Before []pulumi.Resource
}

// Labels of its objects.
func (a *Alone) Labels() pulumi.StringMap { return a.Set.Labels(a.Part) }

// Metadata of the one object of its kind.
func (a *Alone) Metadata() *metav1.ObjectMetaArgs { return a.Named(a.Part) }

// Named is the metadata of an object with a name of its own.
func (a *Alone) Named(name string) *metav1.ObjectMetaArgs {
	return &metav1.ObjectMetaArgs{Name: pulumi.String(name), Namespace: a.Within, Labels: a.Labels()}
}

// Unnamed is the metadata of what Pulumi names: what changes in it makes new pods.
func (a *Alone) Unnamed() *metav1.ObjectMetaArgs {
	return &metav1.ObjectMetaArgs{Namespace: a.Within, Labels: a.Labels()}
}

// Account makes its identity, which may do nothing yet. A pod that needs the token asks for it itself.
func (a *Alone) Account() (*corev1.ServiceAccount, error) {
	made, err := corev1.NewServiceAccount(a.Ctx, a.Name, &corev1.ServiceAccountArgs{
		Metadata: a.Metadata(), AutomountServiceAccountToken: pulumi.Bool(false),
	}, a.Parent)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	return made, nil
}

// Subjects are its account, as a binding names it.
func (a *Alone) Subjects() rbacv1.SubjectArray {
	return rbacv1.SubjectArray{rbacv1.SubjectArgs{
		Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(a.Part), Namespace: a.Within.ToStringOutput(),
	}}
}

// Local gives its account rights in its namespace.
func (a *Alone) Local(rules ...Rule) ([]pulumi.Resource, error) {
	role, err := rbacv1.NewRole(a.Ctx, a.Name, &rbacv1.RoleArgs{Metadata: a.Metadata(), Rules: PolicyRules(rules)}, a.Parent)
	if err != nil {
		return nil, fmt.Errorf("role: %w", err)
	}
	binding, err := rbacv1.NewRoleBinding(a.Ctx, a.Name, &rbacv1.RoleBindingArgs{
		Metadata: a.Metadata(), Subjects: a.Subjects(),
		RoleRef: &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Role"), Name: pulumi.String(a.Part)},
	}, a.Parent)
	if err != nil {
		return nil, fmt.Errorf("role binding: %w", err)
	}
	return []pulumi.Resource{role, binding}, nil
}

// Awaited are the options of what the engine waits for. It loses at teardown what it needs last.
func (a *Alone) Awaited(needs []pulumi.Resource) []pulumi.ResourceOption {
	return a.Set.Awaited(slices.Concat(needs, a.Before))
}

// Budget lets a drain take one replica at a time; also the only one, or the node could never be drained.
func (a *Alone) Budget() error {
	_, err := policyv1.NewPodDisruptionBudget(a.Ctx, a.Name, &policyv1.PodDisruptionBudgetArgs{
		Metadata: a.Metadata(),
		Spec: &policyv1.PodDisruptionBudgetSpecArgs{
			MaxUnavailable: pulumi.Int(1), Selector: &metav1.LabelSelectorArgs{MatchLabels: Selector(a.Part)},
		},
	}, a.Parent)
	if err != nil {
		return fmt.Errorf("pod disruption budget: %w", err)
	}
	return nil
}
