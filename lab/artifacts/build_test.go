package artifacts

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/golden"
)

// The texts of a whole build, at moments of our choosing.
func TestProgress(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	all := []work{
		{Step: Step{Title: "kubernetes 1.36.3", Cost: 480 * time.Second}},
		{Step: Step{Title: "containerd 2.4.2", Cost: 120 * time.Second}},
		{Step: Step{Title: "image kubernetes", Cost: 5 * time.Second}},
	}
	for i := range 9 {
		all = append(all, work{Step: Step{Title: "other " + string(rune('a'+i)), Cost: 80 * time.Second}})
	}
	var lines []string
	say := func(line string) { lines = append(lines, line) }
	say(opening(nil, 12, 2))
	say(opening(all, 14, 2))
	all[0].state, all[0].started = running, start
	say(statusLine(all, 2, start))
	all[1].state, all[1].started = running, start.Add(2*time.Second)
	say(statusLine(all, 2, start.Add(62*time.Second)))
	all[1].state = done
	say(doneLine(all, 1, start.Add(130*time.Second)))
	// Longer than expected: never less than nothing is left.
	say(statusLine(all, 2, start.Add(20*time.Minute)))
	all[0].state = done
	say(doneLine(all, 0, start.Add(1201*time.Second)))
	for i := range all {
		all[i].state = done
	}
	all[11].state, all[11].started = running, start
	say(statusLine(all, 64, start.Add(75*time.Second)))
	golden.Compare(t, "progress.golden", strings.Join(lines, "\n")+"\n")
}

func TestRough(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		in   time.Duration
		want string
	}{
		{"nothing", 0, "10s"},
		{"rounded up", 31 * time.Second, "40s"},
		{"a minute", time.Minute, "1m"},
		{"below ten minutes", 190 * time.Second, "3m10s"},
		{"above ten minutes", 10*time.Minute + time.Second, "11m"},
		{"hours", 2 * time.Hour, "2h0m"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, rough(row.in))
		})
	}
}

// recorder makes steps that tell when they start, and end when told.
type recorder struct {
	started chan string
	release map[string]chan error
}

func (r *recorder) step(name string, needs ...string) Step {
	end := make(chan error, 1)
	r.release[name] = end
	return Step{
		Name: name, Title: name, Needs: needs,
		Ready: func() bool { return false },
		Make: func(ctx context.Context, _ int) error {
			r.started <- name
			select {
			case err := <-end:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
}

// running is which two steps have started, in either order.
func (r *recorder) running() []string { return []string{<-r.started, <-r.started} }

func newRecorder() *recorder {
	return &recorder{started: make(chan string, 10), release: map[string]chan error{}}
}

func TestBuildRunsTwoStepsInOrderOfNeed(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	cached := Step{Name: "cached", Ready: func() bool { return true }}
	steps := []Step{cached, r.step("a"), r.step("image-a", "a", "cached"), r.step("b"), r.step("c", "cached"), r.step("image-b", "b")}
	ended := make(chan error, 1)
	var out bytes.Buffer
	go func() { ended <- Build(t.Context(), steps, &out) }()

	assert.ElementsMatch(t, []string{"a", "b"}, r.running())
	r.release["a"] <- nil
	assert.Equal(t, "image-a", <-r.started)
	r.release["image-a"] <- nil
	assert.Equal(t, "c", <-r.started)
	r.release["b"] <- nil
	assert.Equal(t, "image-b", <-r.started)
	r.release["c"] <- nil
	r.release["image-b"] <- nil
	require.NoError(t, <-ended)
	assert.Contains(t, out.String(), "5 of 6 are still to be made")
	assert.Contains(t, out.String(), "[5/5]")
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		states []state // of a, of image-a which needs a, and of b
		want   int
	}{
		{"the first step first", []state{waiting, waiting, waiting}, 0},
		{"not before what it needs", []state{running, waiting, waiting}, 2},
		{"two at once", []state{running, waiting, running}, -1},
		{"as soon as it can", []state{done, waiting, waiting}, 1},
		{"the rest beside it", []state{done, running, waiting}, 2},
		{"nothing left", []state{done, done, done}, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := build{work: []work{{Step: Step{Name: "a"}}, {Step: Step{Name: "image-a", Needs: []string{"a"}}}, {Step: Step{Name: "b"}}}}
			for i, s := range row.states {
				b.work[i].state = s
			}
			assert.Equal(t, row.want, b.next())
		})
	}
}

func TestBuildStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	ended := make(chan error, 1)
	var out bytes.Buffer
	go func() { ended <- Build(t.Context(), []Step{r.step("a"), r.step("b"), r.step("c")}, &out) }()
	assert.ElementsMatch(t, []string{"a", "b"}, r.running())
	r.release["b"] <- errors.New("b: no space")
	assert.EqualError(t, <-ended, "b: no space")
	assert.Empty(t, r.started, "nothing starts after a failure")
}

func TestBuildEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var out bytes.Buffer
	go func() { ended <- Build(ctx, []Step{r.step("a"), r.step("b"), r.step("c")}, &out) }()
	r.running()
	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)
	assert.Empty(t, r.started)
}

func TestBuildRefusesStepsThatCannotStart(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	var out bytes.Buffer
	err := Build(t.Context(), []Step{r.step("image-a", "a"), r.step("a")}, &out)
	assert.EqualError(t, err, "artifacts: step image-a needs a, which does not come before it")
}

func TestBuildOfNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, Build(t.Context(), []Step{{Name: "a", Ready: func() bool { return true }}}, &out))
	assert.Equal(t, "All 1 programs and images of the lab are in the cache.\n", out.String())
}
