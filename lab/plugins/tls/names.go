package tls

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// subject is the distinguished name of a certificate or request (RFC 5280 section 4.1.2.4). Every field is optional; upstream has one value
// each, except for street addresses.
type subject struct {
	CommonName         string   `json:"commonName"`
	Country            string   `json:"country"`
	EmailAddress       string   `json:"emailAddress"`
	Locality           string   `json:"locality"`
	Organization       string   `json:"organization"`
	OrganizationalUnit string   `json:"organizationalUnit"`
	PostalCode         string   `json:"postalCode"`
	Province           string   `json:"province"`
	SerialNumber       string   `json:"serialNumber"`
	StreetAddresses    []string `json:"streetAddresses"`
}

func (s subject) name() pkix.Name {
	one := func(value string) []string {
		if value == "" {
			return nil
		}
		return []string{value}
	}
	name := pkix.Name{
		CommonName:         s.CommonName,
		Country:            one(s.Country),
		Locality:           one(s.Locality),
		Organization:       one(s.Organization),
		OrganizationalUnit: one(s.OrganizationalUnit),
		PostalCode:         one(s.PostalCode),
		Province:           one(s.Province),
		SerialNumber:       s.SerialNumber,
		StreetAddress:      s.StreetAddresses,
	}
	if s.EmailAddress != "" {
		name.ExtraNames = []pkix.AttributeTypeAndValue{{
			Type:  asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, // emailAddress of PKCS #9
			Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(s.EmailAddress)},
		}}
	}
	return name
}

// names are what a certificate is for.
type names struct {
	Subject     subject  `json:"subject"`
	DNSNames    []string `json:"dnsNames"`
	IPAddresses []string `json:"ipAddresses"`
	URIs        []string `json:"uris"`
}

func (n names) check() []plugin.CheckFailure {
	var failures []plugin.CheckFailure
	if _, err := n.ips(); err != nil {
		failures = append(failures, plugin.CheckFailure{Property: "ipAddresses", Reason: err.Error()})
	}
	if _, err := n.urls(); err != nil {
		failures = append(failures, plugin.CheckFailure{Property: "uris", Reason: err.Error()})
	}
	return failures
}

func (n names) ips() ([]net.IP, error) {
	var ips []net.IP
	for i, text := range n.IPAddresses {
		ip := net.ParseIP(text)
		if ip == nil {
			return nil, fmt.Errorf("ipAddresses[%d]: %q is no IP address", i, text)
		}
		ips = append(ips, ip)
	}
	return ips, nil
}

func (n names) urls() ([]*url.URL, error) {
	var urls []*url.URL
	for i, text := range n.URIs {
		parsed, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("uris[%d]: %q is no URI: %w", i, text, err)
		}
		urls = append(urls, parsed)
	}
	return urls, nil
}
