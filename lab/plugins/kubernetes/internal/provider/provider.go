// Package provider is the lab's stand-in for the official Kubernetes resource plugin v4.33.0: it applies typed objects to a real API server
// with server-side apply, waits until they work, and previews by dry run.
//
// The boundary: the engine's contract on one side (through package standin), the Kubernetes API on the other (client-go's dynamic client).
// Nothing here knows a kind's schema; the few facts about kinds that the contract needs are tables: what forces a replacement (replace.go),
// what is cluster-scoped (scope.go), and when an object works (ready_*.go).
package provider

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

const (
	// version is that of the official plugin whose contract this one keeps: the SDK asks for it.
	version = "4.33.0"
	// manager owns the fields that this plugin applies. It is one name for all objects, so that an object which is imported after a crash
	// is recognised as ours; the official plugin draws a name for each object.
	manager = "pulumi-kubernetes-standin"
	// pollEvery is how often an object that is waited for is read.
	pollEvery = 500 * time.Millisecond
	// settle is how long Create waits for a type or a namespace that the API server does not serve yet.
	settle = 20 * time.Second
)

// Provider is one configured provider resource: one cluster.
type Provider struct {
	standin.Base

	getenv func(string) string
	poll   time.Duration
	settle time.Duration

	settings settings
	cluster  *cluster // nil while the kubeconfig is unknown

	scopes     scopes
	warnedOnce sync.Once // that a preview cannot reach the API server
}

// New returns a provider that is not configured yet. getenv reads the variables that the official plugin reads, such as
// PULUMI_K8S_DELETE_UNREACHABLE.
func New(getenv func(string) string) *Provider {
	return &Provider{
		Base:   standin.NewBase("kubernetes", version),
		getenv: getenv,
		poll:   pollEvery,
		settle: settle,
	}
}

// Main serves the plugin until the engine goes away. args are the program's arguments without its name.
func Main(args []string) error {
	p := New(os.Getenv)
	return standin.ServeGRPC(args, func(srv *grpc.Server, engine string) error {
		if err := p.Attach(engine); err != nil {
			return err
		}
		pulumirpc.RegisterResourceProviderServer(srv, NewServer(p))
		return nil
	}, p.Close)
}

// Handshake answers the engine's first call and says, in the engine's debug log, which plugin this is.
func (p *Provider) Handshake(ctx context.Context, req plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	resp, err := p.Base.Handshake(ctx, req)
	if err != nil {
		return nil, err
	}
	resp.SupportsAutonamingConfiguration = true
	_ = p.Log(ctx, standin.Debug, "", fmt.Sprintf("plugin kubernetes %s is the lab's stand-in, not the official plugin", version))
	return resp, nil
}

// server adds to the SDK's own server what it leaves out: that the answer of Diff is detailed, and that a deletion may replace.
type server struct {
	pulumirpc.ResourceProviderServer
}

// NewServer returns the gRPC service of p.
func NewServer(p *Provider) pulumirpc.ResourceProviderServer {
	return &server{plugin.NewProviderServer(p)}
}

// Diff implements [pulumirpc.ResourceProviderServer].
func (s *server) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	resp, err := s.ResourceProviderServer.Diff(ctx, req)
	if err != nil || len(resp.DetailedDiff) == 0 {
		return resp, err
	}
	resp.HasDetailedDiff = true
	for _, path := range resp.Replaces {
		if change := resp.DetailedDiff[path]; change != nil && change.Kind == pulumirpc.PropertyDiff_DELETE {
			change.Kind = pulumirpc.PropertyDiff_DELETE_REPLACE
		}
	}
	return resp, nil
}
