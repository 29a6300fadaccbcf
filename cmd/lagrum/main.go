// Lagrum's companion command: the lab, the doctor, and the plugins that the lab stands in for.
//
// Called under a plugin's name (pulumi-resource-lab, pulumi-resource-tls, pulumi-resource-random, pulumi-language-go)
// it is that plugin. One binary keeps the lab's build and its disk small.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/lab/plugins/golang"
	labplugin "github.com/lagrum/lagrum/lab/plugins/lab"
	"github.com/lagrum/lagrum/lab/plugins/random"
	"github.com/lagrum/lagrum/lab/plugins/tls"
	"github.com/lagrum/lagrum/lab/processes"
)

// plugins are the names under which this binary is something else.
var plugins = map[string]func(args []string) error{
	processes.KeeperName:     processes.Main,
	"pulumi-language-go":     golang.Main,
	"pulumi-resource-lab":    labplugin.Main,
	"pulumi-resource-random": random.Main,
	"pulumi-resource-tls":    tls.Main,
}

func main() {
	if plugin, ok := plugins[filepath.Base(os.Args[0])]; ok {
		exit(plugin(os.Args[1:]))
	}
	// A shell entered by su, or cron, has no sbin on its PATH, where Debian keeps nft, ip and haproxy.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin"); err != nil {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(root().ExecuteContext(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "lagrum:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "lagrum",
		Short:         "Companion of the Lagrum Pulumi program",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.PersistentFlags().StringP("directory", "C", ".", "folder of Pulumi.yaml, or one below it")
	cmd.AddCommand(labCommand(), imageCommand(), openstackCommand(), doctorCommand(), planCommand(), renewCommand(), kubeconfigCommand(), reviewCommand(), preflightCommand(), storesCommand(), archiveCommand(), imagesCommand())
	return cmd
}
