// Package registry asks image registries what tags stand for, and brings a lock file up to date with what they answer.
//
// It is the one importer of the registry client: the program that builds a stack asks no registry anything.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Client asks registries, each for the login that docker or podman has for it on this machine.
type Client struct {
	// Limit is the longest time that one image may take, all requests for it taken together.
	Limit time.Duration
	// Transport defaults to the registry client's own, which goes by the environment's proxies.
	Transport http.RoundTripper
}

// Found is what a tag stands for.
type Found struct {
	// Digest is that of the index, or of the manifest where there is none.
	Digest string
	// Node is the digest of the index's manifest for nodes; empty where the tag names no index.
	Node string
}

// nodes are what every machine of a pool is.
var nodes = v1.Platform{OS: "linux", Architecture: "amd64"}

// Find asks for one reference, registry/repository:tag. Its error says what to do about it.
func (c Client) Find(ctx context.Context, reference string) (Found, error) {
	ref, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return Found{}, fmt.Errorf("%q is no reference: %w; write registry/repository:tag", reference, err)
	}
	bounded, stop := context.WithTimeout(ctx, c.Limit)
	defer stop()
	transport := c.Transport
	if transport == nil {
		transport = remote.DefaultTransport
	}
	answer, err := remote.Get(ref, remote.WithContext(bounded), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent("lagrum"), remote.WithTransport(encrypted{transport}))
	switch {
	case ctx.Err() != nil:
		return Found{}, ctx.Err()
	case bounded.Err() != nil:
		return Found{}, fmt.Errorf("%s did not answer within %s; try again, give it longer with --limit, or ask the site's mirror with --registry", ref.RegistryStr(), c.Limit)
	case err != nil:
		return Found{}, explain(ref, err)
	}
	// The digest is that of the bytes that came, computed here, and not one that the registry claims.
	found := Found{Digest: answer.Digest.String()}
	if !answer.MediaType.IsIndex() {
		return found, nil
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(answer.Manifest, &index); err != nil {
		return Found{}, fmt.Errorf("%s: the index cannot be read: %w; see what the registry holds there", ref, err)
	}
	for _, manifest := range index.Manifests {
		if manifest.Platform != nil && manifest.Platform.Satisfies(nodes) {
			found.Node = manifest.Digest.String()
			return found, nil
		}
	}
	return Found{}, fmt.Errorf("%s has nothing for %s, which nodes are; mirror all platforms of the image", ref, nodes.String())
}

// encrypted sends nothing in the clear off this machine. The registry client would, to private addresses; and whoever stands
// between could then say what a tag stands for.
type encrypted struct{ http.RoundTripper }

// RoundTrip refuses a request without TLS.
func (e encrypted) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Hostname()
	if address, err := netip.ParseAddr(host); r.URL.Scheme == "https" || host == "localhost" || err == nil && address.IsLoopback() {
		return e.RoundTripper.RoundTrip(r)
	}
	return nil, fmt.Errorf("%s without TLS is not asked", r.URL.Host)
}

// explain says why a registry gave nothing, and what to do.
func explain(ref name.Tag, err error) error {
	registry := ref.RegistryStr()
	var answered *transport.Error
	var unnamed *net.DNSError
	var unreached *net.OpError
	switch {
	case errors.As(err, &answered) && (answered.StatusCode == http.StatusUnauthorized || answered.StatusCode == http.StatusForbidden):
		return fmt.Errorf("%s refuses with status %d; log in with: docker login %s", registry, answered.StatusCode, registry)
	case errors.As(err, &answered) && answered.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s has no such tag; mirror it, or see whether the makers withdrew it", registry)
	case errors.As(err, &answered):
		return fmt.Errorf("%s answered with status %d; try again later", registry, answered.StatusCode)
	case errors.As(err, &unnamed):
		return fmt.Errorf("%s has no address here (%w); run this where it has, or ask the site's mirror with --registry", registry, unnamed)
	case errors.As(err, &unreached):
		return fmt.Errorf("%s cannot be reached (%w); run this where it can, or ask the site's mirror with --registry", registry, unreached)
	default:
		return fmt.Errorf("%s: %w; see what answers there", registry, err)
	}
}
