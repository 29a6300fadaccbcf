package lab

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

// MachineID is empty: the lab has no controllers to find a machine by it.
func (*Cloud) MachineID(plan.Node) string { return "" }

// Integration makes nothing: nothing in a cluster acts on the lab.
func (*Cloud) Integration(
	*pulumi.Context, string, *providers.IntegrationArgs, ...pulumi.ResourceOption,
) (*providers.Integration, error) {
	return nil, nil
}
