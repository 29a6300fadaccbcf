//go:build lab

package machines_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/debian"
	"github.com/lagrum/lagrum/lab/machines"
)

// A key server that was switched off would prove nothing if the next machine that starts brought it back.
func TestKeyServerStaysOff(t *testing.T) {
	missing, err := debian.Missing(t.Context(), "tang", "socat", "jose")
	require.NoError(t, err)
	if len(missing) > 0 {
		require.NoError(t, debian.Install(t.Context(), missing...))
	}
	lab := openLab(t, "tkey")
	network, err := lab.CreateNetwork(t.Context(), machines.NetworkSpec{Name: "net", CIDR: "10.97.8.0/24"}, "")
	require.NoError(t, err)
	server, err := lab.MakeKeyServer(t.Context())
	require.NoError(t, err)
	listens := func() bool {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(network.Gateway, strconv.Itoa(server.Port)), time.Second)
		if err != nil {
			return false
		}
		require.NoError(t, connection.Close())
		return true
	}
	require.Eventually(t, listens, 10*time.Second, 100*time.Millisecond)

	require.NoError(t, lab.StopKeyServer(t.Context()))
	require.False(t, listens())
	require.NoError(t, lab.Resume(t.Context()))
	assert.Never(t, listens, 2*time.Second, 200*time.Millisecond)

	require.NoError(t, lab.ResumeKeyServer())
	assert.Eventually(t, listens, 10*time.Second, 100*time.Millisecond)
	again, err := lab.KeyServer()
	require.NoError(t, err)
	assert.Equal(t, server.Thumbprint, again.Thumbprint, "with its keys")
}
