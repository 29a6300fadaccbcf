package providers

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Limits bound one create, update or delete of a cloud's resources: long enough for a cloud at work, short enough that a
// service that is stuck ends the update while somebody still waits for it. A create that outlives its limit was begun all
// the same.
type Limits struct {
	// Package is what the types of the cloud's resources begin with, such as aws.
	Package string
	// Kinds are the limits of types that have a queue behind them, as Pulumi writes durations; Usual is that of all others.
	Kinds map[string]string
	Usual string
}

// Option gives every resource below a component the limit of its kind, so that none is forgotten.
func (l Limits) Option() pulumi.ResourceOption {
	return pulumi.Transformations([]pulumi.ResourceTransformation{func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		if !strings.HasPrefix(args.Type, l.Package+":") {
			return nil
		}
		limit, queued := l.Kinds[args.Type]
		if !queued {
			limit = l.Usual
		}
		bound := pulumi.Timeouts(&pulumi.CustomTimeouts{Create: limit, Update: limit, Delete: limit})
		return &pulumi.ResourceTransformationResult{Props: args.Props, Opts: append(args.Opts, bound)}
	}})
}
