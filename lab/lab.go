// Package lab is the offline laboratory: it turns one bare Linux host into a place where the very same Pulumi program
// builds a real kubeadm cluster, with programs built from Go modules, system containers as machines, and stand-ins for
// the provider plugins that cannot be had offline.
//
// It knows nothing of sites, plans and components: it prepares what the official CLI needs and then runs that CLI.
package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/processes"
)

// Passphrase encrypts the state of a lab's stack. It is public on purpose: a lab holds no secret worth keeping, its
// state lies in a directory that only root can read, and a committed passphrase keeps Pulumi.dev.yaml unchanged by a run.
const Passphrase = "lagrum-lab"

// Lab is one laboratory on this host. Several can stand side by side under different names.
type Lab struct {
	// Name marks everything that the lab makes on the host: at most 8 characters, so that interface names fit.
	Name string
	// Project is the folder of Pulumi.yaml, Checkout the one of the sources; the same but for tests.
	Project, Checkout string
	// Cache holds what was built, by content; it outlives the lab.
	Cache string
	// State holds the machines, the stack's state and the plugins; Down removes it.
	State string
	// noMachines says why the lab makes do without machines; nil where it has them.
	noMachines error
}

var labName = regexp.MustCompile(`^[a-z][a-z0-9]{0,7}$`)

// Open finds the lab named by LAGRUM_LAB (default dev), its cache by LAGRUM_CACHE (default ~/.cache/lagrum), and the
// program as seen from a folder: the nearest folder at or above it that has a Pulumi.yaml, and the nearest at or above
// that which has the sources.
func Open(from string) (*Lab, error) {
	name := machines.EnvironmentName()
	if !labName.MatchString(name) {
		return nil, fmt.Errorf("LAGRUM_LAB: %q is no lab name; use up to 8 lower-case letters and digits, a letter first", name)
	}
	project, err := upwards(from, "Pulumi.yaml")
	if err != nil {
		return nil, err
	}
	checkout, err := upwards(project, "lab/programs")
	if err != nil {
		return nil, err
	}
	cache, err := artifacts.DefaultDir()
	if err != nil {
		return nil, err
	}
	state, err := processes.StateDir(name)
	if err != nil {
		return nil, err
	}
	l := &Lab{Name: name, Project: project, Checkout: checkout, Cache: cache, State: state}
	asked, err := processes.Asked()
	if err != nil {
		return nil, err
	}
	return l, l.chooseMachines(asked, checkHost())
}

// upwards finds the nearest folder at or above from that has what is looked for.
func upwards(from, what string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, what)); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("%s: no %s here or above; run from a checkout of Lagrum", from, what)
		}
		dir = parent
	}
}

// makeState makes the state's folder, which only its owner may read, once the stack's configuration is found to exist.
func (l *Lab) makeState() error {
	file := l.stackFile()
	if !exists(file) {
		return fmt.Errorf("lab %s: there is no %s; copy Pulumi.dev.yaml to it and give it its own cluster.name (%s) and cluster.nodeCIDR", l.Name, file, l.Name)
	}
	return os.MkdirAll(l.State, 0o700)
}

// Stack is the Pulumi stack that this lab runs.
func (l *Lab) Stack() string { return l.Name }

func (l *Lab) stackFile() string  { return filepath.Join(l.Project, "Pulumi."+l.Stack()+".yaml") }
func (l *Lab) bin() string        { return filepath.Join(l.State, "bin") }
func (l *Lab) backend() string    { return filepath.Join(l.State, "pulumi") }
func (l *Lab) home() string       { return filepath.Join(l.State, "pulumi-home") }
func (l *Lab) kubeconfig() string { return filepath.Join(l.State, "kubeconfig") }
