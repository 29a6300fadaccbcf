// Package openstack lists and removes what an OpenStack project holds, for the doctor.
//
// How each kind shows whose it is: Octavia's load balancers and listeners, and Nova's servers, by tag; Cinder's volumes by
// metadata; Neutron's things by tag, or by name where a create was killed before the request that tags; Octavia's pools and
// monitors, server groups, Barbican's secrets and application credentials by name, which is all that they have. A volume without metadata is known by the server that it is attached to; members, rules
// and a router's ports by what they are a part of.
package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers"
)

// Types of the stack's state whose disappearance from the cloud is told.
var Types = []string{
	"openstack:blockstorage/volume:Volume", "openstack:compute/instance:Instance", "openstack:loadbalancer/loadBalancer:LoadBalancer",
}

// Login says how the project is reached. Secrets are never printed, nor part of an error.
type Login struct {
	// AuthURL is Keystone's, Region and Project the site's.
	AuthURL, Region, Project string
	// CredentialID and CredentialSecret are an application credential's. If they are empty the environment is asked for a
	// login, as OpenStack's own tools do.
	CredentialID, CredentialSecret string
}

// Cloud is one project in one region.
type Cloud struct {
	compute, volume, network, balancer, keys, identity *gophercloud.ServiceClient
	project, user                                      string
}

// requestLimit bounds one request.
const requestLimit = time.Minute

// New logs in. It refuses a login to another project than the site's: all that the state holds would seem gone, and what
// is found would be another's.
func New(ctx context.Context, login Login) (*Cloud, error) {
	options := gophercloud.AuthOptions{
		ApplicationCredentialID: login.CredentialID, ApplicationCredentialSecret: login.CredentialSecret,
	}
	if login.CredentialID == "" {
		var err error
		if options, err = openstack.AuthOptionsFromEnv(); err != nil {
			return nil, fmt.Errorf("openstack: no login: set lagrum:openstackCredentialID and lagrum:openstackCredentialSecret, or OS_*: %w", err)
		}
	}
	options.IdentityEndpoint = login.AuthURL
	provider, err := config.NewProviderClient(ctx, options, config.WithHTTPClient(http.Client{Timeout: requestLimit}))
	if err != nil {
		return nil, fmt.Errorf("openstack: log in at %s: %w", login.AuthURL, err)
	}
	c := &Cloud{}
	result, ok := provider.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return nil, errors.New("openstack: Keystone's answer names no project")
	}
	project, noProject := result.ExtractProject()
	user, noUser := result.ExtractUser()
	if err := errors.Join(noProject, noUser); err != nil {
		return nil, fmt.Errorf("openstack: %w", err)
	}
	if project == nil || project.Name != login.Project && project.ID != login.Project {
		return nil, fmt.Errorf("openstack: this login is for another project than the site's %q; use one for it", login.Project)
	}
	c.project, c.user = project.ID, user.ID
	at := gophercloud.EndpointOpts{Region: login.Region}
	var missing []error
	for _, service := range []struct {
		into **gophercloud.ServiceClient
		make func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{
		{&c.compute, openstack.NewComputeV2}, {&c.volume, openstack.NewBlockStorageV3}, {&c.network, openstack.NewNetworkV2},
		{&c.balancer, openstack.NewLoadBalancerV2}, {&c.keys, openstack.NewKeyManagerV1}, {&c.identity, openstack.NewIdentityV3},
	} {
		client, err := service.make(provider, at)
		missing, *service.into = append(missing, err), client
	}
	if err := errors.Join(missing...); err != nil {
		return nil, fmt.Errorf("openstack: region %s: %w", login.Region, err)
	}
	c.compute.Microversion = "2.26" // the first that lists tags
	return c, nil
}

// List implements leftovers.Cloud.
func (c *Cloud) List(ctx context.Context) ([]leftovers.Thing, error) {
	var all []leftovers.Thing
	for _, k := range kinds {
		found, err := k.list(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("openstack: list of each %s: %w", k.name, err)
		}
		for _, thing := range found {
			thing.Kind = k.name
			if thing.Delete == "" {
				thing.Delete = "openstack " + k.name + " delete " + thing.ID
			}
			all = append(all, thing)
		}
	}
	return all, nil
}

// Remove implements leftovers.Cloud.
func (c *Cloud) Remove(ctx context.Context, thing leftovers.Thing) error {
	for _, k := range kinds {
		if k.name != thing.Kind || k.remove == nil {
			continue
		}
		if err := k.remove(ctx, c, thing.ID); !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return err
		}
		return nil // gone already
	}
	return fmt.Errorf("openstack: nothing removes a %s", thing.Kind)
}

// stackKey is the key of the tag, and of the metadata, that says which stack a thing is of.
const stackKey = "lagrum-stack"

// tagged is the stack that tags name.
func tagged(tags []string) string {
	for _, tag := range tags {
		if stack, ok := strings.CutPrefix(tag, stackKey+"="); ok {
			return stack
		}
	}
	return ""
}

// phase reads the words that OpenStack's services have for it.
func phase(state string) leftovers.Phase {
	switch word := strings.ToUpper(state); {
	case word == "ERROR" || strings.HasPrefix(word, "ERROR_"):
		return leftovers.Broken
	case word == "CREATING" || word == "BUILD" || word == "DOWNLOADING" || word == "DELETING" || strings.HasPrefix(word, "PENDING_"):
		return leftovers.Making
	}
	return leftovers.Whole
}
