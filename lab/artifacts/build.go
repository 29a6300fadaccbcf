package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/term"
)

// concurrent is how many steps run at once. Each compile uses every processor while it can; a second one fills the gaps when the first waits for one large
// package, for the linker or for downloads. A third would only cost memory: a compiler may take 3 GiB.
const concurrent = 2

// Build makes the steps, in their order as far as needs allow, and tells out about the progress: one status line on a terminal, plain lines elsewhere. Steps
// that are ready cost nothing. When one fails, the others are interrupted; whatever is finished stays, so that a later Build goes on from there.
func Build(ctx context.Context, steps []Step, out io.Writer) error {
	return carry(ctx, steps, out, opening)
}

// Carry is Build for steps that make something else than programs and images: opening says what is about to be done, given how many steps of all remain and
// how long they are expected to take.
func Carry(ctx context.Context, steps []Step, out io.Writer, opening func(todo, total int, left string) string) error {
	return carry(ctx, steps, out, func(todo []work, total, cores int) string {
		return opening(len(todo), total, rough(remaining(todo, cores, time.Time{})))
	})
}

func carry(ctx context.Context, steps []Step, out io.Writer, opening func(todo []work, total, cores int) string) error {
	todo := slices.DeleteFunc(slices.Clone(steps), func(step Step) bool { return step.Ready() })
	if err := checkNeeds(todo); err != nil {
		return err
	}
	b := build{out: out, cores: runtime.NumCPU(), work: make([]work, len(todo))}
	for i, step := range todo {
		b.work[i].Step = step
	}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		b.live = func() (int, error) {
			width, _, err := term.GetSize(int(file.Fd()))
			return width, err
		}
	}
	b.print(opening(b.work, len(steps), b.cores))
	if len(todo) == 0 {
		return nil
	}
	return b.run(ctx)
}

// checkNeeds refuses steps that can never start: each need that is a step has to come before it.
func checkNeeds(steps []Step) error {
	for i, step := range steps {
		for _, later := range steps[i:] {
			if slices.Contains(step.Needs, later.Name) {
				return fmt.Errorf("artifacts: step %s needs %s, which does not come before it", step.Name, later.Name)
			}
		}
	}
	return nil
}

type state int

const (
	waiting state = iota
	running
	done
)

// work is a step and how far it is.
type work struct {
	Step
	state   state
	started time.Time
}

// build is one run of the steps.
type build struct {
	out   io.Writer
	live  func() (width int, err error) // of the terminal; nil when out is none
	cores int
	work  []work

	reported time.Time // when the last status line that stays was written
}

// outcome is how a step ended.
type outcome struct {
	index int
	err   error
}

func (b *build) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	ended := make(chan outcome)
	var failures []error
	for {
		started := false
		for ctx.Err() == nil {
			next := b.next()
			if next < 0 {
				break
			}
			started = true
			b.start(ctx, next, ended)
		}
		if !slices.ContainsFunc(b.work, func(w work) bool { return w.state == running }) {
			break
		}
		b.status(time.Now(), started)
		select {
		case <-tick.C:
		case end := <-ended:
			w := &b.work[end.index]
			w.state = done
			if end.err != nil {
				failures = append(failures, end.err)
				cancel()
				continue
			}
			b.print(doneLine(b.work, end.index, time.Now()))
		}
	}
	return failure(ctx, failures)
}

// failure is what a build that ended reports: the steps that failed, without those that only ended because another one failed.
func failure(ctx context.Context, failures []error) error {
	causes := slices.DeleteFunc(slices.Clone(failures), func(err error) bool { return errors.Is(err, context.Canceled) })
	if len(causes) > 0 {
		return errors.Join(causes...)
	}
	if len(failures) > 0 || ctx.Err() != nil {
		return errors.Join(append(failures, ctx.Err())...)
	}
	return nil
}

// next is the first step that can start now, or -1.
func (b *build) next() int {
	busy := 0
	open := map[string]bool{}
	for _, w := range b.work {
		if w.state == running {
			busy++
		}
		if w.state != done {
			open[w.Name] = true
		}
	}
	if busy >= concurrent {
		return -1
	}
	return slices.IndexFunc(b.work, func(w work) bool {
		return w.state == waiting && !slices.ContainsFunc(w.Needs, func(need string) bool { return open[need] })
	})
}

// start runs a step. Later steps are nicer, to earlier ones and to a cluster that is already running.
func (b *build) start(ctx context.Context, index int, ended chan<- outcome) {
	w := &b.work[index]
	w.state, w.started = running, time.Now()
	step := w.Step
	go func() { ended <- outcome{index: index, err: step.Make(ctx, min(3*index, 19))} }()
}

// status shows where the build is: a terminal always sees it; a log, or a terminal that a step writes to, gets a line every 15 s and when something changed.
func (b *build) status(now time.Time, changed bool) {
	line := statusLine(b.work, b.cores, now)
	if b.live == nil || slices.ContainsFunc(b.work, func(w work) bool { return w.state == running && w.Prints }) {
		if changed || now.Sub(b.reported) >= 15*time.Second {
			b.reported = now
			b.print(line)
		}
		return
	}
	// A line that wraps could not be overwritten.
	if width, err := b.live(); err == nil && width > 0 && len(line) > width {
		line = line[:width]
	}
	fmt.Fprint(b.out, "\r\x1b[K"+line)
}

// print writes a line that stays.
func (b *build) print(line string) {
	if b.live != nil {
		line = "\r\x1b[K" + line
	}
	fmt.Fprintln(b.out, line)
}
