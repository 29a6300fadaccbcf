package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
)

// site is a small plan: the initialising node, one that joins, and a worker.
func site() *plan.Plan {
	return &plan.Plan{
		Name: "dev",
		Cluster: plan.Cluster{
			Name: "dev", Identifier: "lagrum-dev-1", Domain: "cluster.local", Version: "v1.36.3",
			EtcdTag: "3.6.5-0", PauseTag: "3.10.2", CoreDNSTag: "v1.15.0", Registry: "registry.lab.lagrum",
			ServiceCIDR: "10.96.0.0/16", PodCIDR: "10.244.0.0/16", DNSAddress: "10.96.0.10", APIPort: 6443,
			Encryption:       []plan.EncryptionStep{{Keys: plan.Keys{1}, Complete: true}},
			AuthorityHours:   87600,
			AdminCertificate: plan.Lifetime{Hours: 2160, RenewBefore: 720},
			Join: plan.Window{
				NotBefore: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 3, 1, 18, 0, 0, 0, time.UTC),
			},
		},
		Pools: []plan.Pool{
			{Name: "cp", Role: plan.ControlPlane, Nodes: []plan.Node{
				{Name: "cp-1-g1", Slot: 1, Zone: "a", Generation: 1, Initialises: true, EncryptionKeys: plan.Keys{1}},
				{Name: "cp-2-g1", Slot: 2, Zone: "b", Generation: 1, EncryptionKeys: plan.Keys{1}},
			}},
			{Name: "w", Role: plan.Worker, Labels: map[string]string{"example.org/tier": "general"}, Nodes: []plan.Node{
				{Name: "w-1-g1", Slot: 1, Generation: 1},
			}},
		},
	}
}

func otherAuthority(t *testing.T) []byte {
	t.Helper()
	certificate, _ := otherPair(t)
	return certificate
}

// otherPair is a certificate that no cluster of ours signed, and its key.
func otherPair(t *testing.T) (certificate, private []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "other"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}
