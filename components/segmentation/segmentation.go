// Package segmentation closes namespaces: it builds the NetworkPolicies that follow from the graph of package traffic.
//
// New closes the namespaces that Kubernetes makes, before anything runs in them; whoever makes a namespace calls Close for it
// before anybody may make a pod there. Package network enforces what is built here. See docs/network.md.
package segmentation

import (
	"fmt"
	"slices"
	"strings"

	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	networkingv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/networking/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/construct"
)

const (
	token = "lagrum:segmentation:Segmentation"

	// Reasons is the annotation in which a policy says what it opens, and why.
	Reasons = "lagrum.dev/traffic"
	// namespaceName is a label that the API server puts on every namespace, and that nobody can change.
	namespaceName = "kubernetes.io/metadata.name"
)

// Args of New.
type Args struct {
	Graph *traffic.Graph
	// Guards must be in force before.
	Guards []pulumi.Resource
}

// Segmentation are closed namespaces.
type Segmentation struct {
	pulumi.ResourceState

	// Guards are the policies. Whatever runs depends on them.
	Guards []pulumi.Resource
}

// New closes every namespace of the graph that Kubernetes makes. The caller's options must carry the cluster's Kubernetes
// provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Segmentation, error) {
	s := &Segmentation{}
	inputs := pulumi.Map{"namespaces": pulumi.Int(len(args.Graph.Namespaces)), "edges": pulumi.Int(len(args.Graph.Edges))}
	err := construct.Component(ctx, token, name, s, inputs, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		labels := construct.Managed()
		labels["app.kubernetes.io/part-of"] = pulumi.String("segmentation")
		for _, n := range args.Graph.Namespaces {
			if !n.Builtin {
				continue
			}
			made, err := Close(ctx, name+"-"+n.Name, &Closing{
				Graph: args.Graph, Namespace: n.Name, Within: pulumi.String(n.Name), Labels: labels,
			}, parent, pulumi.DependsOn(args.Guards))
			if err != nil {
				return nil, err
			}
			s.Guards = append(s.Guards, made...)
		}
		return pulumi.Map{}, nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Closing is a namespace that is about to be closed.
type Closing struct {
	Graph     *traffic.Graph
	Namespace string
	// Within is the same name, as something that is known once the namespace is there.
	Within pulumi.StringInput
	Labels pulumi.StringMap
}

// Close makes the policies of one namespace. What opens comes before what closes, so that nothing which runs already, and may,
// is cut off on the way.
func Close(ctx *pulumi.Context, name string, c *Closing, opts ...pulumi.ResourceOption) ([]pulumi.Resource, error) {
	if !slices.ContainsFunc(c.Graph.Namespaces, func(n traffic.Namespace) bool { return n.Name == c.Namespace }) {
		return nil, fmt.Errorf("%s: the traffic graph has no namespace %q; declare it where its parties are declared", name, c.Namespace)
	}
	var made []pulumi.Resource
	for _, p := range c.Graph.In(c.Namespace) {
		role, options := p.Name, opts
		if p.Closes() {
			role, options = "closed", append(opts[:len(opts):len(opts)], pulumi.DependsOn(made))
		}
		one, err := networkingv1.NewNetworkPolicy(ctx, name+"-"+role, &networkingv1.NetworkPolicyArgs{
			Metadata: &metav1.ObjectMetaArgs{
				Name: pulumi.String(p.Name), Namespace: c.Within, Labels: c.Labels,
				Annotations: pulumi.StringMap{Reasons: pulumi.String(strings.Join(p.Why, "\n"))},
			},
			Spec: spec(p),
		}, options...)
		if err != nil {
			return nil, fmt.Errorf("policy %s of %s: %w", p.Name, c.Namespace, err)
		}
		made = append(made, one)
	}
	return made, nil
}

func spec(p traffic.Policy) *networkingv1.NetworkPolicySpecArgs {
	made := &networkingv1.NetworkPolicySpecArgs{PodSelector: pods(p.Labels)}
	types := pulumi.StringArray{}
	if p.In {
		types = append(types, pulumi.String("Ingress"))
	}
	if p.Out {
		types = append(types, pulumi.String("Egress"))
	}
	made.PolicyTypes = types
	ingress := networkingv1.NetworkPolicyIngressRuleArray{}
	for _, r := range p.Ingress {
		ingress = append(ingress, networkingv1.NetworkPolicyIngressRuleArgs{From: peers(r.Peer), Ports: ports(r.Ports)})
	}
	egress := networkingv1.NetworkPolicyEgressRuleArray{}
	for _, r := range p.Egress {
		egress = append(egress, networkingv1.NetworkPolicyEgressRuleArgs{To: peers(r.Peer), Ports: ports(r.Ports)})
	}
	if len(ingress) > 0 {
		made.Ingress = ingress
	}
	if len(egress) > 0 {
		made.Egress = egress
	}
	return made
}

// pods selects by labels; without any, every pod.
func pods(labels map[string]string) *metav1.LabelSelectorArgs {
	if len(labels) == 0 {
		return &metav1.LabelSelectorArgs{}
	}
	return &metav1.LabelSelectorArgs{MatchLabels: pulumi.ToStringMap(labels)}
}

func peers(p traffic.Party) networkingv1.NetworkPolicyPeerArray {
	if p.Namespace != "" {
		return networkingv1.NetworkPolicyPeerArray{networkingv1.NetworkPolicyPeerArgs{
			NamespaceSelector: pods(map[string]string{namespaceName: p.Namespace}), PodSelector: pods(p.Labels),
		}}
	}
	var all networkingv1.NetworkPolicyPeerArray
	for _, n := range p.Networks {
		block := networkingv1.IPBlockArgs{Cidr: pulumi.String(n.CIDR)}
		if len(n.Except) > 0 {
			block.Except = pulumi.ToStringArray(n.Except)
		}
		all = append(all, networkingv1.NetworkPolicyPeerArgs{IpBlock: &block})
	}
	return all
}

func ports(all []traffic.Port) networkingv1.NetworkPolicyPortArray {
	var made networkingv1.NetworkPolicyPortArray
	for _, p := range all {
		one := networkingv1.NetworkPolicyPortArgs{Protocol: pulumi.String(p.Protocol)}
		if p.Port != 0 {
			one.Port = pulumi.Int(p.Port)
		}
		made = append(made, one)
	}
	return made
}
