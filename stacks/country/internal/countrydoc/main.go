// Command countrydoc writes a page for each country: its duties, what the plan does about them, and how sure their
// ground is. It reads the profiles and the catalogue, so that a page cannot say anything else than the program; a test
// compares the two.
//
//	go generate ./stacks/country
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "countrydoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d arguments; give the folder to write to", len(args))
	}
	pages, err := render()
	if err != nil {
		return err
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
