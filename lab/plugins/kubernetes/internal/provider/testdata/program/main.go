// The program declares the objects of the CLI test, by their plain type tokens so that it builds in seconds. Its kubeconfig is known only after
// another resource was made, like that of a cluster that the same program builds.
package main

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

type password struct {
	pulumi.CustomResourceState

	Result pulumi.StringOutput `pulumi:"result"`
}

type object struct {
	pulumi.CustomResourceState

	Metadata pulumi.MapOutput `pulumi:"metadata"`
	Status   pulumi.MapOutput `pulumi:"status"`
}

func main() { pulumi.Run(run) }

func run(ctx *pulumi.Context) error {
	cfg := map[string]string{}
	for _, key := range []string{"kubeconfig", "namespace", "value", "plays"} {
		value, ok := ctx.GetConfig("standin:" + key)
		if !ok {
			return fmt.Errorf("configuration key %s is missing", key)
		}
		cfg[key] = value
	}
	var seed password
	err := ctx.RegisterResource("random:index/randomPassword:RandomPassword", "seed", pulumi.Map{"length": pulumi.Int(20)}, &seed, pulumi.Version("4.18.0"))
	if err != nil {
		return err
	}
	later := seed.Result.ApplyT(func(string) string { return cfg["kubeconfig"] }).(pulumi.StringOutput)
	provider, err := newProvider(ctx, later)
	if err != nil {
		return err
	}
	declare := func(typ, name string, inputs pulumi.Map, after ...pulumi.Resource) (*object, error) {
		var o object
		return &o, ctx.RegisterResource(typ, name, inputs, &o, pulumi.Provider(provider), pulumi.Version("4.33.0"), pulumi.DependsOn(after))
	}

	namespace := pulumi.String(cfg["namespace"])
	home, err := declare("kubernetes:core/v1:Namespace", "home", pulumi.Map{
		"apiVersion": pulumi.String("v1"), "kind": pulumi.String("Namespace"), "metadata": pulumi.Map{"name": namespace},
	})
	if err != nil {
		return err
	}
	settings, err := declare("kubernetes:core/v1:ConfigMap", "settings", pulumi.Map{
		"apiVersion": pulumi.String("v1"), "kind": pulumi.String("ConfigMap"), "metadata": pulumi.Map{"namespace": namespace},
		"data": pulumi.Map{"value": pulumi.String(cfg["value"])},
	}, home)
	if err != nil {
		return err
	}
	_, err = declare("kubernetes:core/v1:Secret", "key", pulumi.Map{
		"apiVersion": pulumi.String("v1"), "kind": pulumi.String("Secret"), "metadata": pulumi.Map{"namespace": namespace, "name": pulumi.String("key")},
		"stringData": pulumi.Map{"token": pulumi.Sprintf("sentinel-%s", seed.Result)},
	}, home)
	if err != nil {
		return err
	}
	labels := pulumi.Map{"app": pulumi.String("web")}
	name := settings.Metadata.MapIndex(pulumi.String("name"))
	web, err := declare("kubernetes:apps/v1:Deployment", "web", pulumi.Map{
		"apiVersion": pulumi.String("apps/v1"), "kind": pulumi.String("Deployment"),
		"metadata": pulumi.Map{
			"namespace": namespace, "name": pulumi.String("web"),
			"annotations": pulumi.Map{"pulumi.com/timeoutSeconds": pulumi.String("5")},
		},
		"spec": pulumi.Map{
			"replicas": pulumi.Int(2), "selector": pulumi.Map{"matchLabels": labels},
			"template": pulumi.Map{
				"metadata": pulumi.Map{"labels": labels, "annotations": pulumi.Map{"test/plays": pulumi.String(cfg["plays"])}},
				"spec": pulumi.Map{"containers": pulumi.Array{pulumi.Map{
					"name": pulumi.String("main"), "image": pulumi.String("registry.lab.lagrum/lab-probe:1"),
					"resources": pulumi.Map{"requests": pulumi.Map{"cpu": pulumi.String("1000m")}},
					"envFrom":   pulumi.Array{pulumi.Map{"configMapRef": pulumi.Map{"name": name}}},
				}}},
			},
		},
	}, home)
	if err != nil {
		return err
	}
	ctx.Export("settings", name)
	ctx.Export("available", web.Status.MapIndex(pulumi.String("availableReplicas")))
	return nil
}

func newProvider(ctx *pulumi.Context, kubeconfig pulumi.StringOutput) (pulumi.ProviderResource, error) {
	var provider pulumi.ProviderResourceState
	err := ctx.RegisterResource("pulumi:providers:kubernetes", "cluster", pulumi.Map{
		"kubeconfig": kubeconfig, "clusterIdentifier": pulumi.String("test"),
	}, &provider, pulumi.Version("4.33.0"))
	return &provider, err
}
