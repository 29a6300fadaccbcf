//go:build lab

package main_test

import (
	"encoding/json"
	"os/exec"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/objects"
	"github.com/lagrum/lagrum/tests/server"
)

// TestArgumentsAreKnown gives each program that a cluster runs of its cloud the arguments that its pod has. The driver of EBS
// is not among them: its module cannot be had.
func TestArgumentsAreKnown(t *testing.T) {
	programs := map[string]string{
		"openstack-cloud-controller-manager": "cloud-provider-openstack", "cinder-csi-plugin": "cloud-provider-openstack",
		"aws-cloud-controller-manager": "cloud-provider-aws",
	}
	for stack, want := range map[string]int{"se-prod": 3, "dk-prod": 1} {
		asked := 0
		for name, spec := range podsOf(t, objectsOf(t, stack)) {
			for _, each := range spec["containers"].([]any) {
				container := each.(map[string]any)
				command, _ := container["command"].([]any)
				if len(command) == 0 {
					continue
				}
				program := path.Base(command[0].(string))
				module, known := programs[program]
				if !known {
					continue
				}
				asked++
				var arguments []string
				for _, argument := range container["args"].([]any) {
					arguments = append(arguments, argument.(string))
				}
				binary := server.File(t, module, program)
				// A program reads all its arguments before it helps.
				out, err := exec.CommandContext(t.Context(), binary, append(arguments, "--help")...).CombinedOutput()
				assert.NoError(t, err, "%s: %s", name, out)
				out, err = exec.CommandContext(t.Context(), binary, append(arguments, "--no-such-argument", "--help")...).CombinedOutput()
				assert.Error(t, err, "%s takes anything", program)
				assert.Contains(t, string(out), "unknown flag: --no-such-argument")
			}
		}
		assert.Equal(t, want, asked, stack)
	}
}

// podsOf are the pods that run a cluster's side of its cloud, by the name of what makes them.
func podsOf(t *testing.T, all []objects.Object) map[string]map[string]any {
	t.Helper()
	pods := map[string]map[string]any{}
	for _, o := range all {
		if o.Part != "cloud" && o.Part != "storage" || o.Kind != "DaemonSet" && o.Kind != "Deployment" {
			continue
		}
		var workload struct {
			Spec struct{ Template struct{ Spec map[string]any } }
		}
		require.NoError(t, json.Unmarshal([]byte(o.Text), &workload))
		pods[o.Name] = workload.Spec.Template.Spec
	}
	return pods
}
