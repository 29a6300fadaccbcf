// Package artifacts makes what the lab runs: programs compiled from pinned Go modules, container images packed from them, and whatever else is derived
// from those, each kept once in a content-addressed cache.
//
// The boundary is "bytes on disk": nothing here knows of machines, clusters or Pulumi. An artifact's directory is named by the hash of everything that it is
// made from and appears in one rename when it is whole, so a directory that exists is finished, is never changed and never needs to be built again.
package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Store is the cache of artifacts. It is safe for concurrent use, by several processes too: each artifact is locked while it is made.
type Store struct {
	dir       string
	modules   string
	toolchain string

	mu   sync.Mutex
	used map[string]time.Duration // processor time of the commands run for an artifact that is being made
}

// DefaultDir is where the cache lies: where LAGRUM_CACHE says, else in the user's own folder for caches.
func DefaultDir() (string, error) {
	if dir := os.Getenv("LAGRUM_CACHE"); dir != "" {
		return dir, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("LAGRUM_CACHE: not set, and %w", err)
	}
	return filepath.Join(base, "lagrum"), nil
}

// Open opens the cache in dir, which is created when missing; modules is the checkout's lab/programs, where the recipes of the programs are. It fails
// without a Go toolchain on PATH.
func Open(dir, modules string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("artifacts: cache %q: %w", dir, err)
	}
	modules, err = filepath.Abs(modules)
	if err != nil {
		return nil, fmt.Errorf("artifacts: modules %q: %w", modules, err)
	}
	if _, err := os.Stat(modules); err != nil {
		return nil, fmt.Errorf("artifacts: the programs' modules: %w; run from a checkout of the repository", err)
	}
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("artifacts: go env GOVERSION: %w; install the Go toolchain that go.mod names", err)
	}
	for _, sub := range []string{"artifacts", "locks", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("artifacts: cache: %w", err)
		}
	}
	return &Store{
		dir:       dir,
		modules:   modules,
		toolchain: strings.TrimSpace(string(version)) + " " + runtime.GOOS + "/" + runtime.GOARCH,
		used:      map[string]time.Duration{},
	}, nil
}

// Dir is the cache's directory, absolute.
func (s *Store) Dir() string { return s.dir }

// Log is the path of the log that holds the output of the commands that last made the artifact called name.
func (s *Store) Log(name string) string { return filepath.Join(s.dir, "logs", name+".log") }

// artifactName keeps names usable as file names everywhere they appear: in the cache, as locks and as logs.
var artifactName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// Derived returns the directory of the artifact called name that is made from inputs, and makes it first when the cache does not hold it.
//
// inputs say everything that the result depends on: a recipe's version, its parameters, paths that Program, Image or Derived returned (they contain the
// key of what they hold). build fills the empty directory that it is given; what it leaves there on success is the artifact. A build that fails or is
// killed leaves nothing in the cache. A second process that wants the same artifact waits for the first.
func (s *Store) Derived(ctx context.Context, name string, inputs []string, build func(dir string) error) (string, error) {
	if !artifactName.MatchString(name) {
		return "", fmt.Errorf("artifacts: name %q: want lower-case letters, digits, dots and dashes", name)
	}
	final := s.path(name, inputs)
	if finished(final) {
		return final, nil
	}
	unlock, err := lock(ctx, filepath.Join(s.dir, "locks", name+".lock"))
	if err != nil {
		return "", fmt.Errorf("artifacts: %s: %w", name, err)
	}
	defer unlock()
	if finished(final) {
		return final, nil
	}
	// Whoever made this artifact before and did not finish is gone: it would hold the lock otherwise.
	scratch := filepath.Join(s.dir, "tmp", name)
	if err := removeTree(scratch); err != nil {
		return "", fmt.Errorf("artifacts: %s: remains of an interrupted build: %w", name, err)
	}
	work := filepath.Join(scratch, "artifact")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", fmt.Errorf("artifacts: %s: %w", name, err)
	}
	if err := os.Remove(s.Log(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("artifacts: %s: log of the last build: %w", name, err)
	}
	start := time.Now()
	s.takeUsed(name)
	if err := build(work); err != nil {
		return "", errors.Join(fmt.Errorf("artifacts: %s: %w", name, err), removeTree(scratch))
	}
	if err := ctx.Err(); err != nil {
		return "", errors.Join(fmt.Errorf("artifacts: %s: %w", name, err), removeTree(scratch))
	}
	if err := os.Rename(work, final); err != nil {
		return "", fmt.Errorf("artifacts: %s: %w", name, err)
	}
	cost := s.takeUsed(name)
	if cost == 0 {
		cost = time.Since(start)
	}
	if err := errors.Join(removeTree(scratch), s.noteCost(name, cost)); err != nil {
		return "", fmt.Errorf("artifacts: %s: %w", name, err)
	}
	return final, nil
}

// path is where the artifact called name and made from inputs is or will be.
func (s *Store) path(name string, inputs []string) string {
	h := sha256.New()
	for _, part := range append([]string{name}, inputs...) {
		fmt.Fprintf(h, "%d:%s\n", len(part), part)
	}
	return filepath.Join(s.dir, "artifacts", name+"-"+hex.EncodeToString(h.Sum(nil))[:20])
}

// finished reports whether an artifact is in the cache: only a whole one is ever given its final name.
func finished(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hashTree is the hash of every file under dir: names, links' targets and contents. Permissions and times are left out, since a checkout does not keep them.
func hashTree(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			fmt.Fprintf(h, "link %q %q\n", name, target)
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "file %q %d\n", name, info.Size())
		_, err = io.Copy(h, file)
		return err
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
