package retirement

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Members of etcd as etcdctl 3.6 prints them.
const (
	oldMember  = "8e9e05c52164694d, started, cp-1-g1, https://10.0.0.11:2380, https://10.0.0.11:2379, false\n"
	newMember  = "91bc3c398fb3c146, started, cp-1-g2, https://10.0.0.21:2380, https://10.0.0.21:2379, false\n"
	newLearner = "91bc3c398fb3c146, started, cp-1-g2, https://10.0.0.21:2380, https://10.0.0.21:2379, true\n"
	unstarted  = "91bc3c398fb3c146, unstarted, , https://10.0.0.21:2380, , true\n"
	second     = "fd422379fda50e48, started, cp-2-g1, https://10.0.0.12:2380, https://10.0.0.12:2379, false\n"
	third      = "ade526d28b1f92f7, started, cp-3-g1, https://10.0.0.13:2380, https://10.0.0.13:2379, false\n"
)

const (
	getOld  = "kubectl get node cp-1-g1 --ignore-not-found --output=name"
	wait    = "kubectl wait --for=create --for=condition=Ready node/cp-1-g2 --timeout=10m"
	drain   = "kubectl drain cp-1-g1 --ignore-daemonsets --delete-emptydir-data --force --skip-wait-for-delete-timeout=60 --timeout=5m"
	remove  = "etcdctl --endpoints=https://127.0.0.1:2379 member remove 8e9e05c52164694d"
	deleted = "kubectl delete node cp-1-g1 --ignore-not-found --wait=false"
)

// The real script in a real shell, with stand-ins for etcdctl and kubectl that keep their state in files. Rows show
// what is done, in order, and what is not done.
func TestScript(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		members string
		node    bool   // the old Node exists
		fail    string // the stand-ins fail commands that contain this
		sleep   string // what happens to the members while the script sleeps
		done    []string
		said    string // the last line
		ok      bool
	}{
		{
			name: "one of three", members: oldMember + newMember + second + third, node: true,
			done: []string{getOld, wait, drain, remove, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "the only one", members: oldMember + newMember, node: true,
			done: []string{getOld, wait, drain, remove, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "the old machine is dead", members: oldMember + newMember + second + third, node: true, fail: "10.0.0.11:2379 endpoint health",
			done: []string{getOld, remove, wait, drain, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "the old machine is dead and its loss breaks the quorum", members: oldMember + third, node: true, fail: "endpoint health",
			done: []string{getOld}, said: "retirement of cp-1-g1: of the 1 members of etcd that would remain, 0 are healthy: without cp-1-g1 there is no quorum",
		},
		{
			name: "a rebuilt site", members: second + third, node: false,
			done: []string{getOld}, said: "retirement of cp-1-g1: neither a node nor a member of etcd has that name: nothing to do", ok: true,
		},
		{
			name: "again after the member is gone", members: newMember + second + third, node: true,
			done: []string{getOld, wait, drain, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "a member without a node", members: oldMember + newMember + second + third, node: false,
			done: []string{getOld, wait, remove, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "etcd does not answer", members: oldMember + newMember, node: true, fail: "member list",
			done: nil, said: "retirement of cp-1-g1: the etcd of this node does not answer; its kubelet's log says why",
		},
		{
			name: "etcd answers only once this node votes", members: "down", sleep: oldMember + newMember, node: true,
			done: []string{getOld, wait, drain, remove, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "etcd stops answering while it waits", members: oldMember + newLearner, sleep: "down", node: true,
			done: []string{getOld, wait}, said: "retirement of cp-1-g1: cp-1-g2 does not vote in etcd; its kubelet's log says why",
		},
		{
			name: "the API does not answer", members: oldMember + newMember, node: true, fail: "get node",
			done: []string{getOld}, said: "refused: " + getOld,
		},
		{
			name: "the replacement never comes", members: oldMember + second + third, node: true, fail: "kubectl wait",
			done: []string{getOld, wait},
			said: "retirement of cp-1-g1: cp-1-g2 is not a ready node; declare one replacement of a slot an update, and read the boot log of cp-1-g2",
		},
		{
			name: "the replacement is promoted while it waits", members: oldMember + newLearner, sleep: oldMember + newMember, node: true,
			done: []string{getOld, wait, drain, remove, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "the replacement stays a learner", members: oldMember + newLearner + second + third, node: true,
			done: []string{getOld, wait},
			said: "retirement of cp-1-g1: cp-1-g2 does not vote in etcd; its kubelet's log says why",
		},
		{
			name: "the replacement's etcd never started", members: oldMember + unstarted + second + third, node: true,
			done: []string{getOld, wait},
			said: "retirement of cp-1-g1: cp-1-g2 does not vote in etcd; its kubelet's log says why",
		},
		{
			name: "the drain is refused", members: oldMember + newMember + second + third, node: true, fail: "kubectl drain",
			done: []string{getOld, wait, drain}, said: "refused: " + drain,
		},
		{
			name: "one of the three that remain is ill", members: oldMember + newMember + second + third, node: true, fail: "10.0.0.13:2379 endpoint health",
			done: []string{getOld, wait, drain, remove, deleted}, said: "retirement of cp-1-g1: done", ok: true,
		},
		{
			name: "one of the two that remain is ill", members: oldMember + newMember + third, node: true, fail: "10.0.0.13:2379 endpoint health",
			done: []string{getOld, wait, drain},
			said: "retirement of cp-1-g1: of the 2 members of etcd that would remain, 1 are healthy: without cp-1-g1 there is no quorum",
		},
		{
			name: "etcd refuses", members: oldMember + newMember + second + third, node: true, fail: "member remove",
			done: []string{getOld, wait, drain, remove}, said: "refused: " + remove,
		},
		{
			name: "etcd says yes and keeps the member", members: oldMember + newMember + second + third, node: true, fail: "quietly",
			done: []string{getOld, wait, drain, remove}, said: "retirement of cp-1-g1: etcd still has member 8e9e05c52164694d",
		},
		{
			name: "the node cannot be deleted", members: oldMember + newMember + second + third, node: true, fail: "kubectl delete",
			done: []string{getOld, wait, drain, remove, deleted}, said: "refused: " + deleted,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write := func(name, text string, mode os.FileMode) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
			}
			write("members", row.members, 0o644)
			write("etcdctl", standIn, 0o755)
			write("kubectl", standIn, 0o755)
			write("sleep", "#!/bin/sh\n[ -z \"$SLEEP\" ] || printf '%s' \"$SLEEP\" >\"$DIR/members\"\n", 0o755)

			shell := exec.Command("/bin/sh", "-c", script)
			node := ""
			if row.node {
				node = "node/cp-1-g1"
			}
			shell.Env = []string{
				"PATH=" + dir + ":/usr/bin:/bin", "DIR=" + dir, "OLD=cp-1-g1", "NEW=cp-1-g2",
				"NODE=" + node, "FAIL=" + row.fail, "SLEEP=" + row.sleep,
			}
			output, err := shell.CombinedOutput()
			var exit *exec.ExitError
			if !row.ok {
				require.True(t, errors.As(err, &exit), "%v\n%s", err, output)
			} else {
				require.NoError(t, err, string(output))
			}
			lines := strings.Split(strings.TrimSpace(string(output)), "\n")
			assert.Equal(t, row.said, lines[len(lines)-1], string(output))
			assert.Equal(t, row.done, did(t, dir))
		})
	}
}

// standIn plays etcdctl and kubectl.
const standIn = `#!/bin/sh
call="${0##*/} $*"
case "$call" in
*"member list"* | *"endpoint health"*) ;;
*) printf '%s\n' "$call" >>"$DIR/done" ;;
esac
case "$call" in *"${FAIL:-nothing}"*)
	echo "refused: $call" >&2
	exit 1
esac
case "$call" in
*"member list") [ "$(cat "$DIR/members")" != down ] && cat "$DIR/members" || exit 1 ;;
*"member remove"*) [ "$FAIL" = quietly ] || { grep -v "^$4," "$DIR/members" >"$DIR/left"; mv "$DIR/left" "$DIR/members"; } ;;
*"get node"*) printf '%s' "$NODE" ;;
esac
exit 0
`

// did lists the calls that matter: what changes or waits for the cluster.
func did(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "done"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
