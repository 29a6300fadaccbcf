// Package construct registers component resources in the one way Lagrum does it.
//
// It stands apart because both components and cloud adapters make components, and neither may import the other.
package construct

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Component registers comp under the token lagrum:<package>:<Type>, runs body, and registers the outputs that body
// returns. inputs are plan facts recorded in the state: never secret, never dependent on the time of the run.
//
// body gets the one option that children take, their parent. The caller's options go to the component only: options
// are last-wins, and a caller's parent or alias handed on to children would override ours.
func Component(
	ctx *pulumi.Context, token, name string, comp pulumi.ComponentResource, inputs pulumi.Map,
	opts []pulumi.ResourceOption, body func(parent pulumi.ResourceOption) (pulumi.Map, error),
) error {
	if err := ctx.RegisterComponentResourceV2(token, name, inputs, comp, opts...); err != nil {
		return fmt.Errorf("%s %s: %w", token, name, err)
	}
	outputs, err := body(pulumi.Parent(comp))
	if err != nil {
		return fmt.Errorf("%s %s: %w", token, name, err)
	}
	if err := ctx.RegisterResourceOutputs(comp, outputs); err != nil {
		return fmt.Errorf("%s %s: outputs: %w", token, name, err)
	}
	return nil
}

// Managed are the labels by which every object of ours in a cluster is known: the doctor takes no other for its own. The
// caller may add to them.
func Managed() pulumi.StringMap {
	return pulumi.StringMap{"app.kubernetes.io/managed-by": pulumi.String("lagrum")}
}
