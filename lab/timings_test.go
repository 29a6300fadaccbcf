package lab

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/artifacts"
)

func TestTimings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		taking := func(d time.Duration) func(context.Context, int) error {
			return func(context.Context, int) error { time.Sleep(d); return nil }
		}
		timing := &timings{}
		for _, step := range timing.watch([]artifacts.Step{
			{Title: "quick", Make: taking(time.Millisecond)},
			{Title: "a program", Make: taking(65 * time.Second)},
			{Title: "the stack", Make: taking(2 * time.Minute)},
		}) {
			require.NoError(t, step.Make(t.Context(), 0))
		}
		require.Equal(t, "      2m0s  the stack\n      1m5s  a program\n", timing.String())
	})
}
