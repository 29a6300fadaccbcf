package machines

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/golden"
)

func TestHAProxyConfig(t *testing.T) {
	t.Parallel()
	balancer := LoadBalancer{LoadBalancerSpec: LoadBalancerSpec{Name: "dev-api", Network: "dev", Port: 6443}, Address: "10.88.0.2"}
	golden.Compare(t, "haproxy.cfg", haproxyConfig("/var/lib/lagrum/dev/haproxy/dev-api", balancer))
	gateway := LoadBalancer{LoadBalancerSpec: LoadBalancerSpec{Name: "dev-gateway", Network: "dev", Port: 443, MemberPort: 30443}, Address: "10.88.0.3"}
	golden.Compare(t, "haproxy-gateway.cfg", haproxyConfig("/var/lib/lagrum/dev/haproxy/dev-gateway", gateway))
}

// The gateway leads to a port of nodes, and nobody who may use it is thereby let to the API.
func TestGatewayIsAGroupOfItsOwn(t *testing.T) {
	t.Parallel()
	api, gateway := LoadBalancerSpec{Port: 6443}, LoadBalancerSpec{Port: 443, MemberPort: 30443}
	require.Equal(t, []any{"load-balancer", 6443}, []any{api.group(), api.memberPort()})
	require.Equal(t, []any{"gateway", 30443}, []any{gateway.group(), gateway.memberPort()})
}

func TestBalancerValidate(t *testing.T) {
	t.Parallel()
	const label = " is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first"
	for name, row := range map[string]struct {
		spec interface{ Validate() error }
		want string
	}{
		"good balancer":    {LoadBalancerSpec{"api", "dev", 6443, 0}, ""},
		"good gateway":     {LoadBalancerSpec{"web", "dev", 443, 30443}, ""},
		"member port":      {LoadBalancerSpec{"web", "dev", 443, 70000}, `memberPort: 70000 is no port; use 1 to 65535, or 0 for the API's`},
		"balancer name":    {LoadBalancerSpec{"-", "dev", 6443, 0}, `name: "-"` + label},
		"balancer network": {LoadBalancerSpec{"api", "", 6443, 0}, `network: ""` + label},
		"balancer port":    {LoadBalancerSpec{"api", "dev", 0, 0}, `port: 0 is no port; use 1 to 65535`},
		"good member":      {MemberSpec{"api", "cp-1-g1", "10.88.0.10"}, ""},
		"member name":      {MemberSpec{"api", "cp 1", "10.88.0.10"}, `name: "cp 1"` + label},
		"member balancer":  {MemberSpec{"", "cp-1-g1", "10.88.0.10"}, `loadBalancer: ""` + label},
		"member address":   {MemberSpec{"api", "cp-1-g1", "cp-1"}, `address: "cp-1" is no IPv4 address; use the machine's`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectError(t, row.spec.Validate(), row.want)
		})
	}
}
