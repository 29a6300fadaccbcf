// Command controlsdoc writes docs/controls.md: which requirement asks for which capability, which resources serve it, and
// what shows that they do. It joins what the rooms of a stack declare with the catalogue; a test compares the page.
//
//	go generate ./stacks
package main

import (
	"fmt"
	"strings"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/stacks/internal/page"
)

func main() {
	page.Main("controlsdoc", "the file to write", 1, func([]string) (string, error) { return render() })
}

const head = `# Controls

<!-- Written by go generate ./stacks from the packages' own declarations and the catalogue. Change those. -->

Which requirements ask for what, what serves it, and what shows that it does. A control is evidence for the requirements
below it, never proof that one is fulfilled: a rule may ask for more than its capability's name says. How sure a citation
is stands with it; nothing here is legal advice.

*Shown by*: **unit** a test of bytes or decisions, **policy** a test over all resources of every declared stack, **api** a
real API server that refuses and lets in, **lab** a step on a real cluster. No control was shown on a public cloud.

## On the resources themselves

What a cloud can tag carries the ids of the requirements that it serves: on AWS the tag ` + "`lagrum.dev/requirements`" + `, on OpenStack
one tag ` + "`lagrum-requirement=ID`" + ` each for networks, and ` + "`lagrum-requirements`" + ` in the metadata of machines and volumes. The rule:

- what a type of resource serves, its adapter's controls say, below; nothing is tagged by hand;
- of the requirements below, those that bind the operator: the country's own rows, those for its kind of operator
  included, and those of the Union's acts that hold there; no standard that people may choose, and nothing of which only
  the number is inferred. The plan lists them under ` + "`asks`" + `;
- the country's own first, then the Union's; what a value cannot hold goes on in a second tag, ` + "`-2`" + `, and nothing is cut off.

A tag says where to read on, and no more: what a row demands and how sure its citation is stand in the catalogue. Tags
change in place: no new control and no new law replaces a machine.
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
