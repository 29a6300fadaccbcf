package identity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/harness"
)

// Dex reaches names, the API and the ports of its providers. Who reaches it is the gateway's to say.
func TestTraffic(t *testing.T) {
	t.Parallel()
	p := decided(2)
	p.Cluster.Login.Connectors = append(p.Cluster.Login.Connectors,
		plan.Connector{Name: "other", Kind: plan.OIDC, URL: "https://other.example.org:8443/path"},
		plan.Connector{Name: "third", Kind: plan.OIDC, URL: "https://third.example.org"})
	part, err := identity.Traffic(p)
	require.NoError(t, err)
	var edges []string
	for _, e := range part.Edges {
		edges = append(edges, e.String())
	}
	assert.ElementsMatch(t, []string{
		"dex -> coredns, TCP 53", "dex -> coredns, UDP 53", "dex -> api-server, TCP 6443",
		"dex -> identity-providers, TCP 443", "dex -> identity-providers, TCP 636", "dex -> identity-providers, TCP 8443",
	}, edges)
	_, err = traffic.Collect(traffic.Base(p), network.Traffic(p), part)
	require.NoError(t, err)

	p.Cluster.Login = nil
	part, err = identity.Traffic(p)
	require.NoError(t, err)
	assert.Empty(t, part.Namespaces, "nobody logs in")
}

// The namespace is closed before Dex runs in it.
func TestNamespaceIsClosedFirst(t *testing.T) {
	t.Parallel()
	r := harness.Run(t, program(decided(2)), harness.Options{})
	dex := r.Get(t, deployment, "se-prod-identity")
	policies := r.Of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
	require.Len(t, policies, 2)
	for _, policy := range policies {
		assert.Contains(t, dex.Dependencies, policy.URN)
	}
}
