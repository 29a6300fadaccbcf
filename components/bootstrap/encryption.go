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

// newEncryption encrypts Secrets and ConfigMaps in etcd. identity comes last: what lies there in clear can still be
// read, and is encrypted when it is next written.
//
// The key's name is stored beside every value, and one name must never stand for two keys. So it is derived from
// the key, one way.
func newEncryption(key []byte) encryptionConfiguration {
	name := sha256.Sum256(append([]byte("lagrum encryption key name\x00"), key...))
	return encryptionConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "EncryptionConfiguration"},
		Resources: []encryptedResources{{
			Resources: []string{"secrets", "configmaps"},
			Providers: []encryptionProvider{
				{Secretbox: &secretbox{Keys: []encryptionKey{{
					Name:   "key-" + hex.EncodeToString(name[:4]),
					Secret: base64.StdEncoding.EncodeToString(key),
				}}}},
				{Identity: &struct{}{}},
			},
		}},
	}
}
