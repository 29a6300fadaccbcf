package encryption

import (
	"fmt"
	"strings"

	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	rbacGroup = "rbac.authorization.k8s.io"
	role      = "lagrum:encryption-keys"
	// joiners is the group of the join credential; the name is kubeadm's.
	joiners = "system:bootstrappers:kubeadm:default-node-token"
)

// rights gives the Jobs an account that may patch what is encrypted and see who is a control plane, and joining nodes the
// right to see whether the Jobs are done.
func rights(
	ctx *pulumi.Context, name string, steps []plan.EncryptionStep, parent pulumi.ResourceOption,
) ([]pulumi.Resource, error) {
	needs, err := workload.OnceRights{Account: account, Role: role, Labels: labels(), Rules: rules()}.Make(ctx, name, parent)
	if err != nil {
		return nil, err
	}
	joining := &metav1.ObjectMetaArgs{Name: pulumi.String(role + "-joining"), Namespace: pulumi.String(workload.Namespace), Labels: labels()}
	var jobs []string
	for _, step := range steps {
		jobs = append(jobs, jobName(step.Keys))
	}
	_, err = rbacv1.NewRole(ctx, name+"-joining", &rbacv1.RoleArgs{
		Metadata: joining, Rules: workload.PolicyRules([]workload.Rule{{Group: "batch", Resources: []string{"jobs"}, Verbs: []string{"get"}, Names: jobs}}),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("role of joining nodes: %w", err)
	}
	_, err = rbacv1.NewRoleBinding(ctx, name+"-joining", &rbacv1.RoleBindingArgs{
		Metadata: joining,
		RoleRef:  &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Role"), Name: pulumi.String(role + "-joining")},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Group"), Name: pulumi.String(joiners),
		}},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("role binding of joining nodes: %w", err)
	}
	return needs, nil
}

// rules follow what is encrypted, so that nothing is forgotten when that grows.
func rules() []workload.Rule {
	patch := []string{"patch"}
	made := []workload.Rule{{Resources: []string{"nodes"}, Verbs: []string{"list"}}}
	var core []string
	for _, what := range bootstrap.Encrypted() {
		if group, whole := strings.CutPrefix(what, "*."); whole {
			made = append(made, workload.Rule{Group: group, Resources: identity.Kinds(), Verbs: patch})
			continue
		}
		core = append(core, what)
	}
	return append(made, workload.Rule{Resources: core, Verbs: patch})
}
