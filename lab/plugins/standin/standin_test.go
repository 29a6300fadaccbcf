package standin

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

const urn = resource.URN("urn:pulumi:dev::project::pkg:index:Thing::name")

func TestUnimplementedNamesTheStandIn(t *testing.T) {
	t.Parallel()
	base := NewBase("pkg", "1.2.3")
	const suffix = " is unimplemented by this stand-in for the pkg plugin 1.2.3: install the official plugin to use it"
	for _, row := range []struct {
		name string
		call func() error
		want string
	}{
		{"function", func() error {
			_, err := base.Invoke(t.Context(), plugin.InvokeRequest{Tok: "pkg:index:get"})
			return err
		}, "function pkg:index:get"},
		{"method", func() error {
			_, err := base.Call(t.Context(), plugin.CallRequest{Tok: "pkg:index:Thing/do"})
			return err
		}, "method pkg:index:Thing/do"},
		{"component", func() error {
			_, err := base.Construct(t.Context(), plugin.ConstructRequest{Type: "pkg:index:Group"})
			return err
		}, "component pkg:index:Group"},
		{"list", func() error {
			_, err := base.List(t.Context(), plugin.ListRequest{Token: "pkg:index:Thing"})
			return err
		}, "listing of pkg:index:Thing"},
		{"parameterization", func() error {
			_, err := base.Parameterize(t.Context(), plugin.ParameterizeRequest{})
			return err
		}, "parameterization"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.EqualError(t, row.call(), "rpc error: code = Unimplemented desc = "+row.want+suffix)
		})
	}
}

func TestCancellationEndsWaiting(t *testing.T) {
	t.Parallel()
	base := NewBase("pkg", "1.2.3")
	waiting, release := base.WithCancel(t.Context())
	defer release()
	require.NoError(t, waiting.Err())
	require.NoError(t, base.SignalCancellation(t.Context()))
	<-waiting.Done()
	assert.ErrorIs(t, waiting.Err(), context.Canceled)
}

// engine records what a plugin logs.
type engine struct {
	pulumirpc.UnimplementedEngineServer
	logged chan *pulumirpc.LogRequest
}

func (e *engine) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.logged <- req
	return &emptypb.Empty{}, nil
}

// startEngine serves an engine and returns its address.
func startEngine(t *testing.T) (string, *engine) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &engine{logged: make(chan *pulumirpc.LogRequest, 8)}
	server := grpc.NewServer()
	pulumirpc.RegisterEngineServer(server, e)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("engine: %v", err)
		}
	})
	return listener.Addr().String(), e
}

func TestLogReachesTheEngine(t *testing.T) {
	t.Parallel()
	address, e := startEngine(t)
	base := NewBase("pkg", "1.2.3")
	require.NoError(t, base.Log(t.Context(), Warning, urn, "dropped"), "no engine yet")
	_, err := base.Handshake(t.Context(), plugin.ProviderHandshakeRequest{EngineAddress: address})
	require.NoError(t, err)
	require.NoError(t, base.Log(t.Context(), Warning, urn, "look here"))
	require.NoError(t, base.Progress(t.Context(), urn, "half way"))

	first := <-e.logged
	assert.Equal(t, "look here", first.GetMessage())
	assert.Equal(t, Warning, first.GetSeverity())
	assert.Equal(t, string(urn), first.GetUrn())
	assert.False(t, first.GetEphemeral())
	second := <-e.logged
	assert.Equal(t, "half way", second.GetMessage())
	assert.True(t, second.GetEphemeral())
	require.NoError(t, base.Close())
}

func TestHandshakeKeepsSecretsTyped(t *testing.T) {
	t.Parallel()
	base := NewBase("pkg", "1.2.3")
	response, err := base.Handshake(t.Context(), plugin.ProviderHandshakeRequest{})
	require.NoError(t, err)
	assert.True(t, response.AcceptSecrets)
	assert.True(t, response.AcceptResources)
}

func TestMark(t *testing.T) {
	t.Parallel()
	base := NewBase("pkg", "1.2.3")
	own := base.Mark(resource.PropertyMap{"a": resource.NewProperty("b")})
	for _, row := range []struct {
		name    string
		outputs resource.PropertyMap
		want    string
	}{
		{"own state", own, ""},
		{"own state as secret", resource.PropertyMap{markKey: resource.MakeSecret(own[markKey])}, ""},
		{"import", nil, ""},
		{
			"official state", resource.PropertyMap{"a": resource.NewProperty("b")},
			"urn:pulumi:dev::project::pkg:index:Thing::name: its state was not written by the stand-in for the pkg plugin but, it seems, by " +
				"the official plugin: a stack is never shared between the two. Use the official pkg plugin for this stack, or another stack " +
				"for the lab",
		},
		{
			"foreign mark", resource.PropertyMap{markKey: resource.NewProperty("other")},
			"urn:pulumi:dev::project::pkg:index:Thing::name: its state carries the mark other, want \"pkg\": the state was changed by hand or " +
				"by another stand-in. Restore the stack's state from its last checkpoint",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := base.CheckMark(urn, row.outputs)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			assert.EqualError(t, err, row.want)
		})
	}
	assert.True(t, resource.IsInternalPropertyKey(markKey), "the engine shows internal keys to nobody")
}
