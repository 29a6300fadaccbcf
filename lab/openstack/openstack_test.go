package openstack

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/golden"
)

// unit is an OpenStack whose paths and secrets are the same every time; it is never brought up.
func unit(t *testing.T) *Lab {
	l, err := Open("unit", "/nowhere/lagrum/unit")
	require.NoError(t, err)
	l.secrets = secrets{Password: "not-a-password", KEK: "bm90LWEta2V5"}
	return l
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	_, err := Open("unit", "here")
	require.EqualError(t, err, `openstack of lab unit: state directory "here" is relative; give an absolute path`)

	state := t.TempDir()
	file := filepath.Join(state, "openstack", "etc", "secrets.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err = Open("unit", state)
	require.EqualError(t, err, file+": unexpected end of JSON input; it is damaged: run lagrum openstack down")
}

func TestSecretsAreMadeOnce(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	l, err := Open("unit", state)
	require.NoError(t, err)
	require.NoError(t, l.makeSecrets())
	again, err := Open("unit", state)
	require.NoError(t, err)
	require.NoError(t, again.makeSecrets())
	assert.Equal(t, l.secrets, again.secrets)
	assert.Len(t, l.secrets.Password, 32)
}

// TestConfiguration keeps the whole configuration in one file, where a change of a shared part shows everywhere.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	texts, err := unit(t).render()
	require.NoError(t, err)
	var names []string
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	var all bytes.Buffer
	for _, name := range names {
		all.WriteString("==> " + name + "\n")
		all.Write(texts[name])
	}
	golden.Compare(t, "configuration.txt", all.String())
}

// TestLoopbackAlone holds every address in configuration and command lines to this machine.
func TestLoopbackAlone(t *testing.T) {
	t.Parallel()
	l := unit(t)
	texts, err := l.render()
	require.NoError(t, err)
	for _, d := range l.daemons() {
		texts["command line of "+d.name] = []byte(strings.Join(append(d.env, d.argv...), "\n"))
	}
	address := regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b|\[::`)
	for name, text := range texts {
		for _, found := range address.FindAllString(string(text), -1) {
			assert.Equal(t, "127.0.0.1", found, name)
		}
	}
	// What has a port of its own is told where to listen.
	for _, listen := range []string{"osapi_compute_listen = 127.0.0.1", "osapi_volume_listen = 127.0.0.1", "bind_host = 127.0.0.1", "listeners.tcp.default = 127.0.0.1"} {
		found := false
		for _, text := range texts {
			found = found || bytes.Contains(text, []byte(listen))
		}
		assert.True(t, found, listen)
	}
}

// TestStepsCanStart: each step comes after all that it needs, and every need is a step.
func TestStepsCanStart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, step := range unit(t).steps() {
		for _, need := range step.Needs {
			assert.True(t, seen[need], "%s needs %s, which does not come before it", step.Name, need)
		}
		assert.False(t, seen[step.Name], "%s is there twice", step.Name)
		assert.Positive(t, step.Cost, step.Name)
		seen[step.Name] = true
	}
	assert.Contains(t, seen, "nova-compute-lab3")
}

// TestDrivers: Neutron finds the lab's driver through an entry point, and the stub that keeps the mark is on the path.
func TestDrivers(t *testing.T) {
	t.Parallel()
	l, err := Open("unit", t.TempDir())
	require.NoError(t, err)
	require.NoError(t, l.copyDrivers())
	points, err := os.ReadFile(l.Path("python", "lagrum_lab-1.0.dist-info", "entry_points.txt"))
	require.NoError(t, err)
	assert.Contains(t, string(points), "lab = lagrum_neutron:LabDriver")
	for _, module := range []string{"lagrum_neutron.py", "lagrum_cinder.py", "setproctitle.py"} {
		assert.FileExists(t, l.Path("python", module))
	}
	assert.Contains(t, l.environment(), "PYTHONPATH="+l.Path("python"))
}

func TestTail(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "log")
	for name, row := range map[string]struct{ text, want string }{
		"the last lines":              {"a\nb\nc\nd\n", "c\nd"},
		"from the last complaint on":  {"a\nb\n1 ERROR x\nc\nd\ne\n", "a\nb\n1 ERROR x\nc"},
		"nothing that can be read":    {"", ""},
		"a complaint in the last one": {"a\nb\nc\n1 CRITICAL x\n", "b\nc\n1 CRITICAL x"},
	} {
		require.NoError(t, os.WriteFile(file, []byte(row.text), 0o600))
		assert.Equal(t, row.want, tail(file, 2), name)
	}
	assert.Empty(t, tail(file+".none", 2))
}

func TestTwoRunsExcludeEachOther(t *testing.T) {
	t.Parallel()
	l, err := Open("unit", t.TempDir())
	require.NoError(t, err)
	unlock, err := l.lock()
	require.NoError(t, err)
	_, err = l.lock()
	require.ErrorContains(t, err, "another lagrum openstack up or down is at work on it")
	unlock()
	unlock, err = l.lock()
	require.NoError(t, err)
	unlock()
}

func TestDownOfNothing(t *testing.T) {
	t.Parallel()
	l, err := Open("unit", filepath.Join(t.TempDir(), "unit"))
	require.NoError(t, err)
	var said bytes.Buffer
	require.NoError(t, l.Down(t.Context(), &said))
	assert.Equal(t, "the OpenStack of lab unit is down; Debian's packages stay\n", said.String())
	assert.NoDirExists(t, filepath.Dir(l.Dir))
	require.NoError(t, l.Status(t.Context(), &said))
	err = l.Shell(&said)
	require.EqualError(t, err, "the OpenStack of lab unit is not up; run: lagrum openstack up")
}

// TestDownOfTheLast: what labs share goes with the last of them, and stays while another is there.
func TestDownOfTheLast(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "lagrum")
	lock := filepath.Join(root, "host.lock")
	for _, name := range []string{"unit", "other"} {
		l, err := Open(name, filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(l.Dir, 0o700))
	}
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	down := func(name string) {
		l, err := Open(name, filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, l.Down(t.Context(), &bytes.Buffer{}))
	}
	down("unit")
	assert.FileExists(t, lock)
	down("other")
	assert.NoDirExists(t, root)
}
