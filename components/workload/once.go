package workload

import (
	"fmt"
	"time"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// awaitLonger, in seconds, so that the user sees the Job's own failure and not the engine's impatience.
	awaitLonger = 5 * 60
	// attempts before a Job counts as failed.
	attempts = 4
)

// Once is a Shell that does something once in the life of a cluster, as a Job that an update waits for.
type Once struct {
	Shell
	Job    string // its name in the cluster
	Labels pulumi.StringMap
	// Deadline in seconds ends it.
	Deadline int
}

// Make declares the Job, which starts after others.
func (o Once) Make(ctx *pulumi.Context, name string, parent pulumi.ResourceOption, after []pulumi.Resource) (*batchv1.Job, error) {
	await := (time.Duration(o.Deadline+awaitLonger) * time.Second).String()
	job, err := batchv1.NewJob(ctx, name, &batchv1.JobArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(o.Job), Namespace: pulumi.String(Namespace), Labels: o.Labels,
			// One that failed is tried anew by the next update, once its cause is mended.
			Annotations: pulumi.StringMap{"pulumi.com/replaceUnready": pulumi.String("true")},
		},
		Spec: &batchv1.JobSpecArgs{
			ActiveDeadlineSeconds: pulumi.Int(o.Deadline),
			BackoffLimit:          pulumi.Int(attempts - 1),
			Template:              &corev1.PodTemplateSpecArgs{Metadata: &metav1.ObjectMetaArgs{Labels: o.Labels}, Spec: o.Pod()},
		},
	}, parent, pulumi.DependsOn(after),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: await, Update: await}),
		// The name is fixed, so the old Job must go before a new one comes.
		pulumi.DeleteBeforeReplace(true),
		// It is done once: a newer etcd is no reason to do it again.
		pulumi.IgnoreChanges([]string{"spec.template.spec.containers[0].image"}),
	)
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	return job, nil
}

// OnceRights are an account of Jobs, and what it may do in the whole cluster.
type OnceRights struct {
	Account string
	Role    string // the name of the role and of its binding
	Labels  pulumi.StringMap
	Rules   []Rule
}

// Make declares account, role and binding. They are there before the Jobs and outlive them.
func (r OnceRights) Make(ctx *pulumi.Context, name string, parent pulumi.ResourceOption) ([]pulumi.Resource, error) {
	account, err := corev1.NewServiceAccount(ctx, name, &corev1.ServiceAccountArgs{
		Metadata:                     &metav1.ObjectMetaArgs{Name: pulumi.String(r.Account), Namespace: pulumi.String(Namespace), Labels: r.Labels},
		AutomountServiceAccountToken: pulumi.Bool(false), // the pods ask for it themselves
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	role, err := rbacv1.NewClusterRole(ctx, name, &rbacv1.ClusterRoleArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(r.Role), Labels: r.Labels}, Rules: PolicyRules(r.Rules),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role: %w", err)
	}
	binding, err := rbacv1.NewClusterRoleBinding(ctx, name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(r.Role), Labels: r.Labels},
		RoleRef: &rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(r.Role),
		},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(r.Account), Namespace: pulumi.String(Namespace),
		}},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("cluster role binding: %w", err)
	}
	return []pulumi.Resource{account, role, binding}, nil
}
