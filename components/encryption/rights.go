package encryption

import (
	"fmt"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	rbacGroup = "rbac.authorization.k8s.io"
	role      = "lagrum:encryption-keys"
	// joiners is the group of the join credential; the name is kubeadm's.
	joiners = "system:bootstrappers:kubeadm:default-node-token"
)

// dexKinds are what Dex keeps in Kubernetes. A kind that is missing here is refused to the Job, and the Job says which.
func dexKinds() []string {
	return []string{"authcodes", "authrequests", "connectors", "devicerequests", "devicetokens", "oauth2clients",
		"offlinesessionses", "passwords", "refreshtokens", "signingkeies"}
}

// rights gives the Jobs an account that may patch what is encrypted and see who is a control plane, and joining nodes the
// right to see whether the Jobs are done.
func rights(
	ctx *pulumi.Context, name string, steps []plan.EncryptionStep, parent pulumi.ResourceOption,
) ([]pulumi.Resource, error) {
	metadata := func(physical string) *metav1.ObjectMetaArgs {
		return &metav1.ObjectMetaArgs{Name: pulumi.String(physical), Labels: labels()}
	}
	inNamespace := func(physical string) *metav1.ObjectMetaArgs {
		m := metadata(physical)
		m.Namespace = pulumi.String(workload.Namespace)
		return m
	}
	made, err := corev1.NewServiceAccount(ctx, name, &corev1.ServiceAccountArgs{
		Metadata: inNamespace(account), AutomountServiceAccountToken: pulumi.Bool(false),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	allowed, err := rbacv1.NewClusterRole(ctx, name, &rbacv1.ClusterRoleArgs{Metadata: metadata(role), Rules: rules()}, parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role: %w", err)
	}
	binding, err := rbacv1.NewClusterRoleBinding(ctx, name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: metadata(role),
		RoleRef:  &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(role)},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(account), Namespace: pulumi.String(workload.Namespace),
		}},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role binding: %w", err)
	}
	var jobs []string
	for _, step := range steps {
		jobs = append(jobs, jobName(step.Keys))
	}
	_, err = rbacv1.NewRole(ctx, name+"-joining", &rbacv1.RoleArgs{
		Metadata: inNamespace(role + "-joining"), Rules: rbacv1.PolicyRuleArray{rule("batch", []string{"jobs"}, "get", jobs...)},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("role of joining nodes: %w", err)
	}
	_, err = rbacv1.NewRoleBinding(ctx, name+"-joining", &rbacv1.RoleBindingArgs{
		Metadata: inNamespace(role + "-joining"),
		RoleRef:  &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Role"), Name: pulumi.String(role + "-joining")},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Group"), Name: pulumi.String(joiners),
		}},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("role binding of joining nodes: %w", err)
	}
	return []pulumi.Resource{made, allowed, binding}, nil
}

func rule(group string, resources []string, verb string, names ...string) rbacv1.PolicyRuleArgs {
	r := rbacv1.PolicyRuleArgs{
		ApiGroups: pulumi.ToStringArray([]string{group}), Resources: pulumi.ToStringArray(resources),
		Verbs: pulumi.ToStringArray([]string{verb}),
	}
	if len(names) > 0 {
		r.ResourceNames = pulumi.ToStringArray(names)
	}
	return r
}

// rules follow what is encrypted, so that nothing is forgotten when that grows.
func rules() rbacv1.PolicyRuleArray {
	made := rbacv1.PolicyRuleArray{rule("", []string{"nodes"}, "list")}
	var core []string
	for _, what := range bootstrap.Encrypted() {
		if group, whole := strings.CutPrefix(what, "*."); whole {
			made = append(made, rule(group, dexKinds(), "patch"))
			continue
		}
		core = append(core, what)
	}
	return append(made, rule("", core, "patch"))
}
