package artifacts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Step is one artifact to have ready before or while a lab starts.
type Step struct {
	Name  string   // what Needs refers to; unique among the steps of a build
	Title string   // what people read
	Needs []string // steps that come first; one that is not among the steps of the build counts as ready
	// Cost is the processor time that making it takes, or the elapsed time when it mostly waits.
	Cost time.Duration
	// Prints says that Make itself writes to where Build reports: on a terminal, the status line then makes room.
	Prints bool
	// Ready reports whether there is nothing left to do.
	Ready func() bool
	// Make does it. Its commands run with the given niceness, so that what is needed first goes first.
	Make func(ctx context.Context, niceness int) error
}

// Steps are the steps that make the targets and all that they are made from, in the order in which a starting cluster needs them. A target is the name of a
// program, "image-" and the name of an archive, or "network-tools"; without targets the steps make everything that is not on demand.
func (s *Store) Steps(targets ...string) ([]Step, error) {
	all, byDefault := s.allSteps()
	if len(targets) == 0 {
		targets = byDefault
	}
	wanted := map[string]bool{}
	for len(targets) > 0 {
		name := targets[0]
		targets = targets[1:]
		i := slices.IndexFunc(all, func(step Step) bool { return step.Name == name })
		if i < 0 {
			names := make([]string, len(all))
			for i, step := range all {
				names[i] = step.Name
			}
			return nil, fmt.Errorf("artifacts: no target %q; there are %s", name, strings.Join(names, ", "))
		}
		wanted[name] = true
		targets = append(targets, all[i].Needs...)
	}
	return slices.DeleteFunc(all, func(step Step) bool { return !wanted[step.Name] }), nil
}

// allSteps lists a step for everything in the catalogues, and the names of those that are not on demand.
func (s *Store) allSteps() (all []Step, byDefault []string) {
	tools := s.toolStep()
	// Fetching packages waits for the network, beside the first compile.
	all, byDefault = append(all, tools), append(byDefault, tools.Name)
	for _, p := range Programs() {
		all = append(all, s.programStep(p))
		if !p.OnDemand {
			byDefault = append(byDefault, p.Name)
		}
		// An archive comes as soon as its last program does.
		for _, a := range Archives() {
			if last := lastProgram(a); last != p.Name {
				continue
			}
			step := s.archiveStep(a)
			all = append(all, step)
			if !a.OnDemand {
				byDefault = append(byDefault, step.Name)
			}
		}
	}
	return all, byDefault
}

// lastProgram is the last program of an archive's layers.
func lastProgram(a Archive) string {
	last := ""
	for _, l := range a.layers() {
		if l.program != "" {
			last = l.program
		}
	}
	return last
}

func (s *Store) programStep(p Program) Step {
	return Step{
		Name:  p.Name,
		Title: p.Name + " " + p.Version,
		Cost:  s.Cost(p.Name, p.Assumed),
		Ready: func() bool { return s.holds(p.Name, func() ([]string, error) { return s.programInputs(p) }) },
		Make: func(ctx context.Context, niceness int) error {
			_, err := s.program(ctx, p, niceness)
			return err
		},
	}
}

func (s *Store) archiveStep(a Archive) Step {
	var needs []string
	for _, l := range a.layers() {
		switch {
		case l.program != "":
			needs = append(needs, l.program)
		case l.name == toolLayer:
			needs = append(needs, toolsArtifact)
		}
	}
	name := archiveArtifact(a.Name)
	title := "image " + a.Name
	if len(a.Images) > 1 {
		title = fmt.Sprintf("%d images %s", len(a.Images), a.Name)
	}
	return Step{
		Name: name, Title: title, Needs: needs,
		Cost:  s.Cost(name, archiveCost),
		Ready: func() bool { return s.holds(name, func() ([]string, error) { return s.archiveInputs(a) }) },
		Make: func(ctx context.Context, _ int) error {
			_, err := s.Archive(ctx, a.Name)
			return err
		},
	}
}

func (s *Store) toolStep() Step {
	return Step{
		Name: toolsArtifact, Title: "network tools from Debian",
		Cost:  s.Cost(toolsArtifact, toolsCost),
		Ready: func() bool { return s.holds(toolsArtifact, func() ([]string, error) { return s.toolInputs(), nil }) },
		Make: func(ctx context.Context, _ int) error {
			_, err := s.NetworkTools(ctx)
			return err
		},
	}
}

// holds reports whether the cache holds an artifact. Inputs that cannot be read count as missing: making it then tells why.
func (s *Store) holds(name string, inputs func() ([]string, error)) bool {
	from, err := inputs()
	return err == nil && finished(s.path(name, from))
}
