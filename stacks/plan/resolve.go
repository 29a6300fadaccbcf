package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/site"
)

const (
	apiPort = 6443 // kubeadm's and every firewall's expectation

	// An administrator's certificate lives 90 days and is renewed by any update in its last 30: a stack that is
	// updated once a month never meets the end of it.
	adminHours, adminRenewHours = 2160, 720
	// Authorities live ten years, as kubeadm's own do.
	authorityHours = 87600

	// joinSkew forgives clocks that differ between the program and a new machine.
	joinSkew = 5 * time.Minute

	// nodeMTU is what every cloud guarantees between machines; larger frames are an optimisation of some.
	nodeMTU = 1500
	// What one packet costs on the way between nodes: VXLAN over IPv4 (RFC 7348) and WireGuard, which reckons with IPv6.
	vxlanOverhead, wireGuardOverhead = 50, 80
)

// Resolve decides the plan of a site under its country's law, at a point in time. It is pure. The site must come from
// site.Load: what Load refuses is not judged again, the rules of law excepted.
//
// On refusal the error is Refusals and holds every reason at once; the plan is then empty. Warnings are returned in
// both cases. Any other error is a mistake of the caller's.
func Resolve(s site.Site, p country.Profile, at time.Time) (Plan, []Warning, error) {
	if s.Country.String() != p.Code {
		return Plan{}, nil, fmt.Errorf("plan: site of country %q with the profile of %q: look the profile up by the site's country", s.Country, p.Code)
	}
	catalogue, err := requirements.Embedded()
	if err != nil {
		return Plan{}, nil, fmt.Errorf("plan: %w", err)
	}
	duties, overlays := p.For(string(s.Operator.Kind))
	j := &judge{catalogue: catalogue, at: at, serious: s.Environment.Serious()}
	j.site(&s, &duties)
	decided := j.duties(&s, &duties)
	decided.Overlays = overlays
	j.stores(&s, &duties)
	asked := asks(catalogue, p, overlays)
	waivers := j.waive(s.Waivers, asked[requirements.ImageProvenance])
	if len(j.refusals) > 0 {
		return Plan{}, j.warnings, j.refusals
	}

	plan := Plan{
		Name:        s.Stack(),
		Country:     s.Country.String(),
		Environment: string(s.Environment),
		Protect:     s.Environment.Serious(),
		Cloud:       cloud(&s),
		Cluster:     cluster(&s, at, login(&s, decided.MFA)),
		Network:     network(&s),
		Gateway:     gateway(&s),
		Stores:      stores(&s, decided, duties.BackupApart.Cites),
		Recovery:    recovery(&s),
		Duties:      decided,
		Asks:        asked,
		Waivers:     waivers,
	}
	plan.Tags = map[string]string{
		"lagrum.dev/stack":       plan.Name,
		"lagrum.dev/country":     plan.Country,
		"lagrum.dev/environment": plan.Environment,
		"lagrum.dev/operator":    s.Operator.Name.String(),
	}
	plan.Pools, plan.Retirements = pools(&s, plan.Cluster.Encryption)
	plan.Watched = watched(s.Cloud.Lab, plan.Pools)
	plan.GuestEncryption = guestEncryption(&s)
	plan.Access, plan.Tenants = access(&s), tenants(&s)
	return plan, j.warnings, nil
}

func cloud(s *site.Site) Cloud {
	c := Cloud{Kind: s.Cloud.Kind(), Region: s.Cloud.Region(), Zones: zones(s)}
	if o := s.Cloud.OpenStack; o != nil {
		c.OpenStack = &OpenStack{
			AuthURL: o.AuthURL.String(), Project: o.Project.String(), ExternalNetwork: o.ExternalNetwork.String(),
			ExternalNetworkName: o.ExternalNetworkName.String(), Image: o.Image.String(), VolumeType: o.EncryptedVolumeType.String(),
			DataVolumeType: o.EncryptedVolumeType.String(),
		}
		if !o.DataVolumeType.IsZero() {
			c.OpenStack.DataVolumeType = o.DataVolumeType.String()
		}
	}
	if a := s.Cloud.AWS; a != nil {
		c.AWS = &AWS{Account: a.Account.String(), Image: a.Image.String()}
	}
	return c
}

func cluster(s *site.Site, at time.Time, l *Login) Cluster {
	r, _ := releaseOf(s.Cluster.Version.String()) // an unknown one was refused
	at = at.UTC().Truncate(time.Second)
	sources := make([]string, 0, len(s.Cluster.APISources))
	for _, source := range s.Cluster.APISources {
		sources = append(sources, source.String())
	}
	slices.Sort(sources)
	return Cluster{
		Name:             s.Cluster.Name.String(),
		Identifier:       s.Stack() + "/" + s.Cluster.Name.String(),
		Domain:           s.Cluster.Domain.String(),
		Version:          r.version,
		EtcdTag:          r.etcd,
		PauseTag:         r.pause,
		CoreDNSTag:       r.coreDNS,
		Registry:         s.Registry.String(),
		ServiceCIDR:      s.Cluster.ServiceCIDR.String(),
		PodCIDR:          s.Cluster.PodCIDR.String(),
		DNSAddress:       tenth(s.Cluster.ServiceCIDR.Prefix()).String(),
		APIPort:          apiPort,
		APISources:       sources,
		Encryption:       encryptionSteps(s),
		Login:            l,
		AdminCertificate: Lifetime{Hours: adminHours, RenewBefore: adminRenewHours},
		AuthorityHours:   authorityHours,
		Join:             Window{NotBefore: at.Add(-joinSkew), NotAfter: at.Add(s.Cluster.JoinLifetime.Std())},
	}
}

// tenth is the address that kubeadm gives the cluster's DNS service.
func tenth(services netip.Prefix) netip.Addr {
	address := services.Masked().Addr()
	for range 10 {
		address = address.Next()
	}
	return address
}

// network encrypts what leaves a node everywhere but in a laboratory whose kernel cannot.
func network(s *site.Site) Network {
	n := Network{NodeCIDR: s.Cluster.NodeCIDR.String(), Encryption: WireGuard, MTU: nodeMTU - wireGuardOverhead}
	if s.Cloud.Lab != nil && !s.Cloud.Lab.WireGuard {
		n.Encryption, n.MTU = NotEncrypted, nodeMTU-vxlanOverhead
	}
	return n
}

func recovery(s *site.Site) *Recovery {
	if s.Recovery == nil {
		return nil
	}
	return &Recovery{
		Of:         s.Recovery.Of.String(),
		RPOMinutes: minutes(s.Recovery.RPO),
		RTOMinutes: minutes(s.Recovery.RTO),
	}
}

// minutes rounds up, so that what is made of it is never shorter than declared.
func minutes(d site.Duration) int { return int((d.Std() + time.Minute - 1) / time.Minute) }

// Apart refuses a recovery stack that stands where the stack stands whose place it takes. It compares two plans, since
// no site knows another; the profile is the recovery stack's. The error is Refusals.
func Apart(recovery, primary Plan, p country.Profile) error {
	if recovery.Recovery == nil || recovery.Recovery.Of != primary.Name || recovery.Cloud.Kind != primary.Cloud.Kind ||
		recovery.Cloud.Region != primary.Cloud.Region {
		return nil
	}
	catalogue, err := requirements.Embedded()
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	j := &judge{catalogue: catalogue}
	return Refusals{j.on(Finding{Path: "cloud." + recovery.Cloud.Kind + ".region", Value: recovery.Cloud.Region,
		Message: "is where " + primary.Name + " stands: one disaster takes both", Remedy: "rebuild in another region"},
		p.Duties.Recovery.Cites, "")}
}
