// Package debian installs Debian's packages on the lab's host. Both the lab's tools and its OpenStack come this way; the
// services that packages bring stay down, since the lab starts what it needs itself, in a folder of its own.
package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Install installs packages without those that they only recommend. It waits for another installation's lock, and ends one
// that ctx gives up in a way that leaves dpkg able to go on.
func Install(ctx context.Context, packages ...string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s missing and there is no apt-get; install them by your system's means", strings.Join(packages, ", "))
	}
	release, err := keepServicesDown()
	if err != nil {
		return err
	}
	defer release()
	// A fresh host may be updating itself: wait for its lock.
	const patience = "DPkg::Lock::Timeout=300"
	for _, args := range [][]string{
		{"update", "-qq", "-o", patience},
		append([]string{"install", "-y", "-qq", "--no-install-recommends", "-o", patience}, packages...),
	} {
		if err := run(ctx, "apt-get", args...); err != nil {
			return err
		}
	}
	return nil
}

// Missing lists those of the packages that are not installed whole.
func Missing(ctx context.Context, packages ...string) ([]string, error) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		return packages, nil
	}
	// It fails when one is unknown, and lists the others all the same.
	out, err := exec.CommandContext(ctx, "dpkg-query", append([]string{"--show", "--showformat=${Package} ${Status}\n"}, packages...)...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("dpkg-query: %w", err)
	}
	installed := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutSuffix(strings.TrimSpace(line), " install ok installed"); ok {
			installed[name] = true
		}
	}
	var missing []string
	for _, name := range packages {
		if !installed[name] {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// FinishInterrupted configures what a killed installation left unpacked; apt-get refuses to work before that.
func FinishInterrupted(ctx context.Context) error {
	release, err := keepServicesDown()
	if err != nil {
		return err
	}
	defer release()
	// dpkg, other than apt-get, does not wait for who holds its lock: perhaps the very installation whose starter was killed.
	deadline := time.Now().Add(5 * time.Minute)
	for {
		err := run(ctx, "dpkg", "--configure", "-a")
		if err == nil || !strings.Contains(err.Error(), " lock") || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	// Killed in the middle, dpkg would leave packages half configured.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}

// policyFile is asked by Debian's packages whether a service may start (invoke-rc.d).
const (
	policyFile = "/usr/sbin/policy-rc.d"
	policy     = "#!/bin/sh\n# Lagrum's lab: the services of packages that it installs stay down.\nexit 101\n"
)

// keepServicesDown forbids starting services until the returned function is called. A policy that the host already
// has is left alone.
func keepServicesDown() (func(), error) {
	f, err := os.OpenFile(policyFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(f, policy)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return func() { _ = RemovePolicy() }, nil
}

// RemovePolicy removes a policy that we wrote, also one that a killed run left; the host's own stays.
func RemovePolicy() error {
	text, err := os.ReadFile(policyFile)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && string(text) != policy) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(policyFile)
}
