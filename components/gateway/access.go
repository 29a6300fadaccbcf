package gateway

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const (
	group     = "gateway.networking.k8s.io"
	rbacGroup = "rbac.authorization.k8s.io"
	// everywhere is the name of what Traefik may do in the whole cluster.
	everywhere = "lagrum:" + part
)

var watching = []string{"list", "watch"}

// inCluster are rights on what lies in no namespace.
func inCluster() []workload.Rule {
	return []workload.Rule{
		{Resources: []string{"namespaces"}, Verbs: watching},
		{Group: group, Resources: []string{"gatewayclasses"}, Verbs: watching},
		{Group: group, Resources: []string{"gatewayclasses/status"}, Verbs: []string{"update"}, Names: []string{className}},
	}
}

// inNamespace are rights in its own. The Secrets there are the certificates that it serves; it reads none elsewhere.
func inNamespace() []workload.Rule {
	return []workload.Rule{
		{Resources: []string{"secrets", "services"}, Verbs: watching},
		{Group: "discovery.k8s.io", Resources: []string{"endpointslices"}, Verbs: watching},
		{Group: group, Resources: []string{"gateways", "grpcroutes", "httproutes", "referencegrants"}, Verbs: watching},
		{Group: group, Resources: []string{"gateways/status", "httproutes/status"}, Verbs: []string{"update"}},
	}
}

// access gives Traefik its identity and the least rights by which it starts.
func (b *builder) access() ([]pulumi.Resource, error) {
	account, err := corev1.NewServiceAccount(b.ctx, b.name, &corev1.ServiceAccountArgs{
		Metadata: b.metadata(), AutomountServiceAccountToken: pulumi.Bool(false), // the pods ask for it themselves
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	subjects := rbacv1.SubjectArray{rbacv1.SubjectArgs{
		Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(part), Namespace: b.within.ToStringOutput(),
	}}
	refer := func(kind, name string) *rbacv1.RoleRefArgs {
		return &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String(kind), Name: pulumi.String(name)}
	}
	role, err := rbacv1.NewRole(b.ctx, b.name, &rbacv1.RoleArgs{Metadata: b.metadata(), Rules: workload.PolicyRules(inNamespace())}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("role: %w", err)
	}
	binding, err := rbacv1.NewRoleBinding(b.ctx, b.name, &rbacv1.RoleBindingArgs{
		Metadata: b.metadata(), RoleRef: refer("Role", part), Subjects: subjects,
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("role binding: %w", err)
	}
	metadata := &metav1.ObjectMetaArgs{Name: pulumi.String(everywhere), Labels: labels()}
	clusterRole, err := rbacv1.NewClusterRole(b.ctx, b.name, &rbacv1.ClusterRoleArgs{Metadata: metadata, Rules: workload.PolicyRules(inCluster())}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role: %w", err)
	}
	clusterBinding, err := rbacv1.NewClusterRoleBinding(b.ctx, b.name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: metadata, RoleRef: refer("ClusterRole", everywhere), Subjects: subjects,
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role binding: %w", err)
	}
	return []pulumi.Resource{account, role, binding, clusterRole, clusterBinding}, nil
}
