// Floor is the smallest Pulumi program that makes Kubernetes objects: a number of plain config maps. What it takes is
// the engine's and the plugin's share of the time that a real stack of as many objects takes.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() { pulumi.Run(run) }

// run makes as many config maps as the configuration value floor:objects says, in the cluster of the shell's kubeconfig.
func run(ctx *pulumi.Context) error {
	objects, err := config.TryInt(ctx, "floor:objects")
	if err != nil {
		return err
	}
	kubeconfig, err := os.ReadFile(os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	cluster, err := kubernetes.NewProvider(ctx, "floor", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String(string(kubeconfig))})
	if err != nil {
		return err
	}
	for i := range objects {
		name := fmt.Sprintf("floor-%d", i)
		_, err := corev1.NewConfigMap(ctx, name, &corev1.ConfigMapArgs{
			Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(name), Namespace: pulumi.String("default")},
			Data:     pulumi.StringMap{"number": pulumi.Sprintf("%d", i)},
		}, pulumi.Provider(cluster))
		if err != nil {
			return err
		}
	}
	return nil
}
