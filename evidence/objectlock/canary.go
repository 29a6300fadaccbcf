package objectlock

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"
)

// canary is a locked version that is attacked.
type canary struct {
	on           Subject
	key, version string
	// until is the earliest date to which it is locked, and slack how far a store's date may lie before that: nothing once
	// the date was read back.
	until time.Time
	slack time.Duration
	dated bool
	// content is what it holds.
	content []byte
}

// clockSlack is what clocks may differ by before locks are no longer believed.
const clockSlack = time.Minute

// content is what canaries hold: short, and plain to whoever finds it.
func content(on Subject) []byte { return []byte("lagrum preflight canary (" + string(on) + ")\n") }

// canary returns the living canary of a kind, or puts one. After an attack that harmed one the next attack meets another.
func (r *run) canary(ctx context.Context, on Subject) (*canary, error) {
	if c := r.canaries[on]; c != nil {
		return c, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.put++
	c := &canary{on: on, content: content(on), key: fmt.Sprintf("%s%d", r.prefix, r.put), slack: clockSlack, until: r.now().Add(lockTime).Truncate(time.Second)}
	mode, until := minio.RetentionMode(""), time.Time{}
	if on == OwnDate {
		mode, until = minio.Compliance, c.until
	}
	var answer Answer
	if c.version, answer = r.store.put(ctx, c.key, c.content, mode, until); !answer.ok() {
		return nil, fmt.Errorf("put a canary (%s): %w", on, r.explain(answer))
	}
	if c.version == "" {
		return nil, fmt.Errorf("put a canary (%s): the store gave its version no id; object lock needs a store with versioning", on)
	}
	mode, until, answer = r.retention(ctx, c.key, c.version)
	verdict, effect := Holds, ""
	switch {
	case answer.unclear():
		verdict = Unclear
	case !answer.ok() || mode == "":
		verdict, effect = Fails, "none is kept with the object"
	case mode != minio.Compliance:
		verdict, effect = Fails, fmt.Sprintf("the mode is %s", mode)
	default:
		c.dated = true
		if effect = c.sooner(until); effect != "" {
			verdict = Fails
		} else {
			c.until, c.slack = until, 0
		}
	}
	r.noteOnce(Finding{ID: "date", Kind: Fact, On: on, Answers: []Answer{answer}, Verdict: verdict, Effect: effect})
	r.canaries[on] = c
	return c, nil
}

// sooner says by how much a lock that ends at until ends too soon; empty when it does not.
func (c *canary) sooner(until time.Time) string {
	if !until.Before(c.until.Add(-c.slack)) {
		return ""
	}
	short := c.until.Sub(until)
	return fmt.Sprintf("the lock ends %s too soon", short.Round(roundTo(short)))
}

// roundTo keeps seconds where they are all there is to tell.
func roundTo(d time.Duration) time.Duration {
	if d < time.Minute {
		return time.Second
	}
	return time.Minute
}

// look tells what became of a canary: empty while it stands as it was put, and the trouble when that cannot be told.
func (r *run) look(ctx context.Context, c *canary) (effect string, trouble *Answer) {
	kept, answer := r.eyes.get(ctx, c.key, c.version)
	switch {
	case answer.gone():
		return "the version is gone", nil
	case !answer.ok():
		return "", &answer
	case !bytes.Equal(kept, c.content):
		return "the version holds something else", nil
	}
	mode, until, answer := r.eyes.retention(ctx, c.key, c.version)
	switch {
	case answer.unclear():
		return "", &answer
	case !answer.ok() || mode == "":
		if c.dated {
			return "its retention is gone", nil
		}
		return "", nil // It never showed one: the deletes tell.
	case mode != minio.Compliance:
		return fmt.Sprintf("the mode is now %s", mode), nil
	default:
		return c.sooner(until), nil
	}
}
