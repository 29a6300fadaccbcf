package gateway

import (
	"fmt"

	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const (
	group = "gateway.networking.k8s.io"
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
	account, err := b.Account()
	if err != nil {
		return nil, err
	}
	local, err := b.Local(inNamespace()...)
	if err != nil {
		return nil, err
	}
	metadata := &metav1.ObjectMetaArgs{Name: pulumi.String(everywhere), Labels: b.Labels()}
	role, err := rbacv1.NewClusterRole(b.Ctx, b.Name, &rbacv1.ClusterRoleArgs{Metadata: metadata, Rules: workload.PolicyRules(inCluster())}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role: %w", err)
	}
	binding, err := rbacv1.NewClusterRoleBinding(b.Ctx, b.Name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: metadata, Subjects: b.Subjects(),
		RoleRef: &rbacv1.RoleRefArgs{ApiGroup: pulumi.String("rbac.authorization.k8s.io"), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(everywhere)},
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role binding: %w", err)
	}
	return append(local, account, role, binding), nil
}
