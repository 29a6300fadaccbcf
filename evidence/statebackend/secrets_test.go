package statebackend

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Checks of a passphrase as the engine 3.259.0 wrote them, for the passphrases "", "lab" and "hunter2".
const (
	saltOfNothing = "v1:jlFDoiphdQ0=:v1:f4J3KDUKPKI1aKvD:qNL2gyrkIo6Bi4j1lR1EneHrn/KcTQ=="
	saltOfLab     = "v1:S9BvO0Djtqk=:v1:jrViilyIffiBQlow:PQ4+gFUaD8SEpnr/8f5gze73dRNbzA=="
	saltOfHunter  = "v1:dTaoznxUfvw=:v1:bOPus05ehtqZe0e0:AkeUYaO9Ptz8K8aJC2xjYXTaRVakAw=="
)

func TestReadSecrets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		backend    Kind
		want       Secrets
	}{
		{"a key of AWS by its ARN", "secretsprovider: awskms:///arn:aws:kms:eu-north-1:123456789012:key/0?region=eu-north-1\nencryptedkey: x", S3,
			Secrets{Provider: KeyService, Scheme: "awskms", Region: "eu-north-1", Account: "123456789012"}},
		{"a key of AWS by its alias", "secretsprovider: awskms://alias/state?region=eu-west-1", S3, Secrets{Provider: KeyService, Scheme: "awskms", Region: "eu-west-1"}},
		{"a key of AWS in a region that nobody names", "secretsprovider: awskms://alias/state", S3, Secrets{Provider: KeyService, Scheme: "awskms"}},
		{"Vault", "secretsprovider: hashivault://state", S3, Secrets{Provider: KeyService, Scheme: "hashivault"}},
		{"Azure", "secretsprovider: azurekeyvault://x.vault.azure.net/keys/k", S3, Secrets{Provider: KeyService, Scheme: "azurekeyvault"}},
		{"Google", "secretsprovider: gcpkms://projects/p/locations/europe-north1/keyRings/r/cryptoKeys/k", S3,
			Secrets{Provider: KeyService, Scheme: "gcpkms", Region: "europe-north1"}},
		{"a key in the clear", "secretsprovider: base64key://aHVudGVyMg==", S3, Secrets{Provider: KeyInClear, Scheme: "base64key"}},
		{"one that nobody knows", "secretsprovider: rot13://x", S3, Secrets{Provider: Unknown, Scheme: "rot13"}},
		{"a word that is none", "secretsprovider: none", S3, Secrets{Provider: Unknown, Scheme: "secretsprovider"}},
		{"a passphrase", "encryptionsalt: " + saltOfHunter, S3, Secrets{Provider: Passphrase}},
		{"a passphrase by name", "secretsprovider: passphrase\nencryptionsalt: " + saltOfHunter, Cloud, Secrets{Provider: Passphrase}},
		{"the empty passphrase", "encryptionsalt: " + saltOfNothing, S3, Secrets{Provider: Passphrase, Public: true}},
		{"the laboratory's passphrase", "encryptionsalt: " + saltOfLab, S3, Secrets{Provider: Passphrase, Public: true}},
		{"nothing", "config: {}", S3, Secrets{Provider: NoProvider}},
		{"nothing in a service", "config: {}", Cloud, Secrets{Provider: ByService}},
		{"the default in a service", "secretsprovider: default", Service, Secrets{Provider: ByService}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadSecrets([]byte(tt.file), tt.backend, "lab")
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
	for _, file := range []string{"encryptionsalt: v1:x", "encryptionsalt: v1:!:v1:!:!", "encryptionsalt: v1:eA==:v1:eA==:eA==", "]["} {
		_, err := ReadSecrets([]byte(file), S3)
		require.Error(t, err, file)
		assert.NotContains(t, err.Error(), "eA==")
	}
}
