package stacks

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/harness"
)

// queued are the kinds that a cloud makes behind a queue: five minutes would cut short what is only slow.
var queued = []string{
	"openstack:blockstorage/volume:Volume", "openstack:compute/instance:Instance", "openstack:loadbalancer/",
	"aws:ec2/instance:Instance", "aws:ebs/volume:Volume", "aws:lb/loadBalancer:LoadBalancer", "aws:ec2/natGateway:NatGateway",
}

// Whatever a cloud makes has a time limit that fits its kind: a stuck service ends the update within twenty minutes, and
// one that is slow is waited for.
func TestEveryCreateHasALimit(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		looked := 0
		adapter := map[string]bool{}
		for _, made := range r.Resources {
			if strings.HasPrefix(made.Type, "lagrum:aws:") || strings.HasPrefix(made.Type, "lagrum:openstack:") {
				adapter[made.URN] = true
			}
		}
		for _, made := range r.Resources {
			if !adapter[made.Parent] || !made.Custom {
				continue
			}
			looked++
			limit, err := time.ParseDuration(made.CreateTimeout)
			require.NoError(t, err, "%s: no time limit on its create", made.URN)
			least := 5 * time.Minute
			for _, kind := range queued {
				if strings.HasPrefix(made.Type, kind) {
					least = 10 * time.Minute
				}
			}
			require.GreaterOrEqual(t, limit, least, made.URN)
			require.LessOrEqual(t, limit, 20*time.Minute, made.URN)
		}
		require.Equal(t, harness.Dig(siteOf(t, name), "cloud", "lab") == nil, looked > 50, "%d resources of a cloud", looked)
	})
}
