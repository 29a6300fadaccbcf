// Package gateway leads web traffic to what runs in the cluster: it runs Traefik behind the load balancer that the plan calls
// the gateway, and says in Gateway API who is reached by which name.
package gateway

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/components/segmentation"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	token = "lagrum:gateway:Gateway"
	part  = "traefik"
)

// Where things lie in the container.
const (
	folder        = "/etc/traefik"
	staticFile    = "traefik.yaml"
	dynamicFile   = "dynamic.yaml"
	authorityFile = "login.pem"
)

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Certificate is that of the name under which people log in, Authority (PEM) what signed it and Dex's own. Both are read only
	// where the plan has a login.
	Certificate pki.Pair
	Authority   pulumi.StringInput
	// Traffic closes the namespace but for its own edges.
	Traffic *traffic.Graph
	// After is what a pod needs of the cluster to speak to the API and to be reached, and whatever held the node ports before.
	After []pulumi.Resource
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// Gateway is a Traefik that runs.
type Gateway struct {
	pulumi.ResourceState

	// Ready is its Service: what has a route is reached once it is.
	Ready pulumi.Resource
	// Kinds are the definitions of Gateway API.
	Kinds []pulumi.Resource
}

// New runs Traefik, as a gateway of the plan says. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Gateway, error) {
	g := &Gateway{}
	if args.Plan.Gateway == nil {
		return nil, fmt.Errorf("%s: the plan has no gateway", name)
	}
	facts := pulumi.Map{"tlsMinimum": pulumi.String(args.Plan.Duties.TLSMinimum)}
	err := construct.Component(ctx, token, name, g, facts, opts,
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			b := &builder{args: args, Alone: workload.Alone{
				Set:  workload.Set{Ctx: ctx, Name: name, PartOf: "gateway", Parent: parent, Guards: args.Guards},
				Part: part, Before: args.After,
			}}
			if err := b.namespace(); err != nil {
				return nil, err
			}
			var err error
			if g.Kinds, err = b.kinds(); err != nil {
				return nil, err
			}
			needs, err := b.access()
			if err != nil {
				return nil, err
			}
			routes, err := b.routes(g.Kinds)
			if err != nil {
				return nil, err
			}
			config, err := b.config()
			if err != nil {
				return nil, err
			}
			// It waits for kinds that it does not find, and takes its routes up as they come.
			deployment, err := b.deployment(config, append(append(needs, g.Kinds...), routes...))
			if err != nil {
				return nil, err
			}
			if err := b.Budget(); err != nil {
				return nil, err
			}
			g.Ready, err = b.service(deployment)
			return pulumi.Map{}, err
		})
	if err != nil {
		return nil, err
	}
	return g, nil
}

type builder struct {
	workload.Alone
	args *Args
}

func (b *builder) namespace() error {
	return segmentation.Namespace{
		Graph: b.args.Traffic, Name: workload.GatewayNamespace,
	}.Make(&b.Alone)
}

// login is who is served under which name; nil where the plan lets nobody log in.
func (b *builder) login() *plan.Login { return b.args.Plan.Cluster.Login }

// config holds no secret. Pulumi names the ConfigMap: what changes in it makes new pods.
func (b *builder) config() (*corev1.ConfigMap, error) {
	in := input(b.args.Plan)
	static, err := Static(in)
	if err != nil {
		return nil, err
	}
	dynamic, err := Dynamic(in)
	if err != nil {
		return nil, err
	}
	data := pulumi.StringMap{staticFile: pulumi.String(static), dynamicFile: pulumi.String(dynamic)}
	if in.Login != nil {
		data[authorityFile] = b.args.Authority
	}
	made, err := corev1.NewConfigMap(b.Ctx, b.Name, &corev1.ConfigMapArgs{
		Metadata:  b.Unnamed(),
		Immutable: pulumi.Bool(true),
		Data:      data,
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("config map: %w", err)
	}
	return made, nil
}
