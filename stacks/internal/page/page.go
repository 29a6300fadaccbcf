// Package page is what the commands that write a page of documentation have in common.
package page

import (
	"fmt"
	"os"
	"time"
)

// Decided is when the declared stacks are decided for a page: their certificates are good then.
func Decided() time.Time { return time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC) }

// Main is a command that renders a page from its arguments and writes it to the file that the last one names. wants says what
// to give, in their order; there are so many of them.
func Main(command, wants string, arguments int, render func(args []string) (string, error)) {
	if err := write(os.Args[1:], wants, arguments, render); err != nil {
		fmt.Fprintln(os.Stderr, command+":", err)
		os.Exit(1)
	}
}

func write(args []string, wants string, arguments int, render func(args []string) (string, error)) error {
	if len(args) != arguments {
		return fmt.Errorf("got %d arguments; give %s", len(args), wants)
	}
	text, err := render(args[:arguments-1])
	if err != nil {
		return err
	}
	return os.WriteFile(args[arguments-1], []byte(text), 0o644)
}
