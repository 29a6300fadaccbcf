package plan_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/golden"
)

// at is the time at which every test of this package decides.
func at() time.Time { return time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC) }

// load reads testdata/<stack>.site.yaml, with the texts replaced pairwise.
func load(t testing.TB, stack string, replace ...string) site.Site {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", stack+".site.yaml"))
	require.NoError(t, err)
	require.Zero(t, len(replace)%2, "replacements come in pairs")
	for i := 0; i < len(replace); i += 2 {
		require.True(t, bytes.Contains(data, []byte(replace[i])), "%s.site.yaml has no %q", stack, replace[i])
		data = bytes.ReplaceAll(data, []byte(replace[i]), []byte(replace[i+1]))
	}
	s, _, err := site.Load(data)
	require.NoError(t, err)
	return s
}

func profile(t testing.TB, s site.Site) country.Profile {
	t.Helper()
	p, err := country.Lookup(s.Country.String())
	require.NoError(t, err)
	return p
}

func TestGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		stack    string
		warnings []string // first lines
	}{
		{"dev", []string{
			"cloud.lab: has disks whose encryption nothing can show; keep patient data out",
			`cloud.lab.wireguard: "false" leaves traffic between nodes in the clear; keep patient data out`,
		}},
		{"se-prod", nil},
		{"se-dr", nil},
		{"dk-prod", nil},
		{"no-prod", nil},
		{"fi-prod", nil},
		{"de-prod", nil},
		{"fr-prod", nil},
		{"nl-prod", nil},
	}
	for _, tt := range tests {
		t.Run(tt.stack, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.stack)
			p, warnings, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			assert.Equal(t, tt.warnings, firstLines(warnings))
			got, err := p.JSON()
			require.NoError(t, err)
			golden.Compare(t, tt.stack+".plan.json", string(got))
		})
	}
}

// The plan of each stack that the repository declares is a golden file too: its diff is what a review reads.
func TestDeclaredStacks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../Pulumi.*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		stack := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var declared struct {
				Config map[string]yaml.Node `yaml:"config"`
			}
			require.NoError(t, yaml.Unmarshal(data, &declared))
			node := declared.Config["lagrum:site"]
			data, err = yaml.Marshal(&node)
			require.NoError(t, err)
			s, _, err := site.Load(data)
			require.NoError(t, err)
			assert.Equal(t, stack, s.Stack())
			p, _, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			golden.Compare(t, stack+".plan.json", string(must(p.JSON())))
		})
	}
}

func firstLines(warnings []plan.Warning) []string {
	var lines []string
	for _, w := range warnings {
		line, _, _ := bytes.Cut([]byte(w.String()), []byte("\n"))
		lines = append(lines, string(line))
	}
	return lines
}
