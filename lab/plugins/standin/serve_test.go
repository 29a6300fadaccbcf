package standin

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestEngineAddress(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, args, want, err string }{
		{"started by hand", "", "", ""},
		{"address", "127.0.0.1:1234", "127.0.0.1:1234", ""},
		{"flags of a verbose CLI", "--logtostderr -v=9 --tracing file:x 127.0.0.1:1234", "127.0.0.1:1234", ""},
		{"two addresses", "a b", "", `plugin arguments ["a" "b"]: want one engine address after the flags, got 2 arguments`},
		{"new flag", "--later a", "", `plugin arguments ["--later" "a"]: flag provided but not defined: -later`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := engineAddress(strings.Fields(row.args))
			if row.err != "" {
				require.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

// running is a plugin that serves inside the test.
type running struct {
	client pulumirpc.ResourceProviderClient
	ended  chan error
}

func start(t *testing.T, ctx context.Context, args []string, stdin io.Reader, p plugin.Provider) running {
	t.Helper()
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, args, stdin, writer, func(srv *grpc.Server, engine string) error {
			if engine != "" {
				if err := p.(plugin.GrpcProvider).Attach(engine); err != nil {
					return err
				}
			}
			pulumirpc.RegisterResourceProviderServer(srv, plugin.NewProviderServer(p))
			return nil
		}, p.Close)
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err, "the first line on standard output is the port")
	conn, err := grpc.NewClient("127.0.0.1:"+strings.TrimSpace(line), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return running{client: pulumirpc.NewResourceProviderClient(conn), ended: ended}
}

// waiter is a provider whose creation waits until it is cancelled.
type waiter struct {
	Base
	entered chan struct{}
}

func (w *waiter) Create(ctx context.Context, _ plugin.CreateRequest) (plugin.CreateResponse, error) {
	ctx, cancel := w.WithCancel(ctx)
	defer cancel()
	close(w.entered)
	<-ctx.Done()
	return plugin.CreateResponse{}, ctx.Err()
}

func TestServeAnswersTheEngine(t *testing.T) {
	t.Parallel()
	address, e := startEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	base := &StateOnly{Base: NewBase("pkg", "1.2.3")}
	p := start(t, ctx, []string{address}, nil, base)

	info, err := p.client.GetPluginInfo(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	assert.Equal(t, "1.2.3", info.GetVersion())
	require.NoError(t, base.Log(t.Context(), Info, "", "attached by argument"))
	assert.Equal(t, "attached by argument", (<-e.logged).GetMessage())
	_, err = p.client.Attach(t.Context(), &pulumirpc.PluginAttach{Address: address})
	require.NoError(t, err)
	_, err = p.client.Cancel(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	cancel()
	assert.NoError(t, <-p.ended, "a signal ends the plugin in peace")
}

// TestServeEndsWithItsEngine is what keeps a killed engine from leaving plugins behind, even in the middle of an operation.
func TestServeEndsWithItsEngine(t *testing.T) {
	t.Parallel()
	stdin, engineSide := io.Pipe()
	w := &waiter{Base: NewBase("pkg", "1.2.3"), entered: make(chan struct{})}
	p := start(t, t.Context(), nil, stdin, w)
	created := make(chan error, 1)
	go func() {
		_, err := p.client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: string(urn)})
		created <- err
	}()
	<-w.entered
	require.NoError(t, engineSide.Close())
	assert.NoError(t, <-p.ended)
	assert.ErrorContains(t, <-created, "context canceled")
}
