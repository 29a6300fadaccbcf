package standin

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestFault(t *testing.T) {
	t.Parallel()
	const urn = "urn:pulumi:dev::lagrum::lab:index:Machine::dev-cp-1-g1"
	for _, row := range []struct {
		name         string
		fault        fault
		request      any
		made, killed bool
	}{
		{"after the create", fault{after: true, urn: "Machine::dev-cp"}, &pulumirpc.CreateRequest{Urn: urn}, true, true},
		{"before the create", fault{urn: "Machine::dev-cp"}, &pulumirpc.CreateRequest{Urn: urn}, false, true},
		{"another resource", fault{after: true, urn: "Machine::dev-w"}, &pulumirpc.CreateRequest{Urn: urn}, true, false},
		{"a preview", fault{after: true, urn: "Machine::dev-cp"}, &pulumirpc.CreateRequest{Urn: urn, Preview: true}, true, false},
		{"another call", fault{after: true, urn: "Machine::dev-cp"}, &pulumirpc.DeleteRequest{Urn: urn}, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			made, killed := false, false
			row.fault.kill = func() error {
				assert.Equal(t, row.fault.after, made, "the moment of the crash")
				killed = true
				cancel()
				return nil
			}
			_, err := row.fault.intercept(ctx, row.request, nil, func(context.Context, any) (any, error) {
				made = true
				return nil, nil
			})
			assert.Equal(t, row.made, made)
			assert.Equal(t, row.killed, killed)
			if row.killed {
				require.ErrorIs(t, err, context.Canceled)
			} else {
				require.NoError(t, err)
			}
		})
	}
}
