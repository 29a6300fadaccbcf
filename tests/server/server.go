// Package server runs one of the lab's programs as a server on loopback, for as long as a test lasts.
package server

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

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/process"
)

// Program compiles a program of the lab, or finds it in the cache. The test lies two folders below the checkout.
func Program(t testing.TB, name string) string { return File(t, name, name) }

// File is a file of a program that has several.
func File(t testing.TB, name, file string) string {
	t.Helper()
	cache, err := artifacts.DefaultDir()
	require.NoError(t, err)
	store, err := artifacts.Open(cache, "../../lab/programs")
	require.NoError(t, err)
	dir, err := store.Program(t.Context(), name)
	require.NoError(t, err)
	return filepath.Join(dir, file)
}

// Address finds a free port of loopback.
func Address(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// Start starts a server and waits until it answers. The mark is on it, so that one of a killed run is found by the next.
func Start(t testing.TB, mark, name, address string, environment []string, args ...string) {
	t.Helper()
	binary, own := Program(t, name), mark+"/"+name
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
