// Command imagesdoc writes docs/images.md: every image that the declared stacks pull, with its licence, its use and its
// digest. First it gives each that has no row in the lock file one, marked as unresolved. A test compares both.
//
//	go generate ./stacks
package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/declared"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/stacks/internal/page"
)

func main() {
	page.Main("imagesdoc", "the folder of the declared stacks and the file to write", 2, func(args []string) (string, error) {
		if err := complete(args[0]); err != nil {
			return "", err
		}
		return render(args[0])
	})
}

// complete gives every image a row in the lock file, and takes out those of images that nobody pulls.
func complete(dir string) error {
	set, err := declared.Read(dir, "", page.Decided())
	if err != nil {
		return err
	}
	held, err := lock.Load(dir)
	if err != nil {
		return err
	}
	names := images.Names(set.Images)
	return held.With(names).Only(names).Save(dir)
}

// head is the part of the page that is written by hand.
//
//go:embed head.txt
var head string

// render is the whole page.
func render(dir string) (string, error) {
	set, err := declared.Read(dir, "", page.Decided())
	if err != nil {
		return "", err
	}
	held, err := lock.Load(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("\n| image | version | licence | used as | by | digest |\n|---|---|---|---|---|---|\n")
	for _, image := range set.Images {
		digest := "unresolved"
		if row := held[image.Name()]; row.Digest != "" {
			digest = "`" + row.Digest + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", image.Upstream, image.Tag, image.Licence, image.Use, strings.Join(set.Stacks[image.Name()], ", "), digest)
	}
	return b.String(), nil
}
