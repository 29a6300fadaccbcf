package network

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
)

// rule is one row of a part's rights.
type rule struct {
	group     string // API group; "" is core
	resources []string
	verbs     []string
}

// account makes the identity of a part: a ServiceAccount of its own, bound to a cluster role. With rules the role is
// made too; without, it is one that the API server brings. What is returned must be there before the part's workload
// starts and outlive it.
func (b *builder) account(part, role string, rules ...rule) (*corev1.ServiceAccount, []pulumi.Resource, error) {
	account, err := corev1.NewServiceAccount(b.ctx, b.name+"-"+part, &corev1.ServiceAccountArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(part), Namespace: pulumi.String(namespace), Labels: labels(part),
		},
		// The pods that need the token ask for it themselves.
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, b.parent)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: service account: %w", part, err)
	}
	needs := []pulumi.Resource{account}
	if len(rules) > 0 {
		made, err := rbacv1.NewClusterRole(b.ctx, b.name+"-"+part, &rbacv1.ClusterRoleArgs{
			Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(role), Labels: labels(part)},
			Rules:    policyRules(rules),
		}, b.parent)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: cluster role: %w", part, err)
		}
		needs = append(needs, made)
	}
	binding, err := rbacv1.NewClusterRoleBinding(b.ctx, b.name+"-"+part, &rbacv1.ClusterRoleBindingArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String("lagrum:" + part), Labels: labels(part)},
		RoleRef: &rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(role),
		},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(part), Namespace: pulumi.String(namespace),
		}},
	}, b.parent)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: cluster role binding: %w", part, err)
	}
	return account, append(needs, binding), nil
}

func policyRules(rules []rule) rbacv1.PolicyRuleArray {
	var made rbacv1.PolicyRuleArray
	for _, r := range rules {
		made = append(made, rbacv1.PolicyRuleArgs{
			ApiGroups: pulumi.ToStringArray([]string{r.group}),
			Resources: pulumi.ToStringArray(r.resources),
			Verbs:     pulumi.ToStringArray(r.verbs),
		})
	}
	return made
}

// configMap makes a ConfigMap that Pulumi names: changed data gives a new name, and the workload that refers to it
// rolls by itself.
func (b *builder) configMap(part string, data map[string]string) (*corev1.ConfigMap, error) {
	made, err := corev1.NewConfigMap(b.ctx, b.name+"-"+part, &corev1.ConfigMapArgs{
		Metadata:  &metav1.ObjectMetaArgs{Namespace: pulumi.String(namespace), Labels: labels(part)},
		Immutable: pulumi.Bool(true),
		Data:      pulumi.ToStringMap(data),
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("%s: config map: %w", part, err)
	}
	return made, nil
}

// labels of a part's objects.
func labels(part string) pulumi.StringMap {
	all := construct.Managed()
	all["app.kubernetes.io/name"] = pulumi.String(part)
	all["app.kubernetes.io/part-of"] = pulumi.String("network")
	return all
}

// selector picks a part's pods. It can never change, so it holds the name alone.
func selector(part string) pulumi.StringMap {
	return pulumi.StringMap{"app.kubernetes.io/name": pulumi.String(part)}
}
