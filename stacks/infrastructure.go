package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/nodecertificates"
	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

// infrastructure is the first hand-over: machines that boot with an identity, and where their API will answer.
type infrastructure struct {
	Foundation *providers.Foundation
	PKI        *pki.PKI
	// Pools by name.
	Pools map[string]*providers.Nodes
	// Integration is nil on a cloud without controllers of its own.
	Integration *providers.Integration
	// Stores by name; none where the site names no place for them.
	Stores map[string]*providers.ObjectStore
}

func newInfrastructure(ctx *pulumi.Context, p *plan.Plan) (*infrastructure, error) {
	cloud, err := clouds[p.Cloud.Kind](ctx, p, secrets(ctx))
	if err != nil {
		return nil, err
	}
	made := &infrastructure{Pools: map[string]*providers.Nodes{}}
	if made.Stores, err = newStores(ctx, p); err != nil {
		return nil, fmt.Errorf("object stores: %w", err)
	}
	if made.PKI, err = newIdentity(ctx, p); err != nil {
		return nil, err
	}
	made.Foundation, err = cloud.Foundation(ctx, p.Name, &providers.FoundationArgs{Plan: p, Rules: firewall.Rules(p)})
	if err != nil {
		return nil, err
	}
	for _, pool := range p.Pools {
		name := p.Name + "-" + pool.Name
		laid, err := cloud.NodeSecrets(ctx, name+"-secrets", &providers.NodeSecretsArgs{
			Plan: p, Pool: pool, Foundation: made.Foundation,
			Bundles: cluster.Secrets(p, pool, made.Foundation.Endpoint, made.PKI),
		})
		if err != nil {
			return nil, fmt.Errorf("pool %s: secrets: %w", pool.Name, err)
		}
		made.Pools[pool.Name], err = cloud.Nodes(ctx, name, &providers.NodesArgs{
			Plan: p, Pool: pool, Foundation: made.Foundation, Secrets: laid,
			UserData: cluster.UserData(p, pool, made.Foundation.Endpoint, made.PKI.LoginAuthority, laid, cloud.MachineID),
		})
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", pool.Name, err)
		}
	}
	made.Integration, err = cloud.Integration(ctx, p.Name+"-integration", &providers.IntegrationArgs{
		Plan: p, Foundation: made.Foundation, Pools: made.Pools,
	})
	if err != nil {
		return nil, fmt.Errorf("integration: %w", err)
	}
	return made, nil
}

// secrets reads the secrets of the stack's configuration.
func secrets(ctx *pulumi.Context) providers.Secrets {
	return func(key string) (pulumi.StringOutput, error) {
		value, err := config.TrySecret(ctx, "lagrum:"+key)
		if err != nil {
			return value, fmt.Errorf("lagrum:%s: not set; run: pulumi config set --secret lagrum:%s", key, key)
		}
		return value, nil
	}
}

// newIdentity makes the keys and certificates, with providers of their own since the default ones are disabled.
func newIdentity(ctx *pulumi.Context, p *plan.Plan) (*pki.PKI, error) {
	keys, err := tls.NewProvider(ctx, p.Name+"-tls", &tls.ProviderArgs{})
	if err != nil {
		return nil, fmt.Errorf("provider tls: %w", err)
	}
	bytes, err := random.NewProvider(ctx, p.Name+"-random", &random.ProviderArgs{})
	if err != nil {
		return nil, fmt.Errorf("provider random: %w", err)
	}
	return pki.New(ctx, p.Name+"-pki", &pki.Args{Plan: p}, pulumi.Providers(keys, bytes))
}

// firstMachines are what the API needs to answer: the initialising node and its place behind the load balancer, or on
// a cluster that has outlived that node, every control plane.
func (i *infrastructure) firstMachines(p *plan.Plan) []pulumi.Resource {
	var initialiser, all []pulumi.Resource
	for _, pool := range p.Pools {
		if pool.Role != plan.ControlPlane {
			continue
		}
		for _, node := range pool.Nodes {
			m := i.Pools[pool.Name].Machines[node.Name]
			all = append(all, m.Resource, m.Member)
			if node.Initialises {
				initialiser = append(initialiser, m.Resource, m.Member)
			}
		}
	}
	if initialiser != nil {
		return initialiser
	}
	return all
}

// machines are the nodes' machines by name, those of control planes with their place behind the load balancer.
func (i *infrastructure) machines() map[string]pulumi.Resource {
	made := map[string]pulumi.Resource{}
	for _, pool := range i.Pools {
		for name, m := range pool.Machines {
			made[name] = m.Resource
			if m.Member != nil {
				made[name] = m.Member
			}
		}
	}
	return made
}

// known is what the cloud says of the nodes' machines, by name.
func (i *infrastructure) known() map[string]nodecertificates.Machine {
	made := map[string]nodecertificates.Machine{}
	for _, pool := range i.Pools {
		for name, m := range pool.Machines {
			made[name] = nodecertificates.Machine{Address: m.Address, Alias: m.Alias}
		}
	}
	return made
}
