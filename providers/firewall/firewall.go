// Package firewall is the one table of who may talk to whom on the node network, with a reason for every row.
// All cloud adapters build their rules from it, so that no cloud is open where another is closed.
package firewall

import "github.com/lagrum/lagrum/stacks/plan"

// Group is a set of nodes, or the world outside them.
type Group string

// The groups.
const (
	ControlPlane Group = "control-plane"
	Worker       Group = "worker"
	LoadBalancer Group = "load-balancer" // of the API
	Gateway      Group = "gateway"       // the load balancer of web traffic
	// Declared stands for the source ranges that the site declares, for the API and for the gateway each its own.
	Declared Group = "declared-sources"
)

// Groups are those that a cloud makes for a plan.
func Groups(p *plan.Plan) []Group {
	groups := []Group{ControlPlane, Worker, LoadBalancer}
	if p.Gateway != nil {
		groups = append(groups, Gateway)
	}
	return groups
}

// Balances tells whether the group is a load balancer: what it forwards may come from addresses that the cloud chooses.
func (g Group) Balances() bool { return g == LoadBalancer || g == Gateway }

// GroupOf is the group that the nodes of a role are in.
func GroupOf(role plan.Role) Group {
	if role == plan.ControlPlane {
		return ControlPlane
	}
	return Worker
}

// Rule lets one group reach ports of another. Whatever no rule allows is dropped.
type Rule struct {
	Name     string `json:"name"` // stable identity
	From     Group  `json:"from"`
	To       Group  `json:"to"`
	Protocol string `json:"protocol"` // tcp, udp, icmp
	// FirstPort and LastPort are inclusive; both 0 for icmp.
	FirstPort int    `json:"firstPort"`
	LastPort  int    `json:"lastPort"`
	Reason    string `json:"reason"`
	// Sources are the CIDRs behind Declared, empty for every other group.
	Sources []string `json:"sources,omitempty"`
}

// The ports of the node network.
const (
	etcdClient = 2379
	etcdPeer   = 2380
	kubelet    = 10250
	vxlan      = 8472  // Linux's default VXLAN port, flannel's too
	wireguard  = 51820 // flannel's WireGuard listener for IPv4
)

// Rules is the table for one plan. SSH is in no row: nodes are replaced, never logged in to.
func Rules(p *plan.Plan) []Rule {
	overlayPort, overlay := vxlan, "pod traffic between nodes, VXLAN"
	if p.Network.Encryption == plan.WireGuard {
		overlayPort, overlay = wireguard, "pod traffic between nodes, encrypted by WireGuard"
	}
	api := p.Cluster.APIPort
	var rules []Rule
	if len(p.Cluster.APISources) > 0 {
		rules = append(rules, Rule{Name: "api-from-declared", From: Declared, To: LoadBalancer, Protocol: "tcp", FirstPort: api, LastPort: api,
			Reason: "people and pipelines reach the API from the ranges that the site declares", Sources: p.Cluster.APISources})
	}
	rules = append(rules, []Rule{
		{Name: "api-from-control-plane", From: ControlPlane, To: LoadBalancer, Protocol: "tcp", FirstPort: api, LastPort: api,
			Reason: "kubelet and controllers of control planes use the one endpoint"},
		{Name: "api-from-worker", From: Worker, To: LoadBalancer, Protocol: "tcp", FirstPort: api, LastPort: api,
			Reason: "kubelet and node agents of workers use the one endpoint"},
		{Name: "api-behind-balancer", From: LoadBalancer, To: ControlPlane, Protocol: "tcp", FirstPort: api, LastPort: api,
			Reason: "forwarded API traffic and health checks"},
		{Name: "api-service-from-control-plane", From: ControlPlane, To: ControlPlane, Protocol: "tcp", FirstPort: api, LastPort: api,
			Reason: "the kubernetes Service leads from pods to every API server directly"},
		{Name: "api-service-from-worker", From: Worker, To: ControlPlane, Protocol: "tcp", FirstPort: api, LastPort: api,
			Reason: "the kubernetes Service leads from pods to every API server directly"},
		{Name: "etcd", From: ControlPlane, To: ControlPlane, Protocol: "tcp", FirstPort: etcdClient, LastPort: etcdPeer,
			Reason: "etcd members replicate, and a joining member is added through a running one"},
		{Name: "kubelet-control-plane", From: ControlPlane, To: ControlPlane, Protocol: "tcp", FirstPort: kubelet, LastPort: kubelet,
			Reason: "API servers reach kubelets for logs, exec and metrics"},
		{Name: "kubelet-worker", From: ControlPlane, To: Worker, Protocol: "tcp", FirstPort: kubelet, LastPort: kubelet,
			Reason: "API servers reach kubelets for logs, exec and metrics"},
	}...)
	for _, from := range []Group{ControlPlane, Worker} {
		for _, to := range []Group{ControlPlane, Worker} {
			pair := string(from) + "-to-" + string(to)
			rules = append(rules,
				Rule{Name: "overlay-" + pair, From: from, To: to, Protocol: "udp", FirstPort: overlayPort, LastPort: overlayPort, Reason: overlay},
				Rule{Name: "icmp-" + pair, From: from, To: to, Protocol: "icmp", Reason: "path MTU discovery and reachability (RFC 1191)"})
		}
	}
	return append(rules, gatewayRules(p.Gateway)...)
}

// gatewayRules are the only rows that may have the Internet as their source.
func gatewayRules(g *plan.Gateway) []Rule {
	if g == nil {
		return nil
	}
	var rules []Rule
	for _, port := range g.Ports {
		name := "gateway-" + port.Name
		rules = append(rules,
			Rule{Name: name + "-from-declared", From: Declared, To: Gateway, Protocol: "tcp", FirstPort: port.Port, LastPort: port.Port,
				Reason: port.Purpose, Sources: g.Sources},
			Rule{Name: name + "-from-control-plane", From: ControlPlane, To: Gateway, Protocol: "tcp", FirstPort: port.Port, LastPort: port.Port,
				Reason: "API servers ask who vouches for people under the same name as people do"},
			Rule{Name: name + "-from-worker", From: Worker, To: Gateway, Protocol: "tcp", FirstPort: port.Port, LastPort: port.Port,
				Reason: "pods reach services under the same names as people do"},
			Rule{Name: name + "-behind-balancer", From: Gateway, To: Worker, Protocol: "tcp", FirstPort: port.NodePort, LastPort: port.NodePort,
				Reason: "forwarded web traffic and health checks"})
	}
	return rules
}
