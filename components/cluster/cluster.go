// Package cluster joins machines, identity and boot data into one thing: a Kubernetes cluster that answers, its
// kubeconfig, and the one provider through which everything in it is made.
//
// It is the boundary between infrastructure and Kubernetes. What comes before knows machines and bytes, what comes
// after knows objects; only this package waits for the one to become the other.
package cluster

import (
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:cluster:Cluster"

// Args of New.
type Args struct {
	Plan *plan.Plan
	PKI  *pki.PKI
	// Endpoint is the host of the API's load balancer, without port.
	Endpoint pulumi.StringInput
	// Machines must exist before the API can answer: the initialising node and its place behind the load balancer,
	// or on a cluster that has outlived that node, any control-plane node.
	Machines []pulumi.Resource
	// Prober asks the API once. Probe is the real one; it comes in from outside so that tests never dial.
	Prober Prober
	// BootLogHint tells a person where the boot log of a node is, e.g. a command; it is part of the error when the API
	// does not come up.
	BootLogHint string
}

// Cluster is a cluster that answers.
type Cluster struct {
	pulumi.ResourceState

	// Endpoint of the API, https://host:port. It is known only once the API has answered.
	Endpoint pulumi.StringOutput
	// Kubeconfig of the administrator, with exactly one context; secret.
	Kubeconfig pulumi.StringOutput
	// Provider is the only way into the cluster.
	Provider *kubernetes.Provider
}

// New waits for the API and makes the provider, and that by which nodes join: rights, and the cluster's configuration.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Cluster, error) {
	c := &Cluster{}
	inputs := pulumi.Map{
		"name":    pulumi.String(args.Plan.Cluster.Name),
		"version": pulumi.String(args.Plan.Cluster.Version),
	}
	err := construct.Component(ctx, token, name, c, inputs, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		c.Endpoint = c.answering(ctx, args)
		c.Kubeconfig = kubeconfig(args.Plan.Cluster.Name, c.Endpoint, args.PKI)

		var err error
		c.Provider, err = kubernetes.NewProvider(ctx, name+"-kubernetes", &kubernetes.ProviderArgs{
			Kubeconfig: c.Kubeconfig,
			// The provider, and with it every object, is replaced only when this changes: a renewed certificate or a
			// moved endpoint is an update.
			ClusterIdentifier: pulumi.String(args.Plan.Cluster.Identifier),
		}, parent)
		if err != nil {
			return nil, fmt.Errorf("provider: %w", err)
		}
		inside := []pulumi.ResourceOption{parent, pulumi.Provider(c.Provider)}
		if err := joining(ctx, name, inside...); err != nil {
			return nil, err
		}
		if err := configuration(ctx, name, args, inside...); err != nil {
			return nil, err
		}
		return pulumi.Map{"endpoint": c.Endpoint, "kubeconfig": c.Kubeconfig}, nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// answering is the API's address, once it answers. In a preview nothing is asked.
func (c *Cluster) answering(ctx *pulumi.Context, args *Args) pulumi.StringOutput {
	needs := []any{args.Endpoint, args.PKI.Cluster.Certificate, args.PKI.Admin.Certificate, args.PKI.Admin.Key}
	for _, machine := range args.Machines {
		needs = append(needs, machine.URN()) // resolves when the machine is made
	}
	decided, preview := args.Plan.Cluster, ctx.DryRun()
	answered := pulumi.All(needs...).ApplyT(func(all []any) (string, error) {
		server := serverURL(decided, all[0].(string))
		if preview {
			return server, nil
		}
		report := func(message string) {
			_ = ctx.Log.Info(message, &pulumi.LogArgs{Resource: c, Ephemeral: true}) // progress is not worth failing for
		}
		api := API{Server: server, CA: []byte(all[1].(string)), Certificate: []byte(all[2].(string)), Key: []byte(all[3].(string))}
		if err := awaitAPI(ctx.Context(), args.Prober, api, report); err != nil {
			return "", fmt.Errorf("cluster %s: %w; %s", decided.Name, err, args.noAnswer())
		}
		return server, nil
	})
	// The address was asked with a secret and is none.
	return pulumi.Unsecret(answered).(pulumi.StringOutput)
}

// noAnswer tells a person where to look when the API does not answer.
func (a *Args) noAnswer() string {
	for _, pool := range a.Plan.Pools {
		for _, node := range pool.Nodes {
			if node.Initialises {
				return "the boot log of its first node says why: " + a.BootLogHint
			}
		}
	}
	return "no node of this plan initialises a cluster, since the one that did was replaced: if the site is being rebuilt from " +
		"nothing, set cluster.initialisedBy to a node that it has; else the boot log of a control plane says why: " + a.BootLogHint
}

// kubeconfig renders the administrator's kubeconfig as a secret.
func kubeconfig(cluster string, endpoint pulumi.StringOutput, keys *pki.PKI) pulumi.StringOutput {
	text := pulumi.All(endpoint, keys.Cluster.Certificate, keys.Admin.Certificate, keys.Admin.Key).ApplyT(
		func(all []any) (string, error) {
			config, err := bootstrap.AdminKubeconfig(
				cluster, all[0].(string), []byte(all[1].(string)), []byte(all[2].(string)), []byte(all[3].(string)))
			return string(config), err
		})
	return pulumi.ToSecret(text).(pulumi.StringOutput)
}
