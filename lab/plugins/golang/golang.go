// Package golang is the lab's stand-in for pulumi-language-go: the process through which the Pulumi CLI runs a program written in Go. It runs
// such programs and answers the CLI's questions about them; generating code, packing SDKs and running plugins from source are the official
// language host's alone, and that one takes its place wherever it is installed.
//
// The contract is the one of the CLI v3.259.0: the environment that the SDK's pulumi.Run reads, the exit status for errors that the program
// has already shown, and the runtime options binary and buildTarget of Pulumi.yaml.
//
// The boundary: this package starts programs and knows nothing of their resources; package standin serves it to the engine.
package golang

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// version is the one of the CLI in the lab, which comes with its language host.
const version = "3.259.0"

// Main serves the language host to the engine that started this process; args are the arguments without the program's name. A program that
// still runs when the engine goes away is ended.
func Main(args []string) error {
	host := newHost()
	return standin.ServeGRPC(args, func(srv *grpc.Server, engine string) error {
		host.setEngine(engine)
		pulumirpc.RegisterLanguageRuntimeServer(srv, host)
		return nil
	}, host.stop)
}

// host implements the engine's LanguageRuntime service.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	stopped context.Context
	cancel  context.CancelFunc

	mu     sync.Mutex
	engine string // address; empty until the engine is known
}

func newHost() *host {
	ctx, cancel := context.WithCancel(context.Background())
	return &host{stopped: ctx, cancel: cancel}
}

// stop ends the running programs.
func (h *host) stop() error {
	h.cancel()
	return nil
}

func (h *host) setEngine(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.engine = address
}

// Handshake tells a host that was started by hand (PULUMI_DEBUG_LANGUAGES) where the engine listens.
func (h *host) Handshake(_ context.Context, req *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	if req.GetEngineAddress() == "" {
		return nil, status.Error(codes.InvalidArgument, "handshake: the engine's address is missing")
	}
	h.setEngine(req.GetEngineAddress())
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// Cancel ends the running programs: the user asked to abort.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, h.stop()
}

// GetPluginInfo tells the version.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// GetRequiredPackages names no package. The official host names those of go.mod, so that the CLI can fetch them before the program starts; in
// the lab every plugin is on PATH and nothing may be fetched.
func (h *host) GetRequiredPackages(context.Context, *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// GetRequiredPlugins is the older form of GetRequiredPackages.
func (h *host) GetRequiredPlugins(context.Context, *pulumirpc.GetRequiredPluginsRequest) (*pulumirpc.GetRequiredPluginsResponse, error) {
	return &pulumirpc.GetRequiredPluginsResponse{}, nil
}

// RuntimeOptionsPrompts has nothing to ask.
func (h *host) RuntimeOptionsPrompts(context.Context, *pulumirpc.RuntimeOptionsRequest) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

// InstallDependencies installs nothing and says so.
func (h *host) InstallDependencies(req *pulumirpc.InstallDependenciesRequest, server pulumirpc.LanguageRuntime_InstallDependenciesServer) error {
	closer, stdout, _, err := rpcutil.MakeInstallDependenciesStreams(server, req.GetIsTerminal())
	if err != nil {
		return fmt.Errorf("install dependencies: %w", err)
	}
	const message = "Nothing is installed: this stand-in for pulumi-language-go leaves the program's modules to the go command.\n"
	_, err = stdout.Write([]byte(message))
	return errors.Join(err, closer.Close())
}

// About tells which Go toolchain would build a program. A machine without one can still run a built program.
func (h *host) About(ctx context.Context, _ *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("no go command on PATH: %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("run %s version: %w", path, err)
	}
	return &pulumirpc.AboutResponse{
		Executable: path,
		Version:    strings.TrimSpace(string(out)),
		Metadata:   map[string]string{"host": "stand-in for pulumi-language-go " + version},
	}, nil
}

// GetProgramDependencies lists the modules that go.mod requires; a replaced module has no version.
func (h *host) GetProgramDependencies(
	_ context.Context, req *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	path, err := findGoMod(req.GetInfo().GetProgramDirectory())
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read go.mod: %w", err)
	}
	file, err := modfile.Parse(path, data, nil)
	if err != nil {
		return nil, fmt.Errorf("parse go.mod: %w", err)
	}
	replaced := map[string]bool{}
	for _, replace := range file.Replace {
		replaced[replace.Old.Path] = true
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, require := range file.Require {
		if require.Indirect && !req.GetTransitiveDependencies() {
			continue
		}
		dependency := &pulumirpc.DependencyInfo{Name: require.Mod.Path, Version: require.Mod.Version}
		if replaced[require.Mod.Path] {
			dependency.Version = ""
		}
		response.Dependencies = append(response.Dependencies, dependency)
	}
	return response, nil
}

// findGoMod looks for go.mod in dir and above.
func findGoMod(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("program directory %q: %w", dir, err)
	}
	for at := start; ; at = filepath.Dir(at) {
		path := filepath.Join(at, "go.mod")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod in %s or above it: run go mod init there", start)
		}
	}
}
