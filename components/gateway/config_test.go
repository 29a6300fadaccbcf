package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/gateway"
	"github.com/lagrum/lagrum/tests/golden"
)

func input() gateway.Input {
	return gateway.Input{
		Minimum: "1.2", HTTP: "0.0.0.0:8080", HTTPS: "0.0.0.0:8443", Inside: "0.0.0.0:8082", Dynamic: "/etc/traefik/dynamic.yaml",
		Balancers: []string{"172.31.0.0/20"},
		Login:     &gateway.Upstream{URL: "https://dex.lagrum-identity.svc:443", Name: "dex.lagrum-identity.svc", Authority: "/etc/traefik/login.pem"},
	}
}

func TestStaticGolden(t *testing.T) {
	t.Parallel()
	text, err := gateway.Static(input())
	require.NoError(t, err)
	golden.Compare(t, "traefik.yaml", string(text))
}

func TestDynamicGolden(t *testing.T) {
	t.Parallel()
	text, err := gateway.Dynamic(input())
	require.NoError(t, err)
	golden.Compare(t, "dynamic.yaml", string(text))
}

// Without a balancer that says who the client is, no such line is believed.
func TestNoBalancer(t *testing.T) {
	t.Parallel()
	in := input()
	in.Balancers = nil
	text, err := gateway.Static(in)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "proxyProtocol")
}

func TestMinimum(t *testing.T) {
	t.Parallel()
	in := input()
	in.Minimum = "1.3"
	text, err := gateway.Dynamic(in)
	require.NoError(t, err)
	assert.Contains(t, string(text), "minVersion: VersionTLS13")
	for _, old := range []string{"", "1.0", "1.1"} {
		in.Minimum = old
		_, err = gateway.Dynamic(in)
		require.ErrorContains(t, err, "want 1.2 or 1.3", old)
	}
}

// Dex is known by a name and an authority, or not asked.
func TestUpstreamIsKnown(t *testing.T) {
	t.Parallel()
	for _, forget := range []func(*gateway.Upstream){func(u *gateway.Upstream) { u.Name = "" }, func(u *gateway.Upstream) { u.Authority = "" }} {
		in := input()
		forget(in.Login)
		_, err := gateway.Dynamic(in)
		require.ErrorContains(t, err, "a name and an authority are needed")
	}
}
