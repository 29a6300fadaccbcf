package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// Every node is watched, but in a laboratory, and no site can say otherwise.
func TestWatched(t *testing.T) {
	t.Parallel()
	vm := func(s *site.Site) {
		s.Cloud.Lab.FalcoImage = true
		s.NodePools[1].Size = parse[site.Text](t, "vm-2c2g")
	}
	for _, row := range []struct {
		name, stack string
		change      func(*site.Site)
		want        []string
		warning     string
	}{
		{"a cloud", "se-prod", nil, []string{"cp", "workers"}, ""},
		{"another", "dk-prod", nil, []string{"cp", "workers"}, ""},
		{"a lab without an image", "dev", nil, nil, "not provable on this host: no Falco image"},
		{"a lab of system containers", "dev", func(s *site.Site) { s.Cloud.Lab.FalcoImage = true }, nil, "watches no node"},
		{"a lab with virtual machines", "dev", vm, []string{"workers"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, row.stack)
			if row.change != nil {
				row.change(&s)
			}
			p, warnings, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			assert.Equal(t, row.want, p.Watched)
			said := ""
			for _, w := range warnings {
				if w.Path == "cloud.lab.falcoImage" {
					said = w.String()
				}
			}
			if row.warning == "" {
				assert.Empty(t, said)
				return
			}
			assert.Contains(t, said, row.warning)
		})
	}
}
