package processes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lagrum/lagrum/lab/records"
)

// keeper is a running machine.
type keeper struct {
	lab      *Lab
	machine  made
	facts    facts
	programs Programs
	root     string // the folder that holds what the machine would have below /
	step     string
	booted   bool // in an earlier life
}

// statusPath is where the boot script of a real machine tells how far it came; the keeper says the same there.
const (
	statusPath   = "/var/lib/lagrum/boot.status"
	statusBooted = "ok"
)

// keep is a machine's life: it boots the machine once, and then keeps its processes running until it is killed.
func (l *Lab) keep(ctx context.Context, name string) error {
	var m made
	if err := l.records.Load(records.Machines, name, &m); err != nil {
		return err
	}
	programs, err := l.programs()
	if err != nil {
		return err
	}
	k := &keeper{lab: l, machine: m, programs: programs, root: l.machineFile(name, dirRoot), step: "start"}
	if err := k.run(ctx); err != nil {
		k.say("failed: %v", err)
		return errors.Join(err, k.status(fmt.Sprintf("failed: %s: %v", k.step, err)))
	}
	<-ctx.Done()
	return nil
}

func (k *keeper) run(ctx context.Context) error {
	before, err := os.ReadFile(k.path(statusPath))
	k.booted = strings.TrimSpace(string(before)) == statusBooted
	if err == nil && !k.booted {
		// Nobody was let at what it made so far (see Lab.healthy), so nothing is lost by beginning anew.
		k.say("an earlier boot did not end (%s); beginning anew", strings.TrimSpace(string(before)))
		if err := os.RemoveAll(k.root); err != nil {
			return err
		}
	}
	userData, err := os.ReadFile(k.lab.machineFile(k.machine.Name, fileUserData))
	if err != nil {
		return err
	}
	config, err := parseCloudConfig(userData)
	if err != nil {
		return err
	}
	if k.facts, err = config.facts(); err != nil {
		return err
	}
	if !k.booted {
		if err := k.prepare(ctx, config); err != nil {
			return err
		}
	}
	boot := k.joinCluster
	if k.facts.role == roleInit {
		if err := k.controlPlane(ctx); err != nil {
			return err
		}
		boot = k.initialise
	}
	if !k.booted {
		if err := boot(ctx); err != nil {
			return err
		}
	}
	if err := k.simulate(ctx); err != nil {
		return err
	}
	k.step = "end"
	k.say("this node is part of its cluster")
	// The bundle stays until nothing needs it again.
	return errors.Join(k.status(statusBooted), remove(k.lab.machineFile(k.machine.Name, fileSecrets)))
}

// prepare does what cloud-init and the first steps of the boot script do.
func (k *keeper) prepare(ctx context.Context, config cloudConfig) error {
	if err := k.begin("secrets", "unpacking the node's files and secrets"); err != nil {
		return err
	}
	if err := config.writeFiles(k.root); err != nil {
		return err
	}
	bundle, err := os.ReadFile(k.lab.machineFile(k.machine.Name, fileSecrets))
	if err != nil {
		return err
	}
	if err := unpack(k.root, bytes.NewReader(bundle)); err != nil {
		return err
	}
	if err := k.begin("versions", "expecting Kubernetes "+k.facts.version); err != nil {
		return err
	}
	have, err := k.kube(ctx, "", "kubeadm", "version", "--output=short")
	if err != nil {
		return err
	}
	if have = strings.TrimSpace(have); have != k.facts.version {
		return fmt.Errorf("the lab has kubeadm %s, the plan says %s", have, k.facts.version)
	}
	return nil
}

// path is where a path of the machine's lies on the host.
func (k *keeper) path(path string) string { return filepath.Join(k.root, path) }

func (k *keeper) say(format string, args ...any) {
	fmt.Printf("%s %s: %s: %s\n", time.Now().UTC().Format(time.TimeOnly), k.machine.Name, k.step, fmt.Sprintf(format, args...))
}

func (k *keeper) begin(step, what string) error {
	k.step = step
	k.say("%s", what)
	return k.status("running: " + step)
}

// status tells how far the boot came. A machine that has booted once stays booted.
func (k *keeper) status(text string) error {
	if k.booted {
		return nil
	}
	return records.WriteFile(k.path(statusPath), []byte(strings.ReplaceAll(text, "\n", " ")+"\n"), 0o644)
}

// environment of the machine's processes: the keeper's own, by which they are found, and a home in the machine's folder.
func (k *keeper) environment(more ...string) []string {
	return append(append(os.Environ(), "HOME="+k.path("/root")), more...)
}

// kube runs a program of the multi-call binary to its end and returns what it printed.
func (k *keeper) kube(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, k.programs.Kube, args...)
	cmd.Env = k.environment("KUBEADM_INIT_DRYRUN_DIR=" + k.path(manifestPath))
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args[:min(3, len(args))], " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// kubectl runs kubectl with one of the machine's kubeconfig files.
func (k *keeper) kubectl(ctx context.Context, config, stdin string, args ...string) (string, error) {
	return k.kube(ctx, stdin, append([]string{"kubectl", "--kubeconfig=" + k.path(config), "--request-timeout=20s"}, args...)...)
}

// restartDelay is between the end of a kept program and its next start.
const restartDelay = 2 * time.Second

// keepRunning starts a program and starts it again whenever it ends, as a kubelet does with a static pod. Its output is in
// a log file of its own.
func (k *keeper) keepRunning(ctx context.Context, name, program string, args ...string) {
	log := k.path(filepath.Join("/var/log", name+".log"))
	k.say("starting %s; its log is %s", name, log)
	go func() {
		// The kernel ends the program when the thread that started it ends: keep the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for ctx.Err() == nil {
			err := k.runOnce(ctx, log, program, args)
			fmt.Printf("%s %s: %s ended (%v); it is started again; the end of its log:\n%s\n",
				time.Now().UTC().Format(time.TimeOnly), k.machine.Name, name, err, tail(log, 5))
			select {
			case <-ctx.Done():
			case <-time.After(restartDelay):
			}
		}
	}()
}

func (k *keeper) runOnce(ctx context.Context, log, program string, args []string) error {
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = k.root
	cmd.Env = k.environment()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// eventually repeats what until it succeeds, and says why not yet whenever the reason changes.
func (k *keeper) eventually(ctx context.Context, limit time.Duration, what func() error) error {
	deadline := time.Now().Add(limit)
	for last := ""; ; {
		err := what()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %w", limit, err)
		}
		if err.Error() != last {
			last = err.Error()
			k.say("not yet: %s", last)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}
