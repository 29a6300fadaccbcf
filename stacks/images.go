package stacks

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/stacks/plan"
)

//go:generate go run ./internal/imagesdoc .. ../docs/images.md

// pin gives the plan its images' digests. What has none is told in a preview, and refuses an update before its first
// resource.
func (s Stack) pin(ctx *pulumi.Context, p *plan.Plan) error {
	held, err := s.Lock(ctx.RootDirectory())
	if err != nil {
		return err
	}
	warnings, err := plan.Unresolved(p, images.Pin(p, held.Digests()))
	for _, w := range warnings {
		if err := ctx.Log.Warn(w.String(), nil); err != nil {
			return err
		}
	}
	var refused plan.Refusals
	switch {
	case !errors.As(err, &refused):
		return err
	case ctx.DryRun():
		return ctx.Log.Warn("an update is refused as things are:\n"+refused.Error(), nil)
	default:
		return fmt.Errorf("the update of stack %s is refused:\n%w", ctx.Stack(), refused)
	}
}
