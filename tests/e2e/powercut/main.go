// Powercut ends a machine of a lab as a cut of its power would: powercut LAB MACHINE. It is no command of the product,
// since nobody should have it at hand; the end-to-end tests need it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/lagrum/lagrum/lab/machines"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: powercut LAB MACHINE")
		os.Exit(2)
	}
	host, err := machines.Open(os.Args[1], "")
	if err == nil {
		err = host.KillMachine(context.Background(), os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(1)
	}
}
