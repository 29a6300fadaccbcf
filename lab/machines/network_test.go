package machines

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNetworkSpecValidate(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spec NetworkSpec
		want string
	}{
		"good":        {NetworkSpec{"dev", "10.88.0.0/24"}, ""},
		"bad name":    {NetworkSpec{"Dev_1", "10.88.0.0/24"}, `name: "Dev_1" is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first`},
		"no range":    {NetworkSpec{"dev", "10.88.0.0"}, `cidr: "10.88.0.0" is no IPv4 range; use one like 10.88.0.0/24`},
		"IPv6":        {NetworkSpec{"dev", "fd00::/24"}, `cidr: "fd00::/24" is no IPv4 range; use one like 10.88.0.0/24`},
		"host bits":   {NetworkSpec{"dev", "10.88.0.7/24"}, `cidr: "10.88.0.7/24" has host bits set; use 10.88.0.0/24`},
		"too small":   {NetworkSpec{"dev", "10.88.0.0/29"}, `cidr: "10.88.0.0/29" is a /29; use /16 to /28`},
		"too large":   {NetworkSpec{"dev", "10.0.0.0/8"}, `cidr: "10.0.0.0/8" is a /8; use /16 to /28`},
		"not private": {NetworkSpec{"dev", "192.0.2.0/24"}, `cidr: "192.0.2.0/24" is not private; use a range of RFC 1918`},
		"two mistakes": {NetworkSpec{"", "x"}, "name: \"\" is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first\n" +
			`cidr: "x" is no IPv4 range; use one like 10.88.0.0/24`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectError(t, row.spec.Validate(), row.want)
		})
	}
}

// expectError compares an error's whole text; an empty one means no error.
func expectError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		assert.NoError(t, err)
		return
	}
	assert.EqualError(t, err, want)
}

func addresses(texts ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, text := range texts {
		parsed = append(parsed, netip.MustParseAddr(text))
	}
	return parsed
}

func TestBalancerAddress(t *testing.T) {
	t.Parallel()
	network := netip.MustParsePrefix("10.88.0.0/28")
	for name, row := range map[string]struct {
		used []netip.Addr
		want string
		err  string
	}{
		"first":       {nil, "10.88.0.2", ""},
		"lowest free": {addresses("10.88.0.2", "10.88.0.4", "10.88.0.10"), "10.88.0.3", ""},
		"none left": {
			addresses("10.88.0.2", "10.88.0.3", "10.88.0.4", "10.88.0.5", "10.88.0.6", "10.88.0.7", "10.88.0.8", "10.88.0.9"), "",
			"network 10.88.0.0/28: all 8 load balancer addresses are in use; delete a load balancer",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := balancerAddress(network, row.used)
			expectError(t, err, row.err)
			if row.err == "" {
				assert.Equal(t, row.want, got.String())
			}
		})
	}
}

func TestMachineAddress(t *testing.T) {
	t.Parallel()
	network := netip.MustParsePrefix("10.88.0.0/28") // machines get .10 to .14
	for name, row := range map[string]struct {
		used []netip.Addr
		last string
		want string
		err  string
	}{
		"first":                         {nil, "", "10.88.0.10", ""},
		"after the last":                {addresses("10.88.0.10"), "10.88.0.10", "10.88.0.11", ""},
		"a freed one is not next":       {nil, "10.88.0.12", "10.88.0.13", ""},
		"over the end":                  {nil, "10.88.0.14", "10.88.0.10", ""},
		"skips used over the end":       {addresses("10.88.0.14", "10.88.0.10"), "10.88.0.13", "10.88.0.11", ""},
		"last of another range":         {nil, "10.99.0.12", "10.88.0.10", ""},
		"last among the balancers' own": {nil, "10.88.0.3", "10.88.0.10", ""},
		"none left": {
			addresses("10.88.0.10", "10.88.0.11", "10.88.0.12", "10.88.0.13", "10.88.0.14"), "10.88.0.14", "",
			"network 10.88.0.0/28: no free address; delete a machine or declare a larger range",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last netip.Addr
			if row.last != "" {
				last = netip.MustParseAddr(row.last)
			}
			got, err := machineAddress(network, row.used, last)
			expectError(t, err, row.err)
			if row.err == "" {
				assert.Equal(t, row.want, got.String())
			}
		})
	}
}

func TestNetworkConfig(t *testing.T) {
	t.Parallel()
	got, err := networkConfig(machineInterface, netip.MustParseAddr("10.88.0.10"), netip.MustParsePrefix("10.88.0.0/24"))
	require.NoError(t, err)
	assert.Equal(t, `version: 2
ethernets:
    host0:
        addresses:
            - 10.88.0.10/24
        routes:
            - to: 0.0.0.0/0
              via: 10.88.0.1
        nameservers:
            addresses:
                - 10.88.0.1
`, string(got))
}
