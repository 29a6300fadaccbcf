package nodeimage

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/lab/artifacts"
)

func TestHostSources(t *testing.T) {
	t.Parallel()
	const entry = "URIs: http://mirror.example.org/debian\nSuites: bookworm\n"
	for name, row := range map[string]struct {
		apt  fstest.MapFS
		want []string
	}{
		"deb822":              {fstest.MapFS{"sources.list.d/debian.sources": {Data: []byte(entry)}}, []string{"/etc/apt/sources.list.d/debian.sources"}},
		"one line":            {fstest.MapFS{"sources.list": {Data: []byte("deb http://mirror.example.org/debian bookworm main\n")}}, []string{"/etc/apt/sources.list"}},
		"another release":     {fstest.MapFS{"sources.list": {Data: []byte("deb http://mirror.example.org/debian trixie main\n")}}, nil},
		"other vendors' only": {fstest.MapFS{"sources.list.d/vendor.sources": {Data: []byte(entry)}}, nil},
		"none":                {fstest.MapFS{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := hostSources(row.apt)
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

// fakePrograms are directories of programs that hold a word each.
func fakePrograms(t *testing.T) map[string]string {
	t.Helper()
	made := map[string]string{}
	for program, binaries := range map[string][]string{
		"kubernetes": {"kube"}, "containerd": {"containerd", "ctr"}, "cni": {"bridge"},
	} {
		made[program] = t.TempDir()
		for _, binary := range binaries {
			require.NoError(t, os.WriteFile(filepath.Join(made[program], binary), []byte(binary), 0o755))
		}
	}
	return made
}

// The list of hashes is what the boot goes by: sha256sum itself reads it, and finds a program that was changed.
func TestSums(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, Assemble(dir, fakePrograms(t)))
	sums, err := readSums(filepath.Join(dir, Sums))
	require.NoError(t, err)
	assert.Len(t, sums, 4)
	here := map[string]string{}
	for name, sum := range sums {
		here[filepath.Join(dir, name)] = sum
	}
	list := filepath.Join(t.TempDir(), "list")
	require.NoError(t, writeSums(list, here))
	check := func() error { return exec.Command("sha256sum", "--quiet", "--strict", "--check", list).Run() }
	require.NoError(t, check())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "usr/local/bin/containerd"), []byte("another"), 0o755))
	assert.Error(t, check())
}

func TestReadSumsRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "list")
	require.NoError(t, os.WriteFile(file, []byte("no sum\n"), 0o644))
	_, err := readSums(file)
	assert.ErrorContains(t, err, "is no line of sha256sum")
}

func TestConfigurationParses(t *testing.T) {
	t.Parallel()
	data, err := files.ReadFile("files/etc/cloud/cloud.cfg.d/50-lagrum.cfg")
	require.NoError(t, err)
	var parsed map[string]any
	require.NoError(t, yaml.Unmarshal(data, &parsed))
	// Without these two a node never has more disk than the image.
	assert.Subset(t, parsed["cloud_init_modules"], []any{"growpart", "resizefs"})
	for _, module := range []string{"ssh", "apt-configure", "package-update-upgrade-install"} {
		for _, stage := range []string{"cloud_init_modules", "cloud_config_modules", "cloud_final_modules"} {
			assert.NotContains(t, parsed[stage], module)
		}
	}
}

// Every program of the image is one that the lab's catalogue builds from a pinned module.
func TestProgramsAreBuilt(t *testing.T) {
	t.Parallel()
	built := map[string]bool{}
	for _, program := range artifacts.Programs() {
		built[program.Name] = program.Module != ""
	}
	for _, name := range Programs() {
		assert.True(t, built[name], name)
	}
}
