package retirement

import (
	"fmt"
	"slices"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	rbacGroup = "rbac.authorization.k8s.io"
	role      = "lagrum:control-plane-retirement"
)

// rights gives the Jobs what kubectl needs for its four verbs, and on nodes only on those that the plan names.
func rights(
	ctx *pulumi.Context, name string, todo []task, parent pulumi.ResourceOption,
) ([]pulumi.Resource, error) {
	made, err := corev1.NewServiceAccount(ctx, name, &corev1.ServiceAccountArgs{
		Metadata:                     &metav1.ObjectMetaArgs{Name: pulumi.String(account), Namespace: pulumi.String(namespace), Labels: labels()},
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	allowed, err := rbacv1.NewClusterRole(ctx, name, &rbacv1.ClusterRoleArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(role), Labels: labels()},
		Rules:    rules(todo),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role: %w", err)
	}
	binding, err := rbacv1.NewClusterRoleBinding(ctx, name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(role), Labels: labels()},
		RoleRef: &rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(role),
		},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(account), Namespace: pulumi.String(namespace),
		}},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role binding: %w", err)
	}
	return []pulumi.Resource{made, allowed, binding}, nil
}

func rules(todo []task) rbacv1.PolicyRuleArray {
	var leaving, coming []string
	for _, t := range todo {
		leaving, coming = append(leaving, t.leaving...), append(coming, t.coming...)
	}
	slices.Sort(leaving)
	slices.Sort(coming)
	rule := func(group, resource string, names []string, verbs ...string) rbacv1.PolicyRuleArgs {
		r := rbacv1.PolicyRuleArgs{
			ApiGroups: pulumi.ToStringArray([]string{group}),
			Resources: pulumi.ToStringArray([]string{resource}),
			Verbs:     pulumi.ToStringArray(verbs),
		}
		if names != nil {
			r.ResourceNames = pulumi.ToStringArray(names)
		}
		return r
	}
	made := rbacv1.PolicyRuleArray{rule("", "nodes", leaving, "get", "patch", "delete")} // cordon, and the end
	if len(coming) > 0 {                                                                 // a rule without names would be one for all nodes
		made = append(made, rule("", "nodes", coming, "get", "list", "watch")) // waiting for Ready
	}
	return append(made,
		rule("", "pods", nil, "get", "list"),
		rule("", "pods/eviction", nil, "create"), // within every disruption budget; there is no right to delete
		rule("apps", "daemonsets", nil, "get"),
	)
}
