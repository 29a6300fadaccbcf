// Objectstore is the program of its test: the stores of a plan that the configuration holds as JSON, by the product's own
// package, and no cluster.
package main

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/lagrum/lagrum/providers/objectstore"
	"github.com/lagrum/lagrum/stacks/plan"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		var p plan.Plan
		if err := json.Unmarshal([]byte(config.Require(ctx, "lagrum:plan")), &p); err != nil {
			return fmt.Errorf("lagrum:plan: %w", err)
		}
		made, err := objectstore.New(ctx, p.Name+"-stores", &p, func(key string) (pulumi.StringOutput, error) {
			return config.TrySecret(ctx, "lagrum:"+key)
		})
		if err != nil {
			return err
		}
		for name, store := range made {
			ctx.Export(name, store.Bucket)
		}
		return nil
	})
}
