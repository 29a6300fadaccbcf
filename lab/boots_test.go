package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/machines"
)

// consoles is a host of which only the consoles are known.
type consoles string

func (c consoles) ConsoleLog(name string) string { return filepath.Join(string(c), name) }

func (c consoles) Down(context.Context) ([]string, error) { return nil, errors.New("not asked for") }

func (c consoles) Machines() ([]machines.Machine, error) {
	files, err := os.ReadDir(string(c))
	var list []machines.Machine
	for _, f := range files {
		list = append(list, machines.Machine{MachineSpec: machines.MachineSpec{Name: f.Name()}})
	}
	return list, err
}

func (c consoles) say(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(c.ConsoleLog(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, errors.Join(err, f.Close()))
}

func TestFailedBootsAreSeen(t *testing.T) {
	t.Parallel()
	host := consoles(t.TempDir())
	const failed = "cloud-init[206]: lagrum-boot: cp-1-g1: init: failed: kubeadm init, attempt 1: error: etcd did not start\n"
	host.say(t, "cp-1-g1", failed)
	b, err := watchBoots(host)
	require.NoError(t, err)
	require.NoError(t, b.failed(), "what an earlier run saw")

	host.say(t, "cp-1-g1", "cloud-init[206]: lagrum-boot: cp-1-g1: preflight: not yet: failed to pull\n")
	host.say(t, "workers-1-g1", "lagrum-boot: cp-1-g1: init: failed: a pod of that name says so\n")
	require.NoError(t, b.failed(), "nobody failed")
	host.say(t, "workers-1-g1", "[  12.3] cloud-init[99]: lagrum-boot: workers-1-g1: host: failed: /proc/sys/vm/panic")
	require.NoError(t, b.failed(), "a line that has not ended")
	host.say(t, "workers-1-g1", "_on_oom has to be 0 and cannot be set\r\n")
	require.EqualError(t, b.failed(), "workers-1-g1 did not become a node: host: /proc/sys/vm/panic_on_oom has to be 0 and cannot be set; "+
		"see: lagrum lab logs workers-1-g1; a node that failed is replaced: make down, then make up")
	require.NoError(t, b.failed(), "once is enough")

	require.NoError(t, os.Remove(host.ConsoleLog("cp-1-g1")))
	host.say(t, "cp-1-g1", failed)
	require.ErrorContains(t, b.failed(), "cp-1-g1 did not become a node: init: kubeadm init, attempt 1: error: etcd did not start", "another machine of that name")
}

func TestNothingWaitsForAFailedBoot(t *testing.T) {
	t.Parallel()
	host := consoles(t.TempDir())
	err := unlessBootFails(t.Context(), host, time.Millisecond, func(ctx context.Context) error {
		host.say(t, "cp-1-g1", "lagrum-boot: cp-1-g1: guard: failed: a cluster already answers\n")
		<-ctx.Done()
		return errors.New("interrupted")
	})
	require.ErrorContains(t, err, "cp-1-g1 did not become a node: guard: a cluster already answers;")

	own := errors.New("its own")
	assert.Equal(t, own, unlessBootFails(t.Context(), host, time.Millisecond, func(context.Context) error { return own }))
	assert.NoError(t, unlessBootFails(t.Context(), host, time.Millisecond, func(context.Context) error { return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, context.Canceled, unlessBootFails(ctx, host, time.Millisecond, func(ctx context.Context) error { return ctx.Err() }))
}
