// Lagrum provisions health-care Kubernetes clusters from a declared site; this is the Pulumi program.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/stacks"
)

func main() { pulumi.Run(stacks.Run) }
