package harness

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// answer gives the state that a provider would answer with, and the texts in it that only a secret may hold.
//
// Keys and certificates are real, so that the pure functions that read them run in tests, and depend on nothing but
// the resource's name, so that goldens stay. In a preview only inputs are known.
func answer(made *Resource, preview bool) (resource.PropertyMap, []string, error) {
	state := made.Raw.Copy()
	if strings.HasPrefix(made.Type, "kubernetes:") {
		nameObject(state, made.Name) // the provider names objects when it checks them, so also in a preview
		return state, nil, nil
	}
	if preview {
		return state, nil, nil
	}
	if strings.HasPrefix(made.Type, "aws:") {
		return state, account(state, made), nil
	}
	switch made.Type {
	case "tls:index/privateKey:PrivateKey":
		return privateKey(state, made.Name)
	case "tls:index/selfSignedCert:SelfSignedCert":
		return selfSigned(state, made.Name)
	case "tls:index/certRequest:CertRequest":
		return certRequest(state)
	case "tls:index/locallySignedCert:LocallySignedCert":
		return locallySigned(state, made.Name)
	case "random:index/randomBytes:RandomBytes":
		return randomBytes(state, made.Name)
	case "random:index/randomPassword:RandomPassword":
		return randomPassword(state, made.Name)
	case "lab:index:Network":
		state["bridge"] = resource.NewProperty("lgr-test")
		state["gateway"] = resource.NewProperty("10.20.0.1")
	case "lab:index:LoadBalancer":
		state["address"] = resource.NewProperty("10.20.0.2")
	case "lab:index:Machine":
		state["address"] = resource.NewProperty(fmt.Sprintf("10.20.1.%d", seed(made.Name)[0]))
	case "openstack:networking/port:Port":
		address := resource.NewProperty(fmt.Sprintf("172.31.1.%d", seed(made.Name)[0]))
		state["allFixedIps"] = resource.NewProperty([]resource.PropertyValue{address})
	case "openstack:networking/floatingIp:FloatingIp":
		state["address"] = resource.NewProperty("203.0.113.7")
	case "openstack:keymanager/secretV1:SecretV1":
		state["secretRef"] = resource.NewProperty("https://keys.example.org/v1/secrets/" + hex.EncodeToString(seed(made.Name)[:16]))
	case "openstack:identity/applicationCredential:ApplicationCredential":
		secret := hex.EncodeToString(seed(made.Name)[:20])
		state["secret"] = resource.MakeSecret(resource.NewProperty(secret))
		return state, []string{secret}, nil
	}
	return state, nil, nil
}

// account answers as AWS does: everything has an ARN, what is reached has a name or an address. The result is what only a
// secret may hold.
func account(state resource.PropertyMap, made *Resource) []string {
	digits := hex.EncodeToString(seed(made.Name)[:8])
	state["arn"] = resource.NewProperty("arn:aws:test:eu-test-1:123456789012:" + made.Name + "-" + digits)
	switch made.Type {
	case "aws:lb/loadBalancer:LoadBalancer":
		state["dnsName"] = resource.NewProperty(made.Name + "-" + digits + ".elb.eu-test-1.amazonaws.com")
	case "aws:ec2/instance:Instance":
		last := seed(made.Name)[0]
		state["privateIp"] = resource.NewProperty(fmt.Sprintf("172.31.1.%d", last))
		state["privateDns"] = resource.NewProperty(fmt.Sprintf("ip-172-31-1-%d.eu-test-1.compute.internal", last))
	case "aws:iam/accessKey:AccessKey":
		secret := hex.EncodeToString(seed(made.Name)[:20])
		state["secret"] = resource.MakeSecret(resource.NewProperty(secret))
		return []string{secret}
	}
	return nil
}

// Answer is what a provider would answer with on an update, for a stand-in that the real engine runs.
func Answer(typ, name string, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	state, _, err := answer(&Resource{Type: typ, Name: name, Raw: inputs}, false)
	return state, err
}

// Named is the name of an object that Pulumi names.
func Named(name string) string { return name + "-" + hex.EncodeToString(seed(name)[:4]) }

// nameObject gives an object that has no name the one that Pulumi would give it.
func nameObject(state resource.PropertyMap, name string) {
	metadata := resource.PropertyMap{}
	if given := state["metadata"]; given.IsObject() {
		metadata = given.ObjectValue().Copy()
	}
	if _, named := metadata["name"]; !named {
		metadata["name"] = resource.NewProperty(Named(name))
	}
	state["metadata"] = resource.NewProperty(metadata)
}

// seed is all the randomness there is.
func seed(name string) []byte {
	sum := sha256.Sum256([]byte("lagrum test seed: " + name))
	return sum[:]
}

func privateKey(state resource.PropertyMap, name string) (resource.PropertyMap, []string, error) {
	if got := state["algorithm"].StringValue(); got != "ECDSA" {
		return nil, nil, fmt.Errorf("algorithm %q: the mock makes ECDSA keys only", got)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed(name))
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	text := encode("EC PRIVATE KEY", private)
	state["privateKeyPem"] = resource.MakeSecret(resource.NewProperty(text))
	state["publicKeyPem"] = resource.NewProperty(encode("PUBLIC KEY", public))
	// The first line holds the private scalar; it survives indentation, the whole text would not.
	return state, []string{strings.Split(text, "\n")[1]}, nil
}

func selfSigned(state resource.PropertyMap, name string) (resource.PropertyMap, []string, error) {
	key, err := keyOf(state["privateKeyPem"])
	if err != nil {
		return nil, nil, err
	}
	template := certificate(state, name, subject(state["subject"]))
	return issued(state, template, template, key.Public(), key)
}

func certRequest(state resource.PropertyMap) (resource.PropertyMap, []string, error) {
	key, err := keyOf(state["privateKeyPem"])
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{Subject: subject(state["subject"])}, key)
	if err != nil {
		return nil, nil, err
	}
	state["certRequestPem"] = resource.NewProperty(encode("CERTIFICATE REQUEST", der))
	return state, nil, nil
}

func locallySigned(state resource.PropertyMap, name string) (resource.PropertyMap, []string, error) {
	key, err := keyOf(state["caPrivateKeyPem"])
	if err != nil {
		return nil, nil, err
	}
	der, err := decode(state["caCertPem"])
	if err != nil {
		return nil, nil, fmt.Errorf("caCertPem: %w", err)
	}
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("caCertPem: %w", err)
	}
	if der, err = decode(state["certRequestPem"]); err != nil {
		return nil, nil, fmt.Errorf("certRequestPem: %w", err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, nil, fmt.Errorf("certRequestPem: %w", err)
	}
	return issued(state, certificate(state, name, request.Subject), authority, request.PublicKey, key)
}

func randomBytes(state resource.PropertyMap, name string) (resource.PropertyMap, []string, error) {
	length := int(state["length"].NumberValue())
	if length > sha256.Size {
		return nil, nil, fmt.Errorf("length %d: the mock makes at most %d bytes", length, sha256.Size)
	}
	value := seed(name)[:length]
	text, digits := base64.StdEncoding.EncodeToString(value), hex.EncodeToString(value)
	state["base64"] = resource.MakeSecret(resource.NewProperty(text))
	state["hex"] = resource.MakeSecret(resource.NewProperty(digits))
	return state, []string{text, digits}, nil
}

func randomPassword(state resource.PropertyMap, name string) (resource.PropertyMap, []string, error) {
	text := hex.EncodeToString(seed(name))
	state["result"] = resource.MakeSecret(resource.NewProperty(text))
	return state, []string{text}, nil
}

// certificate fills a template from the inputs that both kinds of certificate share.
func certificate(state resource.PropertyMap, name string, subject pkix.Name) *x509.Certificate {
	notBefore := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(seed(name)[:8]), Subject: subject, BasicConstraintsValid: true,
		NotBefore: notBefore,
		NotAfter:  notBefore.Add(time.Duration(state["validityPeriodHours"].NumberValue()) * time.Hour),
	}
	if ca := state["isCaCertificate"]; ca.IsBool() {
		template.IsCA = ca.BoolValue()
	}
	for _, use := range state["allowedUses"].ArrayValue() {
		switch use.StringValue() {
		case "cert_signing":
			template.KeyUsage |= x509.KeyUsageCertSign
		case "digital_signature":
			template.KeyUsage |= x509.KeyUsageDigitalSignature
		case "key_encipherment":
			template.KeyUsage |= x509.KeyUsageKeyEncipherment
		case "client_auth":
			template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
		}
	}
	return template
}

func issued(
	state resource.PropertyMap, template, parent *x509.Certificate, public crypto.PublicKey, signer *ecdsa.PrivateKey,
) (resource.PropertyMap, []string, error) {
	der, err := x509.CreateCertificate(nil, template, parent, public, signer) // without randomness: RFC 6979
	if err != nil {
		return nil, nil, err
	}
	state["certPem"] = resource.NewProperty(encode("CERTIFICATE", der))
	return state, nil, nil
}

func subject(value resource.PropertyValue) pkix.Name {
	var name pkix.Name
	if value.IsObject() {
		fields := value.ObjectValue()
		if cn := fields["commonName"]; cn.IsString() {
			name.CommonName = cn.StringValue()
		}
		if o := fields["organization"]; o.IsString() {
			name.Organization = []string{o.StringValue()}
		}
	}
	return name
}

func keyOf(value resource.PropertyValue) (*ecdsa.PrivateKey, error) {
	der, err := decode(value)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return x509.ParseECPrivateKey(der)
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func decode(value resource.PropertyValue) ([]byte, error) {
	if value.IsSecret() {
		value = value.SecretValue().Element
	}
	if !value.IsString() {
		return nil, fmt.Errorf("not a string: %v", value.TypeString())
	}
	block, _ := pem.Decode([]byte(value.StringValue()))
	if block == nil {
		return nil, fmt.Errorf("not PEM: %.20q", value.StringValue())
	}
	return block.Bytes, nil
}
