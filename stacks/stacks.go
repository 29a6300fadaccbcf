// Package stacks puts a declared site together: it reads the site, has the plan decide, and hands infrastructure to
// cluster and cluster to services. It is the only package that sees both clouds and components.
package stacks

import (
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/components/runtime"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/aws"
	"github.com/lagrum/lagrum/providers/lab"
	"github.com/lagrum/lagrum/providers/openstack"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// clouds is the list of everything a site can run on.
var clouds = map[string]func(*pulumi.Context, *plan.Plan, providers.Secrets) (providers.Cloud, error){
	"aws":       aws.New,
	"lab":       lab.New,
	"openstack": openstack.New,
}

// Stack is a declared stack together with the three things of the outside world that it needs.
type Stack struct {
	// Now is the time at which the plan is resolved.
	Now func() time.Time
	// Probe asks the API whether it is ready.
	Probe cluster.Prober
	// Lock reads the digests of images that a project holds.
	Lock func(project string) (lock.Lock, error)
}

// Run is the program.
func Run(ctx *pulumi.Context) error {
	return Stack{Now: time.Now, Probe: cluster.Probe, Lock: lock.Load}.Run(ctx)
}

// Run declares the stack whose site is the configuration value lagrum:site.
func (s Stack) Run(ctx *pulumi.Context) error {
	p, err := s.resolve(ctx)
	if err != nil {
		return err
	}
	if err := s.pin(ctx, p); err != nil {
		return err
	}
	infra, err := newInfrastructure(ctx, p)
	if err != nil {
		return fmt.Errorf("infrastructure: %w", err)
	}
	made, err := s.newCluster(ctx, p, infra)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if err := newServices(ctx, p, infra, made); err != nil {
		return fmt.Errorf("services: %w", err)
	}
	export(ctx, p, infra, made)
	return nil
}

// resolve turns the configuration into a plan, or into every reason why there is none.
func (s Stack) resolve(ctx *pulumi.Context) (*plan.Plan, error) {
	raw, err := config.Try(ctx, "lagrum:site")
	if err != nil {
		return nil, fmt.Errorf("lagrum:site: not set; write the site into Pulumi.%s.yaml (docs/site.md)", ctx.Stack())
	}
	declared, warnings, err := site.Load([]byte(raw))
	if err != nil {
		return nil, fmt.Errorf("the site of stack %s has mistakes:\n%w", ctx.Stack(), err)
	}
	for _, w := range warnings {
		if err := ctx.Log.Warn(w.String(), nil); err != nil {
			return nil, err
		}
	}
	profile, err := country.Lookup(declared.Country.String())
	if err != nil {
		return nil, err
	}
	p, refused, err := plan.Resolve(declared, profile, s.Now().UTC())
	for _, w := range refused {
		if err := ctx.Log.Warn(w.String(), nil); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("stack %s is refused:\n%w", ctx.Stack(), err)
	}
	if err := runtime.Check(&p, s.Now().UTC()); err != nil {
		return nil, fmt.Errorf("stack %s is refused:\n%w", ctx.Stack(), err)
	}
	// A site copied into another stack's file would take over the first one's names, tags and cluster. Labs stand side by
	// side under names of their own.
	if p.Cloud.Kind != "lab" && p.Name != ctx.Stack() {
		return nil, fmt.Errorf("lagrum:site: country and environment make this site stack %s, and it stands in Pulumi.%s.yaml; "+
			"mend the site, or name its stack %s", p.Name, ctx.Stack(), p.Name)
	}
	if _, ok := clouds[p.Cloud.Kind]; !ok {
		return nil, fmt.Errorf("lagrum:site cloud: no adapter for %q yet", p.Cloud.Kind)
	}
	return &p, nil
}
