package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// withLogin lets two organisations in, of which the second asks for one factor.
func withLogin(t *testing.T, s *site.Site) {
	l := site.DefaultLogin()
	l.Issuer = parse[site.URL](t, "https://login.example.org/dex")
	l.Pipelines = []site.Pipeline{{Name: parse[site.Name](t, "ci"), Issuer: parse[site.URL](t, "https://ci.example.org"),
		Audience: parse[site.Text](t, "cluster"), Subjects: []site.Text{parse[site.Text](t, "main")}}}
	s.Environment = site.Test // where one factor is no reason to refuse the site
	s.Identity = site.Identity{Login: &l, Connectors: []site.Connector{
		{Name: parse[site.Name](t, "two"), Type: site.OIDC, URL: parse[site.URL](t, "https://two.example.org"), MFA: true},
		{Name: parse[site.Name](t, "one"), Type: site.OIDC, URL: parse[site.URL](t, "https://one.example.org")},
	}}
}

// The API is opened by two factors wherever the country asks for them, also to a stack for tests.
func TestLogin(t *testing.T) {
	t.Parallel()
	people := []plan.Connector{{Name: "two", Kind: plan.OIDC, URL: "https://two.example.org"}, {Name: "one", Kind: plan.OIDC, URL: "https://one.example.org"}}
	for stack, accepted := range map[string][]string{"se-prod": {"two"}, "de-prod": {"two"}, "no-prod": {"two", "one"}, "dev": {plan.StaticConnector}} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			s := load(t, stack)
			withLogin(t, &s)
			connectors := people
			if stack == "dev" {
				connectors = nil
				s.Environment = site.Dev
				s.Identity.Connectors = []site.Connector{{Name: parse[site.Name](t, "lab-users"), Type: site.Static}}
			}
			p, _, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			assert.Equal(t, &plan.Login{
				Issuer: "https://login.example.org/dex", Host: "login.example.org", Connectors: connectors, StaticUsers: stack == "dev",
				Certificate: plan.Lifetime{Hours: 2160, RenewBefore: 720},
				Accepted:    accepted, IDTokenSeconds: 600, IdleSeconds: 3600, LimitSeconds: 43200,
				Pipelines: []plan.Pipeline{{Name: "ci", Issuer: "https://ci.example.org", Audience: "cluster", Subjects: []string{"main"}}},
			}, p.Cluster.Login)
		})
	}
}

// Groups are sorted, whatever their order in the site; a pipeline deploys where it says, and nowhere else.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	withLogin(t, &s)
	text := func(words ...string) (made []site.Text) {
		for _, word := range words {
			made = append(made, parse[site.Text](t, word))
		}
		return made
	}
	first, second := site.DefaultTenant(), site.DefaultTenant()
	first.Name, first.Developers = parse[site.Name](t, "journal"), text("z", "a")
	second.Name, second.Developers = parse[site.Name](t, "booking"), text("b")
	s.Tenants = []site.Tenant{first, second}
	s.Identity.Login.Pipelines[0].Tenants = []site.Name{first.Name}
	s.Access = &site.Access{Operators: text("o2", "o1"), SecurityOfficers: text("s"), Auditors: text("u"), BreakGlass: text("g")}
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, plan.Access{
		Operators: []string{"o1", "o2"}, SecurityOfficers: []string{"s"}, Auditors: []string{"u"}, BreakGlass: []string{"g"},
	}, p.Access)
	require.Len(t, p.Tenants, 2)
	assert.Empty(t, p.Tenants[0].Pipelines, p.Tenants[0].Name)
	assert.Equal(t, []string{"ci"}, p.Tenants[1].Pipelines)
	assert.Equal(t, []string{"a", "z"}, p.Tenants[1].Developers)
}

// The clouds' load balancers say who the client is, in a line of its own; the lab's says nothing.
func TestWhoSaysWhoTheClientIs(t *testing.T) {
	t.Parallel()
	for stack, want := range map[string]bool{"se-prod": true, "dk-prod": true, "dev": false} {
		s := load(t, stack)
		p, _, err := plan.Resolve(s, profile(t, s), at())
		require.NoError(t, err)
		assert.Equal(t, want, p.Gateway.ProxyProtocol, stack)
		assert.Equal(t, []string{p.Network.NodeCIDR}, p.Gateway.Balancers)
		assert.Equal(t, 30443, p.Gateway.NodePort("https"))
		assert.Zero(t, p.Gateway.NodePort("ssh"))
	}
}

// A directory's place goes to Dex as it is; its password, and a client's secret, are named and never held.
func TestConnectors(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	withLogin(t, &s)
	prod := site.ExampleProd()
	s.Identity.Connectors = prod.Identity.Connectors
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, []plan.Connector{
		{Name: "region-idp", Kind: plan.OIDC, URL: "https://idp.example.org", ClientID: "lagrum-se-prod"},
		{Name: "directory", Kind: plan.LDAP, URL: "ldaps://directory.example.org", Directory: &plan.Directory{
			BindDN: "cn=dex,ou=services,dc=example,dc=org", PeopleBase: "ou=people,dc=example,dc=org", PeopleFilter: "(objectClass=inetOrgPerson)",
			Login: "uid", ID: "uid", Email: "mail", GroupsBase: "ou=groups,dc=example,dc=org", GroupsFilter: "(objectClass=groupOfNames)",
			Member: "member", Person: "DN", GroupName: "cn",
		}},
	}, p.Cluster.Login.Connectors)
	assert.Equal(t, "connectorSecret-region-idp", p.Cluster.Login.Connectors[0].Secret())
}
