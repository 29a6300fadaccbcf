package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	secretURN  = "urn:pulumi:dev::lagrum::kubernetes:core/v1:Secret::a"
	bindingURN = "urn:pulumi:dev::lagrum::kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::b"
	keyURN     = "urn:pulumi:dev::lagrum::tls:index/privateKey:PrivateKey::c"
	oddURN     = "urn:pulumi:dev::lagrum::cloud:index:Thing::d"
)

// exported is a stack with the pending operations given.
func exported(t *testing.T, operations ...map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"deployment": map[string]any{"pending_operations": operations}})
	require.NoError(t, err)
	return text
}

func operation(kind, urn string, inputs map[string]any) map[string]any {
	return map[string]any{"type": kind, "resource": map[string]any{"urn": urn, "type": strings.Split(urn, "::")[2], "inputs": inputs}}
}

func named(namespace, name string) map[string]any {
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	return map[string]any{"metadata": metadata}
}

// scene is a stack, a cluster and the calls that were made.
type scene struct {
	state   []byte
	cluster map[string]string // managers by kind namespace/name
	lock    *Lock
	calls   []string
	loaded  string // by stack import
	out     bytes.Buffer
}

func (s *scene) doctor() *Doctor {
	return &Doctor{
		Pulumi: func(_ context.Context, args ...string) ([]byte, error) {
			call := strings.Join(args, " ")
			if before, file, found := strings.Cut(call, " --file "); found {
				call = before
				text, err := os.ReadFile(file)
				if err != nil {
					return nil, err
				}
				s.loaded = string(text)
			}
			s.calls = append(s.calls, call)
			return s.state, nil
		},
		Lock: func(string) (*Lock, error) { return s.lock, nil },
		Finders: []Finder{StateOnly{}, Kubernetes{Get: func(_ context.Context, kind, namespace, name string) (bool, string, error) {
			manager, exists := s.cluster[kind+" "+namespace+"/"+name]
			return exists, manager, nil
		}}},
		Out: &s.out,
	}
}

func here(t *testing.T) string {
	t.Helper()
	host, err := os.Hostname()
	require.NoError(t, err)
	return host
}

// deadPID is a number that no process has: the kernel's limit is 2^22.
const deadPID = 1 << 23

func TestHeal(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		scene scene
		calls []string
		// loaded is the state that is handed back.
		loaded string
		err    error
		out    []string
	}{
		{
			name:  "nothing to do",
			scene: scene{state: exported(t)},
			calls: []string{"stack export"},
			out:   []string{"stack dev: not locked", "stack dev: no pending create"},
		},
		{
			name:  "a dead lock is cleared",
			scene: scene{state: exported(t), lock: &Lock{PID: deadPID, Hostname: here(t)}},
			calls: []string{"cancel --yes", "stack export"},
			out:   []string{"the lock of process 8388608 is dead (it no longer runs): cleared", "no pending create"},
		},
		{
			name:  "a lock is dead whose number another process has by now",
			scene: scene{state: exported(t), lock: &Lock{PID: os.Getpid(), Hostname: here(t), Timestamp: time.Now().Add(-time.Hour)}},
			calls: []string{"cancel --yes", "stack export"},
		},
		{
			name:  "a living lock is respected",
			scene: scene{state: exported(t), lock: &Lock{PID: os.Getpid(), Hostname: here(t), Username: "root"}},
			err:   ErrAlive,
		},
		{
			name:  "a lock of another host is respected",
			scene: scene{state: exported(t), lock: &Lock{PID: deadPID, Hostname: "elsewhere"}},
			err:   ErrAlive,
		},
		{
			name: "what exists is imported, what does not is dropped, other operations are left to the refresh",
			scene: scene{
				state: exported(t, operation("creating", bindingURN, named("", "b")), operation("creating", secretURN, named("web", "a-1f")),
					operation("creating", keyURN, nil), operation("updating", oddURN, nil)),
				cluster: map[string]string{"Secret web/a-1f": "pulumi"},
			},
			calls: []string{"stack export", "stack import", "refresh --yes --skip-preview --non-interactive"},
			loaded: `{"deployment":{"pending_operations":[{"resource":{"inputs":null,"type":"cloud:index:Thing","urn":"` + oddURN + `"},"type":"updating"}],` +
				`"resources":[{"id":"web/a-1f","inputs":{"metadata":{"name":"a-1f","namespace":"web"}},"type":"kubernetes:core/v1:Secret","urn":"` + secretURN + `"}]}}`,
			out: []string{"import  " + secretURN + ": web/a-1f is in the cluster", "clear   " + bindingURN + ": b is not in the cluster",
				"clear   " + keyURN + ": lives in the state only", "healed; run pulumi up to converge"},
		},
		{
			name: "what cannot be looked for is left to a person, and nothing is changed",
			scene: scene{state: exported(t, operation("creating", secretURN, named("web", "a")), operation("creating", oddURN, nil)),
				cluster: map[string]string{"Secret web/a": "pulumi"}},
			calls: []string{"stack export"},
			err:   ErrUndecided,
		},
		{
			name: "someone else's object of the name is left alone",
			scene: scene{state: exported(t, operation("creating", secretURN, named("web", "a"))),
				cluster: map[string]string{"Secret web/a": "Helm"}},
			calls: []string{"stack export"},
			err:   ErrUndecided,
			out:   []string{`web/a is in the cluster and is managed by "Helm", not by us`},
		},
		{
			name:  "an object without a name is left to a person",
			scene: scene{state: exported(t, operation("creating", secretURN, map[string]any{}))},
			calls: []string{"stack export"},
			err:   ErrUndecided,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := row.scene
			err := s.doctor().Heal(t.Context(), "dev")
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.calls, s.calls)
			require.Equal(t, row.loaded, s.loaded)
			for _, line := range row.out {
				require.Contains(t, s.out.String(), line)
			}
		})
	}
}

func TestKubectlKind(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"kubernetes:core/v1:Secret":                                   "Secret",
		"kubernetes:apps/v1:DaemonSet":                                "DaemonSet.v1.apps",
		"kubernetes:rbac.authorization.k8s.io/v1:ClusterRole":         "ClusterRole.v1.rbac.authorization.k8s.io",
		"kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": "CustomResourceDefinition.v1.apiextensions.k8s.io",
	} {
		require.Equal(t, want, kubectlKind(in))
	}
}

// A killed update whose parent has not asked about it yet is as dead as any.
func TestLockOfAnEndedProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	lock := Lock{PID: cmd.Process.Pid, Hostname: here(t)}
	require.True(t, lock.Alive())
	require.NoError(t, cmd.Process.Kill())
	require.Eventually(t, func() bool { return !lock.Alive() }, 10*time.Second, 10*time.Millisecond)
	require.Error(t, cmd.Wait(), "it was killed")
}

func TestFileBackendLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	look, err := FileBackendLock("file://"+dir, "lagrum")
	require.NoError(t, err)
	lock, err := look("dev")
	require.NoError(t, err)
	require.Nil(t, lock, "no lock at all")

	write := func(name string, lock Lock) {
		folder := filepath.Join(dir, ".pulumi/locks/organization/lagrum/dev")
		require.NoError(t, os.MkdirAll(folder, 0o700))
		text, err := json.Marshal(lock)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".json"), text, 0o600))
	}
	write("dead", Lock{PID: deadPID, Hostname: here(t), Timestamp: time.Unix(0, 0)})
	lock, err = look("dev")
	require.NoError(t, err)
	require.False(t, lock.Alive())
	for _, name := range []string{"a-alive", "z-alive"} { // before and after the dead one in the folder's order
		write(name, Lock{PID: os.Getpid(), Hostname: here(t)})
		lock, err = look("dev")
		require.NoError(t, err)
		require.True(t, lock.Alive(), "the living owner wins")
	}

	_, err = FileBackendLock("s3://bucket", "lagrum")
	require.EqualError(t, err, "s3://bucket: only a file:// backend's locks can be looked into")
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".pulumi/locks/organization/lagrum/dev/a-alive.json"), []byte("{"), 0o600))
	_, err = look("dev")
	var syntax *json.SyntaxError
	require.True(t, errors.As(err, &syntax))
}
