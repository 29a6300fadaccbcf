package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
)

const docs = "../../../../docs/countries"

func TestPagesAreCurrent(t *testing.T) {
	t.Parallel()
	pages, err := render()
	require.NoError(t, err)
	assert.Len(t, pages, 8)
	for name, text := range pages {
		committed, err := os.ReadFile(filepath.Join(docs, name))
		require.NoError(t, err, "run: go generate ./stacks/country")
		assert.Equal(t, string(committed), text, "%s: run: go generate ./stacks/country", name)
	}
	entries, err := os.ReadDir(docs)
	require.NoError(t, err)
	for _, e := range entries {
		assert.Contains(t, pages, e.Name(), "docs/countries/%s is no page of a known country; remove it", e.Name())
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, run([]string{dir}))
	for _, p := range country.Profiles() {
		written, err := os.ReadFile(filepath.Join(dir, p.Code+".md"))
		require.NoError(t, err)
		committed, err := os.ReadFile(filepath.Join(docs, p.Code+".md"))
		require.NoError(t, err)
		assert.Equal(t, string(committed), string(written))
	}
	assert.EqualError(t, run(nil), "got 0 arguments; give the folder to write to")
	assert.ErrorContains(t, run([]string{filepath.Join(dir, "none")}), "no such file or directory")
}

// A page shows each row of its country once, as the printing rule allows: under the duties, or as not served.
func TestEveryRowOfTheCountryIsShown(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	pages, err := render()
	require.NoError(t, err)
	for _, p := range country.Profiles() {
		said, left, found := strings.Cut(pages[p.Code+".md"], "\n## Not served by the platform's plan yet\n")
		require.True(t, found, p.Code)
		_, duties, _ := strings.Cut(said, "\n## Duties\n")
		duties, said, found = strings.Cut(duties, "\n## What the requirements say\n")
		require.True(t, found, p.Code)
		for _, row := range catalogue.All() {
			text, _ := row.Print()
			line := "- **" + escaped(string(row.Grade)) + "** " + escaped(text) + "\n"
			named := strings.Contains(duties, "`"+row.ID+"`")
			assert.Equal(t, named, strings.Contains(said, line), "%s: %s", p.Code, row.ID)
			assert.Equal(t, string(row.Profile) == p.Code && !named, strings.Contains(left, line), "%s: %s", p.Code, row.ID)
		}
	}
}

// Nothing that is unverified or not established is among the duties, and nothing but its id is printed of a row that
// was never read.
func TestPagesAreNoSurerThanTheirRows(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	pages, err := render()
	require.NoError(t, err)
	for _, p := range country.Profiles() {
		page := pages[p.Code+".md"]
		_, duties, _ := strings.Cut(page, "\n## Duties\n")
		duties, _, _ = strings.Cut(duties, "\n## Not served")
		for _, row := range catalogue.All() {
			switch row.Grade {
			case requirements.GradeU:
				assert.NotContains(t, page, escaped(row.Citation), "%s: %s", p.Code, row.ID)
				assert.NotContains(t, page, escaped(row.Demand), "%s: %s", p.Code, row.ID)
				fallthrough
			case requirements.GradeC:
				assert.NotContains(t, duties, "["+row.ID+"]", p.Code)
				assert.NotContains(t, duties, "`"+row.ID+"`", p.Code)
			}
		}
	}
}

// Every table is a table: each of its lines has as many cells as its head.
func TestTables(t *testing.T) {
	t.Parallel()
	pages, err := render()
	require.NoError(t, err)
	bar := regexp.MustCompile(`(^|[^\\])\|`)
	for name, text := range pages {
		head, tables := 0, 0
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "|") {
				head = 0
				continue
			}
			n := len(bar.FindAllString(line, -1))
			if head == 0 {
				head, tables = n, tables+1
			}
			assert.Equal(t, head, n, "%s: %s", name, line)
		}
		assert.NotZero(t, tables, name)
	}
}

// A rule that a page does not know how to show would be missing in silence.
func TestEveryRuleHasAShape(t *testing.T) {
	t.Parallel()
	found := map[string]reflect.Value{}
	collect(found, "", reflect.ValueOf(country.Duties{}))
	var shown []string
	for _, s := range shapes() {
		shown = append(shown, s.path)
	}
	var known []string
	for path := range found {
		known = append(known, path)
	}
	assert.ElementsMatch(t, known, shown)
}

func TestWhatThePlanDoes(t *testing.T) {
	t.Parallel()
	does := map[string]func(any) string{}
	for _, s := range shapes() {
		does[s.path] = s.does
	}
	tests := []struct {
		path  string
		value any
		want  string
	}{
		{"PatientAccessLog.Floor", 1827, "Refuses fewer than 1827 days in production and recovery, warns elsewhere."},
		{"PatientAccessLog.Floor", 0, "Refuses a site that declares no number of days."},
		{"PatientAccessLog.Ceiling", country.RecordBound,
			"Refuses a ceiling below the floor. In production and recovery, refuses one that is longer than the records are kept; warns elsewhere."},
		{"RecordYears", 10, "10 years, or more where the site declares it. Refuses less in production and recovery, warns elsewhere."},
		{"BackupHours", country.Interval{Advised: 24},
			"Refuses a production or recovery site without backup, and an interval longer than `recovery.rpo`. Warns of more than 24 hours between two backups."},
		{"ReviewDays", country.Interval{Limit: 366},
			"The plan carries the limit of 366 days. A site cannot yet declare the date of its last evaluation."},
		{"MFA", country.Required, "Refuses a source of identities without `mfa: true` in production and recovery."},
		{"TimeSource", "ntp.se", "The plan carries ntp.se as the source."},
		{"ScanDays", 92, "The plan carries the limit of 92 days."},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, does[tt.path](tt.value), tt.path)
	}
}

func TestUnknownRowIsAnError(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	p := country.Profile{Duties: country.Duties{Recovery: country.Rule[bool]{Value: true, Cites: []string{"XX-1"}}}}
	_, err = pageOf(catalogue, p)
	assert.EqualError(t, err, "A way back after the loss of a site: the catalogue does not have XX-1")
	_, err = pageOf(catalogue, country.Profile{Instruction: []country.Topic{{Requirement: "XX-2"}}})
	assert.EqualError(t, err, "instruction: the catalogue does not have XX-2")
}
