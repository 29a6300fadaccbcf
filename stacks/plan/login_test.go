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
	for stack, accepted := range map[string][]string{"se-prod": {"two"}, "de-prod": {"two"}, "no-prod": {"two", "one"}, "dev": {plan.StaticConnector}} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			s := load(t, stack)
			withLogin(t, &s)
			if stack == "dev" {
				s.Environment = site.Dev
				s.Identity.Connectors = []site.Connector{{Name: parse[site.Name](t, "lab-users"), Type: site.Static}}
			}
			p, _, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			assert.Equal(t, &plan.Login{
				Issuer: "https://login.example.org/dex", Accepted: accepted, IDTokenSeconds: 600, IdleSeconds: 3600, LimitSeconds: 43200,
				Pipelines: []plan.Pipeline{{Name: "ci", Issuer: "https://ci.example.org", Audience: "cluster", Subjects: []string{"main"}}},
			}, p.Cluster.Login)
		})
	}
}
