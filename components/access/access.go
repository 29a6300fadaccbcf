// Package access lets people in by what they do: operators, security officers, auditors, and somebody who breaks the glass.
//
// Only groups are bound, and each persona has the fewest rights that its task needs; a tenant's developers and pipelines are
// package tenancy's. What each may and may not do is one table, Acts, that a real API server is asked and people read. See
// docs/access.md.
package access

import (
	"fmt"

	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	token = "lagrum:access:Access"

	rbacGroup = "rbac.authorization.k8s.io"
	// everything is the role that Kubernetes brings for it.
	everything = "cluster-admin"
)

// Persona is what somebody does, whoever it is.
type Persona string

// The personas. Developer and Pipeline have rights in their tenants' namespaces alone.
const (
	Operator        Persona = "operator"
	SecurityOfficer Persona = "security-officer"
	Auditor         Persona = "auditor"
	BreakGlass      Persona = "break-glass"
	Developer       Persona = "developer"
	Pipeline        Persona = "pipeline"
)

// binding is the name of a persona's binding.
func binding(p Persona) string { return "lagrum:" + string(p) }

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Guards must be in force before anybody is let in.
	Guards []pulumi.Resource
}

// Access is who may do what in the whole cluster.
type Access struct {
	pulumi.ResourceState
}

// New binds the site's groups. A persona without a group has neither role nor binding. The caller's options must carry the
// cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Access, error) {
	a := &Access{}
	groups := args.Plan.Access
	err := construct.Component(ctx, token, name, a, pulumi.Map{}, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		b := &builder{ctx: ctx, name: name, parent: parent, guards: args.Guards}
		for _, persona := range []struct {
			persona Persona
			groups  []string
			rules   []workload.Rule
		}{
			{Operator, groups.Operators, operating()},
			{SecurityOfficer, groups.SecurityOfficers, guarding()},
			{Auditor, groups.Auditors, auditing()},
			{BreakGlass, groups.BreakGlass, nil},
		} {
			if len(persona.groups) == 0 {
				continue
			}
			if err := b.letIn(persona.persona, persona.groups, persona.rules); err != nil {
				return nil, fmt.Errorf("%s: %w", persona.persona, err)
			}
		}
		if len(groups.Operators) > 0 {
			if err := b.showLogs(groups.Operators); err != nil {
				return nil, fmt.Errorf("logs: %w", err)
			}
		}
		return pulumi.Map{}, nil
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

type builder struct {
	ctx    *pulumi.Context
	name   string
	parent pulumi.ResourceOption
	guards []pulumi.Resource
}

func (b *builder) metadata(p Persona, namespace string) *metav1.ObjectMetaArgs {
	labels := construct.Managed()
	labels["app.kubernetes.io/part-of"] = pulumi.String("access")
	made := &metav1.ObjectMetaArgs{Name: pulumi.String(binding(p)), Labels: labels}
	if namespace != "" {
		made.Namespace = pulumi.String(namespace)
	}
	return made
}

// letIn binds groups to a persona's role; without rules, to the right to do everything.
func (b *builder) letIn(p Persona, groups []string, rules []workload.Rule) error {
	var name pulumi.StringInput = pulumi.String(everything)
	if len(rules) > 0 {
		role, err := rbacv1.NewClusterRole(b.ctx, b.name+"-"+string(p), &rbacv1.ClusterRoleArgs{
			Metadata: b.metadata(p, ""), Rules: workload.PolicyRules(rules),
		}, b.parent)
		if err != nil {
			return fmt.Errorf("role: %w", err)
		}
		name = role.Metadata.Name().Elem()
	}
	_, err := rbacv1.NewClusterRoleBinding(b.ctx, b.name+"-"+string(p), &rbacv1.ClusterRoleBindingArgs{
		Metadata: b.metadata(p, ""),
		RoleRef:  &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: name},
		Subjects: workload.Groups(bootstrap.PersonPrefix, groups),
	}, b.parent, pulumi.DependsOn(b.guards))
	if err != nil {
		return fmt.Errorf("binding: %w", err)
	}
	return nil
}

// showLogs lets operators read what the platform's pods write, and no tenant's.
func (b *builder) showLogs(groups []string) error {
	role, err := rbacv1.NewRole(b.ctx, b.name+"-logs", &rbacv1.RoleArgs{
		Metadata: b.metadata(Operator, workload.Namespace), Rules: workload.PolicyRules(logs()),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	_, err = rbacv1.NewRoleBinding(b.ctx, b.name+"-logs", &rbacv1.RoleBindingArgs{
		Metadata: b.metadata(Operator, workload.Namespace),
		RoleRef:  &rbacv1.RoleRefArgs{ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Role"), Name: role.Metadata.Name().Elem()},
		Subjects: workload.Groups(bootstrap.PersonPrefix, groups),
	}, b.parent, pulumi.DependsOn(b.guards))
	if err != nil {
		return fmt.Errorf("binding: %w", err)
	}
	return nil
}
