package statebackend

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Provider is what encrypts the secrets of a stack's state.
type Provider string

// The providers.
const (
	KeyService Provider = "key service"
	Passphrase Provider = "passphrase"
	ByService  Provider = "the backend's own" // Pulumi Cloud and services like it encrypt by themselves
	KeyInClear Provider = "a key in the clear"
	NoProvider Provider = "none"
	Unknown    Provider = "unknown"
)

// Secrets is what a stack's configuration says of its secrets provider.
type Secrets struct {
	Provider Provider
	// Scheme of the key service: awskms, hashivault.
	Scheme string
	// Region and Account of the key, where its address names them.
	Region, Account string
	// Public says that the passphrase is empty, or one that everybody knows.
	Public bool
}

// ReadSecrets reads the secrets provider out of a Pulumi.<stack>.yaml. Public are passphrases that everybody knows: each is
// tried on the file's own check of its passphrase, and so is the empty one.
func ReadSecrets(stackFile []byte, backend Kind, public ...string) (Secrets, error) {
	var file struct {
		Provider string `yaml:"secretsprovider"`
		Key      string `yaml:"encryptedkey"`
		Salt     string `yaml:"encryptionsalt"`
	}
	if err := yaml.Unmarshal(stackFile, &file); err != nil {
		return Secrets{}, fmt.Errorf("the stack's configuration: %w", err)
	}
	scheme, _, isAddress := strings.Cut(file.Provider, "://")
	switch {
	case isAddress:
		return keyService(scheme, file.Provider), nil
	case file.Provider != "" && file.Provider != "default" && file.Provider != "passphrase":
		return Secrets{Provider: Unknown, Scheme: "secretsprovider"}, nil
	case file.Salt != "":
		s := Secrets{Provider: Passphrase}
		for _, phrase := range append([]string{""}, public...) {
			opens, err := opensWith(phrase, file.Salt)
			if err != nil {
				return Secrets{}, err
			}
			s.Public = s.Public || opens
		}
		return s, nil
	case file.Provider != "passphrase" && (backend == Cloud || backend == Service):
		return Secrets{Provider: ByService}, nil
	default:
		return Secrets{Provider: NoProvider}, nil
	}
}

var (
	arn       = regexp.MustCompile(`arn:aws[a-z-]*:kms:([a-z0-9-]+):([0-9]{12}):`)
	gcpRegion = regexp.MustCompile(`/locations/([a-z0-9-]+)/`)
)

// keyService reads the address of a key. It is kept no longer: base64key:// is the key itself.
func keyService(scheme, address string) Secrets {
	s := Secrets{Provider: KeyService, Scheme: scheme}
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{}
	}
	switch scheme {
	case "awskms":
		if found := arn.FindStringSubmatch(address); found != nil {
			s.Region, s.Account = found[1], found[2]
		}
		if region := u.Query().Get("region"); region != "" {
			s.Region = region
		}
	case "gcpkms":
		if found := gcpRegion.FindStringSubmatch(address); found != nil {
			s.Region = found[1]
		}
	case "hashivault", "azurekeyvault":
	case "base64key":
		return Secrets{Provider: KeyInClear, Scheme: scheme}
	default:
		return Secrets{Provider: Unknown, Scheme: scheme}
	}
	return s
}

// opensWith tries a passphrase on the engine's own check of one: v1:<salt>:v1:<nonce>:<the word pulumi, by AES-256-GCM>,
// the key by PBKDF2 with a million rounds of SHA-256.
func opensWith(phrase, check string) (bool, error) {
	bad := fmt.Errorf("the stack's configuration: encryptionsalt is not as the engine writes it; run: pulumi stack change-secrets-provider")
	parts := strings.Split(check, ":")
	if len(parts) != 5 || parts[0] != "v1" || parts[2] != "v1" {
		return false, bad
	}
	var decoded [3][]byte
	for i, part := range []string{parts[1], parts[3], parts[4]} {
		var err error
		if decoded[i], err = base64.StdEncoding.DecodeString(part); err != nil {
			return false, bad
		}
	}
	key, err := pbkdf2.Key(sha256.New, phrase, decoded[0], 1_000_000, 32)
	if err != nil {
		return false, fmt.Errorf("passphrase: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return false, fmt.Errorf("passphrase: %w", err)
	}
	sealed, err := cipher.NewGCM(block)
	if err != nil || len(decoded[1]) != sealed.NonceSize() {
		return false, bad
	}
	_, err = sealed.Open(nil, decoded[1], decoded[2], nil)
	return err == nil, nil
}
