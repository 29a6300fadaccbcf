// Package runtime watches what runs on the nodes: Falco on each of them, with rules and exceptions of our own as data.
//
// A probe in the kernel (modern eBPF) shows Falco every call that a rule asks about; what fits a rule is one line of JSON on
// standard output. Falco has no token, no way out over the network, and of the capabilities only those that loading the probe and
// reading of processes need. See docs/detection.md.
package runtime

import (
	"fmt"
	"slices"
	"time"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/segmentation"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	token = "lagrum:runtime:Runtime"
	part  = "falco"
)

// Args of New.
type Args struct {
	// Plan watches one pool at least.
	Plan *plan.Plan
	// Traffic closes the namespace, and says who has business outside the cluster.
	Traffic *traffic.Graph
	// After is what a pod needs of the cluster to be probed.
	After []pulumi.Resource
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// Runtime is a Falco that watches.
type Runtime struct {
	pulumi.ResourceState

	// Ready is its daemon set.
	Ready pulumi.Resource
}

// Check refuses a plan whose exceptions have passed.
func Check(p *plan.Plan, at time.Time) error { return Detections(p, &traffic.Graph{}).Expired(at) }

// New has the plan's nodes watched. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Runtime, error) {
	r := &Runtime{}
	if len(args.Plan.Watched) == 0 {
		return nil, fmt.Errorf("%s: the plan watches no node", name)
	}
	detections := Detections(args.Plan, args.Traffic)
	if err := detections.Lint(); err != nil {
		return nil, err
	}
	inputs := pulumi.Map{"rules": pulumi.Int(len(detections.Rules)), "watched": pulumi.ToStringArray(args.Plan.Watched)}
	err := construct.Component(ctx, token, name, r, inputs, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		b := &builder{args: args, Alone: workload.Alone{
			Set:  workload.Set{Ctx: ctx, Name: name, PartOf: "runtime", Parent: parent, Guards: args.Guards},
			Part: part, Before: args.After,
		}}
		if err := b.namespace(); err != nil {
			return nil, err
		}
		// It may do nothing, and its token is mounted nowhere: what Falco knows of pods the container runtime tells it.
		account, err := b.Account()
		if err != nil {
			return nil, err
		}
		config, err := b.config(detections)
		if err != nil {
			return nil, err
		}
		r.Ready, err = b.daemonSet(account, config)
		return pulumi.Map{}, err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

type builder struct {
	workload.Alone
	args *Args
}

// namespace is one of its own: with that of everything that a cluster rests on, whoever may read logs there would read these.
func (b *builder) namespace() error {
	return segmentation.Namespace{
		Graph: b.args.Traffic, Name: workload.RuntimeNamespace,
		Privileged: "Falco loads a probe into the kernel and reads the node's processes: four capabilities and three folders of the node, " +
			"which no lower level of Pod Security allows. Nothing else runs here.",
		Protect: b.args.Plan.Protect,
	}.Make(&b.Alone)
}

// config is a ConfigMap that Pulumi names: other rules make new pods, one node after the other.
func (b *builder) config(detections Set) (*corev1.ConfigMap, error) {
	settings, err := Config()
	if err != nil {
		return nil, err
	}
	rules, err := detections.YAML()
	if err != nil {
		return nil, err
	}
	made, err := corev1.NewConfigMap(b.Ctx, b.Name+"-rules", &corev1.ConfigMapArgs{
		Metadata:  b.Unnamed(),
		Immutable: pulumi.Bool(true),
		Data:      pulumi.StringMap{configFile: pulumi.String(settings), rulesFile: pulumi.String(rules)},
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("config map: %w", err)
	}
	return made, nil
}

// everywhere tells whether each pool of the plan is watched.
func everywhere(p *plan.Plan) bool {
	return !slices.ContainsFunc(p.Pools, func(pool plan.Pool) bool { return !slices.Contains(p.Watched, pool.Name) })
}
