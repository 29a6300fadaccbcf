// Package standin is the plumbing that every resource-plugin stand-in of the lab shares: the serve loop, a base type, property decoding, the
// diff, and the mark that keeps state of stand-ins and of official plugins apart.
//
// A stand-in is a small resource plugin that speaks the Pulumi engine's gRPC contract where the official plugin cannot be installed. It is
// written against [plugin.Provider] of the Pulumi SDK: the SDK's own server ([plugin.NewProviderServer]) does the marshalling and keeps
// secrets, unknowns and resource references as typed values, so no stand-in touches protobuf. Tried with the CLI v3.259.0.
//
// An author embeds [Base] and writes what the contract of the resource needs:
//
//	type provider struct{ standin.Base }
//
//	func (p *provider) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) { ... }
//
//	func Main(args []string) error {
//		p := &provider{Base: standin.NewBase("lab", "0.1.0")}
//		return standin.Serve(args, p)
//	}
//
// What an author should know:
//   - The engine starts a plugin in a process group of its own and interrupts that whole group when it is done. A process that must outlive
//     the plugin therefore needs a session of its own (setsid).
//   - The engine hides what a plugin prints. What the user must see goes through [Base.Log].
//   - Inputs that are unknown at preview arrive as computed values; test them with ContainsUnknowns before [Decode].
//   - An error of Create, Update or Delete that left something behind is a [plugin.InitError] or is cleaned up; any other error means that
//     nothing changed.
//
// The boundary: this package knows the engine's contract and no resource. It imports the Pulumi SDK core and nothing heavier.
package standin

import (
	"context"
	"fmt"
	"sync"

	"github.com/blang/semver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Base answers the part of [plugin.Provider] that is the same in every stand-in. Embed it by value and build it with [NewBase]. Methods that
// a stand-in does not override answer with gRPC code Unimplemented and a text that names the stand-in.
type Base struct {
	plugin.UnimplementedProvider

	name    string
	version semver.Version
	shared  *shared
}

// shared is the state of a running plugin; Base holds a pointer to it, so that a Base may be copied into the struct that embeds it.
type shared struct {
	stopped context.Context
	stop    context.CancelFunc

	mu   sync.Mutex
	conn *grpc.ClientConn // to the engine; nil until the engine's address is known
}

// NewBase returns the base of the stand-in for package name. The version is the one of the SDK that the program is compiled with: the engine
// warns when a plugin is older than the SDK asks for. A version that is no semantic version counts as 0.0.0.
func NewBase(name, version string) Base {
	v, err := semver.ParseTolerant(version)
	if err != nil {
		v = semver.Version{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return Base{name: name, version: v, shared: &shared{stopped: ctx, stop: cancel}}
}

// Handshake is the engine's first call. It tells the plugin where the engine listens and agrees on typed secrets and resource references.
func (b *Base) Handshake(_ context.Context, req plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	if err := b.Attach(req.EngineAddress); err != nil {
		return nil, err
	}
	return &plugin.ProviderHandshakeResponse{AcceptSecrets: true, AcceptResources: true}, nil
}

// Attach connects the plugin to the engine at address. The engine calls it instead of passing an argument when the plugin was started by
// hand and found through PULUMI_DEBUG_PROVIDERS.
func (b *Base) Attach(address string) error {
	if address == "" {
		return nil
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("stand-in %s: connect to the engine at %q: %w", b.name, address, err)
	}
	b.shared.mu.Lock()
	old := b.shared.conn
	b.shared.conn = conn
	b.shared.mu.Unlock()
	if old != nil {
		return old.Close()
	}
	return nil
}

// Close ends the connection to the engine and cancels every operation that runs under [Base.WithCancel].
func (b *Base) Close() error {
	b.shared.stop()
	b.shared.mu.Lock()
	conn := b.shared.conn
	b.shared.conn = nil
	b.shared.mu.Unlock()
	if conn == nil {
		return nil
	}
	return conn.Close()
}

// SignalCancellation is the engine's request to abort: the user pressed Ctrl-C once. It ends every context made by [Base.WithCancel].
func (b *Base) SignalCancellation(context.Context) error {
	b.shared.stop()
	return nil
}

// WithCancel derives a context that also ends when the engine asks to abort. An operation that waits uses it.
func (b *Base) WithCancel(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(b.shared.stopped, cancel)
	return ctx, func() {
		unhook()
		cancel()
	}
}

// Severity of a message to the user.
type Severity = pulumirpc.LogSeverity

// The severities of [Base.Log]. An error makes the whole update fail, even if the operation goes on to succeed.
const (
	Debug   = pulumirpc.LogSeverity_DEBUG
	Info    = pulumirpc.LogSeverity_INFO
	Warning = pulumirpc.LogSeverity_WARNING
	Error   = pulumirpc.LogSeverity_ERROR
)

// Log shows a message to the user through the engine, next to the resource urn; an empty urn attaches it to the stack. Without an engine
// (a unit test, a plugin started by hand) the message is dropped.
func (b *Base) Log(ctx context.Context, severity Severity, urn resource.URN, message string) error {
	return b.log(ctx, severity, urn, message, false)
}

// Progress shows a message in the status column of the resource; the next one takes its place and none stays in the log.
func (b *Base) Progress(ctx context.Context, urn resource.URN, message string) error {
	return b.log(ctx, Info, urn, message, true)
}

func (b *Base) log(ctx context.Context, severity Severity, urn resource.URN, message string, ephemeral bool) error {
	b.shared.mu.Lock()
	conn := b.shared.conn
	b.shared.mu.Unlock()
	if conn == nil {
		return nil
	}
	_, err := pulumirpc.NewEngineClient(conn).Log(ctx, &pulumirpc.LogRequest{
		Severity: severity, Message: message, Urn: string(urn), Ephemeral: ephemeral,
	})
	if err != nil {
		return fmt.Errorf("stand-in %s: log to the engine: %w", b.name, err)
	}
	return nil
}

// GetPluginInfo tells the version given to [NewBase].
func (b *Base) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	return plugin.PluginInfo{Version: &b.version}, nil
}

// GetSchema returns a schema with the name and the version only: typed SDKs do not need it.
func (b *Base) GetSchema(context.Context, plugin.GetSchemaRequest) (plugin.GetSchemaResponse, error) {
	return plugin.GetSchemaResponse{Schema: fmt.Appendf(nil, `{"name":%q,"version":%q}`, b.name, b.version)}, nil
}

// CheckConfig accepts the provider's configuration as it is.
func (b *Base) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	return plugin.CheckConfigResponse{Properties: req.News}, nil
}

// DiffConfig reports changed configuration as an update of the provider, never as a replacement: a replaced provider replaces every resource
// behind it.
func (b *Base) DiffConfig(_ context.Context, req plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return Diff(req.OldInputs, req.NewInputs), nil
}

// Configure accepts any configuration.
func (b *Base) Configure(context.Context, plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	return plugin.ConfigureResponse{}, nil
}

// GetMapping has nothing to map.
func (b *Base) GetMapping(context.Context, plugin.GetMappingRequest) (plugin.GetMappingResponse, error) {
	return plugin.GetMappingResponse{}, nil
}

// GetMappings has nothing to map.
func (b *Base) GetMappings(context.Context, plugin.GetMappingsRequest) (plugin.GetMappingsResponse, error) {
	return plugin.GetMappingsResponse{}, nil
}

// Invoke refuses: no function is implemented.
func (b *Base) Invoke(_ context.Context, req plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	return plugin.InvokeResponse{}, b.Unimplemented("function " + string(req.Tok))
}

// Call refuses: no method is implemented.
func (b *Base) Call(_ context.Context, req plugin.CallRequest) (plugin.CallResponse, error) {
	return plugin.CallResponse{}, b.Unimplemented("method " + string(req.Tok))
}

// Construct refuses: no remote component is implemented.
func (b *Base) Construct(_ context.Context, req plugin.ConstructRequest) (plugin.ConstructResponse, error) {
	return plugin.ConstructResponse{}, b.Unimplemented("component " + string(req.Type))
}

// List refuses: a stand-in does not enumerate.
func (b *Base) List(_ context.Context, req plugin.ListRequest) (*plugin.ListStream, error) {
	return nil, b.Unimplemented("listing of " + string(req.Token))
}

// Parameterize refuses: a stand-in serves one package.
func (b *Base) Parameterize(context.Context, plugin.ParameterizeRequest) (plugin.ParameterizeResponse, error) {
	return plugin.ParameterizeResponse{}, b.Unimplemented("parameterization")
}

// Unimplemented is the answer to what this stand-in does not do: what is a noun, for example "resource type tls:index/x:X".
func (b *Base) Unimplemented(what string) error {
	return status.Errorf(codes.Unimplemented,
		"%s is unimplemented by this stand-in for the %s plugin %s: install the official plugin to use it", what, b.name, b.version)
}
