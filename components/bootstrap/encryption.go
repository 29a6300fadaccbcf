package bootstrap

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// encryptionConfiguration is the part of apiserver.config.k8s.io/v1 EncryptionConfiguration that Lagrum sets.
type encryptionConfiguration struct {
	typeMeta
	Resources []encryptedResources `json:"resources"`
}

type encryptedResources struct {
	Providers []encryptionProvider `json:"providers"`
	Resources []string             `json:"resources"`
}

type encryptionProvider struct {
	Identity  *struct{}  `json:"identity,omitempty"`
	Secretbox *secretbox `json:"secretbox,omitempty"`
}

type secretbox struct {
	Keys []encryptionKey `json:"keys"`
}

type encryptionKey struct {
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

// Encrypted are the resources that are encrypted in etcd, as the API server is told them: Secrets, ConfigMaps and what the
// identity provider keeps (its sessions hold personal data and tokens).
func Encrypted() []string { return []string{"secrets", "configmaps", "*.dex.coreos.com"} }

// EncryptionKeyName is the name of a key. It is stored beside every value, and one name must never stand for two keys: so
// it is derived from the key, one way.
func EncryptionKeyName(key []byte) string {
	name := sha256.Sum256(append([]byte("lagrum encryption key name\x00"), key...))
	return "key-" + hex.EncodeToString(name[:4])
}

// newEncryption encrypts in etcd. identity comes last: what lies there in clear can still be read, and is encrypted when
// it is next written.
//
// The first key writes; the others only read, while a key is being changed.
func newEncryption(keys ...[]byte) encryptionConfiguration {
	named := make([]encryptionKey, len(keys))
	for i, key := range keys {
		named[i] = encryptionKey{Name: EncryptionKeyName(key), Secret: base64.StdEncoding.EncodeToString(key)}
	}
	return encryptionConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "EncryptionConfiguration"},
		Resources: []encryptedResources{{
			Resources: Encrypted(),
			Providers: []encryptionProvider{
				{Secretbox: &secretbox{Keys: named}},
				{Identity: &struct{}{}},
			},
		}},
	}
}
