package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func executable(t *testing.T, parts ...string) string {
	t.Helper()
	file := filepath.Join(parts...)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, nil, 0o755))
	return file
}

func TestOfficialPluginWins(t *testing.T) {
	dir := t.TempDir()
	l := &Lab{Name: "dev", Checkout: filepath.Join(dir, "checkout"), Cache: filepath.Join(dir, "cache"), State: filepath.Join(dir, "state")}
	standIn := executable(t, l.Checkout, "bin", "pulumi-resource-kubernetes")
	t.Setenv("PATH", filepath.Join(dir, "path"))
	t.Setenv("PULUMI_HOME", l.home())

	_, found := l.official("pulumi-resource-kubernetes")
	require.False(t, found, "none is installed")

	// A shell of the lab: its Pulumi home leads to the stand-in.
	require.NoError(t, relink(standIn, filepath.Join(l.home(), "plugins/resource-kubernetes-v4.33.0/pulumi-resource-kubernetes")))
	_, found = l.official("pulumi-resource-kubernetes")
	require.False(t, found, "a link to the stand-in is no official plugin")

	installed := executable(t, dir, "home/plugins/resource-kubernetes-v4.33.0/pulumi-resource-kubernetes")
	t.Setenv("PULUMI_HOME", filepath.Join(dir, "home"))
	got, found := l.official("pulumi-resource-kubernetes")
	require.True(t, found)
	require.Equal(t, installed, got)

	onPath := executable(t, dir, "path/pulumi-resource-kubernetes")
	got, found = l.official("pulumi-resource-kubernetes")
	require.True(t, found)
	require.Equal(t, onPath, got, "PATH comes first, as with the CLI")
}

func TestStateKeepsItsPlugins(t *testing.T) {
	t.Parallel()
	l := &Lab{Name: "dev", State: t.TempDir()}
	standIns := map[string]string{"pulumi-resource-tls": "stand-in"}
	require.NoError(t, l.checkPlugins(standIns))
	require.NoError(t, l.checkPlugins(standIns))
	err := l.checkPlugins(map[string]string{"pulumi-resource-tls": "official"})
	require.ErrorContains(t, err, "lab dev: its state was made with other plugins:")
	require.ErrorContains(t, err, "pulumi-resource-tls official")
}
