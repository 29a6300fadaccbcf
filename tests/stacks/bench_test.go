package stacks

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lagrum/lagrum/components/cluster"
	program "github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/tests/harness"
	"github.com/lagrum/lagrum/tests/locked"
)

// BenchmarkStack declares the whole stack of production in Sweden against the mock engine, with ever more workers: what
// the program itself costs, without an engine that writes states and without a cloud.
func BenchmarkStack(b *testing.B) {
	for _, nodes := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			config := edited(b, "se-prod", func(site map[string]any) {
				site["cluster"].(map[string]any)["podCIDR"] = "10.128.0.0/9"
				pool(site, 0)["count"] = nodes - 3
			})
			stack := program.Stack{Now: func() time.Time { return at }, Probe: func(context.Context, cluster.API) error { return nil }, Lock: locked.Beside("../..")}
			resources := 0
			for b.Loop() {
				r := harness.Run(b, stack.Run, harness.Options{Stack: "se-prod", Preview: true, Config: config, Secrets: credentials()})
				resources = len(r.Resources)
			}
			b.ReportMetric(float64(resources), "resources")
		})
	}
}
