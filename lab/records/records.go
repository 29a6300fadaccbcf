// Package records keeps what a lab knows of the objects it made: one JSON file per object, below the lab's state
// directory. A file is replaced in one step, so that whatever is killed leaves the old record or the new one.
package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotFound says that the lab has no object of that name.
var ErrNotFound = errors.New("does not exist")

// The kinds of objects; each is a folder of records. A machine's record lies in the machine's own folder.
const (
	Networks  = "networks"
	Firewalls = "firewalls"
	Balancers = "loadbalancers"
	Members   = "members"
	Machines  = "machines"
)

// objectName is a DNS label, so that it can be a host name, a file name and a part of a command line.
var objectName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// ValidName tells why name cannot name an object of the lab, or nil.
func ValidName(name string) error {
	if !objectName.MatchString(name) {
		return fmt.Errorf("%q is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first", name)
	}
	return nil
}

// Store is a lab's records.
type Store struct {
	// Lab is the lab's name, for messages.
	Lab string
	// Dir is the lab's state directory.
	Dir string
}

// Path of something in the lab's state directory.
func (s Store) Path(parts ...string) string {
	return filepath.Join(append([]string{s.Dir}, parts...)...)
}

// File is where an object's record lies: a file of its kind's folder, or for machines in the machine's own folder.
func (s Store) File(kind, name string) string {
	if kind == Machines {
		return s.Path(kind, name, "machine.json")
	}
	return s.Path(kind, name+".json")
}

// Load reads a record into out; ErrNotFound if there is none.
func (s Store) Load(kind, name string, out any) error {
	data, err := os.ReadFile(s.File(kind, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("lab %s: %s/%s %w", s.Lab, kind, name, ErrNotFound)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s: %w; the lab's state is damaged: run lagrum lab down", s.File(kind, name), err)
	}
	return nil
}

// Save writes a record so that a crash leaves the old one or the new one, never half.
func (s Store) Save(kind, name string, record any) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(s.File(kind, name), append(data, '\n'), 0o600)
}

// WriteFile replaces path in one step, making its folder if need be.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Remove deletes a record; a record that is not there is fine.
func (s Store) Remove(kind, name string) error {
	err := os.Remove(s.File(kind, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Names lists the objects of a kind, sorted.
func (s Store) Names(kind string) ([]string, error) {
	entries, err := os.ReadDir(s.Path(kind))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if kind != Machines {
			base, isRecord := strings.CutSuffix(name, ".json")
			if !isRecord {
				continue
			}
			name = base
		}
		if objectName.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// All loads every record of a kind, sorted by name.
func All[T any](s Store, kind string) ([]T, error) {
	names, err := s.Names(kind)
	if err != nil {
		return nil, err
	}
	var records []T
	for _, name := range names {
		var record T
		err := s.Load(kind, name, &record)
		if errors.Is(err, ErrNotFound) {
			continue // a machine's folder without record: its creation was killed at the very start, or its deletion at the end
		}
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

// Lock serialises all changes of one lab, across processes; the kernel releases it when the holder dies.
func (s Store) Lock() (func(), error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	return LockFile(s.Path("machines.lock"))
}

// LockFile takes the lock in a file, waiting for whoever holds it.
func LockFile(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
	}
}
