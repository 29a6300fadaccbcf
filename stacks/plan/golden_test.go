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

// load reads the site of a declared stack, or testdata/<stack>.site.yaml, with the texts replaced pairwise.
func load(t testing.TB, stack string, replace ...string) site.Site {
	t.Helper()
	file := "../../Pulumi." + stack + ".yaml"
	_, err := os.Stat(file)
	declared := err == nil
	if !declared {
		file = filepath.Join("testdata", stack+".site.yaml")
	}
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Zero(t, len(replace)%2, "replacements come in pairs")
	for i := 0; i < len(replace); i += 2 {
		require.True(t, bytes.Contains(data, []byte(replace[i])), "%s has no %q", file, replace[i])
		data = bytes.ReplaceAll(data, []byte(replace[i]), []byte(replace[i+1]))
	}
	if declared {
		data = siteOf(t, data)
	}
	s, _, err := site.Load(data)
	require.NoError(t, err)
	return s
}

// siteOf is the site in a stack's configuration file.
func siteOf(t testing.TB, file []byte) []byte {
	t.Helper()
	var declared struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	require.NoError(t, yaml.Unmarshal(file, &declared))
	node := declared.Config["lagrum:site"]
	data, err := yaml.Marshal(&node)
	require.NoError(t, err)
	return data
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
			`cloud.lab.falcoImage: "false" leaves what runs on the nodes unwatched: not provable on this host: no Falco image; ` +
				"where Docker Hub can be reached, save the image of the catalogue as lab/images.d/falco.tar and set it to true",
		}},
		{"se-prod", nil},
		{"se-dr", nil},
		{"dk-prod", nil},
		{"dk-dr", nil},
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
			s, _, err := site.Load(siteOf(t, data))
			require.NoError(t, err)
			assert.Equal(t, stack, s.Stack())
			p, _, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			golden.Compare(t, stack+".plan.json", string(must(p.JSON())))
		})
	}
}

// A recovery stack stands elsewhere than the stack whose place it takes.
func TestDeclaredRecoveryStandsApart(t *testing.T) {
	t.Parallel()
	pairs := 0
	files, err := filepath.Glob("../../Pulumi.*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		s := load(t, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
		if s.Recovery == nil || s.Recovery.Of.IsZero() {
			continue
		}
		pairs++
		recovery, _, err := plan.Resolve(s, profile(t, s), at())
		require.NoError(t, err)
		of := load(t, s.Recovery.Of.String())
		primary, _, err := plan.Resolve(of, profile(t, of), at())
		require.NoError(t, err)
		assert.NoError(t, plan.Apart(recovery, primary, profile(t, s)), file)
	}
	assert.NotZero(t, pairs, "no recovery stack is declared")
}

func firstLines(warnings []plan.Warning) []string {
	var lines []string
	for _, w := range warnings {
		line, _, _ := bytes.Cut([]byte(w.String()), []byte("\n"))
		lines = append(lines, string(line))
	}
	return lines
}
