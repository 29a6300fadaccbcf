package registry

import (
	"context"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lagrum/lagrum/components/images/lock"
)

// Request is one run over a list of images.
type Request struct {
	Client
	// Images are <upstream repository>:<tag>.
	Images []string
	// Registry is asked in the place of the makers' own; it holds <registry>/<last path element>:<tag>. Empty: the makers'.
	Registry string
	// AcceptMoved takes over the new digest of a tag that has moved.
	AcceptMoved bool
	// At is when it is asked, to the second.
	At time.Time
	// Progress gets a line as soon as something is known of an image.
	Progress io.Writer
}

// Problem is an image of which the lock says what it said before.
type Problem struct {
	Image string
	Err   error
}

// abreast is how many images are asked for at a time: registries limit who asks for many.
const abreast = 4

// Resolve asks for every image, and gives the lock as it is afterwards: with what was answered, and unchanged for what was
// not. The error is that of a run that was interrupted, of which nothing is to be kept.
func Resolve(ctx context.Context, held lock.Lock, r Request) (lock.Lock, []Problem, error) {
	now := held.With(r.Images)
	errs := make([]error, len(r.Images))
	var mutex sync.Mutex
	var asked errgroup.Group
	asked.SetLimit(abreast)
	for i, image := range r.Images {
		asked.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			reference := image
			if r.Registry != "" {
				reference = r.Registry + "/" + path.Base(image)
			}
			found, err := r.Find(ctx, reference)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			mutex.Lock()
			defer mutex.Unlock()
			if err == nil {
				now[image], err = r.judge(now[image], reference, found)
			}
			errs[i] = err
			says := "kept as it was, see below"
			if err == nil {
				says = now[image].Digest
			}
			_, err = fmt.Fprintf(r.Progress, "%s  %s\n", image, says)
			return err
		})
	}
	if err := asked.Wait(); err != nil {
		return nil, nil, err
	}
	var problems []Problem
	for i, err := range errs {
		if err != nil {
			problems = append(problems, Problem{Image: r.Images[i], Err: err})
		}
	}
	return now, problems, nil
}

// judge is the row of an image after an answer. A tag that has moved is somebody's decision: other bytes under an old name
// are how a supply chain is attacked. A row whose digest still holds stays as it is, so that asking again changes no file.
func (r Request) judge(row lock.Row, reference string, found Found) (lock.Row, error) {
	if row.Digest == found.Digest && row.Node == found.Node {
		return row, nil
	}
	if row.Digest != "" && !r.AcceptMoved {
		return row, fmt.Errorf("the tag has moved: %s on %s was %s, and now %s answers %s; find out why, and then say --accept-moved",
			row.From, row.At.Format(time.DateOnly), row.Digest, reference, found.Digest)
	}
	return lock.Row{Image: row.Image, Digest: found.Digest, Node: found.Node, From: reference, At: r.At.UTC().Truncate(time.Second)}, nil
}
