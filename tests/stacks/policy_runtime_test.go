package stacks

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/tests/harness"
)

// Every stack on a cloud has each of its nodes watched, control planes included, by rules that Falco is given; whatever the
// site says. A laboratory without an image has none of it, and its plan says so.
func TestEveryNodeIsWatched(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		p := planOf(t, name)
		var falco []*harness.Resource
		for _, made := range r.Of("kubernetes:apps/v1:DaemonSet") {
			if harness.Dig(made.Inputs, "metadata", "namespace") == "lagrum-runtime" {
				falco = append(falco, made)
			}
		}
		if p.Cloud.Kind == "lab" {
			require.Empty(t, p.Watched)
			require.Empty(t, falco)
			return
		}
		require.Len(t, falco, 1)
		for _, pool := range p.Pools {
			assert.True(t, slices.Contains(p.Watched, pool.Name), pool.Name)
		}
		pod := harness.Dig(falco[0].Inputs, "spec", "template", "spec").(map[string]any)
		assert.NotContains(t, pod, "affinity")
		assert.Equal(t, map[string]any{"kubernetes.io/os": "linux"}, pod["nodeSelector"])
		assert.Equal(t, []any{map[string]any{"operator": "Exists"}}, pod["tolerations"])
		for _, made := range r.Of("kubernetes:core/v1:ConfigMap") {
			text, ours := harness.Dig(made.Inputs, "data", "lagrum_rules.yaml").(string)
			if !ours {
				continue
			}
			var rules []struct{ Rule, Condition, Output, Priority string }
			require.NoError(t, yaml.Unmarshal([]byte(text), &rules))
			seen := 0
			for _, rule := range rules {
				if rule.Rule == "" {
					continue
				}
				seen++
				assert.NotContains(t, rule.Output, "proc.cmdline", rule.Rule)
			}
			assert.Greater(t, seen, 10)
			return
		}
		t.Error("no rules")
	})
}
