package golang

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// write puts files into a new directory and returns it; scripts are executable.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	// While a file is open for writing, a test beside this one must not fork: its child would hold the file, which then cannot be executed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
	}
	return dir
}

func request(t *testing.T, dir string, options map[string]any) *pulumirpc.RunRequest {
	t.Helper()
	encoded, err := structpb.NewStruct(options)
	require.NoError(t, err)
	return &pulumirpc.RunRequest{
		Pwd: dir, Info: &pulumirpc.ProgramInfo{RootDirectory: dir, ProgramDirectory: dir, EntryPoint: ".", Options: encoded},
	}
}

// attached returns a host that knows its engine.
func attached() *host {
	h := newHost()
	h.setEngine("127.0.0.1:1")
	return h
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, script string
		want         *pulumirpc.RunResponse
	}{
		{"success", "exit 0", &pulumirpc.RunResponse{}},
		{"error that the user has seen", "exit 32", &pulumirpc.RunResponse{Bail: true}},
		{"other exit code", "exit 3", &pulumirpc.RunResponse{Error: "program exited with non-zero exit code: 3"}},
		{"runs in the working directory", "test -f here", &pulumirpc.RunResponse{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"bin/program": "#!/bin/sh\n" + row.script + "\n", "here": ""})
			got, err := attached().Run(t.Context(), request(t, dir, map[string]any{"binary": "./bin/program"}))
			require.NoError(t, err)
			assert.Equal(t, row.want.String(), got.String())
		})
	}
}

func TestRunOfKilledProgram(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"program": "#!/bin/sh\nkill -9 $$\n"})
	got, err := attached().Run(t.Context(), request(t, dir, map[string]any{"binary": "./program"}))
	require.NoError(t, err)
	assert.Equal(t, "program "+filepath.Join(dir, "program")+" did not exit by itself: signal: killed", got.GetError())
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		options map[string]any
		want    string
	}{
		{
			"missing binary", map[string]any{"binary": "./bin/missing"},
			`runtime option binary in Pulumi.yaml: "./bin/missing": build the program first: exec: "DIR/bin/missing": ` +
				`stat DIR/bin/missing: no such file or directory`,
		},
		{"binary is no string", map[string]any{"binary": 7}, "runtime option binary in Pulumi.yaml: 7 is no string; want a path"},
		{
			"binary and target", map[string]any{"binary": "a", "buildTarget": "b"},
			"runtime options binary and buildTarget in Pulumi.yaml exclude each other: remove one",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := attached().Run(t.Context(), request(t, dir, row.options))
			assert.EqualError(t, err, strings.ReplaceAll(row.want, "DIR", dir))
		})
	}
}

func TestRunNeedsTheEngine(t *testing.T) {
	t.Parallel()
	_, err := newHost().Run(t.Context(), request(t, t.TempDir(), nil))
	assert.EqualError(t, err, "run: the engine's address is not known: call Handshake first")
	h := newHost()
	_, err = h.Handshake(t.Context(), &pulumirpc.LanguageHandshakeRequest{})
	assert.EqualError(t, err, "rpc error: code = InvalidArgument desc = handshake: the engine's address is missing")
	_, err = h.Handshake(t.Context(), &pulumirpc.LanguageHandshakeRequest{EngineAddress: "127.0.0.1:7"})
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:7", h.engine)
}

// TestCancelEndsTheProgram is what a Ctrl-C of the user comes down to; the program here would run for a day.
func TestCancelEndsTheProgram(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		end  func(h *host, cancel context.CancelFunc) error
	}{
		{"the engine cancels", func(h *host, _ context.CancelFunc) error {
			_, err := h.Cancel(context.Background(), &emptypb.Empty{})
			return err
		}},
		{"the call ends", func(_ *host, cancel context.CancelFunc) error {
			cancel()
			return nil
		}},
		{"the engine is gone", func(h *host, _ context.CancelFunc) error { return h.stop() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"program": "#!/bin/sh\ntouch started\nexec sleep 86400\n"})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := attached()
			ended := make(chan error, 1)
			go func() {
				for {
					if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
						ended <- row.end(h, cancel)
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
			got, err := h.Run(ctx, request(t, dir, map[string]any{"binary": "./program"}))
			require.NoError(t, err)
			require.NoError(t, <-ended)
			assert.Equal(t, "program "+filepath.Join(dir, "program")+" was ended: the update was cancelled", got.GetError())
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got, err := environment(&pulumirpc.RunRequest{
		Organization: "organization", Project: "lagrum", Stack: "dev", DryRun: true, Parallel: 16, MonitorAddress: "127.0.0.1:2",
		Config: map[string]string{"lagrum:site": "a: b"}, ConfigSecretKeys: []string{"lagrum:key"},
		Info: &pulumirpc.ProgramInfo{RootDirectory: "/root"},
	}, "127.0.0.1:1")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"PULUMI_ORGANIZATION=organization", "PULUMI_PROJECT=lagrum", "PULUMI_ROOT_DIRECTORY=/root", "PULUMI_STACK=dev",
		`PULUMI_CONFIG={"lagrum:site":"a: b"}`, `PULUMI_CONFIG_SECRET_KEYS=["lagrum:key"]`, "PULUMI_DRY_RUN=true", "PULUMI_PARALLEL=16",
		"PULUMI_MONITOR=127.0.0.1:2", "PULUMI_ENGINE=127.0.0.1:1",
	}, got)
	got, err = environment(&pulumirpc.RunRequest{}, "127.0.0.1:1")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"PULUMI_CONFIG_SECRET_KEYS=[]", "PULUMI_DRY_RUN=false", "PULUMI_PARALLEL=0", "PULUMI_ENGINE=127.0.0.1:1",
	}, got, "what is empty is left out")
}

func TestBuild(t *testing.T) {
	t.Parallel()
	module := map[string]string{"go.mod": "module program\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}
	for _, row := range []struct {
		name    string
		options options
	}{
		{"temporary", options{}},
		{"target", options{target: "bin/program"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, module)
			program, cleanup, err := findOrBuild(t.Context(), dir, row.options)
			require.NoError(t, err)
			assert.NoError(t, exec.Command(program).Run())
			cleanup()
			_, err = os.Stat(program)
			if row.options.target == "" {
				assert.ErrorIs(t, err, os.ErrNotExist, "a temporary program is removed")
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, filepath.Join(dir, "bin/program"), program)
		})
	}
	dir := write(t, map[string]string{"go.mod": "module program\n\ngo 1.26\n", "main.go": "package main\n"})
	_, _, err := findOrBuild(t.Context(), dir, options{})
	assert.EqualError(t, err, "build the program in "+dir+" with go build: exit status 1")
}

func TestProgramDependencies(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"go.mod": "module program\n\nrequire (\n\ta.example/a v1.0.0\n\tb.example/b v1.2.0 // indirect\n\tc.example/c v0.1.0\n)\n\n" +
			"replace c.example/c => ../c\n",
		"program/main.go": "package main\n",
	})
	for _, row := range []struct {
		name       string
		transitive bool
		want       []string
	}{
		{"direct", false, []string{"a.example/a v1.0.0", "c.example/c "}},
		{"all", true, []string{"a.example/a v1.0.0", "b.example/b v1.2.0", "c.example/c "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			response, err := newHost().GetProgramDependencies(t.Context(), &pulumirpc.GetProgramDependenciesRequest{
				TransitiveDependencies: row.transitive,
				Info:                   &pulumirpc.ProgramInfo{ProgramDirectory: filepath.Join(dir, "program")},
			})
			require.NoError(t, err)
			var got []string
			for _, d := range response.GetDependencies() {
				got = append(got, d.GetName()+" "+d.GetVersion())
			}
			assert.Equal(t, row.want, got)
		})
	}
	_, err := findGoMod("/proc/self")
	assert.ErrorContains(t, err, "or above it: run go mod init there")
}

func TestNothingIsFetched(t *testing.T) {
	t.Parallel()
	packages, err := newHost().GetRequiredPackages(t.Context(), &pulumirpc.GetRequiredPackagesRequest{})
	require.NoError(t, err)
	assert.Empty(t, packages.GetPackages())
	assert.Empty(t, packages.GetSpecs())
	plugins, err := newHost().GetRequiredPlugins(t.Context(), &pulumirpc.GetRequiredPluginsRequest{})
	require.NoError(t, err)
	assert.Empty(t, plugins.GetPlugins())
	info, err := newHost().GetPluginInfo(t.Context(), &emptypb.Empty{})
	require.NoError(t, err)
	assert.Equal(t, "3.259.0", info.GetVersion())
}

func TestAbout(t *testing.T) {
	t.Parallel()
	about, err := newHost().About(t.Context(), &pulumirpc.AboutRequest{})
	require.NoError(t, err)
	assert.Regexp(t, "^go version go1", about.GetVersion())
	assert.Equal(t, "stand-in for pulumi-language-go 3.259.0", about.GetMetadata()["host"])
}

func TestOutcomeOfAProgramThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := outcome(t.Context(), "program", errors.New("exec format error"))
	assert.EqualError(t, err, "run program program: exec format error")
}
