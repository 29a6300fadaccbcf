package site_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

// certificate is one in PEM, of an authority or not.
func certificate(t *testing.T, authority bool) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: authority, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// What Dex is told to trust is authorities and nothing else: no key can come along unseen.
func TestCertificates(t *testing.T) {
	t.Parallel()
	one, two := certificate(t, true), certificate(t, true)
	read, err := site.Parse[site.Certificates]("\n" + one + "\n\n" + two)
	require.NoError(t, err)
	assert.Equal(t, one+two, read.String())
	for want, text := range map[string]string{
		"holds a certificate that is no authority's":   one + certificate(t, false),
		"is not a list of authorities' certificates":   one + "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
		"is not a list of authorities' certificates; ": "",
	} {
		_, err := site.Parse[site.Certificates](text)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "BEGIN PRIVATE")
	}
	_, err = site.Parse[site.Certificates]("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	require.ErrorContains(t, err, "is not a list of authorities' certificates")
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"(objectClass=person)", "(&(objectClass=person)(!(locked=TRUE)))", "(|(a=1)(b=2))"} {
		_, err := site.Parse[site.Filter](text)
		require.NoError(t, err, text)
	}
	for _, text := range []string{"objectClass=person", "()", "(a=1)(b=2)", "((a=1)", "(a=1))", "(a=1)\n"} {
		_, err := site.Parse[site.Filter](text)
		require.Error(t, err, text)
	}
}
