// Command storesdoc writes docs/providers/objectstore-policies.md: the users that the declared stacks on OpenStack need at
// their S3 endpoints, and the policy of each, as lagrum stores prints them for any site. A test compares the page.
//
//	go generate ./stacks
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/plan"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "storesdoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("got %d arguments; give the folder of the declared stacks and the file to write", len(args))
	}
	text, err := render(args[0])
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], []byte(text), 0o644)
}

const head = `# Users of object stores

<!-- Written by go generate ./stacks from the declared stacks and package rights. Change those. -->

At an S3 endpoint that a site names, users are there before the first update. These are those of the stacks that the
repository declares; ` + "`bin/lagrum stores Pulumi.<stack>.yaml`" + ` prints them for any other. What the rights mean stands in
[objectstore.md](objectstore.md).

`

// decided is when the declared stacks are decided for the page: their certificates are good then.
func decided() time.Time { return time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC) }

// render is the whole page.
func render(dir string) (string, error) {
	text := head
	for _, stack := range []string{"se-prod", "se-dr"} {
		p, err := load(filepath.Join(dir, "Pulumi."+stack+".yaml"))
		if err != nil {
			return "", err
		}
		page, err := rights.Page(p)
		if err != nil {
			return "", err
		}
		if stack != "se-prod" {
			text += "\n"
		}
		text += page
	}
	return text, nil
}

// load decides the plan of a stack's configuration file.
func load(file string) (plan.Plan, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return plan.Plan{}, err
	}
	p, _, err := plan.OfStack(text, decided())
	if err != nil {
		return plan.Plan{}, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}
