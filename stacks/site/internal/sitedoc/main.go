// Command sitedoc writes the reference of the site's configuration. It reads the comments of the types in stacks/site,
// so that the reference cannot say anything else than the code; a test compares the two.
//
//	go generate ./stacks/site
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sitedoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("got %d arguments; give the folder of the sources and the file to write", len(args))
	}
	text, err := render(args[0])
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], text, 0o644)
}
