package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/site"
)

// certificateNotice is how long before its end a certificate is warned about: time to have a new one sent.
const certificateNotice = 60 * 24 * time.Hour

// site judges where and on what the stack stands.
func (j *judge) site(s *site.Site, d *country.Duties) {
	j.residency(s, d)
	j.certificate(s, d)
	j.laboratory(s, d)
	j.disks(s, d)
	j.version(s, d)
	j.sources(s, d)
	j.controlPlane(s, d)
	j.encryption(s)
	j.connectors(s, d)
}

func (j *judge) residency(s *site.Site, d *country.Duties) {
	allowed, remedy := residents(s, d)
	if s.ListedSystem && !d.ListedSystem.Set() {
		j.refuse(Finding{Path: "listedSystem", Value: "true", Message: "has no meaning: the country has no list of systems that must stay", Remedy: "take it out"})
	}
	at := s.DataCentre.Country.String()
	j.inside("dataCentre.country", at, s, d)
	if s.Backup != nil {
		j.inside("backup.country", s.Backup.Country.String(), s, d)
	}
	if s.Cloud.AWS == nil {
		return
	}
	stands := func(path, region, countryPath, declared string) {
		if in, known := AWSCountry(region); known && in != declared {
			j.refuse(j.on(Finding{Path: path, Value: region, Message: fmt.Sprintf("stands in %s, and %s says %s", in, countryPath, declared),
				Remedy: "make both name the place where the data lie"}, allowed.Cites, ""))
		}
	}
	region := s.Cloud.AWS.Region.String()
	if _, known := AWSCountry(region); !known {
		j.refuse(j.on(Finding{Path: "cloud.aws.region", Value: region, Message: "is no European region of AWS", Remedy: remedy}, allowed.Cites, allowed.Reading))
	}
	stands("cloud.aws.region", region, "dataCentre.country", at)
	if s.Backup != nil { // a region of another provider is not in the table
		stands("backup.region", s.Backup.Region.String(), "backup.country", s.Backup.Country.String())
	}
}

// residents says where the site's data may lie, and what to do about a place elsewhere.
func residents(s *site.Site, d *country.Duties) (allowed country.Rule[[]string], remedy string) {
	switch {
	case s.ListedSystem && d.ListedSystem.Set():
		return d.ListedSystem, "a listed system stays in: " + strings.Join(d.ListedSystem.Value, ", ")
	case slices.Equal(d.Residency.Value, country.EEA()):
		return d.Residency, "choose a place inside the EEA"
	default:
		return d.Residency, "choose a place in one of: " + strings.Join(d.Residency.Value, ", ")
	}
}

// inside refuses a country where the site's data may not lie.
func (j *judge) inside(path, code string, s *site.Site, d *country.Duties) {
	allowed, remedy := residents(s, d)
	if !slices.Contains(allowed.Value, code) {
		j.refuse(j.on(Finding{Path: path, Value: code, Message: "is outside the residency of the data", Remedy: remedy}, allowed.Cites, allowed.Reading))
	}
}

// certificate judges the provider's proof. An expired one refuses a recovery stack too; there the way to an emergency
// rebuild is a waiver, which the remedy spells out: it costs one line, and it has an end and an owner.
func (j *judge) certificate(s *site.Site, d *country.Duties) {
	if !j.serious || !d.ProviderProof.Set() {
		return
	}
	rule := d.ProviderProof
	on := func(f Finding) Finding { return j.on(f, rule.Cites, rule.Reading) }
	c := s.DataCentre.Certificate
	if c == nil {
		j.refuse(on(Finding{Path: "dataCentre.certificate", Message: "is missing",
			Remedy: "add the provider's " + rule.Value.Standard + " certificate with its last day"}))
		return
	}
	last := c.ValidUntil
	switch {
	case last.Passed(j.at) && s.Environment == site.DR:
		j.refuse(on(Finding{Path: "dataCentre.certificate.validUntil", Value: last.String(), Message: "has passed",
			Remedy: "in an emergency do not wait for a new certificate: add to waivers {requirement: " + rule.Cites[0] +
				", reason: ..., owner: ..., until: ...}"}))
	case last.Passed(j.at):
		j.refuse(on(Finding{Path: "dataCentre.certificate.validUntil", Value: last.String(), Message: "has passed",
			Remedy: "have the provider send the certificate that followed it"}))
	case last.Passed(j.at.Add(certificateNotice)):
		j.warn(on(Finding{Path: "dataCentre.certificate.validUntil", Value: last.String(), Message: "is less than 60 days away",
			Remedy: "have the provider send the certificate that follows it"}))
	}
	if rule.Value.ShownBy(c.Standard.String()) {
		return
	}
	f := on(Finding{Path: "dataCentre.certificate.standard", Value: c.Standard.String(), Message: "is not " + rule.Value.Standard,
		Remedy: "have the operator's security officer decide whether it shows as much"})
	if rule.Value.Named {
		f.Remedy = "have the provider send its certificate, and name the standard so"
		j.refuse(f)
		return
	}
	j.warn(f)
}

func (j *judge) laboratory(s *site.Site, d *country.Duties) {
	if s.Cloud.Lab == nil {
		return
	}
	if j.serious {
		j.refuse(j.on(Finding{Path: "cloud.lab", Message: "is a laboratory, and the stack is for " + string(s.Environment),
			Remedy: "name a cloud, or set environment: dev"}, d.Separation.Cites, d.Separation.Reading))
	}
	j.warn(j.on(Finding{Path: "cloud.lab", Message: "has disks whose encryption nothing can show", Remedy: "keep patient data out"},
		d.Encrypted.Cites, d.Encrypted.Reading))
	if !s.Cloud.Lab.WireGuard {
		j.warn(j.on(Finding{Path: "cloud.lab.wireguard", Value: "false", Message: "leaves traffic between nodes in the clear",
			Remedy: "keep patient data out"}, d.TLSMinimum.Cites, ""))
	}
	switch {
	case !s.Cloud.Lab.FalcoImage:
		j.warn(Finding{Path: "cloud.lab.falcoImage", Value: "false",
			Message: "leaves what runs on the nodes unwatched: not provable on this host: no Falco image",
			Remedy:  "where Docker Hub can be reached, save the image of the catalogue as lab/images.d/falco.tar and set it to true"})
	case !slices.ContainsFunc(s.NodePools, func(p site.Pool) bool { return p.Virtual() }):
		j.warn(Finding{Path: "cloud.lab.falcoImage", Value: "true",
			Message: "watches no node: system containers share the host's kernel, and may not load a probe into it",
			Remedy:  "give a pool virtual machines (size: vm-2c2g)"})
	}
}

// disks refuses a site that would have a disk which nobody encrypts. AWS encrypts every volume by its own key service. The
// root disks of a lab are warned about as part of the laboratory.
func (j *judge) disks(s *site.Site, d *country.Duties) {
	refuse := func(f Finding) { j.refuse(j.on(f, d.Encrypted.Cites, d.Encrypted.Reading)) }
	if o := s.Cloud.OpenStack; o != nil {
		if o.EncryptedVolumeType.IsZero() {
			refuse(Finding{Path: "cloud.openstack.encryptedVolumeType", Message: "is missing: no root disk would be encrypted",
				Remedy: "name the volume type that the cloud's administrators made with encryption"})
		}
		if !o.DataVolumeType.IsZero() && s.GuestEncryption == nil {
			refuse(Finding{Path: "cloud.openstack.dataVolumeType", Value: o.DataVolumeType.String(), Message: "is a type that the cloud does not encrypt, and no node would",
				Remedy: "take it out, or add guestEncryption: {keyServers: ...}"})
		}
	}
	for i := range s.NodePools {
		for k, disk := range s.NodePools[i].Disks {
			if s.Cloud.Lab == nil || disk.Name.String() != "data" || s.GuestEncryption != nil {
				continue
			}
			refuse(Finding{Path: fmt.Sprintf("nodePools[%d].disks[%d]", i, k), Value: disk.Name.String(), Message: "would not be encrypted",
				Remedy: "add guestEncryption: {keyServers: ...}; lagrum lab virtual prints it"})
		}
	}
}

func (j *judge) version(s *site.Site, d *country.Duties) {
	if _, known := releaseOf(s.Cluster.Version.String()); known {
		return
	}
	var supported []string
	for _, r := range releases() {
		supported = append(supported, r.version)
	}
	j.refuse(j.on(Finding{Path: "cluster.version", Value: s.Cluster.Version.String(), Message: "cannot be built",
		Remedy: "use one of: " + strings.Join(supported, ", ")}, d.Supported.Cites, d.Supported.Reading))
}

// sources refuses networks so wide that they are the Internet in pieces: no organisation was ever given more than a /8
// of IPv4, or a /16 of IPv6.
func (j *judge) sources(s *site.Site, d *country.Duties) {
	for i, source := range s.Cluster.APISources {
		p, least := source.Prefix(), 8
		if p.Addr().Is6() {
			least = 16
		}
		if p.Bits() < least {
			j.refuse(j.on(Finding{Path: fmt.Sprintf("cluster.apiSources[%d]", i), Value: source.String(),
				Message: "opens the API to the Internet", Remedy: "list the networks that administrators and pipelines come from"},
				d.ClosedNetwork.Cites, d.ClosedNetwork.Reading))
		}
	}
}

func (j *judge) controlPlane(s *site.Site, d *country.Duties) {
	i := slices.IndexFunc(s.NodePools, func(p site.Pool) bool { return p.Role == site.ControlPlane })
	if i < 0 || !j.serious {
		return
	}
	p, rule := &s.NodePools[i], d.ControlPlanes
	path := fmt.Sprintf("nodePools[%d]", i)
	if p.Count < rule.Value || p.Count%2 == 0 {
		j.refuse(j.on(Finding{Path: path + ".count", Value: strconv.Itoa(p.Count), Message: "control planes do not outlive the loss of one",
			Remedy: fmt.Sprintf("use %d", rule.Value)}, rule.Cites, rule.Reading))
	}
	if n := len(p.Zones); n < rule.Value {
		j.warn(j.on(Finding{Path: path + ".zones", Value: strconv.Itoa(n), Message: "zones: the loss of one can take the majority of the control planes",
			Remedy: fmt.Sprintf("spread them over %d zones, where the cloud has them", rule.Value)}, rule.Cites, ""))
	}
}

func (j *judge) connectors(s *site.Site, d *country.Duties) {
	for i, c := range s.Identity.Connectors {
		if c.MFA || !d.MFA.Set() {
			continue
		}
		f := j.on(Finding{Path: fmt.Sprintf("identity.connectors[%d].mfa", i), Value: "false",
			Message: fmt.Sprintf("lets people in through %s with one factor", c.Name),
			Remedy:  "have the identity provider ask everybody for a second factor, then set mfa: true"}, d.MFA.Cites, d.MFA.Reading)
		switch {
		case !j.serious: // test people only
		case d.MFA.Value == country.Required:
			j.refuse(f)
		default:
			j.warn(f)
		}
	}
}
