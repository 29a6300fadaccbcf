package plan

import (
	"slices"

	"github.com/lagrum/lagrum/stacks/site"
)

// Gateway is the load balancer for web traffic to what runs in the cluster. It passes TCP on as it is: TLS ends at the
// controller behind it, which alone holds keys.
type Gateway struct {
	// Public says that it has an address on the Internet.
	Public bool `json:"public"`
	// Sources may reach it, sorted; 0.0.0.0/0 only where it is public.
	Sources []string `json:"sources"`
	// Ports that it takes, the encrypted one first.
	Ports []GatewayPort `json:"ports"`
	// ProxyProtocol says that each connection begins with a line that names the client (PROXY protocol). Without it the
	// access log, and whoever limits by address, would see the load balancer only.
	ProxyProtocol bool `json:"proxyProtocol"`
	// Balancers is where such a line may come from: the load balancer's own addresses lie in the node network. The
	// controller believes it from nowhere else.
	Balancers []string `json:"balancers"`
}

// GatewayPort is a port of the gateway and where it leads.
type GatewayPort struct {
	Name string `json:"name"`
	Port int    `json:"port"`
	// NodePort is the same on every worker: fixed, since the load balancer and the firewall are made before the Service.
	NodePort int    `json:"nodePort"`
	Purpose  string `json:"purpose"`
}

// The node ports lie in Kubernetes's own range, 30000 to 32767.
var gatewayPorts = []GatewayPort{
	{Name: "https", Port: 443, NodePort: 30443, Purpose: "everything that people and systems use, over TLS"},
	{Name: "http", Port: 80, NodePort: 30080, Purpose: "redirects to HTTPS, and answers certificate authorities that ask by HTTP"},
}

func gateway(s *site.Site) *Gateway {
	if s.Gateway == nil {
		return nil
	}
	g := &Gateway{
		Public: s.Gateway.Public, Ports: slices.Clone(gatewayPorts), Balancers: []string{s.Cluster.NodeCIDR.String()},
		// The lab's load balancer says no such line.
		ProxyProtocol: s.Cloud.Kind() != "lab",
	}
	for _, source := range s.Gateway.Sources {
		g.Sources = append(g.Sources, source.String())
	}
	slices.Sort(g.Sources)
	return g
}

// NodePort is where a port of the gateway leads, by the port's name; 0 where it has none of that name.
func (g *Gateway) NodePort(name string) int {
	for _, port := range g.Ports {
		if port.Name == name {
			return port.NodePort
		}
	}
	return 0
}
