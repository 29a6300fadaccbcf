// Package tenancy gives each tenant of a cluster a namespace in which everything that is not allowed is denied.
//
// One call makes the namespace with its labels, what it may use of the cluster, a network in which its pods reach each other
// and cluster DNS and nobody else, and the right of the tenant's developers to work in it: groups, never persons. What runs in
// it is judged by Pod Security's restricted level and by the rules of package hardening.
package tenancy

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/segmentation"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	token = "lagrum:tenancy:Tenant"

	rbacGroup = "rbac.authorization.k8s.io"
)

// Args of New.
type Args struct {
	Plan   *plan.Plan
	Tenant plan.Tenant
	// Traffic is who may talk to whom; the tenant's namespace is in it.
	Traffic *traffic.Graph
	// Guards must be in force before anybody may make a pod in the namespace.
	Guards []pulumi.Resource
}

// Tenant is a namespace that can be worked in.
type Tenant struct {
	pulumi.ResourceState

	Namespace *corev1.Namespace
}

// New makes a tenant's namespace. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Tenant, error) {
	t := &Tenant{}
	err := construct.Component(ctx, token, name, t, pulumi.Map{"namespace": pulumi.String(args.Tenant.Name)}, opts,
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			b := &builder{ctx: ctx, name: name, args: args, parent: parent}
			if err := b.namespace(t); err != nil {
				return nil, err
			}
			for _, make := range []func() error{b.limits, b.network, b.account, b.people, b.pipelines} {
				if err := make(); err != nil {
					return nil, fmt.Errorf("tenant %s: %w", args.Tenant.Name, err)
				}
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return t, nil
}

type builder struct {
	ctx    *pulumi.Context
	name   string
	args   *Args
	parent pulumi.ResourceOption
	within pulumi.StringInput
	// closed are the limits and the network of the namespace: nobody is let in before them.
	closed []pulumi.Resource
}

func labels() pulumi.StringMap {
	all := construct.Managed()
	all["app.kubernetes.io/part-of"] = pulumi.String("tenancy")
	return all
}

func (b *builder) metadata(name string) *metav1.ObjectMetaArgs {
	return &metav1.ObjectMetaArgs{Name: pulumi.String(name), Namespace: b.within, Labels: labels()}
}

// namespace carries its own level of Pod Security, though the cluster's default is the same: it can be read where it holds.
func (b *builder) namespace(t *Tenant) error {
	all := workload.Restricted(labels())
	all["lagrum.dev/tenant"] = pulumi.String(b.args.Tenant.Name)
	all["lagrum.dev/country"] = pulumi.String(b.args.Plan.Country)
	all["lagrum.dev/environment"] = pulumi.String(b.args.Plan.Environment)
	made, err := corev1.NewNamespace(b.ctx, b.name, &corev1.NamespaceArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(b.args.Tenant.Name), Labels: all},
	}, b.parent, pulumi.DependsOn(b.args.Guards), pulumi.Protect(b.args.Plan.Protect))
	if err != nil {
		return fmt.Errorf("tenant %s: namespace: %w", b.args.Tenant.Name, err)
	}
	t.Namespace, b.within = made, made.Metadata.Name().Elem()
	return nil
}

// limits bound what the tenant takes of the cluster. A pod whose container says nothing gets the range's defaults; a
// workload's template has to say it itself.
func (b *builder) limits() error {
	q := b.args.Tenant.Quota
	quota, err := corev1.NewResourceQuota(b.ctx, b.name+"-quota", &corev1.ResourceQuotaArgs{
		Metadata: b.metadata("tenant"),
		Spec: &corev1.ResourceQuotaSpecArgs{Hard: pulumi.StringMap{
			"requests.cpu":           pulumi.Sprintf("%d", q.CPU),
			"requests.memory":        pulumi.Sprintf("%dGi", q.MemoryGiB),
			"limits.memory":          pulumi.Sprintf("%dGi", q.MemoryGiB),
			"requests.storage":       pulumi.Sprintf("%dGi", q.StorageGiB),
			"pods":                   pulumi.Sprintf("%d", q.Pods),
			"services.nodeports":     pulumi.String("0"), // the gateway is the one way in
			"services.loadbalancers": pulumi.String("0"),
		}},
	}, b.parent)
	if err != nil {
		return fmt.Errorf("quota: %w", err)
	}
	limits, err := corev1.NewLimitRange(b.ctx, b.name+"-limits", &corev1.LimitRangeArgs{
		Metadata: b.metadata("tenant"),
		Spec: &corev1.LimitRangeSpecArgs{Limits: corev1.LimitRangeItemArray{corev1.LimitRangeItemArgs{
			Type:           pulumi.String("Container"),
			DefaultRequest: pulumi.StringMap{"cpu": pulumi.String("50m"), "memory": pulumi.String("64Mi")},
			Default:        pulumi.StringMap{"memory": pulumi.String("256Mi")},
		}}},
	}, b.parent)
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	b.closed = append(b.closed, quota, limits)
	return nil
}

// network closes the namespace both ways, but for what the graph says.
func (b *builder) network() error {
	made, err := segmentation.Close(b.ctx, b.name, &segmentation.Closing{
		Graph: b.args.Traffic, Namespace: b.args.Tenant.Name, Within: b.within, Labels: labels(),
	}, b.parent)
	if err != nil {
		return err
	}
	b.closed = append(b.closed, made...)
	return nil
}

// account takes the token from the account that Kubernetes makes in every namespace.
func (b *builder) account() error {
	patch, err := corev1.NewServiceAccountPatch(b.ctx, b.name+"-account", &corev1.ServiceAccountPatchArgs{
		Metadata:                     &metav1.ObjectMetaPatchArgs{Name: pulumi.String("default"), Namespace: b.within},
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("service account default: %w", err)
	}
	b.closed = append(b.closed, patch)
	return nil
}
