package tenancy

import (
	"fmt"

	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/workload"
)

// developerRules are what a tenant's developers may do in its namespace: run and change what they have, and see how it does.
// Secrets they write and never read. What is not here is no oversight: no way into a running container, where patients' data
// lies; no token of an account; no right given to others; no change of the network, the quota or the namespace.
func developerRules() []workload.Rule {
	read := []string{"get", "list", "watch"}
	write := []string{"create", "update", "patch", "delete"}
	both := append(read[:len(read):len(read)], write...)
	return []workload.Rule{
		{Resources: []string{"configmaps", "persistentvolumeclaims", "pods", "services"}, Verbs: both},
		{Resources: []string{"secrets"}, Verbs: write},
		{Resources: []string{"endpoints", "events", "limitranges", "pods/log", "pods/status", "resourcequotas", "serviceaccounts"}, Verbs: read},
		{Group: "apps", Resources: []string{"deployments", "deployments/scale", "statefulsets", "statefulsets/scale"}, Verbs: both},
		{Group: "apps", Resources: []string{"controllerrevisions", "replicasets"}, Verbs: read},
		{Group: "autoscaling", Resources: []string{"horizontalpodautoscalers"}, Verbs: both},
		{Group: "batch", Resources: []string{"cronjobs", "jobs"}, Verbs: both},
		{Group: "discovery.k8s.io", Resources: []string{"endpointslices"}, Verbs: read},
		{Group: "gateway.networking.k8s.io", Resources: []string{"httproutes"}, Verbs: both},
		{Group: "networking.k8s.io", Resources: []string{"networkpolicies"}, Verbs: read},
		{Group: "policy", Resources: []string{"poddisruptionbudgets"}, Verbs: both},
	}
}

// developers lets the tenant's groups in, last of all. The API server knows a group by the provider's name behind a prefix.
func (b *builder) developers() error {
	role, err := rbacv1.NewRole(b.ctx, b.name+"-developer", &rbacv1.RoleArgs{
		Metadata: b.metadata("developer"), Rules: workload.PolicyRules(developerRules()),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("developer: %w", err)
	}
	subjects := rbacv1.SubjectArray{}
	for _, group := range b.args.Tenant.Developers {
		subjects = append(subjects, rbacv1.SubjectArgs{
			Kind: pulumi.String("Group"), ApiGroup: pulumi.String(rbacGroup), Name: pulumi.String(bootstrap.PersonPrefix + group),
		})
	}
	_, err = rbacv1.NewRoleBinding(b.ctx, b.name+"-developers", &rbacv1.RoleBindingArgs{
		Metadata: b.metadata("developers"),
		RoleRef:  &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Role"), Name: role.Metadata.Name().Elem()},
		Subjects: subjects,
	}, b.parent, pulumi.DependsOn(b.closed))
	if err != nil {
		return fmt.Errorf("developers: %w", err)
	}
	return nil
}
