package tls

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

const (
	keyType     tokens.Type = "tls:index/privateKey:PrivateKey"
	requestType tokens.Type = "tls:index/certRequest:CertRequest"
	selfType    tokens.Type = "tls:index/selfSignedCert:SelfSignedCert"
	localType   tokens.Type = "tls:index/locallySignedCert:LocallySignedCert"
)

// props builds inputs from plain Go values.
func props(values map[string]any) resource.PropertyMap { return resource.NewPropertyMapFromMap(values) }

// at returns a stand-in whose clock stands still.
func at(now time.Time) *provider {
	p := newProvider(0)
	p.now = func() time.Time { return now }
	return p
}

func urnOf(token tokens.Type) resource.URN {
	return resource.NewURN("dev", "project", "", token, "name")
}

// create checks and creates like the engine does.
func create(t *testing.T, p *provider, token tokens.Type, inputs resource.PropertyMap) plugin.CreateResponse {
	t.Helper()
	checked, err := p.Check(t.Context(), plugin.CheckRequest{URN: urnOf(token), Type: token, News: inputs})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	created, err := p.Create(t.Context(), plugin.CreateRequest{URN: urnOf(token), Type: token, Properties: checked.Properties})
	require.NoError(t, err)
	return created
}

// plain reads an output, secret or not.
func plain(t *testing.T, outputs resource.PropertyMap, key resource.PropertyKey) string {
	t.Helper()
	value := outputs[key]
	if value.IsSecret() {
		value = value.SecretValue().Element
	}
	require.True(t, value.IsString(), "output %s", key)
	return value.StringValue()
}

func der(t *testing.T, text, kind string) []byte {
	t.Helper()
	block, rest := pem.Decode([]byte(text))
	require.NotNil(t, block)
	require.Empty(t, rest)
	require.Equal(t, kind, block.Type)
	return block.Bytes
}

func certificate(t *testing.T, created plugin.CreateResponse) *x509.Certificate {
	t.Helper()
	parsed, err := x509.ParseCertificate(der(t, plain(t, created.Properties, "certPem"), "CERTIFICATE"))
	require.NoError(t, err)
	return parsed
}

func TestPrivateKey(t *testing.T) {
	t.Parallel()
	p := at(time.Now())
	for _, row := range []struct {
		name    string
		inputs  map[string]any
		pemType string
		bits    int
		openSSH string // type of the OpenSSH key; none if empty
	}{
		{"P-224 by default", map[string]any{"algorithm": "ECDSA"}, "EC PRIVATE KEY", 224, ""},
		{"P-256", map[string]any{"algorithm": "ECDSA", "ecdsaCurve": "P256"}, "EC PRIVATE KEY", 256, "ecdsa-sha2-nistp256"},
		{"P-384", map[string]any{"algorithm": "ECDSA", "ecdsaCurve": "P384"}, "EC PRIVATE KEY", 384, "ecdsa-sha2-nistp384"},
		{"P-521", map[string]any{"algorithm": "ECDSA", "ecdsaCurve": "P521"}, "EC PRIVATE KEY", 521, "ecdsa-sha2-nistp521"},
		{"RSA of 2048 bits by default", map[string]any{"algorithm": "RSA"}, "RSA PRIVATE KEY", 2048, "ssh-rsa"},
		{"RSA of 3072 bits", map[string]any{"algorithm": "RSA", "rsaBits": 3072}, "RSA PRIVATE KEY", 3072, "ssh-rsa"},
		{"Ed25519", map[string]any{"algorithm": "ED25519"}, "PRIVATE KEY", 256, "ssh-ed25519"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			created := create(t, p, keyType, props(row.inputs))
			outputs := created.Properties
			for _, key := range []resource.PropertyKey{"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"} {
				assert.True(t, outputs[key].IsSecret(), "output %s is secret", key)
			}
			assert.Regexp(t, "^[0-9a-f]{40}$", string(created.ID))

			private := parsePrivate(t, plain(t, outputs, "privateKeyPem"), row.pemType)
			pkcs8, err := x509.ParsePKCS8PrivateKey(der(t, plain(t, outputs, "privateKeyPemPkcs8"), "PRIVATE KEY"))
			require.NoError(t, err)
			assert.Equal(t, private, pkcs8)
			assert.Equal(t, row.bits, bits(t, private))
			public, err := x509.ParsePKIXPublicKey(der(t, plain(t, outputs, "publicKeyPem"), "PUBLIC KEY"))
			require.NoError(t, err)
			assert.Equal(t, private.(crypto.Signer).Public(), public)

			if row.openSSH == "" {
				for _, key := range []resource.PropertyKey{
					"privateKeyOpenssh", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256",
				} {
					assert.Empty(t, plain(t, outputs, key), "OpenSSH knows no P-224")
				}
				return
			}
			authorized, _, _, _, err := ssh.ParseAuthorizedKey([]byte(plain(t, outputs, "publicKeyOpenssh")))
			require.NoError(t, err)
			assert.Equal(t, row.openSSH, authorized.Type())
			assert.Equal(t, ssh.FingerprintSHA256(authorized), plain(t, outputs, "publicKeyFingerprintSha256"))
			assert.Equal(t, ssh.FingerprintLegacyMD5(authorized), plain(t, outputs, "publicKeyFingerprintMd5"))
			signer, err := ssh.ParsePrivateKey([]byte(plain(t, outputs, "privateKeyOpenssh")))
			require.NoError(t, err)
			assert.Equal(t, authorized.Marshal(), signer.PublicKey().Marshal())
		})
	}
}

func parsePrivate(t *testing.T, text, pemType string) any {
	t.Helper()
	data := der(t, text, pemType)
	var key any
	var err error
	switch pemType {
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(data)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(data)
	default:
		key, err = x509.ParsePKCS8PrivateKey(data)
	}
	require.NoError(t, err)
	return key
}

func bits(t *testing.T, key any) int {
	t.Helper()
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return key.Curve.Params().BitSize
	case *rsa.PrivateKey:
		return key.N.BitLen()
	case ed25519.PrivateKey:
		return 8 * len(key.Public().(ed25519.PublicKey))
	}
	t.Fatalf("key of type %T", key)
	return 0
}

// TestPreviewIsUnknown is what makes a first preview work: nothing is generated, secrets are secret already.
func TestPreviewIsUnknown(t *testing.T) {
	t.Parallel()
	p := at(time.Now())
	unknown := resource.MakeComputed(resource.NewProperty(""))
	for _, row := range []struct {
		token            tokens.Type
		inputs           resource.PropertyMap
		computed, secret []resource.PropertyKey
	}{
		{
			keyType, props(map[string]any{"algorithm": "ECDSA"}),
			[]resource.PropertyKey{"publicKeyFingerprintMd5", "publicKeyFingerprintSha256", "publicKeyOpenssh", "publicKeyPem"},
			[]resource.PropertyKey{"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"},
		},
		{
			requestType, resource.PropertyMap{"privateKeyPem": unknown},
			[]resource.PropertyKey{"certRequestPem", "keyAlgorithm"}, []resource.PropertyKey{"privateKeyPem"},
		},
		{
			selfType,
			resource.PropertyMap{
				"privateKeyPem": unknown, "validityPeriodHours": resource.NewProperty(1.0),
				"allowedUses": resource.NewProperty([]resource.PropertyValue{unknown}),
			},
			[]resource.PropertyKey{"certPem", "keyAlgorithm", "readyForRenewal", "validityEndTime", "validityStartTime"},
			[]resource.PropertyKey{"privateKeyPem"},
		},
		{
			localType,
			resource.PropertyMap{
				"caCertPem": unknown, "caPrivateKeyPem": unknown, "certRequestPem": unknown, "validityPeriodHours": unknown,
				"allowedUses": resource.NewProperty([]resource.PropertyValue{}),
			},
			[]resource.PropertyKey{"caKeyAlgorithm", "certPem", "readyForRenewal", "validityEndTime", "validityStartTime"},
			[]resource.PropertyKey{"caPrivateKeyPem"},
		},
	} {
		t.Run(string(row.token), func(t *testing.T) {
			t.Parallel()
			checked, err := p.Check(t.Context(), plugin.CheckRequest{URN: urnOf(row.token), Type: row.token, News: row.inputs})
			require.NoError(t, err)
			require.Empty(t, checked.Failures)
			created, err := p.Create(t.Context(), plugin.CreateRequest{
				URN: urnOf(row.token), Type: row.token, Properties: checked.Properties, Preview: true,
			})
			require.NoError(t, err)
			assert.Empty(t, created.ID)
			for _, key := range row.computed {
				assert.Equal(t, unknown, created.Properties[key], "output %s", key)
			}
			for _, key := range row.secret {
				assert.Equal(t, resource.MakeSecret(unknown), created.Properties[key], "output %s", key)
			}
		})
	}
}

func TestCheckReportsEveryMistake(t *testing.T) {
	t.Parallel()
	p := at(time.Now())
	for _, row := range []struct {
		name   string
		token  tokens.Type
		inputs map[string]any
		want   []plugin.CheckFailure
	}{
		{"key without algorithm", keyType, nil, []plugin.CheckFailure{{Property: "algorithm", Reason: "is required; set it"}}},
		{
			"algorithm and curve", keyType, map[string]any{"algorithm": "DSA", "ecdsaCurve": "P-256"},
			[]plugin.CheckFailure{
				{Property: "algorithm", Reason: `"DSA" is not one of ["ECDSA" "ED25519" "RSA"]`},
				{Property: "ecdsaCurve", Reason: `"P-256" is not one of ["P224" "P256" "P384" "P521"]`},
			},
		},
		{
			"unknown input", keyType, map[string]any{"algorithm": "RSA", "bits": 1},
			[]plugin.CheckFailure{{Reason: `decode properties: json: unknown field "bits"`}},
		},
		{
			"request", requestType, map[string]any{"privateKeyPem": "x", "ipAddresses": []any{"192.0.2.1", "192.0.2"}, "uris": []any{"%"}},
			[]plugin.CheckFailure{
				{Property: "ipAddresses", Reason: `ipAddresses[1]: "192.0.2" is no IP address`},
				{Property: "uris", Reason: `uris[0]: "%" is no URI: parse "%": invalid URL escape "%"`},
			},
		},
		{
			"self-signed", selfType,
			map[string]any{
				"privateKeyPem": "x", "validityPeriodHours": -1, "earlyRenewalHours": -2, "allowedUses": []any{"cert_signing", "clientAuth"},
				"ipAddresses": []any{"host"},
			},
			[]plugin.CheckFailure{
				{Property: "validityPeriodHours", Reason: "-1 is negative; want at least 0 hours"},
				{Property: "earlyRenewalHours", Reason: "-2 is negative; want at least 0 hours"},
				{
					Property: "allowedUses",
					Reason:   `allowedUses[1]: "clientAuth" is no key usage; names are in lower case with underscores, for example cert_signing`,
				},
				{Property: "ipAddresses", Reason: `ipAddresses[0]: "host" is no IP address`},
			},
		},
		{
			"locally signed", localType, map[string]any{"setAuthorityKeyId": true},
			[]plugin.CheckFailure{
				{Property: "allowedUses", Reason: "is required; set it"},
				{Property: "caCertPem", Reason: "is required; set it"},
				{Property: "caPrivateKeyPem", Reason: "is required; set it"},
				{Property: "certRequestPem", Reason: "is required; set it"},
				{Property: "validityPeriodHours", Reason: "is required; set it"},
				{Reason: `decode properties: json: unknown field "setAuthorityKeyId"`},
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			response, err := p.Check(t.Context(), plugin.CheckRequest{URN: urnOf(row.token), Type: row.token, News: props(row.inputs)})
			require.NoError(t, err)
			assert.Equal(t, row.want, response.Failures)
		})
	}
}

func TestClockOffset(t *testing.T) {
	t.Parallel()
	shifted := newProvider(-2184 * time.Hour)
	assert.WithinDuration(t, time.Now().Add(-2184*time.Hour), shifted.now(), time.Minute)
	_, err := shifted.Configure(context.Background(), plugin.ConfigureRequest{})
	assert.NoError(t, err)
}
