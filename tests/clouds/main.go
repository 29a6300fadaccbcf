// Clouds is the product's program with one difference: it takes it for granted that the API answers. Tests run it where a
// cloud's APIs are real and its machines are not, and let the engine make what lies in the cloud alone.
package main

import (
	"context"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/stacks"
)

func main() {
	pulumi.Run(stacks.Stack{Now: time.Now, Probe: func(context.Context, cluster.API) error { return nil }, Lock: lock.Load}.Run)
}
