// Command controlsdoc writes docs/controls.md: which requirement asks for which capability, which resources serve it, and
// what shows that they do. It joins what the rooms of a stack declare with the catalogue; a test compares the page.
//
//	go generate ./stacks
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "controlsdoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d arguments; give the file to write", len(args))
	}
	text, err := render()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], []byte(text), 0o644)
}

const head = `# Controls

<!-- Written by go generate ./stacks from the packages' own declarations and the catalogue. Change those. -->

Which requirements ask for what, what serves it, and what shows that it does. A control is evidence for the requirements
below it, never proof that one is fulfilled: a rule may ask for more than its capability's name says. How sure a citation
is stands with it; nothing here is legal advice.

*Shown by*: **unit** a test of bytes or decisions, **policy** a test over all resources of every declared stack, **lab** a
step on a real cluster. No control was shown on a public cloud.
`

// render is the whole page.
func render() (string, error) {
	catalogue, err := requirements.Embedded()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	var unserved []string
	for _, capability := range requirements.Capabilities() {
		rows := asking(catalogue, capability)
		served := table(capability)
		if len(rows) == 0 {
			continue
		}
		if served == "" {
			unserved = append(unserved, fmt.Sprintf("- `%s`: %d", capability, len(rows)))
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| what is done | by | resources | shown by |\n|---|---|---|---|\n%s", capability, served)
		fmt.Fprintf(&b, "\n<details>\n<summary>%d requirements ask for it</summary>\n\n", len(rows))
		for _, row := range rows {
			fmt.Fprintf(&b, "- %s\n", row.Cite())
		}
		b.WriteString("\n</details>\n")
	}
	fmt.Fprintf(&b, "\n## Served by nothing yet\n\nCapabilities that no resource serves, with the number of requirements that ask for them. Some are an organisation's to\nserve.\n\n%s\n",
		strings.Join(unserved, "\n"))
	return b.String(), nil
}

// asking are the requirements that ask for a capability and decide something.
func asking(catalogue *requirements.Catalogue, capability requirements.Capability) []requirements.Requirement {
	var rows []requirements.Requirement
	for _, row := range catalogue.All() {
		for _, has := range row.Capabilities {
			if has == capability && row.Decides() {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// table is a row for each control that serves a capability; empty where none does.
func table(capability requirements.Capability) string {
	var b strings.Builder
	for _, room := range stacks.Controls() {
		for _, control := range room.Controls {
			if control.Capability == capability {
				fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", control.How, room.Name, quoted(control.Resources), strings.Join(control.Proofs, "<br>"))
			}
		}
	}
	return b.String()
}

func quoted(resources []string) string {
	all := make([]string, len(resources))
	for i, r := range resources {
		all[i] = "`" + r + "`"
	}
	return strings.Join(all, "<br>")
}
