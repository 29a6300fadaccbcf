package requirements_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
)

func embedded(t *testing.T) *requirements.Catalogue {
	t.Helper()
	c, err := requirements.Embedded()
	require.NoError(t, err)
	return c
}

// The counts are those that the catalogue was published with: a row that is lost or regraded by accident shows here.
func TestCounts(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	profiles := map[requirements.Profile]int{}
	grades := map[requirements.Grade]int{}
	statuses := map[requirements.Status]int{}
	best := map[requirements.Proof]int{}
	for _, r := range c.All() {
		profiles[r.Profile]++
		grades[r.Grade]++
		statuses[r.Status]++
		best[r.Proof[0]]++
	}
	assert.Len(t, c.All(), 291)
	assert.Len(t, c.Sources(), 55)
	assert.Equal(t, map[requirements.Profile]int{
		"se": 70, "dk": 45, "eu": 58, "iso27001": 66, "hardening": 13, "no": 4, "fi": 4, "de": 13, "fr": 7, "nl": 5, "uk": 6,
	}, profiles)
	assert.Equal(t, map[requirements.Grade]int{"A": 151, "T": 74, "A*": 15, "B": 34, "C": 8, "U": 9}, grades)
	assert.Equal(t, map[requirements.Status]int{
		"in-force": 136, "standard": 79, "overlay:se-state": 26, "overlay:dk-state": 10, "check-2025:57": 10,
		"amended-2026-02-01": 9, "do-not-assert": 9, "to-confirm": 7, "phased": 3, "legacy": 1, "not-applicable": 1,
	}, statuses)
	assert.Equal(t, map[requirements.Proof]int{"R": 168, "D": 41, "O": 82}, best)
}

func TestParameters(t *testing.T) {
	t.Parallel()
	params := map[string]requirements.Param{}
	for _, r := range embedded(t).All() {
		if r.Param != nil {
			params[r.ID] = *r.Param
		}
	}
	assert.Equal(t, map[string]requirements.Param{
		"SE-PDL-3-17":   {Name: "record_retention_min_years", Value: 10},
		"SE-HSLF-4-9-7": {Name: "patient_access_log_min_days", Value: 1827},
		"DK-TMK24-16":   {Name: "security_log_min_days", Value: 366},
		"DK-TMK24-26":   {Name: "patch_days_internet", Value: 30},
		"DK-TMK24-29":   {Name: "patch_days_internal", Value: 90},
		"DK-TMK24-28":   {Name: "external_scan_days", Value: 92},
	}, params)
}

func TestLookup(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	r, ok := c.ByID("SE-PDL-3-17")
	require.True(t, ok)
	assert.Equal(t, "PdL 3 kap. 17 § st. 1", r.Citation)
	assert.Equal(t, "public bodies also follow arkivlagen (3 kap. 18 §)", r.Note)
	_, ok = c.ByID("SE-PDL-99")
	assert.False(t, ok)

	assert.Equal(t, []string{"SE-HSLF-3-12", "SE-MSB7-4-15"},
		ids(c.ByCapability(requirements.BackupSeparation, requirements.Sweden)))
	assert.Equal(t, []string{"SE-HSLF-3-12", "SE-MSB7-4-15", "EU-IR2690-4.2.2", "DE-C5-OPS-09"},
		ids(c.ByCapability(requirements.BackupSeparation)))
	assert.Empty(t, c.ByCapability(requirements.DPIA, requirements.Sweden))
}

// Every capability is asked for by some row, and every row's capability is known (Parse sees to that).
func TestCapabilities(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	assert.Len(t, requirements.Capabilities(), 51)
	assert.IsIncreasing(t, requirements.Capabilities())
	for _, capability := range requirements.Capabilities() {
		assert.NotEmpty(t, c.ByCapability(capability), capability)
	}
}

func TestDecides(t *testing.T) {
	t.Parallel()
	decides := map[string]bool{}
	for _, r := range embedded(t).All() {
		decides[string(r.Grade)+" "+string(r.Status)] = r.Decides()
	}
	assert.Equal(t, map[string]bool{
		"A in-force": true, "A standard": true, "A overlay:se-state": true, "A overlay:dk-state": true,
		"A legacy": false, "A* amended-2026-02-01": true, "A* check-2025:57": true, "B in-force": true,
		"B check-2025:57": true, "B standard": true, "B phased": false, "B not-applicable": false,
		"C to-confirm": false, "C phased": false, "T in-force": true, "T standard": true, "U do-not-assert": false,
	}, decides)
}

// All returns copies: a caller that changes one must not change the catalogue.
func TestCopies(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.All()[0].ID = "changed"
	_, ok := c.ByID("SE-PDL-1-2")
	require.True(t, ok)
	assert.Equal(t, "SE-PDL-1-2", c.All()[0].ID)
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const good = `{id: "X-1", profile: se, status: in-force, citation: c, title: t, demand: d, capabilities: [mfa], proof: [D], sure: A, source: [S]}`
	tests := []struct {
		name, rows, want string
	}{
		{"unknown key", `{id: "X-1", colour: red}`, "requirements: catalogue: yaml: unmarshal errors:\n  line 3: field colour not found in type requirements.row"},
		{"double id", good + "\n- " + good, "requirements: catalogue:\nrequirements[1] \"X-1\": id is used twice"},
		{"unknown source", `{id: "X-1", profile: se, status: in-force, citation: c, title: t, demand: d, capabilities: [mfa], proof: [D], sure: A, source: [Z]}`,
			"requirements: catalogue:\nrequirements[0] \"X-1\": source \"Z\" is not listed under sources"},
		{"no source", `{id: "X-1", profile: se, status: in-force, citation: c, title: t, demand: d, capabilities: [mfa], proof: [D], sure: B, source: []}`,
			"requirements: catalogue:\nrequirements[0] \"X-1\": grade B needs a source; without one the grade is U"},
		{"grade and status", `{id: "X-1", profile: se, status: in-force, citation: c, title: t, demand: d, capabilities: [mfa], proof: [D], sure: U, source: [S]}`,
			"requirements: catalogue:\nrequirements[0] \"X-1\": grade U with status in-force: grade U and status do-not-assert belong together"},
		{"unknown words, all at once", `{id: "X-1", profile: xx, status: maybe, citation: c, title: t, demand: d, capabilities: [fly], proof: [Z], sure: D, source: [S]}`,
			`requirements: catalogue:
requirements[0] "X-1": unknown profile "xx"
requirements[0] "X-1": unknown status "maybe"
requirements[0] "X-1": unknown grade "D"
requirements[0] "X-1": unknown capability "fly"
requirements[0] "X-1": unknown proof "Z"`},
		{"empty fields", `{id: "X-1", profile: se, status: in-force, citation: "", title: t, demand: d, capabilities: [], proof: [D], sure: A, source: [S]}`,
			`requirements: catalogue:
requirements[0] "X-1": citation is empty
requirements[0] "X-1": capabilities and proof must not be empty`},
		{"malformed parameter", `{id: "X-1", profile: se, status: in-force, citation: c, title: t, demand: d, capabilities: [mfa], proof: [D], sure: A, source: [S], note: "param days=many"}`,
			`requirements: catalogue:
requirements[0] "X-1": note "param days=many": a parameter is written "param name=value", at the note's start`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := requirements.Parse([]byte("sources: {S: {ref: r, kind: k}}\nrequirements:\n- " + tt.rows + "\n"))
			assert.EqualError(t, err, tt.want)
		})
	}
	t.Run("the good row itself", func(t *testing.T) {
		t.Parallel()
		_, err := requirements.Parse([]byte("sources: {S: {ref: r, kind: k}}\nrequirements:\n- " + good + "\n"))
		assert.NoError(t, err)
	})
	t.Run("source without kind", func(t *testing.T) {
		t.Parallel()
		_, err := requirements.Parse([]byte("sources: {S: {ref: r}}\nrequirements:\n- " + good + "\n"))
		assert.EqualError(t, err, "requirements: catalogue:\nsources.S: ref and kind must both be given")
	})
}

func ids(rows []requirements.Requirement) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}
