package stacks

import (
	"fmt"

	"github.com/lagrum/lagrum/components/cloudcontroller"
	"github.com/lagrum/lagrum/components/gateway"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/runtime"
	"github.com/lagrum/lagrum/components/storage"
	"github.com/lagrum/lagrum/components/tenancy"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/stacks/plan"
)

//go:generate go run ./internal/trafficdoc .. ../docs/network.md

// Traffic is who may talk to whom in the cluster of a plan. Each component says what its own pods need.
func Traffic(p *plan.Plan) (*traffic.Graph, error) {
	login, err := identity.Traffic(p)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return traffic.Collect(traffic.Base(p), network.Traffic(p), cloudcontroller.Traffic(p), storage.Traffic(p), tenancy.Traffic(p), runtime.Traffic(p), login,
		gateway.Traffic(p))
}
