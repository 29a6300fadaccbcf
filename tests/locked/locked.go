// Package locked gives the declared stacks digests, for tests of what a stack may do only with them. No registry holds such
// an image: each digest is made from its image's name.
package locked

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/stacks/plan"
)

// at is when the declared stacks are decided: their certificates are good then.
var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// For has a digest for every image of the catalogue at a cluster's versions.
func For(c plan.Cluster) lock.Lock {
	held := lock.Lock{}
	for _, image := range images.For(c).All() {
		held[image.Name()] = lock.Row{Image: image.Name(), Digest: Digest(image.Name()), From: image.Name(), At: at}
	}
	return held
}

// Digest is the one that an image has here.
func Digest(name string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))) }

// Beside reads what a stack is given in the place of the lock file of the checkout at a folder.
func Beside(checkout string) func(project string) (lock.Lock, error) {
	return func(string) (lock.Lock, error) {
		text, err := os.ReadFile(filepath.Join(checkout, "Pulumi.se-prod.yaml"))
		if err != nil {
			return nil, err
		}
		p, _, err := plan.OfStack(text, at)
		if err != nil {
			return nil, err
		}
		return For(p.Cluster), nil
	}
}
