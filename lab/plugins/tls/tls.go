// Package tls is the lab's stand-in for the resource plugin of pulumi-tls: private keys, certificate requests and certificates, made with the
// Go standard library. It serves the types that Lagrum uses; it is not the official plugin, which takes its place wherever that is installed.
//
// Names, defaults, replacement rules and outputs are those of pulumi-tls v5.2.0, that is terraform-provider-tls v4 (its documentation:
// registry.terraform.io/providers/hashicorp/tls). Where this stand-in differs on purpose:
//   - times are in UTC and whole seconds, exactly as the certificate carries them;
//   - the subject key identifier of an Ed25519 key follows RFC 5280 section 4.2.1.2 like that of the other algorithms;
//   - a certificate keeps the subject of its request byte for byte, and a request whose signature does not fit its key is refused;
//   - names with underscores are the only names of key usages, and the message for another name says so.
//
// The boundary: this package knows keys and certificates; package standin knows the engine.
package tls

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

const (
	// version is the one of the SDK in go.mod.
	version = "5.2.0"
	// clockVariable shifts the plugin's clock, for tests of renewal and of expired certificates in the lab.
	clockVariable = "LAGRUM_LAB_CLOCK_OFFSET"
)

// provider is the stand-in.
type provider struct {
	*standin.StateOnly
	// now is the clock of issuing and of renewal.
	now func() time.Time
	// offset is how far now is from the host's clock; 0 outside of tests.
	offset time.Duration
}

// Main serves the stand-in to the engine that started this process; args are the arguments without the program's name. The environment
// variable LAGRUM_LAB_CLOCK_OFFSET, a Go duration such as -2184h, shifts its clock; each use shows a warning to the user. It fails if the
// variable is no duration or if the engine cannot be served.
func Main(args []string) error {
	var offset time.Duration
	if value := os.Getenv(clockVariable); value != "" {
		var err error
		if offset, err = time.ParseDuration(value); err != nil {
			return fmt.Errorf("environment variable %s=%q: want a duration such as -2184h: %w", clockVariable, value, err)
		}
	}
	return standin.Serve(args, newProvider(offset))
}

func newProvider(offset time.Duration) *provider {
	p := &provider{offset: offset, now: func() time.Time { return time.Now().Add(offset) }}
	p.StateOnly = standin.NewStateOnly(standin.NewBase("tls", version), map[tokens.Type]standin.Kind{
		"tls:index/privateKey:PrivateKey":               p.privateKey(),
		"tls:index/certRequest:CertRequest":             p.certRequest(),
		"tls:index/selfSignedCert:SelfSignedCert":       p.selfSignedCert(),
		"tls:index/locallySignedCert:LocallySignedCert": p.locallySignedCert(),
	})
	return p
}

// Configure warns when the clock is shifted.
func (p *provider) Configure(ctx context.Context, req plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	if p.offset == 0 {
		return p.StateOnly.Configure(ctx, req)
	}
	message := fmt.Sprintf("LAB ONLY: %s=%s, so every certificate is issued and renewed as if it were %s",
		clockVariable, p.offset, p.now().UTC().Format(time.RFC3339))
	return plugin.ConfigureResponse{}, p.Log(ctx, standin.Warning, "", message)
}
