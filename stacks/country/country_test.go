package country_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
)

// rule is a Rule of any type, found by reflection.
type rule struct {
	path         string
	value        any
	cites        []string
	reading      string
	capabilities []string
}

// rules walks all rules of the duties. A rule's capability tag may stand on a struct above it.
func rules(t *testing.T, path string, v reflect.Value, capability string) []rule {
	t.Helper()
	if _, isRule := v.Type().FieldByName("Cites"); isRule {
		return []rule{{
			path: path, value: v.FieldByName("Value").Interface(), cites: v.FieldByName("Cites").Interface().([]string),
			reading: v.FieldByName("Reading").String(), capabilities: strings.Fields(capability),
		}}
	}
	var found []rule
	for i := range v.NumField() {
		f := v.Type().Field(i)
		require.Equal(t, reflect.Struct, f.Type.Kind(), "%s.%s is neither a rule nor a set of rules", path, f.Name)
		found = append(found, rules(t, path+"."+f.Name, v.Field(i), f.Tag.Get("capability"))...)
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
		require.Greater(t, len(found), 20, p.Code)
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
				assert.True(t, slices.ContainsFunc(row.Capabilities, func(c requirements.Capability) bool {
					return slices.Contains(r.capabilities, string(c))
				}), "%s cites %s, which is about %v", r.path, id, row.Capabilities)
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
	assert.Equal(t, 22, numbers)
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

// What is not in force may not become a number: Denmark has no floor for any log outside the state.
func TestCertainty(t *testing.T) {
	t.Parallel()
	dk := profile(t, "dk")
	assert.Zero(t, dk.PatientAccessLog.Floor.Value)
	assert.Zero(t, dk.PlatformSecurityLog.Floor.Value)
	assert.Zero(t, profile(t, "se").PlatformSecurityLog.Floor.Value)
	assert.Equal(t, []string{"dk"}, dk.ListedSystem.Value)
	assert.False(t, profile(t, "se").ListedSystem.Set())
	assert.Len(t, dk.Residency.Value, 30)
	assert.NotContains(t, fmt.Sprint(dk), "SIKBEK")
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

func TestLookupUnknown(t *testing.T) {
	t.Parallel()
	_, err := country.Lookup("no")
	assert.EqualError(t, err, `country "no": no profile of its law; use one of: dk (Denmark), se (Sweden)`)
}

func profile(t *testing.T, code string) country.Profile {
	t.Helper()
	p, err := country.Lookup(code)
	require.NoError(t, err)
	return p
}
