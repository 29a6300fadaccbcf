package stacks

//go:generate go run ./internal/storesdoc .. ../docs/providers/objectstore-policies.md

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/objectstore"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newStores makes the object stores of the first hand-over, by name. They wait for nothing of the cluster, and nothing of
// it can take them along.
func newStores(ctx *pulumi.Context, p *plan.Plan) (map[string]*providers.ObjectStore, error) {
	return objectstore.New(ctx, p.Name+"-stores", p, secrets(ctx))
}
