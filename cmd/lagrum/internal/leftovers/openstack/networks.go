package openstack

import (
	"context"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers"
)

func listNetworks(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, networks.List(c.network, networks.ListOpts{ProjectID: c.project}), networks.ExtractNetworks, func(n networks.Network) leftovers.Thing {
		return leftovers.Thing{ID: n.ID, Name: n.Name, State: n.Status, Phase: phase(n.Status), Stack: tagged(n.Tags), Naming: leftovers.ByRole, Created: n.CreatedAt}
	})
}

func removeNetwork(ctx context.Context, c *Cloud, id string) error {
	return networks.Delete(ctx, c.network, id).ExtractErr()
}

func listSubnets(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, subnets.List(c.network, subnets.ListOpts{ProjectID: c.project}), subnets.ExtractSubnets, func(s subnets.Subnet) leftovers.Thing {
		return leftovers.Thing{ID: s.ID, Name: s.Name, Stack: tagged(s.Tags), Naming: leftovers.ByRole, Created: s.CreatedAt}
	})
}

func removeSubnet(ctx context.Context, c *Cloud, id string) error {
	return subnets.Delete(ctx, c.network, id).ExtractErr()
}

func listRouters(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, routers.List(c.network, routers.ListOpts{ProjectID: c.project}), routers.ExtractRouters, func(r routers.Router) leftovers.Thing {
		return leftovers.Thing{ID: r.ID, Name: r.Name, State: r.Status, Phase: phase(r.Status), Stack: tagged(r.Tags), Naming: leftovers.ByRole, Created: r.CreatedAt}
	})
}

func removeRouter(ctx context.Context, c *Cloud, id string) error {
	return routers.Delete(ctx, c.network, id).ExtractErr()
}

// routerPort is the owner of a router's port in a network of ours.
const routerPort = "network:router_interface"

// listPorts leaves out what Neutron makes for itself.
func listPorts(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	found, err := all(ctx, ports.List(c.network, ports.ListOpts{ProjectID: c.project}), ports.ExtractPorts, func(p ports.Port) leftovers.Thing {
		if strings.HasPrefix(p.DeviceOwner, "network:") {
			return leftovers.Thing{}
		}
		thing := leftovers.Thing{ID: p.ID, Name: p.Name, State: p.Status, Phase: phase(p.Status), Stack: tagged(p.Tags), Naming: leftovers.ByPort, Created: p.CreatedAt}
		// Octavia writes lb- before the load balancer's id.
		if device := strings.TrimPrefix(p.DeviceID, "lb-"); device != "" {
			thing.UsedBy = []string{device}
		}
		return thing
	})
	return named(found), err
}

func removePort(ctx context.Context, c *Cloud, id string) error {
	return ports.Delete(ctx, c.network, id).ExtractErr()
}

func listRouterPorts(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	list := ports.List(c.network, ports.ListOpts{ProjectID: c.project, DeviceOwner: routerPort})
	return all(ctx, list, ports.ExtractPorts, func(p ports.Port) leftovers.Thing {
		return leftovers.Thing{
			ID: p.ID, Name: p.Name, State: p.Status, Of: p.DeviceID, Created: p.CreatedAt,
			Delete: "openstack router remove port " + p.DeviceID + " " + p.ID,
		}
	})
}

func listFloatingIPs(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	owners := map[string]string{} // stacks by the ids of their ports
	_, err := all(ctx, ports.List(c.network, ports.ListOpts{ProjectID: c.project}), ports.ExtractPorts, func(p ports.Port) leftovers.Thing {
		owners[p.ID] = tagged(p.Tags)
		return leftovers.Thing{}
	})
	if err != nil {
		return nil, err
	}
	list := floatingips.List(c.network, floatingips.ListOpts{ProjectID: c.project})
	return all(ctx, list, floatingips.ExtractFloatingIPs, func(f floatingips.FloatingIP) leftovers.Thing {
		// It has no name. Ours begins its description with one, which is there before any tag is.
		name, _, described := strings.Cut(f.Description, ":")
		stack := tagged(f.Tags)
		if stack == "" && described {
			stack = owners[f.PortID]
		}
		return leftovers.Thing{
			ID: f.ID, Name: name, State: f.Status, Phase: phase(f.Status), Stack: stack, Naming: leftovers.ByRole, Created: f.CreatedAt,
			Precious: f.PortID != "", // it does not hold on to its port, nor its port to it
		}
	})
}

func removeFloatingIP(ctx context.Context, c *Cloud, id string) error {
	return floatingips.Delete(ctx, c.network, id).ExtractErr()
}

func listGroups(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, groups.List(c.network, groups.ListOpts{ProjectID: c.project}), groups.ExtractGroups, func(g groups.SecGroup) leftovers.Thing {
		return leftovers.Thing{ID: g.ID, Name: g.Name, Stack: tagged(g.Tags), Naming: leftovers.ByRole, Created: g.CreatedAt}
	})
}

func removeGroup(ctx context.Context, c *Cloud, id string) error {
	return groups.Delete(ctx, c.network, id).ExtractErr()
}

func listRules(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, rules.List(c.network, rules.ListOpts{ProjectID: c.project}), rules.ExtractRules, func(r rules.SecGroupRule) leftovers.Thing {
		return leftovers.Thing{ID: r.ID, Of: r.SecGroupID, Created: r.CreatedAt}
	})
}

// named leaves out what is no thing.
func named(things []leftovers.Thing) []leftovers.Thing {
	var kept []leftovers.Thing
	for _, thing := range things {
		if thing.ID != "" {
			kept = append(kept, thing)
		}
	}
	return kept
}
