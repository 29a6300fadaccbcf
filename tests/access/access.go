// Package access asks an API server what each persona may do, and holds the answers against the table of package
// components/access.
package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/components/access"
	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Cell is one question: may a persona do this?
type Cell struct {
	Persona access.Persona
	Act     string
	Want    bool
	// The attributes of a SubjectAccessReview.
	Verb, Group, Resource, Namespace, Name, URL string
}

func (c Cell) String() string {
	if c.URL != "" {
		return fmt.Sprintf("%s: %s: %s %s", c.Persona, c.Act, c.Verb, c.URL)
	}
	return fmt.Sprintf("%s: %s: %s %s.%s %q in %q", c.Persona, c.Act, c.Verb, c.Resource, c.Group, c.Name, c.Namespace)
}

// Cells are the whole table for a tenant of a plan: each act, right and verb, for each persona and for whoever breaks the
// glass. The tenant has developers and a pipeline, and the plan has every persona.
func Cells(tenant plan.Tenant) []Cell {
	var cells []Cell
	for _, act := range access.Acts() {
		namespace := map[access.Place]string{
			access.Everywhere: "", access.Platform: workload.Namespace, access.Own: tenant.Name, access.Another: "default",
		}[act.Where]
		for _, persona := range append(access.Personas[:len(access.Personas):len(access.Personas)], access.BreakGlass) {
			want := persona == access.BreakGlass || slices.Contains(act.May, persona)
			for _, right := range act.Rights {
				for _, cell := range expand(right) {
					cell.Persona, cell.Act, cell.Want, cell.Namespace = persona, act.What, want, namespace
					cells = append(cells, cell)
				}
			}
		}
	}
	return cells
}

// expand is one cell for each verb, resource and name of a right.
func expand(right workload.Rule) []Cell {
	names := right.Names
	if len(names) == 0 {
		names = []string{""}
	}
	var cells []Cell
	for _, verb := range right.Verbs {
		for _, url := range right.URLs {
			cells = append(cells, Cell{Verb: verb, URL: url})
		}
		for _, resource := range right.Resources {
			for _, name := range names {
				cells = append(cells, Cell{Verb: verb, Group: right.Group, Resource: resource, Name: name})
			}
		}
	}
	return cells
}

// Groups are those of a persona, as the API server knows them.
func Groups(p *plan.Plan, tenant plan.Tenant, persona access.Persona) []string {
	behind := func(prefix string, names []string) []string {
		var groups []string
		for _, name := range names {
			groups = append(groups, prefix+name)
		}
		return groups
	}
	switch persona {
	case access.Operator:
		return behind(bootstrap.PersonPrefix, p.Access.Operators)
	case access.SecurityOfficer:
		return behind(bootstrap.PersonPrefix, p.Access.SecurityOfficers)
	case access.Auditor:
		return behind(bootstrap.PersonPrefix, p.Access.Auditors)
	case access.BreakGlass:
		return behind(bootstrap.PersonPrefix, p.Access.BreakGlass)
	case access.Developer:
		return behind(bootstrap.PersonPrefix, tenant.Developers)
	}
	return behind(bootstrap.PipelinePrefix, tenant.Pipelines)
}

// Ask has kubectl ask all the questions at once, and returns the answers in their order.
func Ask(p *plan.Plan, tenant plan.Tenant, cells []Cell, kubectl func(input string, args ...string) (string, error)) ([]bool, error) {
	var input strings.Builder
	encoder := json.NewEncoder(&input)
	for _, c := range cells {
		spec := map[string]any{
			"user": "oidc:somebody@example.org", "groups": append(Groups(p, tenant, c.Persona), "system:authenticated"),
		}
		if c.URL != "" {
			spec["nonResourceAttributes"] = map[string]any{"path": c.URL, "verb": c.Verb}
		} else {
			resource, part, _ := strings.Cut(c.Resource, "/")
			spec["resourceAttributes"] = map[string]any{
				"namespace": c.Namespace, "verb": c.Verb, "group": c.Group, "resource": resource, "subresource": part, "name": c.Name,
			}
		}
		err := encoder.Encode(map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
		if err != nil {
			return nil, fmt.Errorf("review of %s: %w", c, err)
		}
	}
	out, err := kubectl(input.String(), "create", "--validate=false", "-f", "-", "-o", `jsonpath={.status.allowed}{"\n"}`)
	if err != nil {
		return nil, fmt.Errorf("reviews: %w: %s", err, out)
	}
	lines := strings.Fields(out)
	if len(lines) != len(cells) {
		return nil, fmt.Errorf("%d answers to %d questions: %s", len(lines), len(cells), out)
	}
	answers := make([]bool, len(lines))
	for i, line := range lines {
		switch line {
		case "true":
			answers[i] = true
		case "false":
		default:
			return nil, fmt.Errorf("%s: answer %q", cells[i], line)
		}
	}
	return answers, nil
}
