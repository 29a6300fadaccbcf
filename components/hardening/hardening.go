// Package hardening has the API server refuse what no workload of a cluster may be, before any workload is there.
//
// Its rules stand beside Pod Security, which is set for the whole cluster in the API server's own file (package bootstrap):
// that one judges what a pod may do on its node, these judge where its image comes from, what of the node and of the API it
// gets, and what tenants may not give themselves. Each rule is one ValidatingAdmissionPolicy with one binding, evaluated
// inside the API server; there is no webhook that could be away. See docs/hardening.md.
package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	token = "lagrum:hardening:Hardening"
	part  = "admission"
)

// Args of New.
type Args struct {
	Plan *plan.Plan
}

// Hardening are admission policies in force.
type Hardening struct {
	pulumi.ResourceState

	// Guards are the policies and their bindings. Whatever runs depends on them.
	Guards []pulumi.Resource
}

// New puts the rules in force. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Hardening, error) {
	h := &Hardening{}
	rules := rulesOf(args.Plan)
	err := construct.Component(ctx, token, name, h, pulumi.Map{"rules": pulumi.Int(len(rules))}, opts,
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			set := &workload.Set{Ctx: ctx, Name: name, PartOf: "hardening", Parent: parent}
			for _, r := range rules {
				made, err := set.Refuse(part, r.refusal(args.Plan))
				if err != nil {
					return nil, err
				}
				h.Guards = append(h.Guards, made...)
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// refusal writes a rule as a policy whose messages name the rule and the requirements that ask for it.
func (r rule) refusal(p *plan.Plan) workload.Refusal {
	when := slices.Clone(r.when)
	if len(r.exempt) > 0 {
		var namespaces []string
		for _, e := range r.exempt {
			namespaces = append(namespaces, e.Namespace)
		}
		when = append(when, workload.Expression{Name: "not-exempt", Text: "!(request.namespace in " + workload.Literals(namespaces) + ")"})
	}
	made := workload.Refusal{Name: r.name(), Role: r.what, Targets: r.targets, When: when, Variables: r.variables}
	for _, c := range r.checks {
		made.Validations = append(made.Validations, workload.Validation{
			Expression: pulumi.String(c.holds), Message: fmt.Sprintf("%s: %s%s", r.name(), c.message, asked(p.Asks[r.capability])),
		})
	}
	return made
}

// asked names requirements by their ids. How sure each citation is stands in the catalogue, and nowhere else.
func asked(ids plan.IDs) string {
	if len(ids) == 0 {
		return " (no law of this site asks for it by itself)"
	}
	return " (asked for by " + strings.Join(ids, ", ") + ": see the catalogue)"
}

func (r rule) name() string { return "lagrum-" + r.what }
