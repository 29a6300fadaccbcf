package stacks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/harness"
)

// Nothing runs, and no tenant is let in, before every rule of admission is in force.
func TestNothingRunsBeforeTheRules(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		var rules []string
		for _, binding := range r.Of("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding") {
			if strings.Contains(binding.URN, "lagrum:hardening:Hardening$") {
				rules = append(rules, binding.URN)
			}
		}
		require.GreaterOrEqual(t, len(rules), 10, name)
		judged := 0
		for _, made := range r.Resources {
			switch made.Type {
			case "kubernetes:apps/v1:DaemonSet", "kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet",
				"kubernetes:batch/v1:Job", "kubernetes:core/v1:Namespace":
				judged++
				assert.Subset(t, made.Dependencies, rules, made.URN)
			}
		}
		assert.GreaterOrEqual(t, judged, 4, name)
	})
}
