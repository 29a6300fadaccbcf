package provider

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// engine is the plugin as the engine sees it: the engine's own client, over gRPC, to the real server. It records what the plugin logs.
type engine struct {
	pulumirpc.UnimplementedEngineServer
	plugin.Provider

	raw pulumirpc.ResourceProviderClient

	mu   sync.Mutex
	logs []string
}

// Log implements [pulumirpc.EngineServer].
func (e *engine) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.logs = append(e.logs, req.Message)
	return &emptypb.Empty{}, nil
}

// GetRootResource and other calls of the engine's service are not used by a provider.

func (e *engine) logged() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.logs, "\n")
}

func serveGRPC(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// start serves the plugin and configures it with the arguments.
func start(t *testing.T, args resource.PropertyMap, env map[string]string) *engine {
	t.Helper()
	e := &engine{}
	log := serveGRPC(t, func(s *grpc.Server) { pulumirpc.RegisterEngineServer(s, e) })

	p := New(func(name string) string { return env[name] })
	p.poll, p.settle = 50*time.Millisecond, 2*time.Second
	t.Cleanup(func() { _ = p.Close() })
	conn := serveGRPC(t, func(s *grpc.Server) { pulumirpc.RegisterResourceProviderServer(s, NewServer(p)) })
	e.raw = pulumirpc.NewResourceProviderClient(conn)
	e.Provider = plugin.NewProviderWithClient(nil, e.raw, false)

	handshake, err := e.Handshake(t.Context(), plugin.ProviderHandshakeRequest{EngineAddress: log.Target(), ConfigureWithUrn: true})
	require.NoError(t, err)
	require.True(t, handshake.AcceptSecrets)
	if args != nil {
		typ := tokens.Type("pulumi:providers:kubernetes")
		_, err = e.Configure(t.Context(), plugin.ConfigureRequest{Type: &typ, Inputs: args})
		require.NoError(t, err)
	}
	return e
}

// managed is one resource as the engine keeps it in the state.
type managed struct {
	e       *engine
	urn     resource.URN
	id      resource.ID
	inputs  resource.PropertyMap
	outputs resource.PropertyMap
}

func urnOf(typ, name string) resource.URN {
	return resource.NewURN("dev", "test", "", tokens.Type(typ), name)
}

// check runs Check and wants it to accept the inputs.
func (e *engine) check(t *testing.T, urn resource.URN, olds, news resource.PropertyMap) resource.PropertyMap {
	t.Helper()
	resp, err := e.Check(t.Context(), plugin.CheckRequest{
		URN: urn, Olds: olds, News: news, AllowUnknowns: true, RandomSeed: []byte("01234567890123456789012345678901"),
	})
	require.NoError(t, err)
	require.Empty(t, resp.Failures)
	return resp.Properties
}

// diff runs Check and Diff against new inputs.
func (m *managed) diff(t *testing.T, object map[string]any, ignore ...string) (resource.PropertyMap, plugin.DiffResult) {
	t.Helper()
	news := m.e.check(t, m.urn, m.inputs, resource.NewPropertyMapFromMap(object))
	resp, err := m.e.Diff(t.Context(), plugin.DiffRequest{
		URN: m.urn, ID: m.id, OldInputs: m.inputs, OldOutputs: m.outputs, NewInputs: news, AllowUnknowns: true, IgnoreChanges: ignore,
	})
	require.NoError(t, err)
	return news, resp
}

func (m *managed) delete(t *testing.T, timeout float64) error {
	t.Helper()
	_, err := m.e.Delete(t.Context(), plugin.DeleteRequest{URN: m.urn, ID: m.id, Inputs: m.inputs, Outputs: m.outputs, Timeout: timeout})
	return err
}

// kinds lists the changes of a diff as "path kind".
func kinds(diff plugin.DiffResult) []string {
	list := []string{}
	for path, change := range diff.DetailedDiff {
		list = append(list, path+" "+change.Kind.String())
	}
	return list
}
