// Machine does to a machine of a lab what the end-to-end tests need and nobody should have at hand, which is why it is no
// command of the product: `machine LAB NAME powercut` ends it as a cut of its power would, `start` switches it on again,
// and `machine LAB NAME run COMMAND...` runs a command in it as root. `machine LAB keys off` and `on` do the same to the
// lab's key server.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/lagrum/lagrum/lab/machines"
)

func main() {
	err := run(context.Background(), os.Args[1:])
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "machine:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return errors.New("usage: machine LAB NAME powercut|start, machine LAB NAME run COMMAND, or machine LAB keys off|on")
	}
	host, err := machines.Open(args[0], "")
	if err != nil {
		return err
	}
	switch {
	case args[1] == "keys" && args[2] == "off":
		return host.StopKeyServer(ctx)
	case args[1] == "keys" && args[2] == "on":
		return host.ResumeKeyServer()
	case args[2] == "start" && len(args) == 3:
		return host.StartMachine(ctx, args[1])
	case args[2] == "powercut" && len(args) == 3:
		return host.KillMachine(ctx, args[1])
	case args[2] == "run" && len(args) > 3:
		cmd, err := host.Command(ctx, args[1], args[3:]...)
		if err != nil {
			return err
		}
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd.Run()
	}
	return fmt.Errorf("%q: want powercut, start, or run with a command", args[2])
}
