// Command storesdoc writes docs/providers/objectstore-policies.md: the users that the declared stacks on OpenStack need at
// their S3 endpoints, and the policy of each, as lagrum stores prints them for any site. A test compares the page.
//
//	go generate ./stacks
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/internal/page"
	"github.com/lagrum/lagrum/stacks/plan"
)

func main() {
	page.Main("storesdoc", "the folder of the declared stacks and the file to write", 2, func(args []string) (string, error) { return render(args[0]) })
}

const head = `# Users of object stores

<!-- Written by go generate ./stacks from the declared stacks and package rights. Change those. -->

At an S3 endpoint that a site names, users are there before the first update. These are those of the stacks that the
repository declares; ` + "`bin/lagrum stores Pulumi.<stack>.yaml`" + ` prints them for any other. What the rights mean stands in
[objectstore.md](objectstore.md).

`

// render is the whole page.
func render(dir string) (string, error) {
	text := head
	for _, stack := range []string{"se-prod", "se-dr"} {
		p, err := load(filepath.Join(dir, "Pulumi."+stack+".yaml"))
		if err != nil {
			return "", err
		}
		users, err := rights.Page(p)
		if err != nil {
			return "", err
		}
		if stack != "se-prod" {
			text += "\n"
		}
		text += users
	}
	return text, nil
}

// load decides the plan of a stack's configuration file.
func load(file string) (plan.Plan, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return plan.Plan{}, err
	}
	p, _, err := plan.OfStack(text, page.Decided())
	if err != nil {
		return plan.Plan{}, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}
