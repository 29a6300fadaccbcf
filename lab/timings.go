package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
)

// timings is how long each part of one Up took.
type timings struct {
	total time.Duration

	mu    sync.Mutex
	parts []part
}

type part struct {
	title string
	took  time.Duration
}

// watch times the steps.
func (t *timings) watch(steps []artifacts.Step) []artifacts.Step {
	watched := slices.Clone(steps)
	for i, step := range watched {
		watched[i].Make = func(ctx context.Context, niceness int) error {
			begun := time.Now()
			err := step.Make(ctx, niceness)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.parts = append(t.parts, part{title: step.Title, took: time.Since(begun)})
			return err
		}
	}
	return watched
}

// String lists what took a second or more, the longest first. Parts overlap, so they add up to more than the total.
func (t *timings) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := slices.DeleteFunc(slices.Clone(t.parts), func(p part) bool { return p.took < time.Second })
	slices.SortStableFunc(parts, func(a, b part) int { return int(b.took - a.took) })
	var text strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&text, "  %8s  %s\n", p.took.Round(time.Second), p.title)
	}
	return text.String()
}
