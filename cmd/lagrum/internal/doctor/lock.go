package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lagrum/lagrum/lab/process"
)

// Lock is the content of a lock file of Pulumi's own (DIY) backends.
type Lock struct {
	PID       int       `json:"pid"`
	Username  string    `json:"username"`
	Hostname  string    `json:"hostname"`
	Timestamp time.Time `json:"timestamp"`
}

// Alive tells whether the owner may still run. An owner on another host counts as alive: it cannot be seen from here.
func (l *Lock) Alive() bool {
	host, err := os.Hostname()
	if err != nil || host != l.Hostname {
		return true
	}
	err = syscall.Kill(l.PID, 0)
	if err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	// One that ended and that nobody has asked about yet still has its number.
	if _, state, err := process.Stat(l.PID); err == nil && (state == 'Z' || state == 'X') {
		return false
	}
	// The number may be a later process's by now. The folder of a process is as old as the process; a second more or
	// less is the clocks'.
	info, err := os.Stat(fmt.Sprintf("/proc/%d", l.PID))
	return err != nil || l.Timestamp.IsZero() || info.ModTime().Before(l.Timestamp.Add(time.Second))
}

// FileBackendLock looks into a file:// backend. It returns nil for a stack that nobody holds, and the living owner
// if there are several locks.
func FileBackendLock(backendURL, project string) (func(stack string) (*Lock, error), error) {
	dir, ok := strings.CutPrefix(backendURL, "file://")
	if !ok {
		return nil, fmt.Errorf("%s: only a file:// backend's locks can be looked into", backendURL)
	}
	return func(stack string) (*Lock, error) {
		pattern := filepath.Join(dir, ".pulumi", "locks", "organization", project, stack, "*.json")
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		var found *Lock
		for _, file := range files {
			text, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue // released while we looked
			}
			if err != nil {
				return nil, err
			}
			lock := &Lock{}
			if err := json.Unmarshal(text, lock); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if found == nil || lock.Alive() {
				found = lock
			}
		}
		return found, nil
	}, nil
}
