package stacks

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/access"
	"github.com/lagrum/lagrum/components/cloudcontroller"
	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/encryption"
	"github.com/lagrum/lagrum/components/hardening"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/nodecertificates"
	"github.com/lagrum/lagrum/components/retirement"
	"github.com/lagrum/lagrum/components/runtime"
	"github.com/lagrum/lagrum/components/segmentation"
	"github.com/lagrum/lagrum/components/storage"
	"github.com/lagrum/lagrum/components/tenancy"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newServices is the last hand-over: everything that runs inside the cluster, once the rules hold that it must keep.
func newServices(ctx *pulumi.Context, p *plan.Plan, infra *infrastructure, made *cluster.Cluster) error {
	inCluster := pulumi.Provider(made.Provider)
	hardened, err := hardening.New(ctx, p.Name+"-hardening", &hardening.Args{Plan: p}, inCluster)
	if err != nil {
		return fmt.Errorf("hardening: %w", err)
	}
	graph, err := Traffic(p)
	if err != nil {
		return err
	}
	closed, err := segmentation.New(ctx, p.Name+"-segmentation", &segmentation.Args{Graph: graph, Guards: hardened.Guards}, inCluster)
	if err != nil {
		return fmt.Errorf("segmentation: %w", err)
	}
	guards := slices.Concat(hardened.Guards, closed.Guards)
	_, err = nodecertificates.New(ctx, p.Name+"-nodes", &nodecertificates.Args{
		Plan: p, Endpoint: infra.Foundation.Endpoint, Machines: infra.known(), Guards: guards,
	}, inCluster)
	if err != nil {
		return fmt.Errorf("node certificates: %w", err)
	}
	pods, err := network.New(ctx, p.Name+"-network", &network.Args{Plan: p, Endpoint: infra.Foundation.Endpoint, Guards: guards}, inCluster)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if infra.Integration != nil {
		if err := newCloud(ctx, p, infra, pods, guards, inCluster); err != nil {
			return err
		}
	}
	if len(p.Watched) > 0 {
		_, err := runtime.New(ctx, p.Name+"-runtime", &runtime.Args{Plan: p, Traffic: graph, After: pods.Ready, Guards: guards}, inCluster)
		if err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	dex, err := newLogin(ctx, p, infra, pods, graph, guards, inCluster)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if err := newGateway(ctx, p, infra, pods, dex, graph, guards, inCluster); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	retired, err := retirement.New(ctx, p.Name+"-retirement", &retirement.Args{
		Plan: p, Endpoint: infra.Foundation.Endpoint, Machines: infra.machines(), Guards: guards,
	}, inCluster)
	if err != nil {
		return fmt.Errorf("retirement: %w", err)
	}
	if _, err := access.New(ctx, p.Name+"-access", &access.Args{Plan: p, Guards: guards}, inCluster); err != nil {
		return fmt.Errorf("access: %w", err)
	}
	_, err = encryption.New(ctx, p.Name+"-encryption", &encryption.Args{
		Plan: p, Endpoint: infra.Foundation.Endpoint, Keys: infra.PKI.EncryptionKeys, Retired: retired.Jobs, Guards: guards,
	}, inCluster)
	if err != nil {
		return fmt.Errorf("encryption: %w", err)
	}
	for _, tenant := range p.Tenants {
		_, err := tenancy.New(ctx, p.Name+"-tenant-"+tenant.Name, &tenancy.Args{Plan: p, Tenant: tenant, Traffic: graph, Guards: guards}, inCluster)
		if err != nil {
			return fmt.Errorf("tenancy: %w", err)
		}
	}
	return nil
}

// newCloud is what a cluster runs for its cloud. The controller manager waits for nothing in the cluster: cluster DNS, and
// with it the network as a whole, waits for nodes that it has seen.
func newCloud(
	ctx *pulumi.Context, p *plan.Plan, infra *infrastructure, pods *network.Network, guards []pulumi.Resource, inCluster pulumi.ResourceOption,
) error {
	controller, err := cloudcontroller.New(ctx, p.Name+"-cloud", &cloudcontroller.Args{
		Plan: p, Endpoint: infra.Foundation.Endpoint, Config: infra.Integration.Machines, Guards: guards,
	}, inCluster)
	if err != nil {
		return fmt.Errorf("cloud controller: %w", err)
	}
	_, err = storage.New(ctx, p.Name+"-storage", &storage.Args{
		Plan: p, Endpoint: infra.Foundation.Endpoint, Config: infra.Integration.Volumes,
		Encryption: infra.Integration.Encryption, Tags: infra.Integration.Tags, After: append(pods.Ready[:len(pods.Ready):len(pods.Ready)], controller.Ready),
		Guards: guards,
	}, inCluster)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	return nil
}
