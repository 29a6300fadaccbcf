package workload

import (
	"fmt"
	"strings"

	admissionv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/admissionregistration/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Refusal is an admission policy of the API server's own (ValidatingAdmissionPolicy): what it looks at, and what it
// refuses. A mistake in an expression refuses too.
type Refusal struct {
	// Name of the policy and of its binding; Role is what their resources' names end with.
	Name, Role string
	Targets    []Target
	// When are expressions of CEL by name: the policy looks only where all of them hold.
	When []Expression
	// Variables are expressions that later ones call variables.<name>.
	Variables   []Expression
	Validations []Validation
}

// Target is what a policy looks at, in every version that the API server converts to v1.
type Target struct {
	Group     string // API group; "" is core
	Resources []string
}

// Expression of CEL with a name.
type Expression struct{ Name, Text string }

// Validation is an expression of CEL that holds for what is let in, and what is said where it does not.
type Validation struct {
	Expression pulumi.StringInput
	Message    string
}

// Refuse makes a policy for a part, and then puts it in force. It holds a moment after the API server has taken both.
func (s *Set) Refuse(part string, r Refusal) ([]pulumi.Resource, error) {
	spec := &admissionv1.ValidatingAdmissionPolicySpecArgs{FailurePolicy: pulumi.String("Fail")}
	rules := admissionv1.NamedRuleWithOperationsArray{}
	for _, target := range r.Targets {
		rules = append(rules, admissionv1.NamedRuleWithOperationsArgs{
			ApiGroups: pulumi.ToStringArray([]string{target.Group}), ApiVersions: pulumi.ToStringArray([]string{"v1"}),
			Operations: pulumi.ToStringArray([]string{"CREATE", "UPDATE"}), Resources: pulumi.ToStringArray(target.Resources),
		})
	}
	spec.MatchConstraints = &admissionv1.MatchResourcesArgs{ResourceRules: rules}
	if len(r.When) > 0 {
		conditions := admissionv1.MatchConditionArray{}
		for _, e := range r.When {
			conditions = append(conditions, admissionv1.MatchConditionArgs{Name: pulumi.String(e.Name), Expression: pulumi.String(e.Text)})
		}
		spec.MatchConditions = conditions
	}
	if len(r.Variables) > 0 {
		variables := admissionv1.VariableArray{}
		for _, e := range r.Variables {
			variables = append(variables, admissionv1.VariableArgs{Name: pulumi.String(e.Name), Expression: pulumi.String(e.Text)})
		}
		spec.Variables = variables
	}
	validations := admissionv1.ValidationArray{}
	for _, v := range r.Validations {
		validations = append(validations, admissionv1.ValidationArgs{
			Expression: v.Expression, Message: pulumi.String(v.Message), Reason: pulumi.String("Forbidden"),
		})
	}
	spec.Validations = validations
	policy, err := admissionv1.NewValidatingAdmissionPolicy(s.Ctx, s.Name+"-"+r.Role, &admissionv1.ValidatingAdmissionPolicyArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(r.Name), Labels: s.Labels(part)}, Spec: spec,
	}, s.Parent)
	if err != nil {
		return nil, fmt.Errorf("admission policy %s: %w", r.Name, err)
	}
	binding, err := admissionv1.NewValidatingAdmissionPolicyBinding(s.Ctx, s.Name+"-"+r.Role, &admissionv1.ValidatingAdmissionPolicyBindingArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(r.Name), Labels: s.Labels(part)},
		Spec: &admissionv1.ValidatingAdmissionPolicyBindingSpecArgs{
			PolicyName: pulumi.String(r.Name), ValidationActions: pulumi.ToStringArray([]string{"Deny"}),
		},
	}, s.Parent, pulumi.DependsOn([]pulumi.Resource{policy}))
	if err != nil {
		return nil, fmt.Errorf("admission policy %s: binding: %w", r.Name, err)
	}
	return []pulumi.Resource{policy, binding}, nil
}

// Literal writes a string of CEL.
func Literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(text) + "'"
}

// Literals writes a list of strings of CEL.
func Literals(texts []string) string {
	written := make([]string, len(texts))
	for i, text := range texts {
		written[i] = Literal(text)
	}
	return "[" + strings.Join(written, ", ") + "]"
}
