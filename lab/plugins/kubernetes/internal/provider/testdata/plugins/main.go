// The program serves, by the name it is called by, the other stand-ins that the CLI test needs: the Go language host and the random plugin.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lagrum/lagrum/lab/plugins/golang"
	"github.com/lagrum/lagrum/lab/plugins/random"
)

func main() {
	serve := golang.Main
	if filepath.Base(os.Args[0]) == "pulumi-resource-random" {
		serve = random.Main
	}
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
