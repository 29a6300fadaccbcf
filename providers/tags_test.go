package providers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Nothing is cut off: what does not fit goes on under the next key.
func TestServed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ids  plan.IDs
		want map[string]string
	}{
		"none":             {nil, map[string]string{}},
		"one":              {plan.IDs{"SE-1"}, map[string]string{"k": "SE-1"}},
		"as many as fit":   {plan.IDs{"SE-1", "SE-22"}, map[string]string{"k": "SE-1 SE-22"}},
		"one more":         {plan.IDs{"SE-1", "SE-22", "EU-3"}, map[string]string{"k": "SE-1 SE-22", "k-2": "EU-3"}},
		"one that is long": {plan.IDs{"SE-1", "SE-222"}, map[string]string{"k": "SE-1", "k-2": "SE-222"}},
		"several lines": {plan.IDs{"SE-1", "SE-222222", "EU-1", "EU-2", "EU-3"},
			map[string]string{"k": "SE-1", "k-2": "SE-222222", "k-3": "EU-1 EU-2", "k-4": "EU-3"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, providers.Served("k", tt.ids, 10))
		})
	}
}
