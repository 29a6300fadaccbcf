//go:build lab

package golang

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// built are the programs under test.
type built struct {
	cli, program, plugins string
}

func buildAll(t *testing.T) built {
	t.Helper()
	cache, err := artifacts.DefaultDir()
	require.NoError(t, err)
	store, err := artifacts.Open(cache, "../../programs")
	require.NoError(t, err)
	dir, err := store.Program(t.Context(), "pulumi")
	require.NoError(t, err)
	b := built{cli: filepath.Join(dir, "pulumi"), program: filepath.Join(t.TempDir(), "program"), plugins: filepath.Join(t.TempDir(), "plugins")}
	for source, target := range map[string]string{"./testdata/program": b.program, "./testdata/plugins": b.plugins} {
		out, err := exec.Command("go", "build", "-o", target, source).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return b
}

// stack is a project, a stack and a Pulumi home of its own, without network.
type stack struct {
	built
	dir string
	env []string
}

// newStack lays the stand-ins out as installed plugins: from there, unlike from PATH, the CLI takes them without a warning.
func newStack(t *testing.T, b built) *stack {
	t.Helper()
	dir := t.TempDir()
	link := func(target, path string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755))
		require.NoError(t, os.Symlink(target, filepath.Join(dir, path)))
	}
	link(b.program, "project/bin/program")
	link(b.plugins, "home/plugins/language-go-v3.259.0/pulumi-language-go")
	link(b.plugins, "home/plugins/resource-tls-v5.2.0/pulumi-resource-tls")
	link(b.plugins, "home/plugins/resource-random-v4.18.0/pulumi-resource-random")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "state"), 0o755))
	const project = "name: standins\nruntime: {name: go, options: {binary: ./bin/program}}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "project/Pulumi.yaml"), []byte(project), 0o644))
	s := &stack{built: b, dir: dir, env: []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + filepath.Join(dir, "user"),
		"PULUMI_HOME=" + filepath.Join(dir, "home"),
		"PULUMI_BACKEND_URL=file://" + filepath.Join(dir, "state"),
		"PULUMI_CONFIG_PASSPHRASE=passphrase",
		"PULUMI_SKIP_UPDATE_CHECK=true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
	}}
	s.must(t, nil, "stack", "init", "dev")
	return s
}

// command is the CLI in a network namespace that has loopback only, so that whatever works here works offline.
func (s *stack) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{
		"--net", "--map-root-user", "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", s.cli, "--non-interactive", "--color=never",
	}, args...)...)
	cmd.Dir = filepath.Join(s.dir, "project")
	cmd.Env = append(append([]string{}, s.env...), env...)
	return cmd
}

// must runs the CLI and returns its standard output.
func (s *stack) must(t *testing.T, env []string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := s.command(env, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "pulumi %s\n%s%s", strings.Join(args, " "), stdout.String(), stderr.String())
	assert.NotContains(t, stdout.String()+stderr.String(), "warning: using", "installed plugins draw no warning")
	return stdout.String()
}

// fails runs the CLI, which must fail, and returns all that it printed.
func (s *stack) fails(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.command(nil, args...).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, string(out))
	return string(out)
}

// processes are the programs under test that run.
func (s *stack) processes(t *testing.T) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	var found []string
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && (target == s.program || target == s.plugins) {
			found = append(found, link+" -> "+target)
		}
	}
	return found
}

// deployment is the part of an exported stack that the test looks at.
type deployment struct {
	Deployment struct {
		Resources []struct {
			Type    string         `json:"type"`
			Outputs map[string]any `json:"outputs"`
		} `json:"resources"`
	} `json:"deployment"`
}

func certificate(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	require.NotNil(t, block)
	parsed, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return parsed
}

func (s *stack) outputs(t *testing.T) map[string]string {
	t.Helper()
	var outputs map[string]string
	require.NoError(t, json.Unmarshal([]byte(s.must(t, nil, "stack", "output", "--show-secrets", "--json")), &outputs))
	return outputs
}

// TestLab runs the stand-ins under the real engine.
func TestLab(t *testing.T) {
	b := buildAll(t)
	for _, row := range []struct {
		name string
		test func(t *testing.T, s *stack)
	}{
		{"life of a stack", testLifeOfAStack},
		{"official state is refused", testOfficialStateIsRefused},
		{"import is refused", testImportIsRefused},
		{"an interrupted engine leaves nothing", func(t *testing.T, s *stack) { testEngineLeavesNothing(t, s, syscall.SIGINT) }},
		{"a killed engine leaves nothing", func(t *testing.T, s *stack) { testEngineLeavesNothing(t, s, syscall.SIGKILL) }},
	} {
		t.Run(row.name, func(t *testing.T) { row.test(t, newStack(t, b)) })
	}
}

func testLifeOfAStack(t *testing.T, s *stack) {
	preview := s.must(t, nil, "preview", "--diff")
	assert.Contains(t, preview, "+ 9 to create", "the first preview shows every resource")
	assert.Contains(t, preview, "certRequestPem     : [unknown]")
	s.must(t, nil, "up", "--yes")
	assert.Contains(t, s.must(t, nil, "preview", "--expect-no-changes"), "9 unchanged")
	assert.Contains(t, s.must(t, nil, "refresh", "--yes", "--expect-no-changes"), "9 unchanged")

	outputs := s.outputs(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, outputs["ca"]))
	leaf := certificate(t, outputs["leaf"])
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	require.NoError(t, err)
	assert.Equal(t, []string{"kubeadm:cluster-admins"}, leaf.Subject.Organization)
	random, err := base64.StdEncoding.DecodeString(outputs["bytes"])
	require.NoError(t, err)
	assert.Len(t, random, 32)

	state := s.must(t, nil, "stack", "export")
	for name, value := range map[string]string{"private key": outputs["leafKey"], "random bytes": outputs["bytes"]} {
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		assert.NotContains(t, state, strings.Trim(string(encoded), `"`), "%s in clear in state", name)
	}
	var exported deployment
	require.NoError(t, json.Unmarshal([]byte(state), &exported))
	marks := map[string]int{}
	for _, r := range exported.Deployment.Resources {
		if mark, ok := r.Outputs["__standIn"].(string); ok {
			marks[mark]++
		}
	}
	assert.Equal(t, map[string]int{"tls": 5, "random": 1}, marks, "state of stand-ins is marked")

	shifted := []string{"LAGRUM_LAB_CLOCK_OFFSET=1500h"}
	renewal := s.must(t, shifted, "up", "--yes")
	assert.Contains(t, renewal, "LAB ONLY: LAGRUM_LAB_CLOCK_OFFSET=1500h0m0s", "a shifted clock is told")
	assert.Contains(t, renewal, "+-1 replaced", "any update inside the early renewal renews, and nothing but that certificate")
	assert.NotEqual(t, outputs["leaf"], s.outputs(t)["leaf"])
	assert.Equal(t, outputs["leafKey"], s.outputs(t)["leafKey"])

	s.must(t, nil, "config", "set", "generation", "2")
	assert.Contains(t, s.must(t, nil, "up", "--yes"), "+-1 replaced")
	assert.NotEqual(t, outputs["bytes"], s.outputs(t)["bytes"])

	s.must(t, nil, "config", "set", "fail", "yes")
	assert.Contains(t, s.fails(t, "up", "--yes", "--skip-preview"), "the program fails on purpose")
	s.must(t, nil, "config", "rm", "fail")

	assert.Contains(t, s.must(t, nil, "about"), "3.259.0")
	s.must(t, nil, "destroy", "--yes")
	s.must(t, nil, "stack", "rm", "--yes")
	assert.Empty(t, s.processes(t), "plugins end with the CLI")
}

func testOfficialStateIsRefused(t *testing.T, s *stack) {
	s.must(t, nil, "up", "--yes", "--skip-preview")
	state := strings.ReplaceAll(s.must(t, nil, "stack", "export"), `"__standIn": "tls",`, "")
	file := filepath.Join(s.dir, "state.json")
	require.NoError(t, os.WriteFile(file, []byte(state), 0o600))
	s.must(t, nil, "stack", "import", "--file", file)
	for _, args := range [][]string{{"preview"}, {"refresh", "--yes"}, {"destroy", "--yes", "--skip-preview"}} {
		assert.Contains(t, s.fails(t, args...), "a stack is never shared between the two. Use the official tls plugin for this stack", args[0])
	}
}

func testImportIsRefused(t *testing.T, s *stack) {
	out := s.fails(t, "import", "--yes", "tls:index/privateKey:PrivateKey", "key", "id")
	assert.Contains(t, out, "cannot be imported: it exists only in the state of the stack that made it")
}

// testEngineLeavesNothing ends the engine while the program runs.
func testEngineLeavesNothing(t *testing.T, s *stack, signal os.Signal) {
	s.must(t, nil, "config", "set", "wait", "yes")
	cmd := s.command(nil, "up", "--yes", "--skip-preview")
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return len(s.processes(t)) == 4 }, time.Minute, 20*time.Millisecond,
		"the program, its language host and two resource plugins run")
	require.NoError(t, cmd.Process.Signal(signal))
	assert.Error(t, cmd.Wait())
	assert.Eventually(t, func() bool { return len(s.processes(t)) == 0 }, time.Minute, 20*time.Millisecond, "nothing outlives the engine")
}
