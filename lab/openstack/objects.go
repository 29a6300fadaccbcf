package openstack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/lagrum/lagrum/lab/records"
)

// What a stack finds in the cloud, as it would at a provider's.
const (
	// Tenant is the user for whom stacks run, and its project.
	Tenant = "lagrum"
	// Flavour has no disk of its own: servers boot from volumes.
	Flavour = "lab.small"
	// Image holds no system, only bytes that are recognised again.
	Image = "lab-image"
	// ExternalNetwork is where routers and floating addresses lead.
	ExternalNetwork = "external"
	// EncryptedType and PlainType are the volume types.
	EncryptedType, PlainType = "luks", "plain"
)

// ImageMarker fills the image, so that a disk can be searched for it.
const ImageMarker = "Lagrum's lab: this image boots nothing.\n"

// tenantRoles are what a user needs: creator for the keys of encrypted volumes, the last one for Octavia.
var tenantRoles = []string{"member", "reader", "creator", "load-balancer_member"}

// makeCatalogue tells Keystone of the services, and makes their user and the tenant's.
func (l *Lab) makeCatalogue(ctx context.Context) error {
	admin, err := l.Login(ctx, "admin")
	if err != nil {
		return err
	}
	roles := map[string]string{}
	for _, name := range append([]string{"admin", "service"}, tenantRoles...) {
		if roles[name], err = admin.ensure(ctx, "keystone", "/roles", "role", name, nil); err != nil {
			return err
		}
	}
	for _, account := range []struct {
		user, project string
		roles         []string
	}{
		{"svc", "service", []string{"admin", "service"}},
		{Tenant, Tenant, tenantRoles},
	} {
		project, err := admin.ensure(ctx, "keystone", "/projects", "project", account.project, map[string]any{"domain_id": "default"})
		if err != nil {
			return err
		}
		user, err := admin.ensure(ctx, "keystone", "/users", "user", account.user, map[string]any{
			"domain_id": "default", "default_project_id": project, "password": l.secrets.Password,
		})
		if err != nil {
			return err
		}
		for _, role := range account.roles {
			if err := admin.Put(ctx, "keystone", "/projects/"+project+"/users/"+user+"/roles/"+roles[role], nil, nil); err != nil {
				return err
			}
		}
	}
	if err := admin.makeEndpoints(ctx); err != nil {
		return err
	}
	return l.makeCredential(ctx)
}

func (c *Client) makeEndpoints(ctx context.Context) error {
	var list struct {
		Endpoints []struct {
			ServiceID string `json:"service_id"`
			Interface string
		}
	}
	if err := c.Get(ctx, "keystone", "/endpoints", &list); err != nil {
		return err
	}
	for _, service := range []struct{ name, kind, path string }{
		{"placement", "placement", ""}, {"barbican", "key-manager", ""}, {"glance", "image", ""}, {"nova", "compute", "/v2.1"},
		{"neutron", "network", ""}, {"cinder", "volumev3", "/v3/%(project_id)s"}, {"octavia", "load-balancer", ""},
	} {
		id, err := c.ensure(ctx, "keystone", "/services", "service", service.name, map[string]any{"type": service.kind})
		if err != nil {
			return err
		}
		url, err := serviceURL(service.name)
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for _, endpoint := range list.Endpoints {
			known[endpoint.Interface] = known[endpoint.Interface] || endpoint.ServiceID == id
		}
		for _, side := range []string{"public", "internal", "admin"} {
			if known[side] {
				continue
			}
			endpoint := map[string]any{"service_id": id, "interface": side, "region_id": region, "url": url + service.path}
			if err := c.Post(ctx, "keystone", "/endpoints", map[string]any{"endpoint": endpoint}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// Credential is an application credential: how a program logs in without a password.
type Credential struct{ ID, Secret string }

func (l *Lab) credentialFile() string { return l.Path("etc", "credential.json") }

// makeCredential makes the tenant's application credential, with all its roles, and keeps it.
func (l *Lab) makeCredential(ctx context.Context) error {
	tenant, err := l.Login(ctx, Tenant)
	if err != nil {
		return err
	}
	var roles []map[string]string
	for _, name := range tenantRoles {
		roles = append(roles, map[string]string{"name": name})
	}
	var made struct {
		Credential Credential `json:"application_credential"`
	}
	// The name of one that an interrupted run made and lost must not stand in the way.
	name := fmt.Sprintf("lagrum-%d", time.Now().UnixNano())
	err = tenant.Post(ctx, "keystone", "/users/"+tenant.User+"/application_credentials", map[string]any{
		// A stack makes a credential of its own for the boot of each node.
		"application_credential": map[string]any{"name": name, "roles": roles, "unrestricted": true},
	}, &made)
	if err != nil {
		return err
	}
	data, err := json.Marshal(made.Credential)
	if err != nil {
		return err
	}
	return records.WriteFile(l.credentialFile(), data, 0o600)
}

// makeObjects makes what a provider of clouds would have: a flavour, an image, an external network and volume types.
func (l *Lab) makeObjects(ctx context.Context) error {
	admin, err := l.Login(ctx, "admin")
	if err != nil {
		return err
	}
	if _, err := admin.ensure(ctx, "nova", "/flavors", "flavor", Flavour, map[string]any{"vcpus": 2, "ram": 2048, "disk": 0}); err != nil {
		return err
	}
	if err := admin.makeImage(ctx); err != nil {
		return err
	}
	network, err := admin.ensure(ctx, "neutron", "/networks", "network", ExternalNetwork, map[string]any{
		"router:external": true, "provider:network_type": "flat", "provider:physical_network": "external",
	})
	if err != nil {
		return err
	}
	if _, err := admin.ensure(ctx, "neutron", "/subnets", "subnet", ExternalNetwork, map[string]any{
		// Addresses for documentation, so that none is anybody's.
		"network_id": network, "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": false,
	}); err != nil {
		return err
	}
	if _, err := admin.ensure(ctx, "cinder", "/types", "volume_type", PlainType, nil); err != nil {
		return err
	}
	return admin.makeEncryptedType(ctx)
}

func (c *Client) makeEncryptedType(ctx context.Context) error {
	id, err := c.ensure(ctx, "cinder", "/types", "volume_type", EncryptedType, nil)
	if err != nil {
		return err
	}
	var encryption struct{ Provider string }
	if err := c.Get(ctx, "cinder", "/types/"+id+"/encryption", &encryption); err != nil || encryption.Provider != "" {
		return err
	}
	return c.Post(ctx, "cinder", "/types/"+id+"/encryption", map[string]any{"encryption": map[string]any{
		"provider": "luks", "cipher": "aes-xts-plain64", "key_size": 256, "control_location": "front-end",
	}}, nil)
}

// makeImage makes the image. Glance spells its lists and objects in its own way.
func (c *Client) makeImage(ctx context.Context) error {
	type image struct{ ID, Name, Status string }
	var list struct{ Images []image }
	if err := c.Get(ctx, "glance", "/images", &list); err != nil {
		return err
	}
	var found image
	if i := slices.IndexFunc(list.Images, func(i image) bool { return i.Name == Image }); i >= 0 {
		found = list.Images[i]
	} else if err := c.Post(ctx, "glance", "/images", map[string]any{
		"name": Image, "disk_format": "raw", "container_format": "bare", "visibility": "public", "min_disk": 1,
	}, &found); err != nil {
		return err
	}
	if found.Status == "active" {
		return nil
	}
	const size = 4 << 20
	data := bytes.Repeat([]byte(ImageMarker), size/len(ImageMarker)+1)[:size]
	_, err := c.do(ctx, http.MethodPut, "glance", "/images/"+found.ID+"/file", nil, data, nil)
	return err
}

// awaitWorkers waits until the daemons that nobody can ask report through their APIs.
func (l *Lab) awaitWorkers(ctx context.Context) error {
	deadline := time.Now().Add(startTimeout)
	for {
		err := l.askWorkers(ctx)
		if err == nil {
			return nil
		}
		for _, d := range l.daemons() {
			if ended, unknown := l.ended(d.name); unknown == nil && ended {
				return fmt.Errorf("openstack: %s has ended; its log is %s\n%s", d.name, l.Log(d.name), tail(l.Log(d.name), 15))
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("openstack: after %s: %w; the logs are in %s", startTimeout, err, l.Path("log"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// askWorkers asks Nova and Cinder which of their services have reported lately, and Nova whether it knows all hosts.
func (l *Lab) askWorkers(ctx context.Context) error {
	admin, err := l.Login(ctx, "admin")
	if err != nil {
		return err
	}
	type services struct {
		Services []struct{ Binary, Host, State string }
	}
	var reported []string
	for _, service := range []string{"nova", "cinder"} {
		var list services
		if err := admin.Get(ctx, service, "/os-services", &list); err != nil {
			return err
		}
		for _, s := range list.Services {
			if s.State == "up" {
				reported = append(reported, s.Binary+" "+s.Host)
			}
		}
	}
	var missing []error
	for _, wanted := range append([]string{"cinder-volume lab@lab", "cinder-scheduler lab"}, prefixed("nova-compute ", computeHosts)...) {
		if !slices.Contains(reported, wanted) {
			missing = append(missing, fmt.Errorf("%s has not reported", wanted))
		}
	}
	var hypervisors struct {
		Hypervisors []struct{ ID any }
	}
	if err := admin.Get(ctx, "nova", "/os-hypervisors", &hypervisors); err != nil {
		return err
	}
	if found := len(hypervisors.Hypervisors); found < len(computeHosts) {
		missing = append(missing, fmt.Errorf("nova-scheduler knows %d of %d hosts", found, len(computeHosts)))
	}
	return errors.Join(missing...)
}

func prefixed(prefix string, names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = prefix + name
	}
	return all
}
