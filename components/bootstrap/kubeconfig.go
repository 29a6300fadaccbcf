package bootstrap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"sigs.k8s.io/yaml"
)

// joinGroup is the group that kubeadm's own role bindings let join; kubeadm names it after the bootstrap tokens that
// Lagrum does without.
const joinGroup = "system:bootstrappers:kubeadm:default-node-token"

// longestJoin bounds the window of a join credential, which cannot be revoked, only expire: the longest lifetime that a
// site may declare, and the minutes by which the plan sets its beginning back.
const longestJoin = 24*time.Hour + 5*time.Minute

// JoinKubeconfig signs a client certificate with which the machines of one pool may join, and renders the kubeconfig
// by which kubeadm discovers the cluster: server, declared authority, credential.
//
// It is pure, although it makes a key: the key and the serial number are derived from the authority's key, the pool
// and the window, and the signature is deterministic (RFC 6979). So a program that runs twice renders the same bytes.
// Whoever could compute the key holds the authority's key and needs no other.
func JoinKubeconfig(c JoinCredential) ([]byte, error) {
	cert, key, err := signJoin(c)
	if err != nil {
		return nil, fmt.Errorf("join credential of pool %q: %w", c.Pool, err)
	}
	out, err := renderKubeconfig("lagrum", c.Server, c.CA, cert, key)
	if err != nil {
		return nil, fmt.Errorf("join credential of pool %q: %w", c.Pool, err)
	}
	return out, nil
}

// AdminKubeconfig renders a kubeconfig with exactly one context, named after the cluster, so that nothing in it can
// be confused with another cluster. ca, cert and key are PEM; the server is https://host:port.
func AdminKubeconfig(name, server string, ca, cert, key []byte) ([]byte, error) {
	if !dnsLabel.MatchString(name) {
		return nil, fmt.Errorf("admin kubeconfig: name: %q: want a DNS label", name)
	}
	out, err := renderKubeconfig(name, server, ca, cert, key)
	if err != nil {
		return nil, fmt.Errorf("admin kubeconfig of %s: %w", name, err)
	}
	return out, nil
}

func signJoin(c JoinCredential) (cert, key []byte, err error) {
	if !dnsLabel.MatchString(c.Pool) {
		return nil, nil, fmt.Errorf("pool: want a DNS label")
	}
	ca, caKey, err := authority(c.CA, c.CAKey)
	if err != nil {
		return nil, nil, err
	}
	notBefore, notAfter := c.NotBefore.UTC().Truncate(time.Second), c.NotAfter.UTC().Truncate(time.Second)
	window := notBefore.Format(time.RFC3339) + " to " + notAfter.Format(time.RFC3339)
	switch {
	case !notAfter.After(notBefore):
		return nil, nil, fmt.Errorf("window: %s: ends before it begins", window)
	case notAfter.Sub(notBefore) > longestJoin:
		return nil, nil, fmt.Errorf("window: %s: want at most %s: a client certificate cannot be revoked", window, longestJoin)
	case notAfter.After(ca.NotAfter):
		return nil, nil, fmt.Errorf("window: %s: the authority ends before, at %s: renew it first", window, ca.NotAfter.UTC().Format(time.RFC3339))
	}

	secret, err := caKey.Bytes()
	if err != nil {
		return nil, nil, fmt.Errorf("authority's key: %w", err)
	}
	about := "\x00" + c.Pool + "\x00" + window
	clientKey, err := deriveKey(secret, "lagrum join key"+about)
	if err != nil {
		return nil, nil, err
	}
	serial, err := hkdf.Key(sha256.New, secret, nil, "lagrum join serial"+about, 16)
	if err != nil {
		return nil, nil, err
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive and never zero: RFC 5280, 4.1.2.2

	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{CommonName: "system:bootstrap:" + c.Pool, Organization: []string{joinGroup}},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	// Without a source of randomness an ECDSA key signs deterministically.
	der, err := x509.CreateCertificate(nil, template, ca, clientKey.Public(), caKey)
	if err != nil {
		return nil, nil, fmt.Errorf("signing: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(clientKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// authority reads the cluster's CA and sees that the key belongs to it.
func authority(certPEM, keyPEM []byte) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, nil, errors.New("authority's certificate: want PEM of type CERTIFICATE")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("authority's certificate: %w", err)
	}
	if !cert.IsCA {
		return nil, nil, fmt.Errorf("authority's certificate: %q is not an authority", cert.Subject)
	}
	block, _ = pem.Decode(keyPEM)
	if block == nil {
		return nil, nil, errors.New("authority's key: want PEM of type EC PRIVATE KEY or PRIVATE KEY")
	}
	var parsed any
	switch block.Type {
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, nil, fmt.Errorf("authority's key: PEM of type %s: want EC PRIVATE KEY or PRIVATE KEY", block.Type)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("authority's key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("authority's key: want an ECDSA key")
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, errors.New("authority's key: belongs to another certificate")
	}
	return cert, key, nil
}

// deriveKey makes a P-256 key from a secret, evenly distributed: 48 bytes are reduced to 32, so that the remainder
// shows no bias (FIPS 186-5, A.2.1).
func deriveKey(secret []byte, info string) (*ecdsa.PrivateKey, error) {
	wide, err := hkdf.Key(sha256.New, secret, nil, info, 48)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	one := big.NewInt(1)
	d := new(big.Int).SetBytes(wide)
	d.Mod(d, new(big.Int).Sub(elliptic.P256().Params().N, one)).Add(d, one)
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
}

// kubeconfig is the part of Kubernetes' client configuration that Lagrum uses.
type kubeconfig struct {
	typeMeta
	Clusters       []namedCluster `json:"clusters"`
	Contexts       []namedContext `json:"contexts"`
	CurrentContext string         `json:"current-context"`
	Users          []namedUser    `json:"users"`
}

type namedCluster struct {
	Name    string `json:"name"`
	Cluster struct {
		CertificateAuthorityData []byte `json:"certificate-authority-data"`
		Server                   string `json:"server"`
	} `json:"cluster"`
}

type namedContext struct {
	Name    string `json:"name"`
	Context struct {
		Cluster string `json:"cluster"`
		User    string `json:"user"`
	} `json:"context"`
}

type namedUser struct {
	Name string `json:"name"`
	User struct {
		ClientCertificateData []byte `json:"client-certificate-data"`
		ClientKeyData         []byte `json:"client-key-data"`
	} `json:"user"`
}

func renderKubeconfig(name, server string, ca, cert, key []byte) ([]byte, error) {
	if u, err := url.Parse(server); err != nil || u.Scheme != "https" || u.Port() == "" || u.Path != "" {
		return nil, fmt.Errorf("server: %q: want https://host:port", server)
	}
	for _, p := range []struct {
		what string
		data []byte
	}{{"authority", ca}, {"certificate", cert}, {"key", key}} {
		if block, _ := pem.Decode(p.data); block == nil {
			return nil, fmt.Errorf("%s: want PEM", p.what)
		}
	}
	var cluster namedCluster
	cluster.Name = name
	cluster.Cluster.Server, cluster.Cluster.CertificateAuthorityData = server, ca
	var user namedUser
	user.Name = name
	user.User.ClientCertificateData, user.User.ClientKeyData = cert, key
	var current namedContext
	current.Name = name
	current.Context.Cluster, current.Context.User = name, name
	return yaml.Marshal(kubeconfig{
		typeMeta:       typeMeta{"v1", "Config"},
		Clusters:       []namedCluster{cluster},
		Contexts:       []namedContext{current},
		CurrentContext: name,
		Users:          []namedUser{user},
	})
}
