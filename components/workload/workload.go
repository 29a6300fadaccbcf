// Package workload holds what the workloads of ours in a cluster have in common: an identity with the fewest rights,
// configuration that rolls the pods when it changes, and pods that can do little.
package workload

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
)

const (
	// Namespace of everything that a cluster rests on.
	Namespace = "kube-system"
	// IdentityNamespace is that of who lets people in. People's browsers reach it, so it is no part of Namespace.
	IdentityNamespace = "lagrum-identity"
	// RuntimeNamespace is that of what watches the nodes. It may more than other pods, and nothing else runs beside it.
	RuntimeNamespace = "lagrum-runtime"
	// IdentityHost is Dex's name in the cluster: that of its Service, which its certificate bears.
	IdentityHost = "dex." + IdentityNamespace + ".svc"
	// GatewayNamespace is that of who faces the load balancers, and of the certificates that are served there.
	GatewayNamespace = "lagrum-gateway"
	// NodeCritical and ClusterCritical are Kubernetes' own priority classes.
	NodeCritical    = "system-node-critical"
	ClusterCritical = "system-cluster-critical"

	rbacGroup = "rbac.authorization.k8s.io"
)

// RolloutTimeout is how long a workload may take to be ready everywhere: pulling on the slowest node, one by one.
const RolloutTimeout = 10 * time.Minute

// Set makes the objects of one component, which may have several parts.
type Set struct {
	Ctx *pulumi.Context
	// Name is what the names of all its resources begin with.
	Name string
	// PartOf names the component in the objects' labels.
	PartOf string
	Parent pulumi.ResourceOption
	// Guards must be in force before anything runs: the admission policies of package hardening.
	Guards []pulumi.Resource
}

// Rule is one row of a part's rights.
type Rule struct {
	Group     string // API group; "" is core
	Resources []string
	Verbs     []string
	// Names bound the rule to objects of these names; none to all.
	Names []string
	// URLs are paths of the API that are no resource; a rule has them or resources.
	URLs []string
}

// Account makes the identity of a part: a ServiceAccount of its own, bound to a cluster role. With rules the role is
// made too; without, it is one that the API server brings. What is returned must be there before the part's workload
// starts and outlive it.
func (s *Set) Account(part, role string, rules ...Rule) (*corev1.ServiceAccount, []pulumi.Resource, error) {
	account, err := s.Nobody(part)
	if err != nil {
		return nil, nil, err
	}
	needs := []pulumi.Resource{account}
	if len(rules) > 0 {
		made, err := rbacv1.NewClusterRole(s.Ctx, s.Name+"-"+part, &rbacv1.ClusterRoleArgs{
			Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(role), Labels: s.Labels(part)},
			Rules:    PolicyRules(rules),
		}, s.Parent)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: cluster role: %w", part, err)
		}
		needs = append(needs, made)
	}
	binding, err := rbacv1.NewClusterRoleBinding(s.Ctx, s.Name+"-"+part, &rbacv1.ClusterRoleBindingArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String("lagrum:" + part), Labels: s.Labels(part)},
		RoleRef: &rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(role),
		},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(part), Namespace: pulumi.String(Namespace),
		}},
	}, s.Parent)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: cluster role binding: %w", part, err)
	}
	return account, append(needs, binding), nil
}

// Nobody makes a ServiceAccount of a part's own that may do nothing.
func (s *Set) Nobody(part string) (*corev1.ServiceAccount, error) {
	made, err := corev1.NewServiceAccount(s.Ctx, s.Name+"-"+part, &corev1.ServiceAccountArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(part), Namespace: pulumi.String(Namespace), Labels: s.Labels(part),
		},
		// The pods that need the token ask for it themselves.
		AutomountServiceAccountToken: pulumi.Bool(false),
	}, s.Parent)
	if err != nil {
		return nil, fmt.Errorf("%s: service account: %w", part, err)
	}
	return made, nil
}

// PolicyRules are rules as a role has them.
func PolicyRules(rules []Rule) rbacv1.PolicyRuleArray {
	var made rbacv1.PolicyRuleArray
	for _, r := range rules {
		row := rbacv1.PolicyRuleArgs{Verbs: pulumi.ToStringArray(r.Verbs)}
		if len(r.URLs) > 0 {
			row.NonResourceURLs = pulumi.ToStringArray(r.URLs)
		} else {
			row.ApiGroups, row.Resources = pulumi.ToStringArray([]string{r.Group}), pulumi.ToStringArray(r.Resources)
		}
		if len(r.Names) > 0 {
			row.ResourceNames = pulumi.ToStringArray(r.Names)
		}
		made = append(made, row)
	}
	return made
}

// Groups are subjects of a binding: groups of people or pipelines behind the prefix that the API server knows them by.
func Groups(prefix string, names []string) rbacv1.SubjectArray {
	var subjects rbacv1.SubjectArray
	for _, name := range names {
		subjects = append(subjects, rbacv1.SubjectArgs{
			Kind: pulumi.String("Group"), ApiGroup: pulumi.String(rbacGroup), Name: pulumi.String(prefix + name),
		})
	}
	return subjects
}

// ConfigMap makes a ConfigMap that Pulumi names: changed data gives a new name, and the workload that refers to it
// rolls by itself.
func (s *Set) ConfigMap(part string, data map[string]string) (*corev1.ConfigMap, error) {
	made, err := corev1.NewConfigMap(s.Ctx, s.Name+"-"+part, &corev1.ConfigMapArgs{
		Metadata:  &metav1.ObjectMetaArgs{Namespace: pulumi.String(Namespace), Labels: s.Labels(part)},
		Immutable: pulumi.Bool(true),
		Data:      pulumi.ToStringMap(data),
	}, s.Parent)
	if err != nil {
		return nil, fmt.Errorf("%s: config map: %w", part, err)
	}
	return made, nil
}

// Secret makes a Secret that Pulumi names, as ConfigMap does.
func (s *Set) Secret(part string, data pulumi.StringMap) (*corev1.Secret, error) {
	made, err := corev1.NewSecret(s.Ctx, s.Name+"-"+part, &corev1.SecretArgs{
		Metadata:   &metav1.ObjectMetaArgs{Namespace: pulumi.String(Namespace), Labels: s.Labels(part)},
		Immutable:  pulumi.Bool(true),
		StringData: data,
	}, s.Parent)
	if err != nil {
		return nil, fmt.Errorf("%s: secret: %w", part, err)
	}
	return made, nil
}

// Leases lets a part's account, which exists, hold the named leases of Namespace: the leader of its replicas is who does.
// A lease is made before it has a name to bound it by.
func (s *Set) Leases(part string, names ...string) ([]pulumi.Resource, error) {
	const group = "coordination.k8s.io"
	leases := []string{"leases"}
	return s.Local(part, part+"-leases",
		Rule{Group: group, Resources: leases, Verbs: []string{"create"}}, Rule{Group: group, Resources: leases, Verbs: []string{"get", "update"}, Names: names})
}

// Local gives a part's account, which exists, rights in Namespace alone, under a name of the right's own.
func (s *Set) Local(part, right string, rules ...Rule) ([]pulumi.Resource, error) {
	metadata := &metav1.ObjectMetaArgs{Name: pulumi.String("lagrum:" + right), Namespace: pulumi.String(Namespace), Labels: s.Labels(part)}
	role, err := rbacv1.NewRole(s.Ctx, s.Name+"-"+right, &rbacv1.RoleArgs{Metadata: metadata, Rules: PolicyRules(rules)}, s.Parent)
	if err != nil {
		return nil, fmt.Errorf("%s: role: %w", part, err)
	}
	binding, err := rbacv1.NewRoleBinding(s.Ctx, s.Name+"-"+right, &rbacv1.RoleBindingArgs{
		Metadata: metadata,
		RoleRef: &rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Role"), Name: pulumi.String("lagrum:" + right),
		},
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(part), Namespace: pulumi.String(Namespace),
		}},
	}, s.Parent)
	if err != nil {
		return nil, fmt.Errorf("%s: role binding: %w", part, err)
	}
	return []pulumi.Resource{role, binding}, nil
}

// Labels of a part's objects.
func (s *Set) Labels(part string) pulumi.StringMap {
	all := construct.Managed()
	all["app.kubernetes.io/name"] = pulumi.String(part)
	all["app.kubernetes.io/part-of"] = pulumi.String(s.PartOf)
	return all
}

// Restricted adds to a namespace's labels that Pod Security's strictest level holds there.
func Restricted(labels pulumi.StringMap) pulumi.StringMap {
	for _, mode := range []string{"enforce", "audit", "warn"} {
		labels["pod-security.kubernetes.io/"+mode] = pulumi.String("restricted")
		labels["pod-security.kubernetes.io/"+mode+"-version"] = pulumi.String("latest")
	}
	return labels
}

// Known are the labels by which a part's pods are known. They can never change, so they hold the name alone.
func Known(part string) map[string]string { return map[string]string{"app.kubernetes.io/name": part} }

// Selector picks a part's pods.
func Selector(part string) pulumi.StringMap { return pulumi.ToStringMap(Known(part)) }

// Awaited gives the options of an awaited workload. It depends on its rights, so that at teardown it loses them last, and
// on the guards.
func (s *Set) Awaited(needs []pulumi.Resource) []pulumi.ResourceOption {
	timeout := RolloutTimeout.String()
	return []pulumi.ResourceOption{
		s.Parent, pulumi.DependsOn(slices.Concat(needs, s.Guards)), pulumi.Timeouts(&pulumi.CustomTimeouts{Create: timeout, Update: timeout, Delete: timeout}),
	}
}

// APIAddress is the environment by which a client in a pod finds the API, pointed at the load balancer.
func APIAddress(endpoint pulumi.StringInput, port int) corev1.EnvVarArray {
	return corev1.EnvVarArray{
		corev1.EnvVarArgs{Name: pulumi.String("KUBERNETES_SERVICE_HOST"), Value: endpoint.ToStringOutput()},
		corev1.EnvVarArgs{Name: pulumi.String("KUBERNETES_SERVICE_PORT"), Value: pulumi.String(strconv.Itoa(port))},
	}
}
