package tls

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// noon is when the certificates of these tests are issued, on a clock two hours east; the half second is cut off.
var noon = time.Date(2030, 1, 2, 14, 0, 0, 500_000_000, time.FixedZone("east", 2*60*60))

// newKey returns a private key in PEM.
func newKey(t *testing.T, p *provider) string {
	t.Helper()
	return plain(t, create(t, p, keyType, props(map[string]any{"algorithm": "ECDSA", "ecdsaCurve": "P256"})).Properties, "privateKeyPem")
}

// authority is a self-signed authority of a year.
type authority struct {
	key, certPEM string
	certificate  *x509.Certificate
}

func newAuthority(t *testing.T, p *provider) authority {
	t.Helper()
	key := newKey(t, p)
	created := create(t, p, selfType, props(map[string]any{
		"privateKeyPem": key, "validityPeriodHours": 8760, "isCaCertificate": true,
		"allowedUses": []any{"cert_signing", "crl_signing"}, "subject": map[string]any{"commonName": "authority"},
	}))
	return authority{key: key, certPEM: plain(t, created.Properties, "certPem"), certificate: certificate(t, created)}
}

func TestSelfSignedAuthority(t *testing.T) {
	t.Parallel()
	p := at(noon)
	key := newKey(t, p)
	created := create(t, p, selfType, props(map[string]any{
		"privateKeyPem": key, "validityPeriodHours": 24, "isCaCertificate": true, "setAuthorityKeyId": true,
		"allowedUses": []any{"cert_signing", "digital_signature", "any_extended"},
		"subject": map[string]any{
			"commonName": "cn", "country": "SE", "emailAddress": "post@lagrum.example", "locality": "l", "organization": "o",
			"organizationalUnit": "ou", "postalCode": "12345", "province": "st", "serialNumber": "7", "streetAddresses": []any{"a", "b"},
		},
	}))
	got := certificate(t, created)

	assert.Equal(t, got.SerialNumber.String(), string(created.ID))
	assert.Equal(t, time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC), got.NotBefore)
	assert.Equal(t, time.Date(2030, 1, 3, 12, 0, 0, 0, time.UTC), got.NotAfter)
	assert.Equal(t, "2030-01-02T12:00:00Z", plain(t, created.Properties, "validityStartTime"))
	assert.Equal(t, "2030-01-03T12:00:00Z", plain(t, created.Properties, "validityEndTime"))
	assert.Equal(t, resource.NewProperty(false), created.Properties["readyForRenewal"])
	assert.Equal(t, "ECDSA", plain(t, created.Properties, "keyAlgorithm"))
	assert.True(t, created.Properties["privateKeyPem"].IsSecret())

	assert.True(t, got.IsCA)
	assert.True(t, got.BasicConstraintsValid)
	assert.Equal(t, -1, got.MaxPathLen, "no limit on the path")
	assert.Equal(t, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature, got.KeyUsage)
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, got.ExtKeyUsage)
	public, err := got.PublicKey.(interface{ Bytes() ([]byte, error) }).Bytes()
	require.NoError(t, err)
	sum := sha1.Sum(public)
	assert.Equal(t, sum[:], got.SubjectKeyId, "RFC 5280 section 4.2.1.2, method 1")
	assert.Equal(t, got.SubjectKeyId, got.AuthorityKeyId)
	require.NoError(t, got.CheckSignatureFrom(got))

	subject := got.Subject
	assert.Equal(t, "cn", subject.CommonName)
	assert.Equal(t, []string{"SE"}, subject.Country)
	assert.Equal(t, []string{"l"}, subject.Locality)
	assert.Equal(t, []string{"o"}, subject.Organization)
	assert.Equal(t, []string{"ou"}, subject.OrganizationalUnit)
	assert.Equal(t, []string{"12345"}, subject.PostalCode)
	assert.Equal(t, []string{"st"}, subject.Province)
	assert.Equal(t, "7", subject.SerialNumber)
	assert.Equal(t, []string{"a", "b"}, subject.StreetAddress)
	var email any
	for _, name := range subject.Names {
		if name.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}) {
			email = name.Value
		}
	}
	assert.Equal(t, "post@lagrum.example", email)
}

func TestSelfSignedServer(t *testing.T) {
	t.Parallel()
	p := at(noon)
	created := create(t, p, selfType, props(map[string]any{
		"privateKeyPem": newKey(t, p), "validityPeriodHours": 24, "allowedUses": []any{"server_auth"},
		"dnsNames": []any{"a.example"}, "ipAddresses": []any{"192.0.2.1", "2001:db8::1"}, "uris": []any{"spiffe://a/b"},
	}))
	got := certificate(t, created)
	assert.False(t, got.IsCA)
	assert.Empty(t, got.SubjectKeyId, "set on demand only")
	assert.Empty(t, got.AuthorityKeyId)
	assert.Equal(t, []string{"a.example"}, got.DNSNames)
	require.Len(t, got.IPAddresses, 2)
	assert.Equal(t, "2001:db8::1", got.IPAddresses[1].String())
	require.Len(t, got.URIs, 1)
	assert.Equal(t, "spiffe://a/b", got.URIs[0].String())
	assert.Equal(t, resource.NewProperty(0.0), created.Properties["earlyRenewalHours"])
	assert.Equal(t, resource.NewProperty(false), created.Properties["isCaCertificate"])
	assert.Equal(t, resource.NewProperty(false), created.Properties["setSubjectKeyId"])
	assert.Equal(t, resource.NewProperty(false), created.Properties["setAuthorityKeyId"])
}

func TestLocallySigned(t *testing.T) {
	t.Parallel()
	p := at(noon)
	for _, algorithm := range []map[string]any{
		{"algorithm": "ECDSA", "ecdsaCurve": "P384"}, {"algorithm": "RSA"}, {"algorithm": "ED25519"},
	} {
		t.Run(algorithm["algorithm"].(string), func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t, p)
			key := plain(t, create(t, p, keyType, props(algorithm)).Properties, "privateKeyPem")
			request := create(t, p, requestType, props(map[string]any{
				"privateKeyPem": key, "dnsNames": []any{"a.example"}, "ipAddresses": []any{"192.0.2.1"}, "uris": []any{"spiffe://a/b"},
				"subject": map[string]any{"commonName": "admin", "organization": "kubeadm:cluster-admins", "emailAddress": "a@b"},
			}))
			assert.Equal(t, algorithm["algorithm"], plain(t, request.Properties, "keyAlgorithm"))
			assert.True(t, request.Properties["privateKeyPem"].IsSecret())
			created := create(t, p, localType, props(map[string]any{
				"caCertPem": ca.certPEM, "caPrivateKeyPem": ca.key, "certRequestPem": plain(t, request.Properties, "certRequestPem"),
				"allowedUses": []any{"client_auth", "digital_signature"}, "validityPeriodHours": 2160, "setSubjectKeyId": true,
			}))
			got := certificate(t, created)
			assert.Equal(t, "ECDSA", plain(t, created.Properties, "caKeyAlgorithm"))
			assert.True(t, created.Properties["caPrivateKeyPem"].IsSecret())
			assert.Equal(t, ca.certificate.SubjectKeyId, got.AuthorityKeyId)
			assert.Len(t, got.SubjectKeyId, 20)
			assert.Equal(t, []string{"a.example"}, got.DNSNames)
			assert.Equal(t, "192.0.2.1", got.IPAddresses[0].String())
			assert.Equal(t, "spiffe://a/b", got.URIs[0].String())
			assert.Equal(t, []string{"kubeadm:cluster-admins"}, got.Subject.Organization)
			parsed, err := x509.ParseCertificateRequest(der(t, plain(t, request.Properties, "certRequestPem"), "CERTIFICATE REQUEST"))
			require.NoError(t, err)
			assert.Equal(t, parsed.RawSubject, got.RawSubject)
			assert.Equal(t, parsed.PublicKey, got.PublicKey)

			roots := x509.NewCertPool()
			roots.AddCert(ca.certificate)
			_, err = got.Verify(x509.VerifyOptions{
				Roots: roots, CurrentTime: noon.Add(time.Hour), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			})
			require.NoError(t, err)
			_, err = got.Verify(x509.VerifyOptions{
				Roots: roots, CurrentTime: noon.Add(2161 * time.Hour), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			})
			assert.ErrorContains(t, err, "expired")
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	p := at(noon)
	ca := newAuthority(t, p)
	key := newKey(t, p)
	request := plain(t, create(t, p, requestType, props(map[string]any{"privateKeyPem": key})).Properties, "certRequestPem")
	self := func(changes map[string]any) resource.PropertyMap {
		inputs := map[string]any{"privateKeyPem": key, "validityPeriodHours": 1, "allowedUses": []any{}}
		for name, value := range changes {
			inputs[name] = value
		}
		return props(inputs)
	}
	local := func(changes map[string]any) resource.PropertyMap {
		inputs := map[string]any{
			"caCertPem": ca.certPEM, "caPrivateKeyPem": ca.key, "certRequestPem": request, "validityPeriodHours": 1, "allowedUses": []any{},
		}
		for name, value := range changes {
			inputs[name] = value
		}
		return props(inputs)
	}
	for _, row := range []struct {
		name string
		req  plugin.CreateRequest
		want string
	}{
		{
			"small RSA key", plugin.CreateRequest{Type: keyType, Properties: props(map[string]any{"algorithm": "RSA", "rsaBits": 512})},
			"generate an RSA key of 512 bits: crypto/rsa: 512-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)",
		},
		{
			"no key", plugin.CreateRequest{Type: selfType, Properties: self(map[string]any{"privateKeyPem": "secret text"})},
			"privateKeyPem: no PEM block found; want a private key in PEM",
		},
		{
			"certificate for a key", plugin.CreateRequest{Type: selfType, Properties: self(map[string]any{"privateKeyPem": ca.certPEM})},
			`privateKeyPem: PEM block of type "CERTIFICATE"; want "RSA PRIVATE KEY", "EC PRIVATE KEY" or "PRIVATE KEY"`,
		},
		{
			"authority without a name", plugin.CreateRequest{Type: selfType, Properties: self(map[string]any{"isCaCertificate": true})},
			"subject: a certificate authority needs at least one name, for example commonName (RFC 5280 section 4.1.2.6)",
		},
		{
			"authority key id without subject key id",
			plugin.CreateRequest{Type: selfType, Properties: self(map[string]any{"setAuthorityKeyId": true})},
			"setAuthorityKeyId: the certificate has no subject key identifier; set setSubjectKeyId as well",
		},
		{
			"key of another authority", plugin.CreateRequest{Type: localType, Properties: local(map[string]any{"caPrivateKeyPem": key})},
			"create the certificate: x509: provided PrivateKey doesn't match parent's PublicKey",
		},
		{
			"key for an authority", plugin.CreateRequest{Type: localType, Properties: local(map[string]any{"caCertPem": ca.key})},
			`caCertPem: want a PEM block of type "CERTIFICATE"`,
		},
		{
			"key for a request", plugin.CreateRequest{Type: localType, Properties: local(map[string]any{"certRequestPem": key})},
			`certRequestPem: want a PEM block of type "CERTIFICATE REQUEST"`,
		},
		{
			"forged request", plugin.CreateRequest{Type: localType, Properties: local(map[string]any{"certRequestPem": forge(t, request)})},
			"certRequestPem: its signature does not fit its key: x509: ECDSA verification failure",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.req.URN = urnOf(row.req.Type)
			_, err := p.Create(t.Context(), row.req)
			assert.EqualError(t, err, string(row.req.URN)+": "+row.want)
		})
	}
}

// forge changes the last byte of a request's signature.
func forge(t *testing.T, request string) string {
	t.Helper()
	data := der(t, request, "CERTIFICATE REQUEST")
	data[len(data)-1] ^= 1
	return encodePEM("CERTIFICATE REQUEST", data)
}

// TestRenewal is the promise that any update renews a certificate that is about to expire, and none renews it earlier.
func TestRenewal(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name           string
		early          int // hours
		age            time.Duration
		newEarly       int // hours, at the update
		want           plugin.DiffChanges
		renews, inDiff bool
	}{
		{"fresh", 720, 0, 720, plugin.DiffNone, false, false},
		{"a second before early renewal", 720, 1440*time.Hour - time.Second, 720, plugin.DiffNone, false, false},
		{"at early renewal", 720, 1440 * time.Hour, 720, plugin.DiffSome, true, false},
		{"past early renewal", 720, 2000 * time.Hour, 720, plugin.DiffSome, true, false},
		{"long expired", 720, 9000 * time.Hour, 720, plugin.DiffSome, true, false},
		{"no early renewal, a second before the end", 0, 2160*time.Hour - time.Second, 0, plugin.DiffNone, false, false},
		{"no early renewal, at the end", 0, 2160 * time.Hour, 0, plugin.DiffSome, true, false},
		{"early renewal is brought forward", 24, 1500 * time.Hour, 720, plugin.DiffSome, true, true},
		{"early renewal is put off", 720, 1500 * time.Hour, 24, plugin.DiffSome, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := at(noon.Truncate(time.Second))
			ca := newAuthority(t, p)
			inputs := props(map[string]any{
				"caCertPem": ca.certPEM, "caPrivateKeyPem": ca.key, "allowedUses": []any{"client_auth"},
				"certRequestPem":      plain(t, create(t, p, requestType, props(map[string]any{"privateKeyPem": newKey(t, p)})).Properties, "certRequestPem"),
				"validityPeriodHours": 2160, "earlyRenewalHours": row.early,
			})
			state := create(t, p, localType, inputs)

			p.now = func() time.Time { return noon.Truncate(time.Second).Add(row.age) }
			changed := inputs.Copy()
			changed["earlyRenewalHours"] = resource.NewProperty(float64(row.newEarly))
			diff, err := p.Diff(t.Context(), plugin.DiffRequest{
				URN: urnOf(localType), Type: localType, ID: state.ID, OldInputs: inputs, OldOutputs: state.Properties, NewInputs: changed,
			})
			require.NoError(t, err)
			assert.Equal(t, row.want, diff.Changes)
			assert.Equal(t, row.renews, diff.Replace())
			if row.renews {
				assert.Equal(t, []resource.PropertyKey{"readyForRenewal"}, diff.ReplaceKeys)
			}
			if row.inDiff {
				assert.Equal(t, plugin.PropertyDiff{Kind: plugin.DiffUpdate, InputDiff: true}, diff.DetailedDiff["earlyRenewalHours"])
			}
		})
	}
}

func TestRefreshTellsReadiness(t *testing.T) {
	t.Parallel()
	p := at(noon.Truncate(time.Second))
	inputs := props(map[string]any{
		"privateKeyPem": newKey(t, p), "validityPeriodHours": 100, "earlyRenewalHours": 10, "allowedUses": []any{},
	})
	state := create(t, p, selfType, inputs)
	for _, row := range []struct {
		name string
		age  time.Duration
		want bool
	}{
		{"before", 90*time.Hour - time.Second, false},
		{"at", 90 * time.Hour, true},
	} {
		p.now = func() time.Time { return noon.Truncate(time.Second).Add(row.age) }
		read, err := p.Read(t.Context(), plugin.ReadRequest{
			URN: urnOf(selfType), Type: selfType, ID: state.ID, Inputs: inputs, State: state.Properties,
		})
		require.NoError(t, err)
		want := state.Properties.Copy()
		want["readyForRenewal"] = resource.NewProperty(row.want)
		assert.Equal(t, want, read.Outputs, row.name)
	}
}

// TestEveryInputReplaces lists the exceptions: none but earlyRenewalHours.
func TestEveryInputReplaces(t *testing.T) {
	t.Parallel()
	p := at(noon)
	old := props(map[string]any{"a": "x"})
	outputs := p.Mark(resource.PropertyMap{})
	for token, keys := range map[string][]resource.PropertyKey{
		string(keyType):     {"algorithm", "ecdsaCurve", "rsaBits"},
		string(requestType): {"privateKeyPem", "subject", "dnsNames", "ipAddresses", "uris"},
		string(selfType): {
			"allowedUses", "privateKeyPem", "validityPeriodHours", "isCaCertificate", "setSubjectKeyId", "setAuthorityKeyId", "subject",
			"dnsNames", "ipAddresses", "uris",
		},
		string(localType): {
			"allowedUses", "caCertPem", "caPrivateKeyPem", "certRequestPem", "validityPeriodHours", "isCaCertificate", "setSubjectKeyId",
		},
	} {
		for _, key := range keys {
			changed := old.Copy()
			changed[key] = resource.NewProperty("new")
			diff, err := p.Diff(t.Context(), plugin.DiffRequest{Type: tokens.Type(token), OldInputs: old, OldOutputs: outputs, NewInputs: changed})
			require.NoError(t, err)
			assert.True(t, diff.Replace(), "%s.%s", token, key)
		}
	}
}

func TestUsageNames(t *testing.T) {
	t.Parallel()
	key, extended, err := usages([]string{
		"any_extended", "cert_signing", "client_auth", "code_signing", "content_commitment", "crl_signing", "data_encipherment", "decipher_only",
		"digital_signature", "email_protection", "encipher_only", "ipsec_end_system", "ipsec_tunnel", "ipsec_user", "key_agreement",
		"key_encipherment", "microsoft_commercial_code_signing", "microsoft_kernel_code_signing", "microsoft_server_gated_crypto",
		"netscape_server_gated_crypto", "ocsp_signing", "server_auth", "timestamping",
	})
	require.NoError(t, err)
	assert.Equal(t, x509.KeyUsage(0b1_1111_1111), key, "all nine")
	assert.ElementsMatch(t, []x509.ExtKeyUsage{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, extended, "all fourteen, each once")
}
