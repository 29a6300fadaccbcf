package artifacts

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hold makes this test binary a builder that never finishes, for tests that kill it.
var hold = flag.String("hold", "", "cache directory in which to build something for ever")

func TestMain(m *testing.M) {
	flag.Parse()
	if *hold != "" {
		holdForever(*hold)
	}
	os.Exit(m.Run())
}

// holdForever starts a build whose command has a child of its own; that child keeps this process's standard output open.
func holdForever(dir string) {
	s, err := Open(dir, modulesDir)
	if err == nil {
		_, err = s.Derived(context.Background(), "tree", []string{"1"}, func(dir string) error {
			if err := os.WriteFile(filepath.Join(dir, "half"), []byte("half"), 0o644); err != nil {
				return err
			}
			script := "sleep 1000 & echo started; wait"
			if os.Geteuid() != 0 {
				script = "echo started; exec sleep 1000" // without root the kernel ends only the command itself
			}
			cmd := exec.Command("sh", "-c", script)
			cmd.Stdout = os.Stdout
			return s.Run(context.Background(), "tree", cmd)
		})
	}
	fmt.Println("ended:", err)
	os.Exit(1)
}

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), modulesDir)
	require.NoError(t, err)
	return s
}

// write is a build that leaves one file.
func write(content string, built *int) func(dir string) error {
	return func(dir string) error {
		*built++
		return os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o644)
	}
}

func TestDerivedIsMadeOncePerInputs(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	built := 0
	first, err := s.Derived(t.Context(), "tree", []string{"a", "bc"}, write("one", &built))
	require.NoError(t, err)
	again, err := s.Derived(t.Context(), "tree", []string{"a", "bc"}, write("two", &built))
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, 1, built)
	other, err := s.Derived(t.Context(), "tree", []string{"ab", "c"}, write("three", &built))
	require.NoError(t, err)
	assert.NotEqual(t, first, other)
	assert.Equal(t, 2, built)
	content, err := os.ReadFile(filepath.Join(first, "file"))
	require.NoError(t, err)
	assert.Equal(t, "one", string(content))

	// Another process sees the same cache.
	reopened, err := Open(s.Dir(), modulesDir)
	require.NoError(t, err)
	elsewhere, err := reopened.Derived(t.Context(), "tree", []string{"a", "bc"}, write("four", &built))
	require.NoError(t, err)
	assert.Equal(t, first, elsewhere)
	assert.Equal(t, 2, built)
}

func TestTwoBuildersMakeItOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	inside, release := make(chan struct{}), make(chan struct{})
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Derived(t.Context(), "tree", nil, func(string) error { close(inside); <-release; return nil })
		first <- err
	}()
	<-inside
	built := 0
	go func() {
		_, err := s.Derived(t.Context(), "tree", nil, write("second", &built))
		second <- err
	}()
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Derived(expired, "tree", nil, write("third", &built))
	assert.EqualError(t, err, "artifacts: tree: lock "+s.Dir()+"/locks/tree.lock: another build holds it: context canceled")
	close(release)
	require.NoError(t, <-first)
	require.NoError(t, <-second)
	assert.Equal(t, 0, built)
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, err := s.Derived(t.Context(), "tree", nil, func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o644), errors.New("no space"))
	})
	assert.EqualError(t, err, "artifacts: tree: no space")
	assertEmpty(t, filepath.Join(s.Dir(), "artifacts"))
	assertEmpty(t, filepath.Join(s.Dir(), "tmp"))

	cancelled, cancel := context.WithCancel(t.Context())
	_, err = s.Derived(cancelled, "tree", nil, func(string) error { cancel(); return nil })
	assert.EqualError(t, err, "artifacts: tree: context canceled")
	assertEmpty(t, filepath.Join(s.Dir(), "artifacts"))

	_, err = s.Derived(t.Context(), "../tree", nil, func(string) error { return nil })
	assert.EqualError(t, err, `artifacts: name "../tree": want lower-case letters, digits, dots and dashes`)
}

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries, dir)
}

// A builder that is killed leaves no artifact, no lock and no process, and the next one starts from nothing.
func TestKilledBuilder(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	self, err := os.Executable()
	require.NoError(t, err)
	builder := exec.Command(self, "-hold", s.Dir())
	builder.Stdout = writer
	require.NoError(t, builder.Start())
	require.NoError(t, writer.Close())
	output := bufio.NewReader(reader)
	line, err := output.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", line)

	require.NoError(t, builder.Process.Kill())
	require.Error(t, builder.Wait())
	// The pipe ends only when the last process that holds it is gone: the command's child too.
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(30*time.Second)))
	rest, err := io.ReadAll(output)
	require.NoError(t, err)
	assert.Empty(t, string(rest))
	assertEmpty(t, filepath.Join(s.Dir(), "artifacts"))
	assert.FileExists(t, filepath.Join(s.Dir(), "tmp", "tree", "artifact", "half"))

	built := 0
	path, err := s.Derived(t.Context(), "tree", []string{"1"}, write("whole", &built))
	require.NoError(t, err)
	assert.Equal(t, 1, built)
	assert.NoFileExists(t, filepath.Join(path, "half"))
	assertEmpty(t, filepath.Join(s.Dir(), "tmp"))
}

func TestRunTellsWhatFailed(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	err := s.Run(t.Context(), "tree", exec.Command("sh", "-c", "echo first; echo 'no such thing' >&2; exit 3"))
	assert.EqualError(t, err, "sh -c: exit status 3; the whole log is "+s.Dir()+"/logs/tree.log\nfirst\nno such thing")
	err = s.Run(t.Context(), "tree", exec.Command("/no/such/program"))
	assert.EqualError(t, err, "program: fork/exec /no/such/program: no such file or directory")
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	cmd := exec.Command("sh", "-c", "trap 'exit 1' INT; sleep 1000 & echo started; wait")
	cmd.Stdout = writer
	go func() { ended <- s.Run(ctx, "tree", cmd) }()
	output := bufio.NewReader(reader)
	line, err := output.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", line)
	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, writer.Close())
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err = io.ReadAll(output)
	require.NoError(t, err)
}

// module writes a module of one program that prints text.
func module(t *testing.T, dir, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.org/hello\n\ngo 1.26\n"), 0o644))
	source := "package main\n\nimport \"os\"\n\nvar version = \"none\"\n\nfunc main() { os.Stdout.WriteString(\"" + text + " \" + version) }\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644))
}

func TestProgramIsCompiledOncePerSource(t *testing.T) {
	t.Parallel()
	modules := t.TempDir()
	module(t, filepath.Join(modules, "hello"), "one")
	s, err := Open(t.TempDir(), modules)
	require.NoError(t, err)
	program := Program{Name: "hello", Version: "1", Binaries: map[string]string{"hello": "."}, Stamp: map[string]string{"main.version": "7"}}
	run := func() (dir, output string) {
		dir, err := s.program(t.Context(), program, 19)
		require.NoError(t, err)
		printed, err := exec.Command(filepath.Join(dir, "hello")).Output()
		require.NoError(t, err)
		return dir, string(printed)
	}
	first, output := run()
	assert.Equal(t, "one 7", output)
	made, err := os.Stat(filepath.Join(first, "hello"))
	require.NoError(t, err)

	again, _ := run()
	assert.Equal(t, first, again)
	still, err := os.Stat(filepath.Join(again, "hello"))
	require.NoError(t, err)
	assert.True(t, os.SameFile(made, still), "compiled again")

	module(t, filepath.Join(modules, "hello"), "two")
	changed, output := run()
	assert.NotEqual(t, first, changed)
	assert.Equal(t, "two 7", output)

	program.Stamp = map[string]string{"main.version": "8"}
	restamped, output := run()
	assert.NotEqual(t, changed, restamped)
	assert.Equal(t, "two 8", output)

	s.toolchain = "go2"
	rebuilt, _ := run()
	assert.NotEqual(t, restamped, rebuilt)

	require.NoError(t, os.WriteFile(filepath.Join(modules, "hello", "main.go"), []byte("package main\n\nfunc main() { nothing() }\n"), 0o644))
	_, err = s.program(t.Context(), program, 19)
	assert.ErrorContains(t, err, "artifacts: hello: compile hello: nice -n: exit status 1; the whole log is "+s.Dir()+"/logs/hello.log")
	assert.ErrorContains(t, err, "undefined: nothing")
}

func TestArchiveChangesWithItsProgram(t *testing.T) {
	t.Parallel()
	modules := t.TempDir()
	require.NoError(t, os.CopyFS(modules, os.DirFS(modulesDir)))
	s, err := Open(t.TempDir(), modules)
	require.NoError(t, err)
	inputs := func(name string) []string {
		archive, err := archiveNamed(name)
		require.NoError(t, err)
		inputs, err := s.archiveInputs(archive)
		require.NoError(t, err)
		return inputs
	}
	pause, etcd := inputs("pause"), inputs("etcd")
	require.NoError(t, os.WriteFile(filepath.Join(modules, "pause", "extra.go"), []byte("package main\n"), 0o644))
	assert.NotEqual(t, pause, inputs("pause"))
	assert.Equal(t, etcd, inputs("etcd"))
}

func TestOpenNeedsTheCheckout(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "programs")
	_, err := Open(t.TempDir(), missing)
	assert.EqualError(t, err, "artifacts: the programs' modules: stat "+missing+": no such file or directory; run from a checkout of the repository")
}

func TestCostIsTheCostliestBuild(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	assert.Equal(t, time.Minute, s.Cost("tree", time.Minute))
	require.NoError(t, s.noteCost("tree", 90*time.Second))
	require.NoError(t, s.noteCost("tree", 4*time.Second))
	assert.Equal(t, 90*time.Second, s.Cost("tree", time.Minute))
	require.NoError(t, s.noteCost("stone", time.Millisecond))
	assert.Equal(t, time.Second, s.Cost("stone", time.Minute))
}
