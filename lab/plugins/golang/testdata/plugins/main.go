// Command plugins serves the stand-in that its name asks for; the end-to-end test links it under each plugin's name.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lagrum/lagrum/lab/plugins/golang"
	"github.com/lagrum/lagrum/lab/plugins/random"
	"github.com/lagrum/lagrum/lab/plugins/tls"
)

func main() {
	if err := serve(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(name string, args []string) error {
	switch name {
	case "pulumi-language-go":
		return golang.Main(args)
	case "pulumi-resource-random":
		return random.Main(args)
	case "pulumi-resource-tls":
		return tls.Main(args)
	}
	return fmt.Errorf("no stand-in named %q", name)
}
