package machines

import (
	"context"

	"github.com/lagrum/lagrum/lab/records"
)

// RemoveOwned removes every object that owner, a Pulumi URN, made, and what a killed creation left of it. It returns the
// names of what it removed; none is fine.
func (l *Lab) RemoveOwned(ctx context.Context, owner string) ([]string, error) {
	return l.records.RemoveOwned(ctx, owner, map[string]func(context.Context, string) error{
		records.Members:   l.RemoveMember,
		records.Machines:  l.DeleteMachine,
		records.Balancers: l.DeleteLoadBalancer,
		records.Firewalls: l.DeleteFirewall,
		records.Networks:  l.DeleteNetwork,
	})
}
