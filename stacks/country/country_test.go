package country_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/site"
)

// rule is a Rule of any type, found by reflection.
type rule struct {
	path         string
	value        any
	cites        []string
	reading      string
	capabilities []string // of which each cited row has one
	readFrom     []string // of which it may have one instead, where the reading says how
}

// rules walks all rules of the duties. A rule's capability tag may stand on a struct above it.
func rules(t *testing.T, path string, v reflect.Value, tag reflect.StructTag) []rule {
	t.Helper()
	if _, isRule := v.Type().FieldByName("Cites"); isRule {
		return []rule{{
			path: path, value: v.FieldByName("Value").Interface(), cites: v.FieldByName("Cites").Interface().([]string),
			reading: v.FieldByName("Reading").String(), capabilities: strings.Fields(tag.Get("capability")), readFrom: strings.Fields(tag.Get("read")),
		}}
	}
	var found []rule
	for i := range v.NumField() {
		f := v.Type().Field(i)
		require.Equal(t, reflect.Struct, f.Type.Kind(), "%s.%s is neither a rule nor a set of rules", path, f.Name)
		found = append(found, rules(t, path+"."+f.Name, v.Field(i), f.Tag)...)
	}
	return found
}

// declared returns every rule that a country or one of its overlays sets.
func declared(t *testing.T, p country.Profile) []rule {
	t.Helper()
	all := rules(t, p.Code, reflect.ValueOf(p.Duties), "")
	for _, o := range p.Overlays {
		all = append(all, rules(t, o.Name, reflect.ValueOf(o.Duties), "")...)
	}
	return slices.DeleteFunc(all, func(r rule) bool {
		return len(r.cites) == 0 && reflect.ValueOf(r.value).IsZero() && r.reading == ""
	})
}

// Every value cites requirements that exist, belong to the country or to the Union, are about the value's subject,
// and may be relied on.
func TestEveryValueIsCited(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	for _, p := range country.Profiles() {
		found := declared(t, p)
		require.GreaterOrEqual(t, len(found), 20, p.Code)
		for _, r := range found {
			assert.NotEmpty(t, r.cites, "%s cites nothing", r.path)
			assert.NotEmpty(t, r.capabilities, "%s has no capability tag", r.path)
			for _, id := range r.cites {
				row, ok := catalogue.ByID(id)
				if !assert.True(t, ok, "%s cites %s, which the catalogue does not have", r.path, id) {
					continue
				}
				assert.True(t, row.Decides(), "%s rests on %s: grade %s, status %s", r.path, id, row.Grade, row.Status)
				assert.Contains(t, []string{p.Code, "eu"}, string(row.Profile), "%s cites %s of another profile", r.path, id)
				overlay := strings.HasPrefix(string(row.Status), "overlay:")
				assert.False(t, overlay && string(row.Status) != "overlay:"+strings.SplitN(r.path, ".", 2)[0],
					"%s cites %s, which binds %s only", r.path, id, row.Status)
				about := func(known []string) bool {
					return slices.ContainsFunc(row.Capabilities, func(c requirements.Capability) bool { return slices.Contains(known, string(c)) })
				}
				assert.True(t, about(r.capabilities) || about(r.readFrom), "%s cites %s, which is about %v", r.path, id, row.Capabilities)
				assert.True(t, about(r.capabilities) || r.reading != "", "%s is read from %s, which is about %v: say how", r.path, id, row.Capabilities)
			}
		}
	}
}

// A number is a parameter of a row that is cited, or says where it comes from.
func TestEveryNumberHasAnOrigin(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	numbers := 0
	for _, p := range country.Profiles() {
		for _, r := range declared(t, p) {
			switch n := r.value.(type) {
			case country.Interval:
				numbers++
				assert.NotEmpty(t, r.reading, "%s: no row carries %v as a parameter, and no reading says where it is from", r.path, n)
			case int:
				numbers++
				fromRow := slices.ContainsFunc(r.cites, func(id string) bool {
					row, _ := catalogue.ByID(id)
					return row.Param != nil && row.Param.Value == n
				})
				assert.True(t, fromRow || r.reading != "", "%s: no row carries %d as a parameter, and no reading says where it is from", r.path, n)
			}
		}
	}
	assert.Equal(t, 57, numbers)
}

// Each parameter of the catalogue is used by the rule of its country, with the catalogue's number.
func TestParametersAreUsed(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	se, _ := profile(t, "se").For("region")
	dk, _ := profile(t, "dk").For("state")
	used := map[string]country.Rule[int]{
		"SE-HSLF-4-9-7": se.PatientAccessLog.Floor,
		"SE-PDL-3-17":   se.RecordYears,
		"DK-TMK24-16":   dk.PlatformSecurityLog.Floor,
		"DK-TMK24-26":   dk.PatchInternetDays,
		"DK-TMK24-29":   dk.PatchInternalDays,
		"DK-TMK24-28":   dk.ScanDays,
	}
	for _, row := range catalogue.All() {
		if row.Param == nil {
			continue
		}
		assert.Equal(t, row.Param.Value, used[row.ID].Value, row.ID)
		assert.Contains(t, used[row.ID].Cites, row.ID)
	}
}

func TestOverlaysBindTheStateOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code, operator string
		overlays       []string
		platformFloor  int
		mfa            country.Demand
		dnssec         country.Demand
		timeSource     string
		backup         country.Interval
	}{
		{code: "se", operator: "region", mfa: "required"},
		{code: "se", operator: "company", mfa: "required"},
		{code: "se", operator: "state", overlays: []string{"se-state"}, mfa: "required", dnssec: "required", timeSource: "ntp.se", backup: country.Interval{Advised: 24}},
		{code: "dk", operator: "region", mfa: "as-appropriate"},
		{code: "dk", operator: "municipality", mfa: "as-appropriate"},
		{code: "no", operator: "state", mfa: "as-appropriate"},
		{code: "fi", operator: "state", mfa: "as-appropriate"},
		{code: "de", operator: "state", mfa: "required"},
		{code: "fr", operator: "state", mfa: "as-appropriate"},
		{code: "nl", operator: "state", mfa: "as-appropriate"},
		{code: "dk", operator: "state", overlays: []string{"dk-state"}, platformFloor: 366, mfa: "required", dnssec: "required"},
	}
	for _, tt := range tests {
		t.Run(tt.code+" "+tt.operator, func(t *testing.T) {
			t.Parallel()
			duties, overlays := profile(t, tt.code).For(tt.operator)
			assert.Equal(t, tt.overlays, overlays)
			assert.Equal(t, tt.platformFloor, duties.PlatformSecurityLog.Floor.Value)
			assert.Equal(t, tt.mfa, duties.MFA.Value)
			assert.Equal(t, tt.dnssec, duties.DNSSEC.Value)
			assert.Equal(t, tt.timeSource, duties.TimeSource.Value)
			assert.Equal(t, tt.backup, duties.BackupHours.Value)
		})
	}
}

// What is not in force, not read or not established may not become a number or a citation.
func TestCertainty(t *testing.T) {
	t.Parallel()
	patient, platform, years := map[string]int{}, map[string]int{}, map[string]int{}
	for _, p := range country.Profiles() {
		patient[p.Code], platform[p.Code] = p.PatientAccessLog.Floor.Value, p.PlatformSecurityLog.Floor.Value
		years[p.Code] = p.RecordYears.Value
		assert.Equal(t, p.Code == "dk", p.ListedSystem.Set(), p.Code)
	}
	assert.Equal(t, map[string]int{"se": 1827, "nl": 1827, "dk": 0, "no": 0, "fi": 0, "de": 0, "fr": 0}, patient)
	assert.Equal(t, map[string]int{"se": 0, "nl": 0, "dk": 0, "no": 0, "fi": 0, "de": 0, "fr": 0}, platform)
	assert.Equal(t, map[string]int{"se": 10, "dk": 10, "nl": 0, "no": 0, "fi": 0, "de": 0, "fr": 0}, years)
	assert.Equal(t, []string{"dk"}, profile(t, "dk").ListedSystem.Value)
}

// Where data may lie. German law allows states that no row names, so that Germany's list is the Union's.
func TestResidency(t *testing.T) {
	t.Parallel()
	for _, p := range country.Profiles() {
		allowed := p.Residency.Value
		assert.Contains(t, allowed, p.Code)
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(allowed))), len(allowed), "%s: a country twice", p.Code)
		for _, outside := range []string{"gb", "ch", "us"} {
			assert.NotContains(t, allowed, outside, p.Code)
		}
		if p.Code == "de" {
			assert.Len(t, allowed, 27)
			assert.NotContains(t, allowed, "no")
			continue
		}
		assert.Len(t, allowed, 30, p.Code)
		assert.Subset(t, allowed, []string{"no", "is", "li"}, p.Code)
	}
}

// Norway implements NIS1 (NO-DSL), and outside Sweden and Denmark no act that implements NIS2 is established: nothing
// there may rest on the directive, and in Norway nothing on the regulation made under it.
func TestNIS2(t *testing.T) {
	t.Parallel()
	for _, p := range country.Profiles() {
		for _, r := range declared(t, p) {
			for _, id := range r.cites {
				if p.Code != "se" && p.Code != "dk" {
					assert.False(t, strings.HasPrefix(id, "EU-NIS2-"), "%s rests on %s", r.path, id)
				}
				if p.Code == "no" {
					assert.False(t, strings.HasPrefix(id, "EU-IR2690-"), "%s rests on %s", r.path, id)
					assert.True(t, !strings.HasPrefix(id, "EU-GDPR-") || strings.Contains(r.reading, "GDPR holds in Norway"),
						"%s rests on %s: say that its holding in Norway is our reading", r.path, id)
				}
			}
		}
	}
}

// Which certificate shows a provider's protection, and whether another may.
func TestProviderProof(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code, standard string
		shown, named   bool
	}{
		{"se", "ISO/IEC 27001:2022", true, false},
		{"se", "SOC 2 Type 2", false, false},
		{"no", "ISO/IEC 27001:2022", true, false},
		{"fi", "ISO/IEC 27001:2022", true, false},
		{"nl", "NEN 7510", false, false},
		{"dk", "iso 27001", true, false},
		{"de", "BSI C5:2020 Type 2", true, true},
		{"de", "bsi c5:2020 type 2", true, true},
		{"de", "BSI C5:2020 Type 1", false, true},
		{"de", "ISO/IEC 27001:2022", false, true},
		{"fr", "HDS v2", true, true},
		{"fr", "ISO/IEC 27001:2022", false, true},
	}
	for _, tt := range tests {
		proof := profile(t, tt.code).ProviderProof.Value
		assert.Equal(t, tt.shown, proof.ShownBy(tt.standard), "%s: %s", tt.code, tt.standard)
		assert.Equal(t, tt.named, proof.Named, tt.code)
	}
	for _, p := range country.Profiles() {
		assert.NotEmpty(t, p.ProviderProof.Value.Marks, "%s: no mark, so that any certificate would do", p.Code)
		assert.True(t, p.ProviderProof.Value.ShownBy(p.ProviderProof.Value.Standard), p.Code)
	}
}

// Every duty is set in every country, but for those that only some countries' rules know.
func TestNoDutyIsForgotten(t *testing.T) {
	t.Parallel()
	some := []string{".ListedSystem", ".DNSSEC", ".PatchInternetDays", ".PatchInternalDays", ".ScanDays"}
	for _, p := range country.Profiles() {
		for _, r := range rules(t, "", reflect.ValueOf(p.Duties), "") {
			if !slices.Contains(some, r.path) {
				assert.NotEmpty(t, r.cites, "%s%s: nothing asks for it", p.Code, r.path)
			}
		}
		assert.NotEmpty(t, p.Remarks, p.Code)
	}
}

// The Danish instruction has eight topics: each row once, with a capability that the row has.
func TestInstruction(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	for _, p := range country.Profiles() {
		var listed, rows []string
		for _, row := range catalogue.All() {
			if string(row.Profile) == p.Code && strings.Contains(row.ID, "-INSTR-") {
				rows = append(rows, row.ID)
			}
		}
		for _, topic := range p.Instruction {
			listed = append(listed, topic.Requirement)
			row, ok := catalogue.ByID(topic.Requirement)
			require.True(t, ok, "%s: the catalogue does not have %s", p.Code, topic.Requirement)
			assert.NotEmpty(t, topic.Subject, topic.Requirement)
			assert.Contains(t, requirements.Capabilities(), topic.Capability, topic.Requirement)
			assert.Contains(t, row.Capabilities, topic.Capability, topic.Requirement)
		}
		assert.Equal(t, rows, listed, p.Code)
	}
	assert.Len(t, profile(t, "dk").Instruction, 8)
}

// A remark names rows that exist. What it says of them is read by people.
func TestRemarksNameRows(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	named := 0
	for _, p := range country.Profiles() {
		for _, remark := range p.Remarks {
			for i, part := range strings.Split(remark, "`") {
				if i%2 == 0 {
					continue
				}
				named++
				row, ok := catalogue.ByID(part)
				assert.True(t, ok, "%s: the catalogue does not have %s", p.Code, part)
				assert.Equal(t, p.Code, string(row.Profile), "%s: %s", p.Code, part)
			}
		}
	}
	assert.Greater(t, named, 10)
}

// An overlay's rule must reach the result: a field that the merge forgets would be lost in silence.
func TestOverlayReachesEveryField(t *testing.T) {
	t.Parallel()
	for _, p := range country.Profiles() {
		for _, o := range p.Overlays {
			merged, _ := p.For(o.Operator)
			after := map[string]rule{}
			for _, r := range rules(t, "", reflect.ValueOf(merged), "") {
				after[r.path] = r
			}
			base := rules(t, "", reflect.ValueOf(p.Duties), "")
			for i, over := range rules(t, "", reflect.ValueOf(o.Duties), "") {
				want := base[i]
				if len(over.cites) > 0 {
					want = over
					want.cites = append(slices.Clone(over.cites), base[i].cites...)
				}
				assert.Equal(t, want, after[over.path], "%s%s", o.Name, over.path)
			}
		}
	}
}

// The list of countries is sorted, as its users expect.
func TestProfilesAreSorted(t *testing.T) {
	t.Parallel()
	var codes []string
	for _, p := range country.Profiles() {
		codes = append(codes, p.Code)
	}
	assert.Equal(t, []string{"de", "dk", "fi", "fr", "nl", "no", "se"}, codes)
}

func TestLookupUnknown(t *testing.T) {
	t.Parallel()
	_, err := country.Lookup("gb")
	assert.EqualError(t, err, `country "gb": no profile of its law; use one of: de (Germany), dk (Denmark), fi (Finland), fr (France), nl (Netherlands), no (Norway), se (Sweden)`)
}

func profile(t *testing.T, code string) country.Profile {
	t.Helper()
	p, err := country.Lookup(code)
	require.NoError(t, err)
	return p
}

// 27 of the Union, and three; each a country that a site may name.
func TestEEA(t *testing.T) {
	t.Parallel()
	all := country.EEA()
	assert.Len(t, all, 30)
	for code, want := range map[string]bool{"se": true, "dk": true, "no": true, "is": true, "li": true, "gb": false, "ch": false, "us": false} {
		assert.Equal(t, want, slices.Contains(all, code), code)
	}
	for _, code := range all {
		_, err := site.Parse[site.Country](code)
		assert.NoError(t, err)
	}
}

// The acts of the Union that a country names are those that its duties rest on, neither more nor fewer.
func TestActs(t *testing.T) {
	t.Parallel()
	for _, p := range country.Profiles() {
		used := map[string]bool{}
		for _, r := range declared(t, p) {
			for _, id := range r.cites {
				if parts := strings.SplitN(id, "-", 3); parts[0] == "EU" {
					used[parts[0]+"-"+parts[1]] = true
				}
			}
		}
		assert.ElementsMatch(t, slices.Collect(maps.Keys(used)), p.Acts, p.Code)
	}
}

func TestBinds(t *testing.T) {
	t.Parallel()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	tests := []struct {
		name, code, id string
		overlays       []string
		want           bool
	}{
		{"the country's own", "se", "SE-PDL-1-2", nil, true},
		{"another country's", "dk", "SE-PDL-1-2", nil, false},
		{"a regulation of the Union", "se", "EU-IR2690-9.2", nil, true},
		{"a regulation in a country of the EEA", "no", "EU-GDPR-32-1-a", nil, true},
		{"one that is not law there", "no", "EU-IR2690-9.2", nil, false},
		{"a directive, by the act that implements it", "se", "EU-NIS2-21-2-h", nil, true},
		{"a directive that no established act implements", "de", "EU-NIS2-21-2-h", nil, false},
		{"a state body's rule, for a state body", "se", "SE-MSB7-4-7", []string{"se-state"}, true},
		{"a state body's rule, for a region", "se", "SE-MSB7-4-7", nil, false},
		{"partly inferred", "se", "SE-HSLF-3-11", nil, false},
		{"a standard that anybody may choose", "se", "ISO-A.8.24", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			row, ok := catalogue.ByID(tt.id)
			require.True(t, ok, tt.id)
			assert.Equal(t, tt.want, profile(t, tt.code).Binds(row, tt.overlays))
		})
	}
}
