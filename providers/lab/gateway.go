package lab

import (
	"errors"

	"github.com/lagrum/lagrum/stacks/plan"
)

// newGateway refuses: the lab's load balancer takes one port, the API's. Loading a site says so first.
func newGateway(p *plan.Plan) error {
	if p.Gateway != nil {
		return errors.New("the lab has no gateway yet; take gateway out of the site")
	}
	return nil
}
