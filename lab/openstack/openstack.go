// Package openstack brings up a real OpenStack control plane on the lab's host, from Debian's packages and on loopback
// alone: Keystone, Placement, Barbican, Glance, Nova, Neutron, Cinder and Octavia with the database, the message bus and
// the cache that they need. Programs and plugins meet the real APIs, their orders, quotas and refusals, and volumes that
// are really encrypted. What no guest could prove here is that one boots: Nova's fake driver accepts everything and runs
// nothing, and so do Octavia's amphorae.
//
// Everything lives in one folder of the lab and carries the lab's mark, so that Down finds it after any crash. It is a
// package of its own since a lab is whole without it: only the packages' names and ports are shared with the host.
package openstack

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lagrum/lagrum/lab/records"
)

// region names the only region.
const region = "lab"

// ports are where everything listens, on loopback: those that OpenStack's own documentation names.
var ports = map[string]int{
	"memcached": 11211, "rabbitmq": 5672, "rabbitmq-nodes": 25672, "epmd": 4369,
	"keystone": 5000, "placement": 8778, "barbican": 9311, "glance": 9292,
	"nova": 8774, "neutron": 9696, "cinder": 8776, "octavia": 9876,
}

// Lab is the OpenStack of one lab. Its ports are the host's, so that only one can be up at a time.
type Lab struct {
	// Name is the lab's; every process carries it.
	Name string
	// Dir holds all configuration, state and logs; Down removes it.
	Dir string

	secrets secrets
}

// secrets are made once for a lab's OpenStack. They lie in a folder that only root reads and end with it.
type secrets struct {
	// Password is everybody's: of the services and of the cloud's users.
	Password string
	// KEK is the key with which Barbican encrypts its secrets, 32 bytes in base64.
	KEK string
}

// Open names the OpenStack of a lab whose state is in the folder state. Nothing is made before Up.
func Open(name, state string) (*Lab, error) {
	if !filepath.IsAbs(state) {
		return nil, fmt.Errorf("openstack of lab %s: state directory %q is relative; give an absolute path", name, state)
	}
	l := &Lab{Name: name, Dir: filepath.Join(state, "openstack")}
	data, err := os.ReadFile(l.secretsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &l.secrets); err != nil {
		return nil, fmt.Errorf("%s: %w; it is damaged: run lagrum openstack down", l.secretsFile(), err)
	}
	return l, nil
}

// makeSecrets makes what the first Up needs, and keeps it for later ones.
func (l *Lab) makeSecrets() error {
	if l.secrets.Password != "" {
		return nil
	}
	var password [16]byte
	var key [32]byte
	// It never fails (crypto/rand).
	_, _ = rand.Read(password[:])
	_, _ = rand.Read(key[:])
	l.secrets = secrets{Password: hex.EncodeToString(password[:]), KEK: base64.StdEncoding.EncodeToString(key[:])}
	data, err := json.Marshal(l.secrets)
	if err != nil {
		return err
	}
	return records.WriteFile(l.secretsFile(), data, 0o600)
}

func (l *Lab) secretsFile() string { return l.Path("etc", "secrets.json") }

// Path of something in the folder.
func (l *Lab) Path(parts ...string) string {
	return filepath.Join(append([]string{l.Dir}, parts...)...)
}

// Log is where a process or a step writes.
func (l *Lab) Log(name string) string { return l.Path("log", name+".log") }

// mark is what the processes of a daemon carry.
func (l *Lab) mark(name string) string {
	return strings.Join([]string{l.Name, "openstack", name}, "/")
}

// lock keeps two runs from working on one OpenStack at once. The kernel releases it when the holder dies.
func (l *Lab) lock() (func(), error) {
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return nil, err
	}
	path := l.Path("lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another lagrum openstack up or down is at work on it: wait for it or interrupt it (%w)", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// values are what the configuration is rendered from.
type values struct {
	*Lab
	secrets
}

// Port of a service.
func (values) Port(name string) (int, error) { return port(name) }

// URL of a service's root.
func (values) URL(name string) (string, error) { return serviceURL(name) }

// Region is the only one.
func (values) Region() string { return region }

// Database is how a service reaches its database. MariaDB knows who is at the other end of its socket, so that there is
// neither a password nor a port.
func (v values) Database(name string) string {
	return fmt.Sprintf("mysql+pymysql://root@localhost/%s?unix_socket=%s&charset=utf8", name, v.databaseSocket())
}

func (l *Lab) databaseSocket() string { return l.Path("data", "mariadb.sock") }

func port(name string) (int, error) {
	number, ok := ports[name]
	if !ok {
		return 0, fmt.Errorf("openstack: no service %q listens", name)
	}
	return number, nil
}

func serviceURL(name string) (string, error) {
	number, err := port(name)
	return fmt.Sprintf("http://127.0.0.1:%d", number), err
}
