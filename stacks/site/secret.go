package site

import (
	"fmt"
	"io"
	"strings"
)

// mask stands wherever a secret would.
const mask = "[secret]"

// Secrets are the secret values of a stack by config key. They live beside the site in the stack's encrypted
// configuration, never in it: `pulumi config set --secret lagrum:<key>`.
type Secrets map[string]Secret

// Secret is a value that no printer, encoder or comparison of a test shows. It holds a function because even
// reflection over unexported fields finds nothing but its address.
type Secret struct{ reveal func() string }

// NewSecret hides a value.
func NewSecret(plain string) Secret { return Secret{func() string { return plain }} }

// Reveal returns the value, empty for the zero Secret. Its result must go straight to where it is used.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String is [secret].
func (Secret) String() string { return mask }

// GoString is [secret].
func (Secret) GoString() string { return mask }

// Format prints [secret] for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText is [secret], for JSON and YAML alike.
func (Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON is "[secret]".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// looksSecret tells a text that must not be shown in an error message: a PEM block, an address with a credential,
// or a token with a well-known beginning (AWS, GitHub, GitLab, JSON web tokens, Pulumi's ciphertexts).
func looksSecret(text string) bool {
	if scheme, rest, found := strings.Cut(text, "://"); found && scheme != "" && strings.Contains(rest, "@") {
		return true
	}
	for _, sign := range []string{"-----BEGIN", "AKIA", "ghp_", "github_pat_", "glpat-", "eyJ", "v1:"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// namesSecret tells a key whose value would be a secret.
func namesSecret(key string) bool {
	key = strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(key))
	for _, word := range []string{
		"password", "passwd", "passphrase", "secret", "token", "privatekey", "apikey", "accesskey", "credential", "kubeconfig",
	} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}
