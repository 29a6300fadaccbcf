package tls

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// Names of key algorithms, as inputs and as outputs.
const (
	algorithmRSA     = "RSA"
	algorithmECDSA   = "ECDSA"
	algorithmED25519 = "ED25519"
)

// The PEM block types of private keys.
const (
	pemRSA   = "RSA PRIVATE KEY"
	pemEC    = "EC PRIVATE KEY"
	pemPKCS8 = "PRIVATE KEY"
)

// keyInputs are the inputs of a private key.
type keyInputs struct {
	Algorithm  string `json:"algorithm"`
	EcdsaCurve string `json:"ecdsaCurve"`
	RsaBits    int    `json:"rsaBits"`
}

// privateKey describes tls:index/privateKey:PrivateKey. The defaults of curve and size are outputs even when the algorithm uses neither.
func (p *provider) privateKey() standin.Kind {
	return standin.Kind{
		Required: []resource.PropertyKey{"algorithm"},
		Defaults: resource.PropertyMap{
			"ecdsaCurve": resource.NewProperty("P224"),
			"rsaBits":    resource.NewProperty(2048.0),
		},
		Check: checkKey,
		Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
			var in keyInputs
			if err := standin.Decode(inputs, &in); err != nil {
				return "", nil, err
			}
			key, err := generateKey(in)
			if err != nil {
				return "", nil, err
			}
			return keyOutputs(key)
		},
		Computed: []resource.PropertyKey{
			"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8",
			"publicKeyFingerprintMd5", "publicKeyFingerprintSha256", "publicKeyOpenssh", "publicKeyPem",
		},
		Secret: []resource.PropertyKey{"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"},
	}
}

// checkKey reports unsupported algorithms and curves.
func checkKey(known resource.PropertyMap) []plugin.CheckFailure {
	var in keyInputs
	if err := standin.Decode(known, &in); err != nil {
		return []plugin.CheckFailure{{Reason: err.Error()}}
	}
	var failures []plugin.CheckFailure
	algorithms := []string{algorithmECDSA, algorithmED25519, algorithmRSA}
	if _, ok := known["algorithm"]; ok && !slices.Contains(algorithms, in.Algorithm) {
		failures = append(failures, plugin.CheckFailure{Property: "algorithm", Reason: fmt.Sprintf("%q is not one of %q", in.Algorithm, algorithms)})
	}
	curves := []string{"P224", "P256", "P384", "P521"}
	if _, ok := known["ecdsaCurve"]; ok && !slices.Contains(curves, in.EcdsaCurve) {
		failures = append(failures, plugin.CheckFailure{Property: "ecdsaCurve", Reason: fmt.Sprintf("%q is not one of %q", in.EcdsaCurve, curves)})
	}
	return failures
}

func generateKey(in keyInputs) (crypto.Signer, error) {
	switch in.Algorithm {
	case algorithmRSA:
		key, err := rsa.GenerateKey(rand.Reader, in.RsaBits)
		if err != nil {
			return nil, fmt.Errorf("generate an RSA key of %d bits: %w", in.RsaBits, err)
		}
		return key, nil
	case algorithmED25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("generate an Ed25519 key: %w", err)
		}
		return key, nil
	case algorithmECDSA:
		curves := map[string]elliptic.Curve{
			"P224": elliptic.P224(), "P256": elliptic.P256(), "P384": elliptic.P384(), "P521": elliptic.P521(),
		}
		curve, ok := curves[in.EcdsaCurve]
		if !ok {
			return nil, fmt.Errorf("ecdsaCurve %q: want P224, P256, P384 or P521", in.EcdsaCurve)
		}
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("generate an ECDSA key on %s: %w", in.EcdsaCurve, err)
		}
		return key, nil
	}
	return nil, fmt.Errorf("algorithm %q: want %s, %s or %s", in.Algorithm, algorithmECDSA, algorithmED25519, algorithmRSA)
}

// keyOutputs encodes a key in every format of the resource. The id is the SHA-1 of the public key's DER. OpenSSH knows no P-224: those outputs
// are then empty.
func keyOutputs(key crypto.Signer) (resource.ID, resource.PropertyMap, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", nil, fmt.Errorf("encode the private key as PKCS#8: %w", err)
	}
	block := &pem.Block{Type: pemPKCS8, Bytes: pkcs8}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		block = &pem.Block{Type: pemRSA, Bytes: x509.MarshalPKCS1PrivateKey(key)}
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return "", nil, fmt.Errorf("encode the private key as SEC 1: %w", err)
		}
		block = &pem.Block{Type: pemEC, Bytes: der}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", nil, fmt.Errorf("encode the public key: %w", err)
	}
	outputs := resource.PropertyMap{
		"privateKeyPem":              resource.NewProperty(string(pem.EncodeToMemory(block))),
		"privateKeyPemPkcs8":         resource.NewProperty(encodePEM(pemPKCS8, pkcs8)),
		"publicKeyPem":               resource.NewProperty(encodePEM("PUBLIC KEY", public)),
		"privateKeyOpenssh":          resource.NewProperty(""),
		"publicKeyOpenssh":           resource.NewProperty(""),
		"publicKeyFingerprintMd5":    resource.NewProperty(""),
		"publicKeyFingerprintSha256": resource.NewProperty(""),
	}
	if err := addOpenSSH(outputs, key); err != nil {
		return "", nil, err
	}
	return hashID(public), outputs, nil
}

func addOpenSSH(outputs resource.PropertyMap, key crypto.Signer) error {
	if ec, ok := key.(*ecdsa.PrivateKey); ok && ec.Curve == elliptic.P224() {
		return nil
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the public key for OpenSSH: %w", err)
	}
	private, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return fmt.Errorf("encode the private key for OpenSSH: %w", err)
	}
	outputs["privateKeyOpenssh"] = resource.NewProperty(string(pem.EncodeToMemory(private)))
	outputs["publicKeyOpenssh"] = resource.NewProperty(string(ssh.MarshalAuthorizedKey(public)))
	outputs["publicKeyFingerprintMd5"] = resource.NewProperty(ssh.FingerprintLegacyMD5(public))
	outputs["publicKeyFingerprintSha256"] = resource.NewProperty(ssh.FingerprintSHA256(public))
	return nil
}

// parseKey reads a private key in PEM, in any of the formats that a private key is output in except OpenSSH's, and names its algorithm.
func parseKey(property, text string) (crypto.Signer, string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, "", fmt.Errorf("%s: no PEM block found; want a private key in PEM", property)
	}
	var key any
	var err error
	switch block.Type {
	case pemRSA:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case pemEC:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case pemPKCS8:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, "", fmt.Errorf("%s: PEM block of type %q; want %q, %q or %q", property, block.Type, pemRSA, pemEC, pemPKCS8)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", property, err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, algorithmRSA, nil
	case *ecdsa.PrivateKey:
		return key, algorithmECDSA, nil
	case ed25519.PrivateKey:
		return key, algorithmED25519, nil
	}
	return nil, "", fmt.Errorf("%s: key of type %T; want RSA, ECDSA or Ed25519", property, key)
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// hashID is the id of resources that have no serial number. SHA-1 names here, it protects nothing.
func hashID(der []byte) resource.ID {
	sum := sha1.Sum(der)
	return resource.ID(hex.EncodeToString(sum[:]))
}
