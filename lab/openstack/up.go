package openstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/debian"
)

// The steps that are neither a daemon nor the migration of a service ("migrate-" and its name).
const (
	stepPackages  = "packages"
	stepDatabase  = "database"
	stepCatalogue = "catalogue"
	stepObjects   = "objects"
	stepWorkers   = "workers"
)

// Up brings everything up that is not up yet, and tells out about the progress. What an interrupted run has finished stays.
func (l *Lab) Up(ctx context.Context, out io.Writer) error {
	started := time.Now()
	fmt.Fprintf(out, "lab %s: an OpenStack control plane on this machine, in %s\n", l.Name, l.Dir)
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.configure(); err != nil {
		return err
	}
	// Only a policy that a killed run left: it would keep the host's own services down.
	if err := debian.RemovePolicy(); err != nil {
		return err
	}
	steps := l.steps()
	if err := artifacts.Carry(ctx, steps, out, opening); errors.Is(err, context.Canceled) {
		return fmt.Errorf("openstack of lab %s: interrupted: lagrum openstack up goes on from here, down removes it: %w", l.Name, context.Canceled)
	} else if err != nil {
		return err
	}
	fmt.Fprintf(out, "OpenStack is up after %s. For a shell: eval \"$(lagrum openstack env)\"\n", time.Since(started).Round(time.Second))
	return nil
}

func opening(todo, total int, left string) string {
	if todo == 0 {
		return fmt.Sprintf("All %d parts of it are up.", total)
	}
	return fmt.Sprintf("%d of %d steps are still to be done, in about %s. What is finished is kept, also when this run is interrupted.", todo, total, left)
}

// steps are everything, in the order in which the slowest chain (database, Keystone, catalogue, Nova) is never kept waiting.
func (l *Lab) steps() []artifacts.Step {
	steps := []artifacts.Step{
		{
			Name: stepPackages, Title: "Debian's packages", Cost: 5 * time.Minute,
			Ready: func() bool {
				missing, err := debian.Missing(context.Background(), packages...)
				return err == nil && len(missing) == 0
			},
			Make: func(ctx context.Context, _ int) error { return installPackages(ctx) },
		},
		{
			Name: stepDatabase, Title: "MariaDB's files", Needs: []string{stepPackages}, Cost: 4 * time.Second,
			Ready: func() bool { return l.finished(stepDatabase) },
			Make:  func(ctx context.Context, _ int) error { return l.makeDatabase(ctx) },
		},
	}
	daemons := map[string]artifacts.Step{}
	var rest []string
	var workers []string
	for _, d := range l.daemons() {
		daemons[d.name] = l.daemonStep(d)
		if d.name == "mariadb" {
			step := daemons[d.name]
			step.Needs = append(step.Needs, stepDatabase)
			daemons[d.name] = step
		}
		switch d.name {
		case "mariadb", "memcached", "rabbitmq", "keystone":
		default:
			rest = append(rest, d.name)
		}
		if d.answers == nil {
			workers = append(workers, d.name)
		}
	}
	steps = append(steps, daemons["mariadb"], daemons["memcached"])
	for _, m := range l.migrations() {
		steps = append(steps, l.migrationStep(m))
		if m.service == "keystone" {
			steps = append(steps, daemons["rabbitmq"], daemons["keystone"], artifacts.Step{
				Name: stepCatalogue, Title: "service users and catalogue", Needs: []string{"keystone"}, Cost: 3 * time.Second,
				Ready: func() bool { return l.finished(stepCatalogue) },
				Make:  l.once(stepCatalogue, l.makeCatalogue),
			})
		}
	}
	for _, name := range rest {
		steps = append(steps, daemons[name])
	}
	return append(steps,
		artifacts.Step{
			Name: stepObjects, Title: "flavour, image, network, volume types", Needs: []string{"glance", "neutron", "nova", "cinder", "nova-conductor"}, Cost: 5 * time.Second,
			Ready: func() bool { return l.finished(stepObjects) },
			Make:  l.once(stepObjects, l.makeObjects),
		},
		artifacts.Step{
			Name: stepWorkers, Title: "what listens to the bus", Needs: append(workers, stepObjects), Cost: 10 * time.Second,
			Ready: func() bool { return false },
			Make:  func(ctx context.Context, _ int) error { return l.awaitWorkers(ctx) },
		},
	)
}

// once notes that a step is done.
func (l *Lab) once(name string, do func(context.Context) error) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		if err := do(ctx); err != nil {
			return err
		}
		return l.finish(name)
	}
}

func (l *Lab) migrationStep(m migration) artifacts.Step {
	name := "migrate-" + m.service
	return artifacts.Step{
		Name: name, Title: m.service + "'s tables", Needs: []string{"mariadb"}, Cost: m.cost,
		Ready: func() bool { return l.finished(name) },
		Make:  func(ctx context.Context, _ int) error { return l.migrate(ctx, m) },
	}
}

func (l *Lab) daemonStep(d daemon) artifacts.Step {
	return artifacts.Step{
		Name: d.name, Title: d.title, Needs: d.needs, Cost: d.cost,
		Ready: func() bool {
			up, err := l.running(d.name)
			if err != nil || !up || d.answers == nil {
				return err == nil && up
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			return d.answers(ctx) == nil
		},
		Make: func(ctx context.Context, _ int) error { return l.serve(ctx, d) },
	}
}
