package network

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The script runs as it does on a node, in a real shell: it must turn what flannel writes into what the CNI plugins
// take, follow a change, and end when it is told to.
func TestCNIScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	subnetEnv, conflist := filepath.Join(dir, "subnet.env"), filepath.Join(dir, "10-lagrum.conflist")
	guarded := filepath.Join(dir, "guarded")
	write := func(subnet, mtu string) {
		text := "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=" + subnet + "\nFLANNEL_MTU=" + mtu + "\nFLANNEL_IPMASQ=true\n"
		require.NoError(t, os.WriteFile(subnetEnv+".tmp", []byte(text), 0o644))
		require.NoError(t, os.Rename(subnetEnv+".tmp", subnetEnv)) // as flannel does
	}
	write("10.244.3.1/24", "1450")

	// A minute is far more than it needs: it bounds a script that hangs.
	bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(bounded, "/bin/sh", "-c", cniScript)
	shell.Env = []string{"SUBNET_ENV=" + subnetEnv, "CONFLIST=" + conflist, "GUARDED=" + guarded, "PATH=/usr/bin:/bin"}
	output, err := shell.StdoutPipe()
	require.NoError(t, err)
	shell.Stderr = os.Stderr
	require.NoError(t, shell.Start())
	lines := bufio.NewReader(output)

	for _, row := range []struct{ subnet, mtu, wantSubnet, wantGateway string }{
		{"10.244.3.1/24", "1450", "10.244.3.0/24", "10.244.3.1"},
		{"10.244.3.129/25", "1370", "10.244.3.128/25", "10.244.3.129"},
	} {
		write(row.subnet, row.mtu)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "wrote "+conflist, strings.TrimSpace(line))
		require.FileExists(t, guarded, "without it no pod gets an address")
		text, err := os.ReadFile(conflist)
		require.NoError(t, err)
		var config map[string]any
		require.NoError(t, json.Unmarshal(text, &config), string(text))
		assert.Equal(t, map[string]any{
			"cniVersion": "1.0.0", "name": "lagrum", "plugins": []any{
				map[string]any{
					"type": "bridge", "bridge": "cni0", "mtu": map[string]float64{"1450": 1450, "1370": 1370}[row.mtu],
					"isDefaultGateway": true, "hairpinMode": true, "ipMasq": false,
					"ipam": map[string]any{
						"type": "host-local", "resolvConf": guarded,
						"ranges": []any{[]any{map[string]any{"subnet": row.wantSubnet, "gateway": row.wantGateway}}},
						"routes": []any{map[string]any{"dst": "10.244.0.0/16"}},
					},
				},
				map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
			},
		}, config)
	}

	require.NoError(t, shell.Process.Signal(syscall.SIGTERM))
	require.NoError(t, shell.Wait(), "a pod that ignores its end is killed after thirty seconds")
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	require.NoError(t, err)
	assert.Empty(t, left)
}
