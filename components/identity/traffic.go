package identity

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// providers are the party of those who vouch for people.
const providers = "identity-providers"

// Traffic is what Dex needs; who comes to it is the gateway's to say. A plan without a login has none of it.
func Traffic(p *plan.Plan) (traffic.Part, error) {
	l := p.Cluster.Login
	if l == nil {
		return traffic.Part{}, nil
	}
	const serves = requirements.IdentitySSO
	made := traffic.Part{
		Namespaces: []traffic.Namespace{{Name: workload.IdentityNamespace, Why: "who lets people in, with their logins"}},
		Parties: []traffic.Party{
			{Name: Party, Namespace: workload.IdentityNamespace, Labels: workload.Known(part)},
		},
		Edges: append(traffic.ToDNS(part, traffic.ClusterDNS, "it knows the providers by name"),
			traffic.ToAPI(p, part, "it keeps logins and the keys that it signs with as objects", serves)),
	}
	var ports []int
	for _, c := range l.Connectors {
		_, at, err := address(c)
		if err != nil {
			return traffic.Part{}, err
		}
		if !slices.Contains(ports, at) {
			ports = append(ports, at)
		}
	}
	if len(ports) == 0 {
		return made, nil
	}
	made.Parties = append(made.Parties, traffic.Party{Name: providers, Networks: traffic.Anywhere(
		"a provider has a name, and whatever address that leads to", p.Cluster.PodCIDR, p.Cluster.ServiceCIDR)})
	for _, at := range ports {
		made.Edges = append(made.Edges, traffic.Edge{
			From: part, To: providers, Protocol: traffic.TCP, Port: at, Why: "providers vouch for people", Serves: serves,
		})
	}
	return made, nil
}

// address is where a provider is asked.
func address(c plan.Connector) (host string, at int, err error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "", 0, fmt.Errorf("%s: url: %q: %w", c.Name, c.URL, err)
	}
	if u.Port() == "" {
		return u.Hostname(), map[string]int{plan.OIDC: httpsPort, plan.LDAP: ldapsPort}[c.Kind], nil
	}
	if at, err = strconv.Atoi(u.Port()); err != nil {
		return "", 0, fmt.Errorf("%s: url: %q: %w", c.Name, c.URL, err)
	}
	return u.Hostname(), at, nil
}
