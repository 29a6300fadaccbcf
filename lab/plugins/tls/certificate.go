package tls

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

const pemCertificate = "CERTIFICATE"

// issueInputs are the inputs that both kinds of certificate have.
type issueInputs struct {
	AllowedUses         []string `json:"allowedUses"`
	EarlyRenewalHours   int      `json:"earlyRenewalHours"`
	IsCACertificate     bool     `json:"isCaCertificate"`
	SetSubjectKeyID     bool     `json:"setSubjectKeyId"`
	ValidityPeriodHours int      `json:"validityPeriodHours"`
}

func (in issueInputs) check() []plugin.CheckFailure {
	var failures []plugin.CheckFailure
	if in.ValidityPeriodHours < 0 {
		failures = append(failures, plugin.CheckFailure{
			Property: "validityPeriodHours", Reason: fmt.Sprintf("%d is negative; want at least 0 hours", in.ValidityPeriodHours),
		})
	}
	if in.EarlyRenewalHours < 0 {
		failures = append(failures, plugin.CheckFailure{
			Property: "earlyRenewalHours", Reason: fmt.Sprintf("%d is negative; want at least 0 hours", in.EarlyRenewalHours),
		})
	}
	if _, _, err := usages(in.AllowedUses); err != nil {
		failures = append(failures, plugin.CheckFailure{Property: "allowedUses", Reason: err.Error()})
	}
	return failures
}

// selfSignedInputs are the inputs of a self-signed certificate.
type selfSignedInputs struct {
	issueInputs
	names
	PrivateKeyPEM     string `json:"privateKeyPem"`
	SetAuthorityKeyID bool   `json:"setAuthorityKeyId"`
}

// locallySignedInputs are the inputs of a certificate that another certificate signs.
type locallySignedInputs struct {
	issueInputs
	CACertPEM       string `json:"caCertPem"`
	CAPrivateKeyPEM string `json:"caPrivateKeyPem"`
	CertRequestPEM  string `json:"certRequestPem"`
}

// certificateKind is what both kinds of certificate have in common. earlyRenewalHours concerns the resource, not the certificate: it changes
// in place.
func (p *provider) certificateKind() standin.Kind {
	return standin.Kind{
		Defaults: resource.PropertyMap{
			"earlyRenewalHours": resource.NewProperty(0.0),
			"isCaCertificate":   resource.NewProperty(false),
			"setSubjectKeyId":   resource.NewProperty(false),
		},
		InPlace:  []resource.PropertyKey{"earlyRenewalHours"},
		Stale:    p.readyForRenewal,
		StaleKey: "readyForRenewal",
	}
}

// selfSignedCert describes tls:index/selfSignedCert:SelfSignedCert.
func (p *provider) selfSignedCert() standin.Kind {
	kind := p.certificateKind()
	kind.Required = []resource.PropertyKey{"allowedUses", "privateKeyPem", "validityPeriodHours"}
	kind.Defaults["setAuthorityKeyId"] = resource.NewProperty(false)
	kind.Computed = []resource.PropertyKey{"certPem", "keyAlgorithm", "readyForRenewal", "validityEndTime", "validityStartTime"}
	kind.Secret = []resource.PropertyKey{"privateKeyPem"}
	kind.Check = func(known resource.PropertyMap) []plugin.CheckFailure {
		var in selfSignedInputs
		if err := standin.Decode(known, &in); err != nil {
			return []plugin.CheckFailure{{Reason: err.Error()}}
		}
		return append(in.issueInputs.check(), in.names.check()...)
	}
	kind.Create = func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
		var in selfSignedInputs
		if err := standin.Decode(inputs, &in); err != nil {
			return "", nil, err
		}
		return p.signSelf(in)
	}
	return kind
}

// locallySignedCert describes tls:index/locallySignedCert:LocallySignedCert.
func (p *provider) locallySignedCert() standin.Kind {
	kind := p.certificateKind()
	kind.Required = []resource.PropertyKey{"allowedUses", "caCertPem", "caPrivateKeyPem", "certRequestPem", "validityPeriodHours"}
	kind.Computed = []resource.PropertyKey{"caKeyAlgorithm", "certPem", "readyForRenewal", "validityEndTime", "validityStartTime"}
	kind.Secret = []resource.PropertyKey{"caPrivateKeyPem"}
	kind.Check = func(known resource.PropertyMap) []plugin.CheckFailure {
		var in locallySignedInputs
		if err := standin.Decode(known, &in); err != nil {
			return []plugin.CheckFailure{{Reason: err.Error()}}
		}
		return in.check()
	}
	kind.Create = func(ctx context.Context, urn resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
		var in locallySignedInputs
		if err := standin.Decode(inputs, &in); err != nil {
			return "", nil, err
		}
		return p.signRequest(ctx, urn, in)
	}
	return kind
}

// signSelf makes a certificate that its own key signs.
func (p *provider) signSelf(in selfSignedInputs) (resource.ID, resource.PropertyMap, error) {
	key, algorithm, err := parseKey("privateKeyPem", in.PrivateKeyPEM)
	if err != nil {
		return "", nil, err
	}
	ips, err := in.ips()
	if err != nil {
		return "", nil, err
	}
	urls, err := in.urls()
	if err != nil {
		return "", nil, err
	}
	template := &x509.Certificate{Subject: in.Subject.name(), DNSNames: in.DNSNames, IPAddresses: ips, URIs: urls}
	if in.IsCACertificate && len(template.Subject.ToRDNSequence()) == 0 {
		return "", nil, fmt.Errorf("subject: a certificate authority needs at least one name, for example commonName (RFC 5280 section 4.1.2.6)")
	}
	if err := p.complete(template, in.issueInputs, key.Public()); err != nil {
		return "", nil, err
	}
	if in.SetAuthorityKeyID {
		if len(template.SubjectKeyId) == 0 {
			return "", nil, fmt.Errorf("setAuthorityKeyId: the certificate has no subject key identifier; set setSubjectKeyId as well")
		}
		template.AuthorityKeyId = template.SubjectKeyId
	}
	id, outputs, err := issue(template, template, key.Public(), key)
	if err != nil {
		return "", nil, err
	}
	outputs["keyAlgorithm"] = resource.NewProperty(algorithm)
	return id, outputs, nil
}

// signRequest makes the certificate that a request asks for. Like upstream it only warns if the signing certificate is no authority.
func (p *provider) signRequest(ctx context.Context, urn resource.URN, in locallySignedInputs) (resource.ID, resource.PropertyMap, error) {
	request, err := parseRequest(in.CertRequestPEM)
	if err != nil {
		return "", nil, err
	}
	caKey, algorithm, err := parseKey("caPrivateKeyPem", in.CAPrivateKeyPEM)
	if err != nil {
		return "", nil, err
	}
	ca, err := parseCertificate(in.CACertPEM)
	if err != nil {
		return "", nil, err
	}
	if !ca.IsCA {
		const warning = "caCertPem is not the certificate of an authority: certificates that it signs fail verification. " +
			"Set isCaCertificate on it"
		if err := p.Log(ctx, standin.Warning, urn, warning); err != nil {
			return "", nil, err
		}
	}
	template := &x509.Certificate{
		RawSubject: request.RawSubject, DNSNames: request.DNSNames, IPAddresses: request.IPAddresses, URIs: request.URIs,
	}
	if err := p.complete(template, in.issueInputs, request.PublicKey); err != nil {
		return "", nil, err
	}
	id, outputs, err := issue(template, ca, request.PublicKey, caKey)
	if err != nil {
		return "", nil, err
	}
	outputs["caKeyAlgorithm"] = resource.NewProperty(algorithm)
	return id, outputs, nil
}

// complete fills in what does not depend on who signs: serial number, validity from now on, usages, and for an authority or on demand the
// subject key identifier.
func (p *provider) complete(template *x509.Certificate, in issueInputs, public crypto.PublicKey) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return fmt.Errorf("generate a serial number: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = p.now().UTC()
	template.NotAfter = template.NotBefore.Add(time.Duration(in.ValidityPeriodHours) * time.Hour)
	template.BasicConstraintsValid = true
	template.IsCA = in.IsCACertificate
	if template.KeyUsage, template.ExtKeyUsage, err = usages(in.AllowedUses); err != nil {
		return err
	}
	if in.IsCACertificate || in.SetSubjectKeyID {
		if template.SubjectKeyId, err = subjectKeyID(public); err != nil {
			return err
		}
	}
	return nil
}

// issue signs the certificate. Its serial number is the id of the resource.
func issue(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (resource.ID, resource.PropertyMap, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return "", nil, fmt.Errorf("create the certificate: %w", err)
	}
	return resource.ID(template.SerialNumber.String()), resource.PropertyMap{
		"certPem":           resource.NewProperty(encodePEM(pemCertificate, der)),
		"readyForRenewal":   resource.NewProperty(false),
		"validityStartTime": resource.NewProperty(template.NotBefore.Format(time.RFC3339)),
		"validityEndTime":   resource.NewProperty(template.NotAfter.Format(time.RFC3339)),
	}, nil
}

// readyForRenewal tells whether the time of early renewal has come: validityEndTime less earlyRenewalHours, that moment included.
func (p *provider) readyForRenewal(state resource.PropertyMap) (bool, error) {
	text, ok := state["validityEndTime"]
	if !ok || !text.IsString() {
		return false, nil
	}
	end, err := time.Parse(time.RFC3339, text.StringValue())
	if err != nil {
		return false, fmt.Errorf("validityEndTime in state: %w", err)
	}
	var early time.Duration
	if hours, ok := state["earlyRenewalHours"]; ok && hours.IsNumber() {
		early = time.Duration(hours.NumberValue()) * time.Hour
	}
	return !p.now().Before(end.Add(-early)), nil
}

// subjectKeyID is the SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2, method 1).
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("decode the public key: %w", err)
	}
	sum := sha1.Sum(info.Key.Bytes)
	return sum[:], nil
}

func parseRequest(text string) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != pemRequest {
		return nil, fmt.Errorf("certRequestPem: want a PEM block of type %q", pemRequest)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certRequestPem: %w", err)
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("certRequestPem: its signature does not fit its key: %w", err)
	}
	return request, nil
}

func parseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != pemCertificate {
		return nil, fmt.Errorf("caCertPem: want a PEM block of type %q", pemCertificate)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("caCertPem: %w", err)
	}
	return certificate, nil
}
