package bootstrap_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/tests/golden"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testCA makes an authority from one byte: no key of a test is worth anything, and goldens stay the same.
func testCA(t *testing.T, seed byte) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), big.NewInt(int64(seed)).FillBytes(make([]byte, 32)))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test authority"},
		NotBefore:             noon.AddDate(-1, 0, 0),
		NotAfter:              noon.AddDate(9, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})
}

func credential(t *testing.T) bootstrap.JoinCredential {
	t.Helper()
	ca, key := testCA(t, 7)
	return bootstrap.JoinCredential{
		Pool: "ward", Server: "https://10.64.0.5:6443", CA: ca, CAKey: key,
		NotBefore: noon, NotAfter: noon.Add(2 * time.Hour),
	}
}

func TestJoinKubeconfigGolden(t *testing.T) {
	t.Parallel()
	out, err := bootstrap.JoinKubeconfig(credential(t))
	require.NoError(t, err)
	golden.Compare(t, "join.conf", string(out))
}

func TestJoinCertificate(t *testing.T) {
	t.Parallel()
	c := credential(t)
	out, err := bootstrap.JoinKubeconfig(c)
	require.NoError(t, err)
	config := parseKubeconfig(t, out)
	assert.Equal(t, "https://10.64.0.5:6443", config.Clusters[0].Cluster.Server)
	assert.Equal(t, string(c.CA), string(config.Clusters[0].Cluster.CA))

	pair, err := tls.X509KeyPair(config.Users[0].User.Cert, config.Users[0].User.Key)
	require.NoError(t, err, "certificate and key belong together")
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	assert.Equal(t, "system:bootstrap:ward", leaf.Subject.CommonName)
	assert.Equal(t, []string{"system:bootstrappers:kubeadm:default-node-token"}, leaf.Subject.Organization)
	assert.Equal(t, noon, leaf.NotBefore.UTC())
	assert.Equal(t, noon.Add(2*time.Hour), leaf.NotAfter.UTC())
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, leaf.ExtKeyUsage)
	assert.False(t, leaf.IsCA)
	assert.Equal(t, 1, leaf.SerialNumber.Sign())
	assert.LessOrEqual(t, leaf.SerialNumber.BitLen(), 127)

	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(config.Clusters[0].Cluster.CA))
	verify := func(at time.Time, usage x509.ExtKeyUsage) error {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	assert.NoError(t, verify(noon.Add(time.Hour), x509.ExtKeyUsageClientAuth))
	assert.Error(t, verify(noon.Add(-time.Second), x509.ExtKeyUsageClientAuth), "before the window")
	assert.Error(t, verify(noon.Add(2*time.Hour+time.Second), x509.ExtKeyUsageClientAuth), "after the window")
	assert.Error(t, verify(noon.Add(time.Hour), x509.ExtKeyUsageServerAuth), "as a server")
	other, _ := testCA(t, 8)
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(other))
	assert.Error(t, verify(noon.Add(time.Hour), x509.ExtKeyUsageClientAuth), "another authority")
}

func TestJoinKubeconfigDependsOnItsInputAlone(t *testing.T) {
	t.Parallel()
	first, err := bootstrap.JoinKubeconfig(credential(t))
	require.NoError(t, err)
	for range 5 {
		again, err := bootstrap.JoinKubeconfig(credential(t))
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}

	seen := map[string]string{string(parseKubeconfig(t, first).Users[0].User.Key): "itself"}
	for name, change := range map[string]func(*bootstrap.JoinCredential){
		"pool":       func(c *bootstrap.JoinCredential) { c.Pool = "lab" },
		"begin":      func(c *bootstrap.JoinCredential) { c.NotBefore = c.NotBefore.Add(time.Second) },
		"end":        func(c *bootstrap.JoinCredential) { c.NotAfter = c.NotAfter.Add(time.Second) },
		"CA and key": func(c *bootstrap.JoinCredential) { c.CA, c.CAKey = testCA(t, 9) },
	} {
		c := credential(t)
		change(&c)
		out, err := bootstrap.JoinKubeconfig(c)
		require.NoError(t, err)
		key := string(parseKubeconfig(t, out).Users[0].User.Key)
		assert.Empty(t, seen[key], "%s: the key of", name)
		seen[key] = name
	}
}

func TestJoinKubeconfigTakesPKCS8AndOtherTimeZones(t *testing.T) {
	t.Parallel()
	want, err := bootstrap.JoinKubeconfig(credential(t))
	require.NoError(t, err)
	c := credential(t)
	block, _ := pem.Decode(c.CAKey)
	private, err := x509.ParseECPrivateKey(block.Bytes)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	c.CAKey = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	stockholm := time.FixedZone("CET", 3600)
	c.NotBefore, c.NotAfter = c.NotBefore.In(stockholm), c.NotAfter.In(stockholm)
	got, err := bootstrap.JoinKubeconfig(c)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func TestJoinKubeconfigRefuses(t *testing.T) {
	t.Parallel()
	rsaKey := func() []byte {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	leaf := func(c bootstrap.JoinCredential) []byte {
		out, err := bootstrap.JoinKubeconfig(c)
		require.NoError(t, err)
		return parseKubeconfig(t, out).Users[0].User.Cert
	}
	tests := []struct {
		name   string
		change func(*bootstrap.JoinCredential)
		want   string
	}{
		{"pool that is no label", func(c *bootstrap.JoinCredential) { c.Pool = "Ward" }, `join credential of pool "Ward": pool: want a DNS label`},
		{"certificate is no PEM", func(c *bootstrap.JoinCredential) { c.CA = []byte("x") }, `join credential of pool "ward": authority's certificate: want PEM of type CERTIFICATE`},
		{"certificate is a key", func(c *bootstrap.JoinCredential) { c.CA = c.CAKey }, `join credential of pool "ward": authority's certificate: want PEM of type CERTIFICATE`},
		{"certificate is broken", func(c *bootstrap.JoinCredential) {
			c.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
		}, `join credential of pool "ward": authority's certificate: x509: malformed certificate`},
		{"certificate is no authority", func(c *bootstrap.JoinCredential) { c.CA = leaf(*c) }, `join credential of pool "ward": authority's certificate: "CN=system:bootstrap:ward,O=system:bootstrappers:kubeadm:default-node-token" is not an authority`},
		{"key is no PEM", func(c *bootstrap.JoinCredential) { c.CAKey = nil }, `join credential of pool "ward": authority's key: want PEM of type EC PRIVATE KEY or PRIVATE KEY`},
		{"key is a certificate", func(c *bootstrap.JoinCredential) { c.CAKey = c.CA }, `join credential of pool "ward": authority's key: PEM of type CERTIFICATE: want EC PRIVATE KEY or PRIVATE KEY`},
		{"key is RSA", func(c *bootstrap.JoinCredential) { c.CAKey = rsaKey() }, `join credential of pool "ward": authority's key: want an ECDSA key`},
		{"key of another authority", func(c *bootstrap.JoinCredential) { _, c.CAKey = testCA(t, 8) }, `join credential of pool "ward": authority's key: belongs to another certificate`},
		{"window reversed", func(c *bootstrap.JoinCredential) { c.NotBefore, c.NotAfter = c.NotAfter, c.NotBefore }, `join credential of pool "ward": window: 2026-03-01T14:00:00Z to 2026-03-01T12:00:00Z: ends before it begins`},
		{"window empty", func(c *bootstrap.JoinCredential) { c.NotAfter = c.NotBefore.Add(time.Millisecond) }, `join credential of pool "ward": window: 2026-03-01T12:00:00Z to 2026-03-01T12:00:00Z: ends before it begins`},
		{"window longer than a day and the skew", func(c *bootstrap.JoinCredential) {
			c.NotAfter = c.NotBefore.Add(24*time.Hour + 5*time.Minute + time.Second)
		}, `join credential of pool "ward": window: 2026-03-01T12:00:00Z to 2026-03-02T12:05:01Z: want at most 24h5m0s: a client certificate cannot be revoked`},
		{"window past the authority", func(c *bootstrap.JoinCredential) {
			c.NotBefore = noon.AddDate(9, 0, 0).Add(-time.Hour)
			c.NotAfter = c.NotBefore.Add(2 * time.Hour)
		}, `join credential of pool "ward": window: 2035-03-01T11:00:00Z to 2035-03-01T13:00:00Z: the authority ends before, at 2035-03-01T12:00:00Z: renew it first`},
		{"server without port", func(c *bootstrap.JoinCredential) { c.Server = "https://10.64.0.5" }, `join credential of pool "ward": server: "https://10.64.0.5": want https://host:port`},
		{"server in clear", func(c *bootstrap.JoinCredential) { c.Server = "http://10.64.0.5:6443" }, `join credential of pool "ward": server: "http://10.64.0.5:6443": want https://host:port`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := credential(t)
			tt.change(&c)
			_, err := bootstrap.JoinKubeconfig(c)
			assert.EqualError(t, err, tt.want)
		})
	}
}

func TestWindowOfOneDayIsAllowed(t *testing.T) {
	t.Parallel()
	c := credential(t)
	c.NotAfter = c.NotBefore.Add(24*time.Hour + 5*time.Minute) // of a site with joinLifetime: 24h
	_, err := bootstrap.JoinKubeconfig(c)
	assert.NoError(t, err)
}

func TestAdminKubeconfig(t *testing.T) {
	t.Parallel()
	ca, key := testCA(t, 7)
	out, err := bootstrap.AdminKubeconfig("se-test", "https://10.64.0.5:6443", ca, ca, key)
	require.NoError(t, err)
	config := parseKubeconfig(t, out)
	require.Len(t, config.Contexts, 1)
	assert.Equal(t, "se-test", config.CurrentContext)
	assert.Equal(t, "se-test", config.Contexts[0].Name)
	assert.Equal(t, "se-test", config.Contexts[0].Context.Cluster)
	assert.Equal(t, "se-test", config.Contexts[0].Context.User)
	assert.Equal(t, "https://10.64.0.5:6443", config.Clusters[0].Cluster.Server)
	assert.Equal(t, []string{string(ca), string(ca), string(key)},
		[]string{string(config.Clusters[0].Cluster.CA), string(config.Users[0].User.Cert), string(config.Users[0].User.Key)})
}

func TestAdminKubeconfigRefuses(t *testing.T) {
	t.Parallel()
	ca, key := testCA(t, 7)
	tests := []struct {
		name, cluster, server string
		ca, cert, key         []byte
		want                  string
	}{
		{"name that is no label", "se test", "https://a:1", ca, ca, key, `admin kubeconfig: name: "se test": want a DNS label`},
		{"server with a path", "se-test", "https://a:1/x", ca, ca, key, `admin kubeconfig of se-test: server: "https://a:1/x": want https://host:port`},
		{"no authority", "se-test", "https://a:1", nil, ca, key, `admin kubeconfig of se-test: authority: want PEM`},
		{"no certificate", "se-test", "https://a:1", ca, nil, key, `admin kubeconfig of se-test: certificate: want PEM`},
		{"no key", "se-test", "https://a:1", ca, ca, nil, `admin kubeconfig of se-test: key: want PEM`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := bootstrap.AdminKubeconfig(tt.cluster, tt.server, tt.ca, tt.cert, tt.key)
			assert.EqualError(t, err, tt.want)
		})
	}
}

// User-data is readable to whoever can read the cloud's metadata. Nothing that a bundle holds may be in it.
func TestNoSecretInUserData(t *testing.T) {
	t.Parallel()
	join, err := bootstrap.JoinKubeconfig(credential(t))
	require.NoError(t, err)
	s := secrets()
	s.JoinKubeconfig = join
	for name, node := range nodes() {
		bundle, err := bootstrap.Bundle(s, node)
		require.NoError(t, err)
		require.True(t, strings.Contains(string(bundle), "sentinel-") || strings.Contains(string(bundle), "client-key-data"))
		data, err := bootstrap.UserData(bootstrap.Input{Cluster: cluster(), Node: node, SecretFetch: fetch})
		require.NoError(t, err)
		all := string(data)
		for _, f := range parse(t, data).WriteFiles {
			all += string(f.unpack(t))
		}
		for _, mark := range []string{"sentinel-", "PRIVATE KEY", "client-key-data", "secretbox", "CERTIFICATE-----"} {
			assert.NotContains(t, all, mark, name)
		}
	}
}

type kubeconfigFile struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Clusters   []struct {
		Name    string `json:"name"`
		Cluster struct {
			CA     []byte `json:"certificate-authority-data"`
			Server string `json:"server"`
		} `json:"cluster"`
	} `json:"clusters"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	CurrentContext string `json:"current-context"`
	Users          []struct {
		Name string `json:"name"`
		User struct {
			Cert []byte `json:"client-certificate-data"`
			Key  []byte `json:"client-key-data"`
		} `json:"user"`
	} `json:"users"`
}

func parseKubeconfig(t *testing.T, data []byte) kubeconfigFile {
	t.Helper()
	var config kubeconfigFile
	require.NoError(t, yaml.UnmarshalStrict(data, &config))
	require.Len(t, config.Clusters, 1)
	require.Len(t, config.Users, 1)
	return config
}
