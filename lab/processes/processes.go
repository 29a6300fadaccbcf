// Package processes is the lab's cloud on a host that cannot run machines: no root, no namespaces, no systemd-nspawn.
//
// It offers what package machines offers, by plain processes on loopback. A machine is one process of the lab's own,
// the keeper: it takes the machine's real user-data and secrets, lets the real kubeadm make certificates and manifests,
// runs what the manifests say (etcd, API server, controller manager, scheduler), joins with the real credential, and
// then stands in for the kubelet by kwok: pods are said to run, and none does. Networks and firewalls are recorded and
// enforce nothing. Missing lists what that leaves unproved.
package processes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// Lab is the processes' side of one laboratory. Its methods may be called from several goroutines and processes at once.
type Lab struct {
	name    string
	dir     string
	records records.Store
}

// StateDir is where a lab of the caller's keeps its state: below machines.StateRoot for root, else below
// XDG_STATE_HOME (default ~/.local/state).
func StateDir(name string) (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join(machines.StateRoot, name), nil
	}
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) { // the specification says to ignore a relative one
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("XDG_STATE_HOME: not set, and %w", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "lagrum", name), nil
}

// Open names a lab; nothing is made before it is asked for. An empty dir means StateDir(name).
func Open(name, dir string) (*Lab, error) {
	if dir == "" {
		var err error
		if dir, err = StateDir(name); err != nil {
			return nil, err
		}
	}
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("lab %s: state directory %q is relative; give an absolute path", name, dir)
	}
	dir = filepath.Clean(dir)
	return &Lab{name: name, dir: dir, records: records.Store{Lab: name, Dir: dir}}, nil
}

// Name of the lab.
func (l *Lab) Name() string { return l.name }

// Dir is the lab's state directory.
func (l *Lab) Dir() string { return l.dir }

// Programs are the files that machines run, absolute.
type Programs struct {
	Kube   string `json:"kube"` // the multi-call binary of Kubernetes
	Etcd   string `json:"etcd"`
	Kwok   string `json:"kwok"`
	Keeper string `json:"keeper"` // this program, which serves Main under the name KeeperName
}

// Record is the file in the state directory that marks a lab as one of processes.
const Record = "programs.json"

// UsePrograms names the programs of machines to come, and of load balancers.
func (l *Lab) UsePrograms(p Programs) error {
	for _, path := range []string{p.Kube, p.Etcd, p.Kwok, p.Keeper} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("program %q: the path is not absolute", path)
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("program: %w", err)
		}
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return records.WriteFile(l.records.Path(Record), append(data, '\n'), 0o600)
}

func (l *Lab) programs() (Programs, error) {
	var p Programs
	data, err := os.ReadFile(l.records.Path(Record))
	if err != nil {
		return p, fmt.Errorf("lab %s: its programs are not set (%w); run: lagrum lab up", l.name, err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("%s: %w; run: lagrum lab up", l.records.Path(Record), err)
	}
	return p, nil
}

// Variable of the environment says what the lab's machines are. The lab's shell sets it.
const Variable = "LAGRUM_LAB_MACHINES"

// What machines are: system containers, or nothing but processes.
const (
	Nspawn    = "nspawn"
	Processes = "processes"
)

// Asked tells which kind of machines the environment asks for; empty when it says nothing.
func Asked() (string, error) {
	switch kind := os.Getenv(Variable); kind {
	case "", Nspawn, Processes:
		return kind, nil
	default:
		return "", fmt.Errorf("%s: %q is unknown; use %s or %s", Variable, kind, Nspawn, Processes)
	}
}

// Missing is what a lab without machines does not prove.
func Missing() []string {
	return []string{
		"machines: cloud-init, the boot script and the host's preparation (the lab does the script's steps itself)",
		"the kubelet and the container runtime: kwok stands in for both",
		"pods: none runs; kwok says that pods are ready and that jobs have completed, so readiness means nothing",
		"the pod network, Services, cluster DNS, and NetworkPolicy: the objects exist, nothing enforces them",
		"the firewall and the network between nodes: recorded, not enforced; every machine is a loopback address",
		"the load balancer's health checks: a plain TCP forwarder stands in for haproxy",
		"static pods: the control plane's manifests are run as processes, with their paths moved",
		"joining and replacing control planes: refused, since nothing here could drain a node or remove an etcd member",
	}
}

// RemoveOwned removes every object that owner, a Pulumi URN, made, and what a killed creation left of it.
func (l *Lab) RemoveOwned(ctx context.Context, owner string) ([]string, error) {
	return l.records.RemoveOwned(ctx, owner, map[string]func(context.Context, string) error{
		records.Members:   l.RemoveMember,
		records.Machines:  l.DeleteMachine,
		records.Balancers: l.DeleteLoadBalancer,
		records.Firewalls: l.DeleteFirewall,
		records.Networks:  l.DeleteNetwork,
	})
}

// Down ends every process of the lab and removes its state directory, also after any crash; doing it twice is fine. It
// reports what it removed, even when it fails.
func (l *Lab) Down(ctx context.Context) ([]string, error) {
	removed, err := l.Leftovers()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(l.dir); err == nil {
		unlock, err := l.records.Lock()
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	for _, step := range []func() error{
		func() error { return process.KillMarked(ctx, l.name) },
		func() error { return os.RemoveAll(l.dir) },
		func() error { return removeIfEmpty(filepath.Dir(l.dir)) },
	} {
		if err := step(); err != nil {
			return removed, fmt.Errorf("lab %s: down: %w", l.name, err)
		}
	}
	return removed, nil
}

// removeIfEmpty removes the folder of all labs when the last one has gone.
func removeIfEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) > 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(dir)
}

// Leftovers lists what the lab has on the host, one line each; empty means that nothing is there.
func (l *Lab) Leftovers() ([]string, error) {
	return process.Leftovers(l.name, l.dir)
}
