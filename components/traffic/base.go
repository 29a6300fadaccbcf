package traffic

import (
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// The parties that every cluster has.
const (
	// ClusterDNS answers names; package network runs it.
	ClusterDNS = "coredns"
	// EveryPod is the pod network, with pods of namespaces that the graph does not know.
	EveryPod = "every-pod"
	// APIServer is the API at its load balancer, and behind the Service kubernetes.
	APIServer = "api-server"
	// Resolvers are those that nodes ask for names.
	Resolvers = "resolvers"
	// CloudAPI is the cloud that the cluster runs on.
	CloudAPI = "cloud-api"

	dnsPort = 53
)

// Base is what every cluster begins with: the namespaces that Kubernetes makes, and those who are no pods.
func Base(p *plan.Plan) Part {
	pods := []string{p.Cluster.PodCIDR, p.Cluster.ServiceCIDR}
	return Part{
		Namespaces: []Namespace{
			{Name: "default", Builtin: true, Why: "Kubernetes'; nothing of the platform runs there"},
			{Name: "kube-node-lease", Builtin: true, Why: "the kubelets' leases; nothing runs there"},
			{Name: "kube-public", Builtin: true, Why: "Kubernetes'; nothing runs there"},
			{Name: "kube-system", Builtin: true, Why: "what the cluster rests on"},
		},
		Parties: []Party{
			// As a range, and not as pods of all namespaces: an enforcer learns of each new pod, on every node by itself, a moment
			// after it began to ask.
			{Name: EveryPod, Networks: []Network{{CIDR: p.Cluster.PodCIDR}}},
			// Where a control plane stands is known only once it is made, and changes with every replacement: a policy that named
			// each would cut pods off while one moves. In the network of the nodes nobody else answers at the API's port, and the
			// firewall lets nothing else through to it.
			{Name: APIServer, Networks: []Network{{CIDR: p.Network.NodeCIDR}}},
			{Name: Resolvers, Networks: Anywhere("a machine learns its resolvers from its network: the plan does not know them", pods...)},
			{Name: CloudAPI, Networks: Anywhere("the cloud's own catalogue says where its services answer: the plan does not know it",
				append(pods, p.Network.NodeCIDR)...)},
		},
	}
}

// Anywhere is every address but the metadata service and the given ranges.
func Anywhere(why string, but ...string) []Network {
	return []Network{{CIDR: "0.0.0.0/0", Except: append([]string{metadata[0].String()}, but...), Why: why}}
}

// ToAPI lets a party ask the API.
func ToAPI(p *plan.Plan, from, why string, serves requirements.Capability) Edge {
	return Edge{From: from, To: APIServer, Protocol: TCP, Port: p.Cluster.APIPort, Why: why, Serves: serves}
}

// ToDNS lets a party ask another for names: ClusterDNS, or the Resolvers.
func ToDNS(from, to, why string) []Edge {
	var both []Edge
	for _, protocol := range []string{TCP, UDP} {
		both = append(both, Edge{From: from, To: to, Protocol: protocol, Port: dnsPort, Why: why, Serves: requirements.NetworkSegmentation})
	}
	return both
}
