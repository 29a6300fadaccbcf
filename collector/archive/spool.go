package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// spool is what was taken and is not in the archive yet: files of lines, numbered in the order in which they were filled.
type spool struct {
	dir    string
	limit  int64 // bytes
	object int64 // bytes of one file
	now    func() time.Time
	lock   *os.File

	mu     sync.Mutex
	freed  chan struct{} // closed when there is more room
	parts  []*partFile   // oldest first
	open   *os.File      // of the last of parts, while it is filled
	latest uint64        // id
}

// partFile is a file of the spool; it becomes one object.
type partFile struct {
	id    uint64
	size  int64
	begun time.Time
}

// piece is what a file of the spool holds.
type piece struct {
	id     uint64
	lines  []byte
	events int
}

const (
	partSuffix = ".jsonl"
	private    = 0o700
	privateTo  = 0o600
)

// openSpool takes the directory for this process alone: two that fill one chain would fork it.
func openSpool(dir string, limit, object int64, now func() time.Time) (*spool, error) {
	s := &spool{dir: filepath.Join(dir, "spool"), limit: limit, object: object, now: now, freed: make(chan struct{})}
	if err := os.MkdirAll(s.dir, private); err != nil {
		return nil, err
	}
	var err error
	if s.lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, privateTo); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: is in use by another collector: %w", dir, err), s.lock.Close())
	}
	entries, err := os.ReadDir(s.dir) // sorted by name, and so by number
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), partSuffix)
		if !ok {
			continue
		}
		id, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: is no file of the spool; take it away", filepath.Join(s.dir, e.Name()))
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, &partFile{id: id, size: info.Size(), begun: info.ModTime()})
		s.latest = max(s.latest, id)
	}
	return s, nil
}

func (s *spool) path(id uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%012d%s", id, partSuffix))
}

// append writes lines to the disk itself. While the spool is full it waits. A receiver that is told to stop would forget
// what it holds, so its lines are taken even then; a receiver that stops holds one batch.
func (s *spool) append(ctx context.Context, lines []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.size()+int64(len(lines)) > s.limit && len(s.parts) > 0 && ctx.Err() == nil {
		s.seal() // what is to make room has to become an object
		freed := s.freed
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-freed:
		}
		s.mu.Lock()
	}
	if s.open == nil {
		if err := s.begin(); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	last := s.parts[len(s.parts)-1]
	if _, err := s.open.WriteAt(lines, last.size); err != nil {
		return fmt.Errorf("spool: %w", errors.Join(err, s.open.Truncate(last.size)))
	}
	if err := s.open.Sync(); err != nil {
		// What is on the disk now is not known: the file ends here as far as it is sure, and another is begun.
		err = errors.Join(err, s.open.Truncate(last.size))
		s.seal()
		return fmt.Errorf("spool: %w", err)
	}
	last.size += int64(len(lines))
	if last.size >= s.object {
		s.seal()
	}
	return nil
}

func (s *spool) begin() error {
	file, err := os.OpenFile(s.path(s.latest+1), os.O_CREATE|os.O_EXCL|os.O_WRONLY, privateTo)
	if err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		return errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	s.latest++
	s.open = file
	s.parts = append(s.parts, &partFile{id: s.latest, begun: s.now()})
	return nil
}

// seal ends the file that is being filled. All of it is on the disk.
func (s *spool) seal() {
	if s.open != nil {
		_ = s.open.Close()
		s.open = nil
	}
}

func (s *spool) size() int64 {
	var all int64
	for _, p := range s.parts {
		all += p.size
	}
	return all
}

// ready says whether a file is full, or has waited for long enough.
func (s *spool) ready(interval time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch len(s.parts) {
	case 0:
		return false
	case 1:
		return s.open == nil || s.now().Sub(s.parts[0].begun) >= interval
	default:
		return true
	}
}

// oldest reads the file that goes to the archive next; nil when there is none. Nothing is added to it afterwards.
func (s *spool) oldest(interval time.Duration) (*piece, error) {
	if !s.ready(interval) {
		return nil, nil
	}
	s.mu.Lock()
	if len(s.parts) == 1 {
		s.seal()
	}
	id := s.parts[0].id
	s.mu.Unlock()
	lines, err := os.ReadFile(s.path(id))
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	lines = lines[:bytes.LastIndexByte(lines, '\n')+1]
	return &piece{id: id, lines: lines, events: bytes.Count(lines, []byte("\n"))}, nil
}

// done takes away a file of an earlier run that became an object, and lets no other have its number: the object tells it.
func (s *spool) done(id uint64) error {
	s.latest = max(s.latest, id)
	return s.remove(id)
}

// remove takes away a file that became an object. It may be gone already.
func (s *spool) remove(id uint64) error {
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = slices.DeleteFunc(s.parts, func(p *partFile) bool { return p.id == id })
	close(s.freed)
	s.freed = make(chan struct{})
	return nil
}

// waiting is how many bytes wait, and for how long the oldest of them.
func (s *spool) waiting() (bytes int64, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parts) > 0 {
		age = s.now().Sub(s.parts[0].begun)
	}
	return s.size(), age
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
	return s.lock.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
