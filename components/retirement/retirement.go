// Package retirement takes nodes out of a cluster. A control plane leaves after its replacement has joined: it is
// drained, its member of etcd removed and its Node deleted. The engine deletes the machine itself at the end of the same
// update, since deletions come last. Workers leave in two updates: the first drains those that the site lists as leaving
// and deletes their Nodes, the second deletes machines that are no longer listed. So a machine whose pods would not go
// stays, and where the plan protects, the engine deletes none that was not drained.
//
// Each retirement of a control plane is a Job, awaited, one after the other in the order of the plan. It says no rather than risk data:
// it waits until the replacement is ready and votes in etcd, refuses to remove a member when those that remain would
// have no quorum, and fails when the member is still there afterwards. It succeeds at once where the old node never
// existed, so that a site is rebuilt from the same declaration. Two replacements of one slot must be declared in two
// updates: the first Job would wait for a machine that nobody declares any more, and fails saying so.
//
// The pod is a workload.Shell, on a control-plane node that stays.
package retirement

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:retirement:Retirement"

const account = "control-plane-retirement"

const (
	// deadlineSeconds ends a Job: ten minutes for the replacement, three for its vote, five for the drain, and the rest.
	deadlineSeconds = 20 * 60
	// drainSeconds is added for each worker.
	drainSeconds = 5 * 60
)

//go:embed retire.sh
var script string

//go:embed drain.sh
var drainScript string

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Endpoint is the host of the API's load balancer, without port. It is asked instead of the API's service address
	// because it stops sending to the old API server as soon as that has lost its etcd.
	Endpoint pulumi.StringInput
	// Machines by node name. A Job starts once the machines are made that take over.
	Machines map[string]pulumi.Resource
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// task is one Job: what it runs, and whom it concerns.
type task struct {
	name, physical string
	script         string
	leaving        []string
	coming         []string
	env            corev1.EnvVarArray
	etcd           bool // it removes members of etcd
	deadline       int  // seconds
}

// tasks are the Jobs of a plan: control planes one by one, then the workers of each pool.
func tasks(p *plan.Plan) []task {
	var all []task
	for _, retired := range p.Retirements {
		all = append(all, task{
			name: retired.Node, physical: "retire-" + retired.Node, script: script, etcd: true, deadline: deadlineSeconds,
			leaving: []string{retired.Node}, coming: []string{retired.Replacement},
			env: corev1.EnvVarArray{env("OLD", retired.Node), env("NEW", retired.Replacement)},
		})
	}
	for _, pool := range p.Pools {
		t := task{name: pool.Name, physical: "leave-" + pool.Name, script: drainScript}
		for _, node := range pool.Nodes {
			if node.Leaving {
				t.leaving = append(t.leaving, node.Name)
			} else {
				t.coming = append(t.coming, node.Name)
			}
		}
		if len(t.leaving) == 0 {
			continue
		}
		t.env = corev1.EnvVarArray{env("OLD", strings.Join(t.leaving, " ")), env("NEW", strings.Join(t.coming, " "))}
		t.deadline = deadlineSeconds + len(t.leaving)*drainSeconds
		all = append(all, t)
	}
	return all
}

func env(name, value string) corev1.EnvVarArgs {
	return corev1.EnvVarArgs{Name: pulumi.String(name), Value: pulumi.String(value)}
}

// Retirement is the history of replaced control-plane nodes.
type Retirement struct {
	pulumi.ResourceState

	// Jobs in the order of the plan's retirements.
	Jobs []pulumi.Resource
}

// New declares one Job for each retirement of the plan. The caller's options must carry the cluster's Kubernetes
// provider. Without a retirement there is nothing in the cluster, no right either.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Retirement, error) {
	r := &Retirement{}
	err := construct.Component(ctx, token, name, r, pulumi.Map{}, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		todo := tasks(args.Plan)
		if len(todo) == 0 {
			return pulumi.Map{}, nil
		}
		needs, err := workload.OnceRights{Account: account, Role: role, Labels: labels(), Rules: rules(todo)}.Make(ctx, name, parent)
		if err != nil {
			return nil, err
		}
		for _, t := range todo {
			after := slices.Clone(needs)
			if len(r.Jobs) > 0 {
				after = append(after, r.Jobs[len(r.Jobs)-1])
			}
			for _, node := range t.coming {
				if machine, made := args.Machines[node]; made {
					after = append(after, machine)
				}
			}
			job, err := retire(ctx, name, args, t, parent, after)
			if err != nil {
				return nil, err
			}
			r.Jobs = append(r.Jobs, job)
		}
		return pulumi.Map{}, nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// retire declares the Job of one task.
func retire(
	ctx *pulumi.Context, name string, args *Args, t task, parent pulumi.ResourceOption, after []pulumi.Resource,
) (*batchv1.Job, error) {
	if len(t.physical) > 63 { // it becomes the value of a label
		return nil, fmt.Errorf("retirement of %s: job name %q has %d characters: shorten the pool's name, 63 fit", t.name, t.physical, len(t.physical))
	}
	job, err := workload.Once{
		Shell: workload.Shell{
			Account: account, Name: "retire", Image: images.For(args.Plan.Cluster).Etcd.Ref(), Script: t.script, Env: t.env,
			Etcd: t.etcd, Endpoint: args.Endpoint, Port: args.Plan.Cluster.APIPort, Affinity: &corev1.AffinityArgs{NodeAffinity: elsewhere(t.leaving)},
		},
		Job: t.physical, Labels: labels(), Deadline: t.deadline,
	}.Make(ctx, name+"-"+t.name, parent, slices.Concat(after, args.Guards))
	if err != nil {
		return nil, fmt.Errorf("retirement of %s: %w", t.name, err)
	}
	return job, nil
}

func labels() pulumi.StringMap {
	all := construct.Managed()
	all["app.kubernetes.io/name"] = pulumi.String(account)
	return all
}

// elsewhere keeps the Job off the nodes that leave.
func elsewhere(leaving []string) *corev1.NodeAffinityArgs {
	return &corev1.NodeAffinityArgs{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelectorArgs{
			NodeSelectorTerms: corev1.NodeSelectorTermArray{corev1.NodeSelectorTermArgs{
				MatchFields: corev1.NodeSelectorRequirementArray{corev1.NodeSelectorRequirementArgs{
					Key: pulumi.String("metadata.name"), Operator: pulumi.String("NotIn"), Values: pulumi.ToStringArray(leaving),
				}},
			}},
		},
	}
}
