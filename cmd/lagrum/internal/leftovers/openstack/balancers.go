package openstack

import (
	"context"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/pools"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers"
)

func listBalancers(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	list := loadbalancers.List(c.balancer, loadbalancers.ListOpts{})
	return all(ctx, list, loadbalancers.ExtractLoadBalancers, func(b loadbalancers.LoadBalancer) leftovers.Thing {
		thing := leftovers.Thing{
			ID: b.ID, Name: b.Name, State: b.ProvisioningStatus, Phase: phase(b.ProvisioningStatus), Stack: tagged(b.Tags), Created: b.CreatedAt,
			Precious: b.ProvisioningStatus == "ACTIVE", Delete: "openstack loadbalancer delete --cascade " + b.ID,
		}
		if strings.HasPrefix(b.Name, "kube_service_") {
			thing.Controller = "cloud controller manager"
		}
		return thing
	})
}

// removeBalancer takes what is part of it along.
func removeBalancer(ctx context.Context, c *Cloud, id string) error {
	return loadbalancers.Delete(ctx, c.balancer, id, loadbalancers.DeleteOpts{Cascade: true}).ExtractErr()
}

func listListeners(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, listeners.List(c.balancer, listeners.ListOpts{}), listeners.ExtractListeners, func(l listeners.Listener) leftovers.Thing {
		thing := leftovers.Thing{ID: l.ID, Name: l.Name, State: l.ProvisioningStatus, Phase: phase(l.ProvisioningStatus), Stack: tagged(l.Tags)}
		for _, balancer := range l.Loadbalancers {
			thing.Of = balancer.ID
		}
		return thing
	})
}

func removeListener(ctx context.Context, c *Cloud, id string) error {
	return listeners.Delete(ctx, c.balancer, id).ExtractErr()
}

func listPools(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, pools.List(c.balancer, pools.ListOpts{}), pools.ExtractPools, func(p pools.Pool) leftovers.Thing {
		thing := leftovers.Thing{ID: p.ID, Name: p.Name, State: p.ProvisioningStatus, Phase: phase(p.ProvisioningStatus), Stack: tagged(p.Tags), Naming: leftovers.ByRole}
		for _, balancer := range p.Loadbalancers {
			thing.Of = balancer.ID
		}
		return thing
	})
}

func removePool(ctx context.Context, c *Cloud, id string) error {
	return pools.Delete(ctx, c.balancer, id).ExtractErr()
}

func listMonitors(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, monitors.List(c.balancer, monitors.ListOpts{}), monitors.ExtractMonitors, func(m monitors.Monitor) leftovers.Thing {
		thing := leftovers.Thing{ID: m.ID, Name: m.Name, State: m.ProvisioningStatus, Phase: phase(m.ProvisioningStatus), Stack: tagged(m.Tags), Naming: leftovers.ByRole}
		for _, pool := range m.Pools {
			thing.Of = pool.ID
		}
		return thing
	})
}

func removeMonitor(ctx context.Context, c *Cloud, id string) error {
	return monitors.Delete(ctx, c.balancer, id).ExtractErr()
}

// listMembers asks each pool for its own.
func listMembers(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	owners, err := listPools(ctx, c)
	if err != nil {
		return nil, err
	}
	var found []leftovers.Thing
	for _, pool := range owners {
		members, err := all(ctx, pools.ListMembers(c.balancer, pool.ID, pools.ListMembersOpts{}), pools.ExtractMembers, func(m pools.Member) leftovers.Thing {
			return leftovers.Thing{
				ID: m.ID, Name: m.Name, State: m.ProvisioningStatus, Phase: phase(m.ProvisioningStatus), Of: pool.ID,
				Delete: "openstack loadbalancer member delete " + pool.ID + " " + m.ID,
			}
		})
		if err != nil {
			return nil, err
		}
		found = append(found, members...)
	}
	return found, nil
}
