package openstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lagrum/lagrum/lab/debian"
	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/process"
)

// Down ends every process of the OpenStack and removes its folder. It asks the kernel and no record, so it works after any
// crash; doing it twice is fine. Debian's packages stay.
func (l *Lab) Down(ctx context.Context, out io.Writer) error {
	left, err := l.Leftovers()
	if err != nil {
		return err
	}
	if len(left) > 0 {
		if err := l.remove(ctx); err != nil {
			return fmt.Errorf("openstack of lab %s: down: %w", l.Name, err)
		}
	}
	if err := debian.RemovePolicy(); err != nil {
		return err
	}
	for _, what := range left {
		fmt.Fprintln(out, "removed "+what)
	}
	if left, err := l.Leftovers(); err != nil || len(left) > 0 {
		return errors.Join(err, fmt.Errorf("openstack of lab %s: down: still there: %v; run it again", l.Name, left))
	}
	fmt.Fprintf(out, "the OpenStack of lab %s is down; Debian's packages stay\n", l.Name)
	return nil
}

func (l *Lab) remove(ctx context.Context) error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	// Nothing is kept, so nothing has to end in order: asked nicely, some would wait for the bus for ever.
	// Twice, since a process that is just giving way to another program (exec) shows no mark for a moment.
	for range 2 {
		if err := process.KillMarked(ctx, l.Name+"/openstack"); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		return err
	}
	// The lab's own folder, and that of all labs, if nothing else is in them.
	lab := filepath.Dir(l.Dir)
	if err := removeIfEmpty(lab); err != nil {
		return err
	}
	return machines.RemoveRoot(filepath.Dir(lab))
}

func removeIfEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || len(entries) > 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(dir)
}

// Leftovers lists what the OpenStack has on the host, one line each; empty means that nothing is there.
func (l *Lab) Leftovers() ([]string, error) {
	return process.Leftovers(l.Name+"/openstack", l.Dir)
}
