package golang

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// grace is how long a program may take to end after SIGTERM before it is killed.
const grace = 2 * time.Second

// options are the runtime options in Pulumi.yaml.
type options struct {
	// binary is a built program: a path relative to the program's directory, or a name on PATH. Default: none, the program is built.
	binary string
	// target is where to build the program. Default: a temporary file, removed after the run.
	target string
}

func parseOptions(values map[string]any) (options, error) {
	var opts options
	for name, field := range map[string]*string{"binary": &opts.binary, "buildTarget": &opts.target} {
		value, ok := values[name]
		if !ok {
			continue
		}
		if *field, ok = value.(string); !ok {
			return options{}, fmt.Errorf("runtime option %s in Pulumi.yaml: %v is no string; want a path", name, value)
		}
	}
	if opts.binary != "" && opts.target != "" {
		return options{}, errors.New("runtime options binary and buildTarget in Pulumi.yaml exclude each other: remove one")
	}
	return opts, nil
}

// Run runs the program to its end. An error is one of this host; what went wrong in the program is in the response: bail if the program has
// shown its error to the user already, a message otherwise.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	h.mu.Lock()
	engine := h.engine
	h.mu.Unlock()
	if engine == "" {
		return nil, errors.New("run: the engine's address is not known: call Handshake first")
	}
	if req.GetAttachDebugger() {
		return nil, errors.New("run: this stand-in for pulumi-language-go attaches no debugger: use the official language host")
	}
	opts, err := parseOptions(req.GetInfo().GetOptions().AsMap())
	if err != nil {
		return nil, err
	}
	variables, err := environment(req, engine)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.stopped, cancel)()
	program, cleanup, err := findOrBuild(ctx, req.GetInfo().GetProgramDirectory(), opts)
	if err != nil {
		return nil, err
	}
	defer cleanup()

	cmd := command(ctx, program)
	cmd.Dir = req.GetPwd()
	cmd.Env = append(os.Environ(), variables...)
	// The engine shows both streams to the user.
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return outcome(ctx, program, cmd.Run())
}

// command is exec.CommandContext with an end that lets the program clean up.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// outcome turns the end of a program into the engine's terms.
func outcome(ctx context.Context, program string, err error) (*pulumirpc.RunResponse, error) {
	if err == nil {
		return &pulumirpc.RunResponse{}, nil
	}
	if ctx.Err() != nil {
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("program %s was ended: the update was cancelled", program)}, nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return nil, fmt.Errorf("run program %s: %w", program, err)
	}
	switch code := exit.ExitCode(); code {
	case constant.ExitStatusLoggedError:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case -1:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("program %s did not exit by itself: %s", program, exit)}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("program exited with non-zero exit code: %d", code)}, nil
	}
}

// environment is what pulumi.Run in the program reads. Empty values are left out.
func environment(req *pulumirpc.RunRequest, engine string) ([]string, error) {
	config, err := json.Marshal(req.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	if req.GetConfig() == nil {
		config = nil
	}
	keys := req.GetConfigSecretKeys()
	if keys == nil {
		keys = []string{}
	}
	secretKeys, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("encode the names of secret configuration: %w", err)
	}
	var variables []string
	for _, v := range []struct{ name, value string }{
		{pulumi.EnvOrganization, req.GetOrganization()},
		{pulumi.EnvProject, req.GetProject()},
		{pulumi.EnvPulumiRootDirectory, req.GetInfo().GetRootDirectory()},
		{pulumi.EnvStack, req.GetStack()},
		{pulumi.EnvConfig, string(config)},
		{pulumi.EnvConfigSecretKeys, string(secretKeys)},
		{pulumi.EnvDryRun, strconv.FormatBool(req.GetDryRun())},
		{pulumi.EnvParallel, strconv.Itoa(int(req.GetParallel()))},
		{pulumi.EnvMonitor, req.GetMonitorAddress()},
		{pulumi.EnvEngine, engine},
	} {
		if v.value != "" {
			variables = append(variables, v.name+"="+v.value)
		}
	}
	return variables, nil
}

// findOrBuild returns the path of the program and what to do after the run.
func findOrBuild(ctx context.Context, dir string, opts options) (string, func(), error) {
	nothing := func() {}
	if opts.binary != "" {
		program, err := findBinary(dir, opts.binary)
		return program, nothing, err
	}
	if opts.target != "" {
		target := opts.target
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		return target, nothing, build(ctx, dir, target)
	}
	temporary, err := os.MkdirTemp("", "pulumi-go-")
	if err != nil {
		return "", nothing, fmt.Errorf("build the program: %w", err)
	}
	cleanup := func() { _ = os.RemoveAll(temporary) }
	target := filepath.Join(temporary, "program")
	if err := build(ctx, dir, target); err != nil {
		cleanup()
		return "", nothing, err
	}
	return target, cleanup, nil
}

func findBinary(dir, binary string) (string, error) {
	path := binary
	if strings.ContainsRune(binary, filepath.Separator) && !filepath.IsAbs(binary) {
		path = filepath.Join(dir, binary)
	}
	program, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("runtime option binary in Pulumi.yaml: %q: build the program first: %w", binary, err)
	}
	return program, nil
}

// build runs go build; what it prints is shown to the user.
func build(ctx context.Context, dir, target string) error {
	cmd := command(ctx, "go", "build", "-o", target, ".")
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build the program in %s with go build: %w", dir, err)
	}
	return nil
}
