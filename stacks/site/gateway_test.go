package site_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

// The lab's load balancer has one port, the API's.
func TestNoGatewayInTheLab(t *testing.T) {
	t.Parallel()
	_, _, err := site.Load([]byte(yamlOf(t, site.ExampleDev()) + "gateway: {sources: [192.0.2.0/24]}\n"))
	require.EqualError(t, err, "gateway: is not built in the lab yet; take it out")
}
