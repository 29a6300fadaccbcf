package openstack

import (
	"context"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/keymanager/v1/secrets"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers"
)

// kind is one kind of thing and how its service lists and deletes it. One without remove is deleted by people alone.
type kind struct {
	name   string
	list   func(ctx context.Context, c *Cloud) ([]leftovers.Thing, error)
	remove func(ctx context.Context, c *Cloud, id string) error
}

// kinds are all that the adapter makes, in the order in which they let go of each other.
var kinds = []kind{
	{"loadbalancer", listBalancers, removeBalancer},
	{"loadbalancer listener", listListeners, removeListener},
	{"loadbalancer healthmonitor", listMonitors, removeMonitor},
	{"loadbalancer pool", listPools, removePool},
	{"loadbalancer member", listMembers, nil},
	{"server", listServers, func(ctx context.Context, c *Cloud, id string) error {
		return servers.Delete(ctx, c.compute, id).ExtractErr()
	}},
	{"volume", listVolumes, removeVolume},
	{"server group", listServerGroups, func(ctx context.Context, c *Cloud, id string) error {
		return servergroups.Delete(ctx, c.compute, id).ExtractErr()
	}},
	{"floating ip", listFloatingIPs, removeFloatingIP},
	{"port", listPorts, removePort},
	{"router port", listRouterPorts, nil},
	{"router", listRouters, removeRouter},
	{"subnet", listSubnets, removeSubnet},
	{"network", listNetworks, removeNetwork},
	{"security group rule", listRules, nil},
	{"security group", listGroups, removeGroup},
	{"secret", listSecrets, func(ctx context.Context, c *Cloud, id string) error {
		return secrets.Delete(ctx, c.keys, id[strings.LastIndex(id, "/")+1:]).ExtractErr()
	}},
	{"application credential", listCredentials, func(ctx context.Context, c *Cloud, id string) error {
		return applicationcredentials.Delete(ctx, c.identity, c.user, id).ExtractErr()
	}},
}

// all reads every page of a list and makes each of its objects a thing.
func all[T any](
	ctx context.Context, pager pagination.Pager, extract func(pagination.Page) ([]T, error), thing func(T) leftovers.Thing,
) ([]leftovers.Thing, error) {
	pages, err := pager.AllPages(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := extract(pages)
	if err != nil {
		return nil, err
	}
	things := make([]leftovers.Thing, 0, len(objects))
	for _, object := range objects {
		things = append(things, thing(object))
	}
	return things, nil
}

func listServers(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, servers.List(c.compute, servers.ListOpts{}), servers.ExtractServers, func(s servers.Server) leftovers.Thing {
		stack := s.Metadata[stackKey]
		if stack == "" && s.Tags != nil {
			stack = tagged(*s.Tags)
		}
		return leftovers.Thing{
			ID: s.ID, Name: s.Name, State: s.Status, Phase: phase(s.Status), Stack: stack, Created: s.Created, Precious: !s.LaunchedAt.IsZero(),
		}
	})
}

func listServerGroups(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, servergroups.List(c.compute, servergroups.ListOpts{}), servergroups.ExtractServerGroups, func(g servergroups.ServerGroup) leftovers.Thing {
		return leftovers.Thing{ID: g.ID, Name: g.Name, Naming: leftovers.ByPool, UsedBy: g.Members}
	})
}

func listSecrets(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, secrets.List(c.keys, secrets.ListOpts{}), secrets.ExtractSecrets, func(s secrets.Secret) leftovers.Thing {
		return leftovers.Thing{ID: s.SecretRef, Name: s.Name, State: s.Status, Naming: leftovers.ByNode, Created: s.Created}
	})
}

func listCredentials(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	list := applicationcredentials.List(c.identity, c.user, applicationcredentials.ListOpts{})
	return all(ctx, list, applicationcredentials.ExtractApplicationCredentials, func(a applicationcredentials.ApplicationCredential) leftovers.Thing {
		return leftovers.Thing{ID: a.ID, Name: a.Name, Naming: leftovers.ByBundle}
	})
}
