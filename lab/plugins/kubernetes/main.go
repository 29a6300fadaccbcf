// The program pulumi-resource-kubernetes of the lab is a stand-in for the official Kubernetes plugin of Pulumi, for hosts where the official
// one cannot be installed. README.md lists what it does otherwise.
//
// It is a module of its own so that client-go never enters the module graph of the product or of the companion command.
package main

import (
	"fmt"
	"os"

	"github.com/lagrum/lagrum/lab/plugins/kubernetes/internal/provider"
)

func main() {
	if err := provider.Main(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-kubernetes (the lab's stand-in):", err)
		os.Exit(1)
	}
}
