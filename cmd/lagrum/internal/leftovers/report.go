package leftovers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Cloud is where things stand.
type Cloud interface {
	// List returns all things of the project, those of other stacks too, in the order in which they can be removed.
	List(ctx context.Context) ([]Thing, error)
	// Remove asks the cloud to delete a thing.
	Remove(ctx context.Context, thing Thing) error
}

// Report prints the findings for people.
func Report(out io.Writer, stack string, found []Finding) error {
	if len(found) == 0 {
		fmt.Fprintf(out, "stack %s: the cloud holds what the state holds\n", stack)
		return nil
	}
	fmt.Fprintf(out, "stack %s: %d things are not as an update leaves them\n", stack, len(found))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tID\tNAME\tCLOUD SAYS\tSTATE\tFOUND BY\tREMOVABLE")
	for _, f := range found {
		held, removable := "outside", "yes"
		if f.URN != "" {
			held = "inside"
		}
		if f.Kept != "" {
			removable = "no"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Kind, f.ID, dash(f.Name), dash(f.State), held, f.By, removable)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	// One sentence for all of which it is true.
	var said string
	for _, f := range found {
		sentence := f.What + "\n"
		if f.Kept != "" && f.URN == "" {
			sentence += "  --remove leaves it: " + f.Kept + "\n"
		}
		if sentence != said {
			fmt.Fprint(out, sentence)
		}
		said = sentence
		fmt.Fprintf(out, "  do: %s\n", f.Do)
	}
	return nil
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// removal bounds how long the cloud may take to let go of everything, and how often it is asked again.
const (
	removalLimit = 5 * time.Minute
	removalPause = 2 * time.Second
)

// Remove removes what may go, in order, and returns what is left of the findings.
func Remove(ctx context.Context, cloud Cloud, out io.Writer, found []Finding) ([]Finding, error) {
	return remove(ctx, cloud, out, found, removalLimit, removalPause)
}

// remove asks until everything is gone: clouds delete behind their queues, and refuse while something else lets go.
func remove(ctx context.Context, cloud Cloud, out io.Writer, found []Finding, limit, pause time.Duration) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	gone := map[string]bool{}
	refused := map[string]error{}
	for {
		for _, f := range found {
			if f.Kept == "" && !gone[f.ID] {
				refused[f.ID] = cloud.Remove(ctx, f.Thing)
			}
		}
		there, err := cloud.List(ctx)
		if err != nil {
			return found, errors.Join(err, ctx.Err())
		}
		var left []Finding
		var waiting []error
		for _, f := range found {
			switch {
			case f.Kept == "" && !gone[f.ID] && !slices.ContainsFunc(there, func(t Thing) bool { return t.ID == f.ID }):
				gone[f.ID] = true
				fmt.Fprintf(out, "removed %s %s %s\n", f.Kind, f.ID, f.Name)
			case !gone[f.ID]:
				left = append(left, f)
			}
			if f.Kept == "" && !gone[f.ID] {
				reason := refused[f.ID]
				if reason == nil {
					reason = errors.New("the cloud has begun to delete it")
				}
				waiting = append(waiting, fmt.Errorf("%s %s: still there after %s: %w", f.Kind, f.ID, limit, reason))
			}
		}
		if len(waiting) == 0 {
			return left, nil
		}
		select {
		case <-ctx.Done():
			return left, errors.Join(waiting...)
		case <-time.After(pause):
		}
	}
}
