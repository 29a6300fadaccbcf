package machines

import (
	"testing"

	"github.com/lagrum/lagrum/tests/golden"
)

func TestHAProxyConfig(t *testing.T) {
	t.Parallel()
	balancer := LoadBalancer{LoadBalancerSpec: LoadBalancerSpec{Name: "dev-api", Network: "dev", Port: 6443}, Address: "10.88.0.2"}
	golden.Compare(t, "haproxy.cfg", haproxyConfig("/var/lib/lagrum/dev/haproxy/dev-api", balancer))
}

func TestBalancerValidate(t *testing.T) {
	t.Parallel()
	const label = " is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first"
	for name, row := range map[string]struct {
		spec interface{ Validate() error }
		want string
	}{
		"good balancer":    {LoadBalancerSpec{"api", "dev", 6443}, ""},
		"balancer name":    {LoadBalancerSpec{"-", "dev", 6443}, `name: "-"` + label},
		"balancer network": {LoadBalancerSpec{"api", "", 6443}, `network: ""` + label},
		"balancer port":    {LoadBalancerSpec{"api", "dev", 0}, `port: 0 is no port; use 1 to 65535`},
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
