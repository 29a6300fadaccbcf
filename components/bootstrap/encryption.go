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

// newEncryption encrypts Secrets, ConfigMaps and what the identity provider keeps (its sessions hold personal data and
// tokens) in etcd. identity comes last: what lies there in clear can still be
// read, and is encrypted when it is next written.
//
// The first key writes; the others only read, while a key is being changed.
//
// A key's name is stored beside every value, and one name must never stand for two keys. So it is derived from
// the key, one way.
func newEncryption(keys ...[]byte) encryptionConfiguration {
	named := make([]encryptionKey, len(keys))
	for i, key := range keys {
		name := sha256.Sum256(append([]byte("lagrum encryption key name\x00"), key...))
		named[i] = encryptionKey{Name: "key-" + hex.EncodeToString(name[:4]), Secret: base64.StdEncoding.EncodeToString(key)}
	}
	return encryptionConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "EncryptionConfiguration"},
		Resources: []encryptedResources{{
			Resources: []string{"secrets", "configmaps", "*.dex.coreos.com"},
			Providers: []encryptionProvider{
				{Secretbox: &secretbox{Keys: named}},
				{Identity: &struct{}{}},
			},
		}},
	}
}
