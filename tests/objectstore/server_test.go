//go:build objectlock

package main_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/process"
)

// mark is on the server, so that one of a killed run is found by the next.
const mark = "objectstoretest"

// free finds a port of loopback.
func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// serve starts a server and waits until it answers.
func serve(t *testing.T, name, address string, environment []string, args ...string) {
	t.Helper()
	binary, own := program(t, name), mark+"/"+name
	require.NoError(t, process.KillMarked(t.Context(), own), "what an earlier run left")
	log := filepath.Join(t.TempDir(), "server.log")
	started, err := process.Start(mark, own, log, exec.Command("/usr/bin/env", append(append(environment, "HOME="+t.TempDir(), binary), args...)...))
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, process.KillMarked(context.Background(), own))
		if t.Failed() && testing.Verbose() {
			text, _ := os.ReadFile(log)
			t.Logf("%s's log:\n%s", name, text)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		answer, err := http.Get("http://" + address + "/")
		if err == nil {
			require.NoError(t, answer.Body.Close())
			if answer.StatusCode < http.StatusInternalServerError {
				return
			}
		}
		require.True(t, started.Alive(), "%s ended", name)
		require.False(t, time.Now().After(deadline), "%s does not answer on %s: %v", name, address, err)
	}
}
