// Package declared reads what the stacks of a project pull: for the command that lists and resolves it, and for the page.
package declared

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Set is what stacks pull.
type Set struct {
	// Images are sorted by name.
	Images []images.Image
	// Stacks pull an image, by its name.
	Stacks map[string][]string
}

// Read decides the stacks that a project declares, or one of them, and gives what they pull. A laboratory is left out, since
// it makes its images itself.
func Read(project, stack string, at time.Time) (Set, error) {
	pattern := "Pulumi.*.yaml"
	if stack != "" {
		pattern = "Pulumi." + stack + ".yaml"
	}
	files, err := filepath.Glob(filepath.Join(project, pattern))
	if err != nil || len(files) == 0 {
		return Set{}, fmt.Errorf("%s: no stack is declared there; write its site into %s (docs/site.md)", project, pattern)
	}
	set := Set{Stacks: map[string][]string{}}
	var errs []error
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return Set{}, err
		}
		p, _, err := plan.OfStack(text, at)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:\n%w", file, err))
			continue
		}
		if p.Cloud.Kind == "lab" {
			continue
		}
		pulled := images.Union(images.Deployed(&p))
		for _, name := range images.Names(pulled) {
			set.Stacks[name] = append(set.Stacks[name], p.Name)
		}
		set.Images = images.Union(set.Images, pulled)
	}
	if len(errs) == 0 && len(set.Images) == 0 {
		errs = append(errs, fmt.Errorf("%s: a laboratory pulls no image; name a stack on a cloud", pattern))
	}
	return set, errors.Join(errs...)
}
