package hardening

import (
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Controls are what the rules serve, those for production included.
func Controls() []requirements.Control {
	var controls []requirements.Control
	for _, r := range rulesOf(&plan.Plan{Protect: true}) {
		controls = append(controls, requirements.Control{
			Capability: r.capability, Resources: []string{"kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"},
			How: r.how, Proofs: []string{"api TestForbidden", "api TestEachGuardRefuses"},
		})
	}
	return controls
}
