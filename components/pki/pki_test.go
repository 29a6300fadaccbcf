package pki_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

func run(t *testing.T, decided *plan.Plan, preview bool) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "tls", "random")
		if err != nil {
			return err
		}
		made, err := pki.New(ctx, "dev-pki", &pki.Args{Plan: decided}, providers)
		if err != nil {
			return err
		}
		for name, value := range map[string]pulumi.StringOutput{
			"cluster.crt": made.Cluster.Certificate, "cluster.key": made.Cluster.Key,
			"front-proxy.crt": made.FrontProxy.Certificate, "front-proxy.key": made.FrontProxy.Key,
			"etcd.crt": made.Etcd.Certificate, "etcd.key": made.Etcd.Key,
			"login.crt": made.Login.Certificate, "login.key": made.Login.Key, "login-ca.crt": made.LoginAuthority,
			"dex.crt": made.Dex.Certificate, "dex.key": made.Dex.Key,
			"admin.crt": made.Admin.Certificate, "admin.key": made.Admin.Key,
			"sa.key": made.ServiceAccountKey, "sa.pub": made.ServiceAccountPublic,
			"encryption": made.EncryptionKeys[1],
		} {
			ctx.Export(name, value)
		}
		return nil
	}, harness.Options{Preview: preview})
}

func decided() *plan.Plan {
	return &plan.Plan{Name: "se-prod", Cluster: plan.Cluster{
		Name:             "se-prod",
		AuthorityHours:   87600,
		AdminCertificate: plan.Lifetime{Hours: 2160, RenewBefore: 720},
		Encryption:       []plan.EncryptionStep{{Keys: plan.Keys{1}, Complete: true}},
		Login:            &plan.Login{Host: "login.example.org", Certificate: plan.Lifetime{Hours: 2000, RenewBefore: 700}},
	}}
}

func TestGraph(t *testing.T) {
	t.Parallel()
	for name, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, "graph.txt", run(t, decided(), preview).Graph())
		})
	}
}

func TestInputs(t *testing.T) {
	t.Parallel()
	recording := run(t, decided(), false)

	ca := recording.Get(t, "tls:index/selfSignedCert:SelfSignedCert", "dev-pki-ca").Inputs
	assert.Equal(t, map[string]any{
		"privateKeyPem": "[secret]", "isCaCertificate": true, "setSubjectKeyId": true,
		"subject":     map[string]any{"commonName": "kubernetes"},
		"allowedUses": []any{"cert_signing", "key_encipherment", "digital_signature"}, "validityPeriodHours": 87600.0,
	}, ca)

	admin := recording.Get(t, "tls:index/locallySignedCert:LocallySignedCert", "dev-pki-admin").Inputs
	assert.Equal(t, "[secret]", admin["caPrivateKeyPem"])
	assert.Equal(t, []any{"client_auth", "digital_signature"}, admin["allowedUses"])
	assert.Equal(t, 2160.0, admin["validityPeriodHours"])
	assert.Equal(t, 720.0, admin["earlyRenewalHours"])

	login := recording.Get(t, "tls:index/locallySignedCert:LocallySignedCert", "dev-pki-login").Inputs
	assert.Equal(t, []any{"server_auth", "digital_signature"}, login["allowedUses"])
	assert.Equal(t, 2000.0, login["validityPeriodHours"])
	assert.Equal(t, 700.0, login["earlyRenewalHours"])
	request := recording.Get(t, "tls:index/certRequest:CertRequest", "dev-pki-login").Inputs
	assert.Equal(t, []any{"login.example.org"}, request["dnsNames"])
	request = recording.Get(t, "tls:index/certRequest:CertRequest", "dev-pki-login-dex").Inputs
	assert.Equal(t, []any{"dex.lagrum-identity.svc"}, request["dnsNames"])
}

// What people's browsers are to trust signs for the login alone: it opens no API, and the cluster's signs no web page.
func TestTheLoginHasAnAuthorityOfItsOwn(t *testing.T) {
	t.Parallel()
	exports := run(t, decided(), false).RawExports
	read := func(name string) *x509.Certificate {
		return parse(t, exports[resource.PropertyKey(name)].StringValue())
	}
	for _, name := range []string{"login.crt", "dex.crt"} {
		served := read(name)
		require.NoError(t, served.CheckSignatureFrom(read("login-ca.crt")))
		require.Error(t, served.CheckSignatureFrom(read("cluster.crt")))
		assert.False(t, served.IsCA)
	}
	// Who has the key at the gateway is not Dex behind it, nor the other way round.
	assert.NotEqual(t, read("login.crt").PublicKey, read("dex.crt").PublicKey)
	require.Error(t, read("login.crt").VerifyHostname("dex.lagrum-identity.svc"))
	require.Error(t, read("dex.crt").VerifyHostname("login.example.org"))
}

// Without a login nothing of it is made.
func TestNoLogin(t *testing.T) {
	t.Parallel()
	without := decided()
	without.Cluster.Login = nil
	recording := run(t, without, false)
	for _, made := range recording.Resources {
		assert.NotContains(t, made.Name, "login")
	}
	assert.Empty(t, recording.Exports["login-ca.crt"])
}

func TestPrivateMaterialIsSecret(t *testing.T) {
	t.Parallel()
	exports := run(t, decided(), false).Exports
	for name, secret := range map[string]bool{
		"cluster.key": true, "front-proxy.key": true, "etcd.key": true, "admin.key": true, "sa.key": true, "encryption": true, "login.key": true,
		"login.crt": false, "login-ca.crt": false, "dex.crt": false, "dex.key": true,
		"cluster.crt": false, "front-proxy.crt": false, "etcd.crt": false, "admin.crt": false, "sa.pub": false,
	} {
		assert.Equal(t, secret, exports[name] == "[secret]", name)
	}
}

// What cannot be made again must not be deleted where the plan protects; what is renewed must not be protected, or
// the renewal would fail.
func TestProtection(t *testing.T) {
	t.Parallel()
	production := decided()
	production.Protect = true
	kept := map[string]bool{
		"dev-pki-ca": true, "dev-pki-front-proxy-ca": true, "dev-pki-etcd-ca": true,
		"dev-pki-service-accounts": true, "dev-pki-encryption": true, "dev-pki-admin": false,
		"dev-pki-login-ca": true, "dev-pki-login": false, "dev-pki-login-dex": false,
	}
	for _, made := range run(t, production, false).Resources {
		if want, listed := kept[made.Name]; listed {
			assert.Equal(t, want, made.Protect, made.URN)
		}
	}
	for _, made := range run(t, decided(), false).Resources {
		assert.False(t, made.Protect, made.URN)
	}
}

func TestAdministratorIsSignedByTheClusterAuthority(t *testing.T) {
	t.Parallel()
	exports := run(t, decided(), false).RawExports
	authority, admin := parse(t, exports["cluster.crt"].StringValue()), parse(t, exports["admin.crt"].StringValue())

	require.NoError(t, admin.CheckSignatureFrom(authority))
	assert.Equal(t, "se-prod-admin", admin.Subject.CommonName)
	assert.Equal(t, []string{"kubeadm:cluster-admins"}, admin.Subject.Organization)
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, admin.ExtKeyUsage)
	assert.False(t, admin.IsCA)
	assert.Equal(t, 90*24*time.Hour, admin.NotAfter.Sub(admin.NotBefore))
}

// One authority must not vouch for another's clients.
func TestAuthoritiesAreApart(t *testing.T) {
	t.Parallel()
	exports := run(t, decided(), false).RawExports
	keys := map[string]bool{}
	for _, name := range []string{"cluster.crt", "front-proxy.crt", "etcd.crt"} {
		certificate := parse(t, exports[resource.PropertyKey(name)].StringValue())
		assert.True(t, certificate.IsCA, name)
		public, err := x509.MarshalPKIXPublicKey(certificate.PublicKey.(*ecdsa.PublicKey))
		require.NoError(t, err)
		keys[string(public)] = true
	}
	assert.Len(t, keys, 3)
}

// Each key is a resource of its own, protected like the first, for as long as the plan names it.
func TestEncryptionKeysByNumber(t *testing.T) {
	t.Parallel()
	names := func(steps ...plan.EncryptionStep) map[string]bool {
		p := decided()
		p.Protect, p.Cluster.Encryption = true, steps
		found := map[string]bool{}
		for _, made := range harness.Run(t, func(ctx *pulumi.Context) error {
			providers, err := harness.Providers(ctx, "tls", "random")
			if err != nil {
				return err
			}
			keys, err := pki.New(ctx, "dev-pki", &pki.Args{Plan: p}, providers)
			if err != nil {
				return err
			}
			assert.Len(t, keys.EncryptionKeys, len(p.Cluster.EncryptionKeys()))
			for n, key := range keys.EncryptionKeys {
				ctx.Export(fmt.Sprint(n), key)
			}
			return nil
		}, harness.Options{}).Resources {
			if made.Type == "random:index/randomPassword:RandomPassword" {
				found[made.Name] = made.Protect
			}
		}
		return found
	}
	one, both, two := plan.EncryptionStep{Keys: plan.Keys{1}}, plan.EncryptionStep{Keys: plan.Keys{2, 1}}, plan.EncryptionStep{Keys: plan.Keys{2}}
	assert.Equal(t, map[string]bool{"dev-pki-encryption": true}, names(one), "the first keeps its name")
	assert.Equal(t, map[string]bool{"dev-pki-encryption": true, "dev-pki-encryption-2": true}, names(one, both))
	assert.Equal(t, map[string]bool{"dev-pki-encryption": true, "dev-pki-encryption-2": true}, names(one, both, two), "it goes when it is no longer told of")
	assert.Equal(t, map[string]bool{"dev-pki-encryption-2": true}, names(two))
}

func TestEncryptionKeyHas32Bytes(t *testing.T) {
	t.Parallel()
	value := run(t, decided(), false).RawExports["encryption"].SecretValue().Element.StringValue()
	key, err := base64.StdEncoding.DecodeString(value)
	require.NoError(t, err)
	assert.Len(t, key, 32)
}

func parse(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	require.NotNil(t, block, text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return certificate
}
