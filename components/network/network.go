// Package network makes pods reach each other, services and names, and makes NetworkPolicy hold.
//
// Four parts, each of them small enough to be read whole: kube-proxy routes services, flannel carries pods between
// nodes, kube-router enforces NetworkPolicy (its routing and its proxy are off), CoreDNS answers names. The boundary
// is what every pod needs before the first workload may run; gateways and certificates come later.
//
// kube-router is a moment late for a new pod. A guard on each node, in place before flannel, keeps the pod shut until then.
//
// kube-proxy, flannel and kube-router run on the host's network and talk to the API through its load balancer: the
// service address of the API works only once they have done their work.
//
// kube-router serves its health, and with it Go's profiles, on every address of the node: upstream has no choice of
// address. The firewall keeps other nodes out; a pod on the same node can read them.
package network

import (
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:network:Network"

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Endpoint is the host of the API's load balancer, without port.
	Endpoint pulumi.StringInput
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// Network is a working pod network.
type Network struct {
	pulumi.ResourceState

	// Ready are the workloads that a pod with a network, a name and a policy needs. Whatever runs pods depends on them.
	Ready []pulumi.Resource
}

// New installs the network. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	n := &Network{}
	inputs := pulumi.Map{
		"podCIDR":    pulumi.String(args.Plan.Cluster.PodCIDR),
		"encryption": pulumi.String(args.Plan.Network.Encryption),
	}
	err := construct.Component(ctx, token, name, n, inputs, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		b := &builder{
			Set: workload.Set{Ctx: ctx, Name: name, PartOf: "network", Parent: parent, Guards: args.Guards}, plan: args.Plan,
			images: images.For(args.Plan.Cluster), api: workload.APIAddress(args.Endpoint, args.Plan.Cluster.APIPort),
		}
		proxy, err := b.kubeProxy()
		if err != nil {
			return nil, err
		}
		flannel, err := b.flannel()
		if err != nil {
			return nil, err
		}
		policy, err := b.kubeRouter()
		if err != nil {
			return nil, err
		}
		// No pod may run before policies hold, and none can before it has a network: CoreDNS is the first.
		dns, err := b.coreDNS(proxy, flannel, policy)
		if err != nil {
			return nil, err
		}
		n.Ready = []pulumi.Resource{proxy, flannel, policy, dns}
		return pulumi.Map{}, nil
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// builder holds what all four parts share while New runs.
type builder struct {
	workload.Set
	plan   *plan.Plan
	images images.Catalogue
	api    corev1.EnvVarArray
}

// nodes counts the machines that stay.
func (b *builder) nodes() int {
	count := 0
	for _, pool := range b.plan.Pools {
		for _, node := range pool.Nodes {
			if !node.Leaving {
				count++
			}
		}
	}
	return count
}
