// Command trafficdoc writes docs/network.md: what is closed in a cluster, and every edge of the traffic graph of each declared
// stack, with its reason. A test compares the page.
//
//	go generate ./stacks
package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/stacks/internal/page"
	"github.com/lagrum/lagrum/stacks/plan"
)

func main() {
	page.Main("trafficdoc", "the folder of the declared stacks and the file to write", 2, func(args []string) (string, error) { return render(args[0]) })
}

// head is the part of the page that is written by hand.
//
//go:embed head.txt
var head string

// render is the whole page.
func render(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "Pulumi.*.yaml"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("%s: no declared stacks: %w", dir, err)
	}
	text := head
	for _, file := range files {
		part, err := stack(file)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		text += part
	}
	return text, nil
}

// stack is what the page says of one declared stack.
func stack(file string) (string, error) {
	declared, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	p, _, err := plan.OfStack(declared, page.Decided())
	if err != nil {
		return "", err
	}
	graph, err := stacks.Traffic(&p)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n| from | to | opens | why | serves |\n|---|---|---|---|---|\n", p.Name)
	asks := map[string]bool{}
	for _, e := range graph.Edges {
		asks[e.From], asks[e.To] = true, true
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", e.From, e.To, e.Ports(), e.Why, e.Serves)
	}
	b.WriteString("\n| party | is |\n|---|---|\n")
	for _, party := range graph.Parties {
		if asks[party.Name] {
			fmt.Fprintf(&b, "| %s | %s |\n", party.Name, where(party))
		}
	}
	b.WriteString("\nClosed namespaces: ")
	var names []string
	for _, n := range graph.Namespaces {
		names = append(names, fmt.Sprintf("`%s` (%s)", n.Name, n.Why))
	}
	b.WriteString(strings.Join(names, "; ") + ".\n")
	return b.String(), nil
}

// where writes what a party is, and of a wide network why.
func where(p traffic.Party) string {
	text := p.Where()
	for _, n := range p.Networks {
		if n.Why != "" {
			text += ": " + n.Why
		}
	}
	return text
}
