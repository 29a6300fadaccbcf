package tenancy

import (
	"fmt"

	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/workload"
)

// The bindings by which people and pipelines are let into a tenant's namespace.
const (
	DevelopersBinding = "developers"
	PipelinesBinding  = "pipelines"
)

var (
	read  = []string{"get", "list", "watch"}
	write = []string{"create", "update", "patch", "delete"}
	both  = append(read[:len(read):len(read)], write...)
)

// deploying is to run and change what a tenant has, and to see how it does. Secrets are written and never answered: a patch
// would be answered with all of the Secret, so there is none. What is not here is no oversight: no way into a running
// container, where patients' data lies; no token of an account; no right given to others; no change of the network, the quota
// or the namespace.
func deploying() []workload.Rule {
	return []workload.Rule{
		{Resources: []string{"configmaps", "persistentvolumeclaims", "services"}, Verbs: both},
		{Resources: []string{"secrets"}, Verbs: []string{"create", "update", "delete"}},
		{Resources: []string{"endpoints", "events", "limitranges", "pods", "pods/status", "resourcequotas", "serviceaccounts"}, Verbs: read},
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

// developing adds what a person does by hand: pods without a workload, and the look into what they write.
func developing() []workload.Rule {
	return append(deploying(),
		workload.Rule{Resources: []string{"pods"}, Verbs: write},
		workload.Rule{Resources: []string{"pods/log"}, Verbs: []string{"get"}},
	)
}

// people lets the tenant's groups in, last of all. The API server knows a group by the provider's name behind a prefix.
func (b *builder) people() error {
	return b.letIn("developer", DevelopersBinding, developing(), bootstrap.PersonPrefix, b.args.Tenant.Developers)
}

// pipelines lets in those that deploy for the tenant.
func (b *builder) pipelines() error {
	if len(b.args.Tenant.Pipelines) == 0 {
		return nil
	}
	return b.letIn("pipeline", PipelinesBinding, deploying(), bootstrap.PipelinePrefix, b.args.Tenant.Pipelines)
}

func (b *builder) letIn(role, binding string, rules []workload.Rule, prefix string, groups []string) error {
	made, err := rbacv1.NewRole(b.ctx, b.name+"-"+role, &rbacv1.RoleArgs{
		Metadata: b.metadata(role), Rules: workload.PolicyRules(rules),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	_, err = rbacv1.NewRoleBinding(b.ctx, b.name+"-"+binding, &rbacv1.RoleBindingArgs{
		Metadata: b.metadata(binding),
		RoleRef:  &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Role"), Name: made.Metadata.Name().Elem()},
		Subjects: workload.Groups(prefix, groups),
	}, b.parent, pulumi.DependsOn(b.closed))
	if err != nil {
		return fmt.Errorf("%s: %w", binding, err)
	}
	return nil
}
