// Package machines makes the lab's machines, network, firewall and load balancers on one Linux host.
//
// A machine is a system container: systemd-nspawn boots a Debian root file system whose cloud-init runs the very bytes
// that a cloud VM would run. All state lies in files below one directory per lab, and everything on the host that
// belongs to a lab can be found again without those files: by control group, by process environment, by bridge, by
// nftables table. So whatever is killed at whatever moment, [Lab.Down] removes the rest.
//
// The package knows nothing of Pulumi and nothing of Kubernetes: it offers what a cloud's API offers, and the stand-in
// provider plugin translates. A machine runs with all capabilities of its host's root: it is a laboratory device and no
// security boundary.
package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lagrum/lagrum/lab/records"
)

// StateRoot holds one directory per lab.
const StateRoot = "/var/lib/lagrum"

// Errors that callers tell apart.
var (
	// ErrNotFound says that the lab has no object of that name.
	ErrNotFound = records.ErrNotFound
	// ErrExists says that the lab already has an object of that name.
	ErrExists = errors.New("exists already")
)

// Lab is the machines' side of one laboratory. Its methods may be called from several goroutines and processes at once.
type Lab struct {
	name    string
	dir     string
	records records.Store
}

var labName = regexp.MustCompile(`^[a-z][a-z0-9]{0,7}$`)

// EnvironmentName is the lab that the environment names: LAGRUM_LAB, dev where it is not set.
func EnvironmentName() string {
	if name := os.Getenv("LAGRUM_LAB"); name != "" {
		return name
	}
	return "dev"
}

// Open names a lab; nothing is made before it is asked for. An empty dir means StateRoot/<name>.
func Open(name, dir string) (*Lab, error) {
	if !labName.MatchString(name) {
		return nil, fmt.Errorf("lab: %q is no lab name; use up to 8 lower-case letters and digits, a letter first", name)
	}
	if dir == "" {
		dir = filepath.Join(StateRoot, name)
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

// Record is the file in the state directory that names the layers of the root file system for machines to come. It marks
// a lab as one of machines.
const Record = "rootfs.json"

// UseRootFS names the directories that later machines have as the layers of their root file system, the upper first.
// Machines that exist keep those that they were made with; they must stay as long as those machines do.
func (l *Lab) UseRootFS(layers ...string) error {
	systemd := false
	for _, dir := range layers {
		if !filepath.IsAbs(dir) || strings.ContainsAny(dir, ",:\\") {
			return fmt.Errorf("root file system %q: the path is relative or has a comma, colon or backslash, which mount options cannot carry; move the cache", dir)
		}
		info, err := os.Stat(filepath.Join(dir, "usr/lib/systemd/systemd"))
		systemd = systemd || err == nil && info.Mode().IsRegular()
	}
	if !systemd {
		return fmt.Errorf("root file system %q: no systemd in it; make the layers with package rootfs", layers)
	}
	data, err := json.Marshal(layers)
	if err != nil {
		return err
	}
	return records.WriteFile(l.records.Path(Record), append(data, '\n'), 0o600)
}

// rootFS are the layers that UseRootFS named.
func (l *Lab) rootFS() ([]string, error) {
	data, err := os.ReadFile(l.records.Path(Record))
	if err != nil {
		return nil, fmt.Errorf("lab %s: no root file system is set (%w); run: lagrum lab up", l.name, err)
	}
	var layers []string
	if err := json.Unmarshal(data, &layers); err != nil {
		return nil, fmt.Errorf("%s: %w; run: lagrum lab up", l.records.Path(Record), err)
	}
	return layers, nil
}

// ValidName tells why name cannot name an object of the lab, or nil.
func ValidName(name string) error { return records.ValidName(name) }
