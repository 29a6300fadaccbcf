package stacks

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/gateway"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/stacks/plan"
)

// newLogin lets people in, where the plan says so, and returns what they then ask. Dex speaks to the API's Service, so pods have
// their network first.
func newLogin(
	ctx *pulumi.Context, p *plan.Plan, infra *infrastructure, pods *network.Network, graph *traffic.Graph, guards []pulumi.Resource, inCluster pulumi.ResourceOption,
) ([]pulumi.Resource, error) {
	if p.Cluster.Login == nil {
		return nil, nil
	}
	known, err := connectorSecrets(ctx, p.Cluster.Login)
	if err != nil {
		return nil, err
	}
	dex, err := identity.New(ctx, p.Name+"-identity", &identity.Args{
		Plan: p, Certificate: infra.PKI.Dex, Secrets: known, Traffic: graph, After: pods.Ready, Guards: guards,
	}, inCluster)
	if err != nil {
		return nil, err
	}
	return []pulumi.Resource{dex.Ready}, nil
}

// newGateway leads web traffic to the cluster, where the plan says so: to Dex, once that answers.
func newGateway(
	ctx *pulumi.Context, p *plan.Plan, infra *infrastructure, pods *network.Network, dex []pulumi.Resource, graph *traffic.Graph, guards []pulumi.Resource,
	inCluster pulumi.ResourceOption,
) error {
	if p.Gateway == nil {
		return nil
	}
	_, err := gateway.New(ctx, p.Name+"-gateway-controller", &gateway.Args{
		Plan: p, Certificate: infra.PKI.Login, Authority: infra.PKI.LoginAuthority, Traffic: graph,
		After: slices.Concat(pods.Ready, dex), Guards: guards,
	}, inCluster)
	return err
}

// connectorSecrets reads what providers are asked with. All that are missing are told at once.
func connectorSecrets(ctx *pulumi.Context, l *plan.Login) (map[string]pulumi.StringOutput, error) {
	read := secrets(ctx)
	known := map[string]pulumi.StringOutput{}
	var errs []error
	for _, c := range l.Connectors {
		value, err := read(c.Secret())
		errs = append(errs, err)
		known[c.Name] = value
	}
	return known, errors.Join(errs...)
}

// peoplesKubeconfig is the file of everybody who logs in. It holds no credential.
func peoplesKubeconfig(p *plan.Plan, infra *infrastructure, made *cluster.Cluster) pulumi.StringOutput {
	return pulumi.All(made.Endpoint, infra.PKI.Cluster.Certificate, infra.PKI.LoginAuthority).ApplyT(func(all []any) (string, error) {
		text, err := identity.Kubeconfig(p.Cluster.Name, all[0].(string), all[1].(string), p.Cluster.Login.Issuer, all[2].(string))
		if err != nil {
			return "", fmt.Errorf("people's kubeconfig: %w", err)
		}
		return string(text), nil
	}).(pulumi.StringOutput)
}
