//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inside runs a shell command in a machine of the lab, as root.
func (w *world) inside(t *testing.T, machine, script string) (string, error) {
	t.Helper()
	out, err := exec.Command("go", "run", "./machine", w.name, machine, "run", "sh", "-euc", script).CombinedOutput()
	return string(out), err
}

// metadataIsClosed stands a metadata service beside the worker, as a cloud does, and asks it from the node and from a
// pod. What stops the pod is the node's own rule: without it the pod is answered.
func (w *world) metadataIsClosed(t *testing.T) {
	const node, service = "workers-1-g1", "169.254.169.254:80"
	out, err := w.inside(t, node, `
ip netns add metadata
ip link add metadata0 type veth peer name eth0 netns metadata
ip link set metadata0 up
ip address add 192.0.2.1/32 dev metadata0
ip route add 169.254.169.254/32 dev metadata0
ip -n metadata link set lo up
ip -n metadata link set eth0 up
ip -n metadata address add 169.254.169.254/32 dev eth0
ip -n metadata address add 192.0.2.53/32 dev eth0
ip route add 192.0.2.53/32 dev metadata0
ip -n metadata route add 192.0.2.1/32 dev eth0
ip -n metadata route add default via 192.0.2.1 dev eth0
for port in 80 53; do
    setsid --fork ip netns exec metadata socat TCP-LISTEN:$port,fork,reuseaddr SYSTEM:'echo user-data' >/dev/null 2>&1 </dev/null
done`)
	require.NoError(t, err, out)
	t.Cleanup(func() {
		out, err := w.inside(t, node, `systemctl restart lagrum-metadata; ip netns pids metadata | xargs -r kill; ip netns delete metadata`)
		require.NoError(t, err, out)
	})
	eventually(t, time.Minute, "the node reaches its metadata service", func() error {
		out, err := w.inside(t, node, "socat -T 5 - TCP:"+service+",connect-timeout=5 </dev/null | grep user-data")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})

	require.ErrorContains(t, w.probe(t, "connect", service), "i/o timeout", "a pod reaches the metadata service")

	out, err = w.inside(t, node, "nft delete table inet lagrum_metadata")
	require.NoError(t, err, out)
	require.NoError(t, w.probe(t, "connect", service), "it is something else than the node's rule that stopped the pod")

	// Below no rule of the node's, policies alone stop those that are in a closed namespace: also one whose edge leads to every
	// resolver, wherever it is, since a metadata service is none.
	const resolver, notOne = "192.0.2.53:53", "169.254.169.254:53"
	require.NoError(t, w.probe(t, "connect", notOne), "it answers at that port too")
	a := w.stand(t, standing{"ward", "here", node, "app: any"}, standing{"kube-system", "asks", node, "k8s-app: kube-dns"})
	eventually(t, time.Minute, "policies alone close the metadata service", func() error {
		return a.judge(t, []passage{
			{"ward/here", "connect", service, false}, {"ward/here", "connect", resolver, false},
			{"kube-system/asks", "connect", resolver, true}, {"kube-system/asks", "connect", notOne, false}, {"kube-system/asks", "connect", service, false},
		})
	})
}
