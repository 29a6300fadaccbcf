package traffic

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

const segmentation = requirements.NetworkSegmentation

// sound is a graph without a mistake.
func sound() Part {
	return Part{
		Namespaces: []Namespace{{Name: "b", Why: "for b"}, {Name: "a", Why: "for a"}},
		Parties: []Party{
			{Name: "web", Namespace: "a", Labels: map[string]string{"app": "web"}},
			{Name: "all-of-b", Namespace: "b"},
			{Name: "everybody", Networks: []Network{{CIDR: "10.244.0.0/16"}}},
			{Name: "far", Networks: []Network{{CIDR: "192.0.2.0/24"}}},
		},
		Edges: []Edge{
			{From: "web", To: "far", Protocol: TCP, Port: 443, Why: "it fetches", Serves: segmentation},
			{From: "all-of-b", To: "web", Protocol: TCP, Port: 8080, Why: "b reads a", Serves: segmentation},
			{From: "all-of-b", To: "web", Protocol: UDP, Port: 8080, Why: "b reads a", Serves: segmentation},
			{From: "all-of-b", To: "all-of-b", Why: "b is one system", Serves: segmentation},
			{From: "everybody", To: "web", Protocol: TCP, Port: 80, Why: "web is for all", Serves: segmentation},
		},
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	g, err := Collect(sound())
	require.NoError(t, err)
	b, _ := g.Party("all-of-b")
	web, _ := g.Party("web")
	everybody, _ := g.Party("everybody")
	far, _ := g.Party("far")
	assert.Equal(t, []Policy{
		{Namespace: "a", Name: "web", Labels: map[string]string{"app": "web"}, In: true, Out: true,
			Ingress: []Rule{{b, []Port{{TCP, 8080}, {UDP, 8080}}}, {everybody, []Port{{TCP, 80}}}},
			Egress:  []Rule{{far, []Port{{TCP, 443}}}},
			Why: []string{"all-of-b -> web, TCP 8080: b reads a", "all-of-b -> web, UDP 8080: b reads a",
				"everybody -> web, TCP 80: web is for all", "web -> far, TCP 443: it fetches"}},
		{Namespace: "a", Name: "default-deny", In: true, Out: true, Why: []string{"what no edge of the traffic graph allows is denied, both ways"}},
		{Namespace: "b", Name: "all-of-b", In: true, Out: true,
			Ingress: []Rule{{b, nil}}, Egress: []Rule{{b, nil}, {web, []Port{{TCP, 8080}, {UDP, 8080}}}},
			Why: []string{"all-of-b -> all-of-b, everything: b is one system", "all-of-b -> web, TCP 8080: b reads a", "all-of-b -> web, UDP 8080: b reads a"}},
		{Namespace: "b", Name: "default-deny", In: true, Out: true, Why: []string{"what no edge of the traffic graph allows is denied, both ways"}},
	}, g.Policies())
}

// The order in which components are asked changes nothing.
func TestOrderOfPartsIsNothing(t *testing.T) {
	t.Parallel()
	whole := sound()
	one, err := Collect(whole)
	require.NoError(t, err)
	two, err := Collect(Part{Edges: whole.Edges[2:]}, Part{Parties: whole.Parties[1:], Edges: whole.Edges[:2]}, Part{Namespaces: whole.Namespaces, Parties: whole.Parties[:1]})
	require.NoError(t, err)
	assert.Equal(t, one.Policies(), two.Policies())
}

// Every mistake by itself: what is made wrong, and what is said.
func TestMistakes(t *testing.T) {
	t.Parallel()
	party := func(p Party) func(*Part) { return func(part *Part) { part.Parties = append(part.Parties, p) } }
	network := func(n Network) func(*Part) { return party(Party{Name: "x", Networks: []Network{n}}) }
	edge := func(e Edge) func(*Part) {
		if e.Serves == "" {
			e.Serves = segmentation
		}
		return func(part *Part) { part.Edges = append(part.Edges, e) }
	}
	for want, change := range map[string]func(*Part){
		`namespace "a": declared twice`:                                 func(p *Part) { p.Namespaces = append(p.Namespaces, Namespace{Name: "a", Why: "again"}) },
		`namespace "c": has no reason`:                                  func(p *Part) { p.Namespaces = append(p.Namespaces, Namespace{Name: "c"}) },
		`party "web": declared twice`:                                   party(Party{Name: "web", Namespace: "b"}),
		`party "Web 2": is no name`:                                     party(Party{Name: "Web 2", Namespace: "b"}),
		`party "default-deny": is no nam`:                               party(Party{Name: "default-deny", Namespace: "b"}),
		`party "x": is pods of a namesp`:                                party(Party{Name: "x", Namespace: "a", Networks: []Network{{CIDR: "192.0.2.0/24"}}}),
		`party "y": is pods of a namesp`:                                party(Party{Name: "y"}),
		`party "x": has labels and no na`:                               party(Party{Name: "x", Networks: []Network{{CIDR: "192.0.2.0/24"}}, Labels: map[string]string{"a": "b"}}),
		`party "x": namespace "c" is not`:                               party(Party{Name: "x", Namespace: "c"}),
		`"10.0.0.1/8": is no range`:                                     network(Network{CIDR: "10.0.0.1/8"}),
		`"nowhere": is no range`:                                        network(Network{CIDR: "nowhere"}),
		`network 10.0.0.0/7: is wider than a /8`:                        network(Network{CIDR: "10.0.0.0/7"}),
		`network 0.0.0.0/0: is wider than a /8`:                         network(Network{CIDR: "0.0.0.0/0", Except: []string{"169.254.0.0/16"}}),
		`network 2000::/3: is wider than a /32`:                         network(Network{CIDR: "2000::/3"}),
		`exception 192.0.2.0/24 does not lie inside`:                    network(Network{CIDR: "10.0.0.0/8", Except: []string{"192.0.2.0/24"}}),
		`exception 10.0.0.0/8 does not lie inside`:                      network(Network{CIDR: "10.0.0.0/8", Except: []string{"10.0.0.0/8"}}),
		`0.0.0.0/0: has the metadata service (169.254.0.0/16)`:          network(Network{CIDR: "0.0.0.0/0", Why: "far away"}),
		`128.0.0.0/1: has the metadata service (169.254.0.0/16)`:        network(Network{CIDR: "128.0.0.0/1", Why: "half of it", Except: []string{"169.254.169.254/32"}}),
		`169.254.169.254/32: has the metadata service (169.254.0.0/16)`: network(Network{CIDR: "169.254.169.254/32"}),
		`fd00::/8: has the metadata service (fd00:ec2::254/128)`:        network(Network{CIDR: "fd00::/8", Why: "ours"}),
		`fe80::/10: has the metadata service (fe80::a9fe:a9fe/128)`:     network(Network{CIDR: "fe80::/10", Why: "the link"}),
		`nobody is called "ghost"`:                                      edge(Edge{From: "ghost", To: "web", Protocol: TCP, Port: 1, Why: "it haunts"}),
		`web -> ghost, TCP 1: nobody is called "ghost"`:                 edge(Edge{From: "web", To: "ghost", Protocol: TCP, Port: 1, Why: "it haunts"}),
		`web -> far, TCP 1: has no reason`:                              edge(Edge{From: "web", To: "far", Protocol: TCP, Port: 1, Why: " "}),
		`web -> far, TCP 443: declared twice`:                           edge(Edge{From: "web", To: "far", Protocol: TCP, Port: 443, Why: "it fetches again"}),
		`web -> far, TCP 1: serves "speed", which is no`:                edge(Edge{From: "web", To: "far", Protocol: TCP, Port: 1, Why: "w", Serves: "speed"}),
		`protocol "tcp": use TCP`:                                       edge(Edge{From: "web", To: "far", Protocol: "tcp", Port: 1, Why: "w"}),
		`has a port and no protocol`:                                    edge(Edge{From: "web", To: "far", Port: 1, Why: "w"}),
		`port 65536: use 1 to 65535`:                                    edge(Edge{From: "web", To: "far", Protocol: TCP, Port: 65536, Why: "w"}),
		`no policy can be about it`:                                     edge(Edge{From: "everybody", To: "far", Protocol: TCP, Port: 1, Why: "w"}),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			part := sound()
			change(&part)
			_, err := Collect(part)
			require.ErrorContains(t, err, want)
		})
	}
}

// All of them are told at once.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Collect(Part{
		Parties: []Party{{Name: "x", Namespace: "c"}, {Name: "far", Networks: []Network{{CIDR: "0.0.0.0/0"}}}},
		Edges:   []Edge{{From: "x", To: "y", Protocol: TCP, Port: -1, Serves: segmentation}},
	})
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 6, "%s", err)
}

// Whatever a site's networks are, the parties of every cluster leave out the metadata service.
func TestBase(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{}
	p.Cluster.PodCIDR, p.Cluster.ServiceCIDR, p.Network.NodeCIDR = "10.244.0.0/16", "10.96.0.0/16", "172.31.0.0/20"
	g, err := Collect(Base(p))
	require.NoError(t, err)
	resolvers, _ := g.Party(Resolvers)
	assert.Equal(t, "0.0.0.0/0 but 169.254.0.0/16, 10.244.0.0/16, 10.96.0.0/16", resolvers.Where())
	cloud, _ := g.Party(CloudAPI)
	assert.Equal(t, "0.0.0.0/0 but 169.254.0.0/16, 10.244.0.0/16, 10.96.0.0/16, 172.31.0.0/20", cloud.Where())
	p.Network.NodeCIDR = "169.254.0.0/20"
	_, err = Collect(Base(p))
	require.ErrorContains(t, err, `party "api-server": network 169.254.0.0/20: has the metadata service`)
}
