//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// etcdIsNobodyElse looks at etcd's process, and tries in the name of its user to read what is not etcd's.
func (w *world) etcdIsNobodyElse(t *testing.T) {
	const node = "cp-1-g1"
	status, err := w.inside(t, node, `grep -E '^(Uid|Gid|CapEff|CapBnd|NoNewPrivs):' "/proc/$(pgrep -x etcd)/status"`)
	require.NoError(t, err, status)
	require.Equal(t, "Uid: 2379 2379 2379 2379 Gid: 2379 2379 2379 2379 CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1",
		strings.Join(strings.Fields(status), " "))

	asEtcd := func(command string) (string, error) {
		return w.inside(t, node, "setpriv --reuid etcd --regid etcd --clear-groups "+command)
	}
	for _, own := range []string{"/etc/lagrum/etcd/server.key", "/var/lib/etcd/member/snap/db"} {
		out, err := asEtcd("test -r " + own)
		require.NoError(t, err, "%s: %s", own, out)
	}
	for _, other := range []string{
		"/etc/kubernetes/pki/etcd/ca.key", "/etc/kubernetes/pki/etcd/server.key", "/etc/kubernetes/pki/ca.key", "/etc/kubernetes/pki/sa.key",
		"/etc/kubernetes/admin.conf", "/etc/kubernetes/lagrum/encryption.yaml", "/var/lib/kubelet/pki/kubelet-client-current.pem",
	} {
		out, err := w.inside(t, node, "test -s "+other)
		require.NoError(t, err, "%s: %s", other, out)
		out, err = asEtcd("cat " + other + " 2>&1 >/dev/null")
		require.Error(t, err, other)
		require.Contains(t, out, "Permission denied", other)
	}
}
