//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// TestUnprivileged runs the lab from start to end as a user without any right: no root, no capability, and no file of
// root's but the checkout, the Go toolchain with its caches, and what the cache holds built.
func TestUnprivileged(t *testing.T) {
	w := newWorld(t, "plain")
	u := newPlainUser(t, w)
	t.Cleanup(func() {
		u.lagrum(t, 5*time.Minute, "lab", "down")
		require.Empty(t, u.processes(t), "down left processes")
		require.NoDirExists(t, filepath.Join(u.dir, "home/.local/state/lagrum"), "down left files")
	})
	step(t, "up says that it is degraded, and what that leaves unproved", func(t *testing.T) {
		out := u.lagrum(t, 60*time.Minute, "lab", "up")
		require.Contains(t, out, fmt.Sprintf("DEGRADED: this host cannot run machines: not root (user id %d)", nobody))
		summary := out[strings.LastIndex(out, "not provable on this host:"):]
		for _, what := range []string{"the kubelet and the container runtime", "pods: none runs", "NetworkPolicy", "the firewall", "cloud-init"} {
			require.Contains(t, summary, what)
		}
		require.ElementsMatch(t, []string{"cp-1-g1", "workers-1-g1"}, u.nodes(t))
	})
	step(t, "an unchanged site has nothing to do", func(t *testing.T) {
		u.pulumi(t, "preview", "--expect-no-changes")
		u.pulumi(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes")
	})
	step(t, "a worker joins by the cluster's own rules", func(t *testing.T) {
		w.edit(t, func(site map[string]any) { pool(site, "workers")["count"] = 2 })
		u.pulumi(t, "up", "--yes", "--skip-preview")
		eventually(t, 3*time.Minute, "workers-2-g1 is Ready", func() error {
			return u.expect(t, "True", "kubectl", "get", "node", "workers-2-g1", "--ignore-not-found",
				"-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		})
		requests := u.shell(t, time.Minute, "kubectl", "get", "csr", "-o", "jsonpath={.items[*].spec.username} {.items[*].status.conditions[*].type}")
		require.Equal(t, "system:bootstrap:workers system:bootstrap:workers Approved Approved", requests)
	})
	step(t, "a second control plane is refused with the reason", func(t *testing.T) {
		w.edit(t, func(site map[string]any) { pool(site, "cp")["count"] = 3 })
		r := u.try(t, 10*time.Minute, "pulumi", "up", "--yes", "--skip-preview", "--stack", w.name, "--non-interactive")
		require.NotZero(t, r.code)
		require.Contains(t, r.out, "it would join as a control plane, which a lab without machines cannot show")
		w.edit(t, func(site map[string]any) { pool(site, "cp")["count"] = 1 })
	})
	step(t, "killed machines come back with the next up", func(t *testing.T) {
		for _, pid := range u.machinePIDs(t) {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		u.lagrum(t, 10*time.Minute, "lab", "up")
		require.ElementsMatch(t, []string{"cp-1-g1", "workers-1-g1", "workers-2-g1"}, u.nodes(t))
		u.pulumi(t, "preview", "--expect-no-changes")
	})
	step(t, "destroy leaves no resource and no machine", func(t *testing.T) {
		u.pulumi(t, "destroy", "--yes", "--skip-preview")
		require.Empty(t, u.machinePIDs(t))
		require.Empty(t, u.processes(t))
	})
	step(t, "down after a kill leaves nothing", func(t *testing.T) {
		u.lagrum(t, 10*time.Minute, "lab", "up")
		require.NoError(t, syscall.Kill(u.machinePIDs(t)[0], syscall.SIGKILL))
	})
}

// nobody is a user id that owns nothing.
const nobody = 65534

// plainUser runs the world's commands as nobody.
type plainUser struct {
	*world
	dir string
}

// newPlainUser gives nobody a home, a cache of its own with what is built already, and a copy of the checkout's binaries
// where the checkout has them. Root's home is hidden from it, save for Go's caches: without those every program would be
// compiled anew.
func newPlainUser(t *testing.T, w *world) *plainUser {
	t.Helper()
	require.Zero(t, os.Geteuid(), "this test makes itself unprivileged; run it as root")
	// kwok is built on demand, and nobody could not fetch its modules.
	w.env = append(w.env, "LAGRUM_LAB_MACHINES=processes")
	w.lagrum(t, 60*time.Minute, "lab", "build")
	dir, err := os.MkdirTemp("", "lagrum-plain-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	root, err := filepath.Abs(checkout)
	require.NoError(t, err)
	from, err := artifacts.DefaultDir()
	require.NoError(t, err)
	for _, made := range []string{"home", "mod", "build", "cache/artifacts", "cache/locks", "cache/logs", "cache/tmp"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, made), 0o755))
	}
	// The artifacts stay root's: nobody can read them, and change nothing.
	for _, program := range []string{"kubernetes", "etcd", "pulumi", "kwok"} {
		found, err := filepath.Glob(filepath.Join(from, "artifacts", program+"-*"))
		require.NoError(t, err)
		for _, artifact := range found {
			copied := exec.Command("cp", "-a", artifact, filepath.Join(dir, "cache/artifacts"))
			text, err := copied.CombinedOutput()
			require.NoError(t, err, "%s", text)
		}
	}
	text, err := exec.Command("cp", "-a", filepath.Join(root, "bin"), dir).CombinedOutput()
	require.NoError(t, err, "%s", text)
	for _, owned := range []string{"home", "bin", "bin/*", "cache", "cache/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, owned))
		require.NoError(t, err)
		for _, path := range paths {
			require.NoError(t, os.Chown(path, nobody, nobody))
		}
	}
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	goFile, err := exec.LookPath("go")
	require.NoError(t, err)
	script := fmt.Sprintf(plainScript, dir, filepath.Join(root, "bin"), home, goEnv(t, "GOMODCACHE"), goEnv(t, "GOCACHE"),
		filepath.Dir(goFile), w.name, nobody, filepath.Join(dir, "home"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "enter.sh"), []byte(script), 0o644))
	return &plainUser{world: w, dir: dir}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// plainScript gives up every right and runs its arguments. It runs in a mount namespace of its own.
const plainScript = `set -eu
dir=%[1]s
mount --bind %[4]s $dir/mod
mount --bind %[5]s $dir/build
mount --bind $dir/bin %[2]s
mount -t tmpfs -o mode=755 lagrum-plain %[3]s
mkdir -p %[4]s %[5]s
mount --bind $dir/mod %[4]s
mount --bind $dir/build %[5]s
exec setpriv --reuid %[8]d --regid %[8]d --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
  env -i PATH=%[6]s:/usr/bin:/bin HOME=%[9]s LAGRUM_LAB=%[7]s LAGRUM_CACHE=$dir/cache \
  GOMODCACHE=%[4]s GOCACHE=%[5]s GOFLAGS=-buildvcs=false "$@"
`

func (u *plainUser) arguments(args []string) []string {
	return append([]string{"--mount", "--propagation", "private", "--", "sh", filepath.Join(u.dir, "enter.sh")}, args...)
}

func (u *plainUser) lagrum(t *testing.T, limit time.Duration, args ...string) string {
	t.Helper()
	root, err := filepath.Abs(checkout)
	require.NoError(t, err)
	return u.run(t, limit, "unshare", u.arguments(append([]string{filepath.Join(root, "bin/lagrum")}, args...))...)
}

// try runs a command in a shell of the lab.
func (u *plainUser) try(t *testing.T, limit time.Duration, args ...string) result {
	t.Helper()
	root, err := filepath.Abs(checkout)
	require.NoError(t, err)
	enter := `environment=$(` + filepath.Join(root, "bin/lagrum") + ` lab env) && eval "$environment" && exec "$@"`
	return u.world.try(t, limit, "unshare", u.arguments(append([]string{"sh", "-c", enter, "sh"}, args...))...)
}

func (u *plainUser) shell(t *testing.T, limit time.Duration, args ...string) string {
	t.Helper()
	r := u.try(t, limit, args...)
	require.Zero(t, r.code, "%s\n%s", strings.Join(args, " "), r.out)
	return strings.TrimSpace(r.out)
}

func (u *plainUser) expect(t *testing.T, want string, args ...string) error {
	t.Helper()
	if got := u.shell(t, time.Minute, args...); got != want {
		return fmt.Errorf("%s: got %q, want %q", strings.Join(args, " "), got, want)
	}
	return nil
}

func (u *plainUser) pulumi(t *testing.T, args ...string) string {
	t.Helper()
	return u.shell(t, 15*time.Minute, append(append([]string{"pulumi"}, args...), "--stack", u.name, "--non-interactive")...)
}

func (u *plainUser) nodes(t *testing.T) []string {
	t.Helper()
	return strings.Fields(u.shell(t, time.Minute, "kubectl", "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"))
}

// machinePIDs are the processes of the lab's machines, as its records have them.
func (u *plainUser) machinePIDs(t *testing.T) []int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(u.dir, "home/.local/state/lagrum", u.name, "machines/*/machine.json"))
	require.NoError(t, err)
	var pids []int
	for _, file := range found {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var record struct{ Process struct{ PID int } }
		require.NoError(t, json.Unmarshal(text, &record))
		require.NotZero(t, record.Process.PID, file)
		pids = append(pids, record.Process.PID)
	}
	return pids
}

// processes lists what nobody runs; what has ended and nobody waited for is not running.
func (u *plainUser) processes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/status")
	require.NoError(t, err)
	running := []string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		if status := string(text); strings.Contains(status, fmt.Sprintf("\nUid:\t%d\t", nobody)) && !strings.Contains(status, "\nState:\tZ") {
			line, _, _ := strings.Cut(status, "\n")
			running = append(running, line)
		}
	}
	return running
}
