package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// bootsEvery is how often the consoles are read while the stack is made.
const bootsEvery = 2 * time.Second

// boots sees what machines say of their boots. What stood on a console before it began is an earlier run's.
type boots struct {
	host host
	read map[string]int64 // bytes of each console
}

func watchBoots(h host) (*boots, error) {
	b := &boots{host: h, read: map[string]int64{}}
	list, err := h.Machines()
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if info, err := os.Stat(h.ConsoleLog(m.Name)); err == nil {
			b.read[m.Name] = info.Size()
		}
	}
	return b, nil
}

// failed is the first failed boot since the last look, as an error that says what to do; nil where there is none.
func (b *boots) failed() error {
	list, err := b.host.Machines()
	if err != nil {
		return nil // one is being made at this moment: the next look sees it
	}
	for _, m := range list {
		if err := b.look(m.Name); err != nil {
			return err
		}
	}
	return nil
}

// look reads what is new on a console, up to the last line that has ended. A console that became shorter is another machine's.
func (b *boots) look(name string) error {
	text, err := os.ReadFile(b.host.ConsoleLog(name))
	if err != nil {
		return nil // none yet
	}
	from := b.read[name]
	if from > int64(len(text)) {
		from = 0
	}
	end := int64(bytes.LastIndexByte(text, '\n') + 1)
	if end < from {
		return nil
	}
	b.read[name] = end
	for line := range bytes.Lines(text[from:end]) {
		_, said, found := bytes.Cut(line, []byte("lagrum-boot: "+name+": "))
		step, why, failed := bytes.Cut(said, []byte(": failed: "))
		if found && failed {
			return fmt.Errorf("%s did not become a node: %s: %s; see: lagrum lab logs %s; a node that failed is replaced: make down, then make up",
				name, step, bytes.TrimSpace(why), name)
		}
	}
	return nil
}

// unlessBootFails does something for as long as no machine says that its boot failed: nothing that waits for the machine would
// see it otherwise before its own patience ends.
func unlessBootFails(ctx context.Context, h host, every time.Duration, do func(context.Context) error) error {
	b, err := watchBoots(h)
	if err != nil {
		return err
	}
	watched, stop := context.WithCancelCause(ctx)
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		for {
			select {
			case <-watched.Done():
				return
			case <-time.After(every):
			}
			if err := b.failed(); err != nil {
				stop(err)
				return
			}
		}
	}()
	err = do(watched)
	stop(nil)
	<-seen
	if cause := context.Cause(watched); err != nil && ctx.Err() == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
