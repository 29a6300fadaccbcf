package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lagrum/lagrum/stacks/plan"
)

// plans reads the stack's plans. One that is empty is nil.
func plans(in Input) (was, now *plan.Plan, err error) {
	read := func(which string, text []byte) *plan.Plan {
		if len(bytes.TrimSpace(text)) == 0 {
			return nil
		}
		p := &plan.Plan{}
		if e := json.Unmarshal(text, p); e != nil {
			err = errors.Join(err, fmt.Errorf("the %s plan is no plan in JSON (%w); make it with: lagrum plan Pulumi.%s.yaml", which, e, in.Stack))
			return nil
		}
		return p
	}
	was, now = read("old", in.OldPlan), read("new", in.NewPlan)
	return was, now, err
}

// planChanges are the leaves that differ, but for the join window, which moves with every plan.
func planChanges(was, now []byte) []property {
	read := func(text []byte) any {
		var m map[string]any
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&m) != nil {
			return nil
		}
		if cluster, ok := asMap(m["cluster"]); ok {
			delete(cluster, "join")
		}
		return hide("", m, false)
	}
	a, b := read(was), read(now)
	if a == nil || b == nil { // all of it, which the notes say
		return nil
	}
	return differences(nil, a, b)
}

// planFlags finds what only the plan shows: no resource says for how long the law wants something.
func planFlags(was, now *plan.Plan, l law) (flags []flag, notes []string) {
	switch {
	case was == nil && now == nil:
		return nil, []string{"No plan of the stack was given: retention, residency and duties were not compared."}
	case was == nil:
		return waiverFlags(nil, now), []string{"The stack had no plan before: retention, residency and duties were not compared."}
	case now == nil:
		return []flag{{kind: PlanMissing, severity: Flagged,
			says: "The stack had a plan and has none now: it is refused, or gone. Retention, residency and duties could not be compared."}}, nil
	}
	flags = append(flags, placeFlags(was, now, l)...)
	flags = append(flags, retentionFlags(&was.Duties, &now.Duties)...)
	flags = append(flags, dutyFlags(&was.Duties, &now.Duties)...)
	flags = append(flags, waiverFlags(was, now)...)
	if was.Protect && !now.Protect {
		flags = append(flags, flag{kind: Unprotected, severity: Severe, says: inPlan("protect", "true", "false")})
	}
	if was.Network.Encryption != now.Network.Encryption {
		severity := Flagged
		if now.Network.Encryption == plan.NotEncrypted {
			severity = Severe
		}
		flags = append(flags, flag{kind: Transit, severity: severity, cites: now.Duties.TLSCites,
			says: inPlan("network.encryption", was.Network.Encryption, now.Network.Encryption)})
	}
	return flags, nil
}

// inPlan writes a difference between the plans.
func inPlan(path, was, now string) string {
	return "the plan's " + code(path) + ": " + code(was) + " → " + code(now)
}

// placeFlags see where the stack and its data stand.
func placeFlags(was, now *plan.Plan, l law) []flag {
	var found []flag
	if was.Cloud.Kind != now.Cloud.Kind || was.Cloud.Region != now.Cloud.Region {
		severity, remark := Flagged, ""
		if now.Cloud.Kind == "aws" && !awsInsideEEA(now.Cloud.Region) {
			severity, remark = Severe, ", which is outside the EEA"
		}
		found = append(found, flag{kind: Residency, severity: severity, cites: now.Duties.ResidencyCites,
			says: inPlan("cloud", was.Cloud.Kind+" "+was.Cloud.Region, now.Cloud.Kind+" "+now.Cloud.Region) + remark})
	}
	for _, at := range now.Duties.Residency {
		if slices.Contains(was.Duties.Residency, at) {
			continue
		}
		severity := Severe
		if slices.Contains(l.duties.Residency.Value, at) {
			severity = Flagged
		}
		found = append(found, flag{kind: Residency, severity: severity, cites: now.Duties.ResidencyCites,
			says: "the plan's " + code("duties.residency") + ": data may lie in " + code(at) + " too"})
	}
	return found
}

// retentionFlags: a floor that sinks lets evidence go, a ceiling that sinks makes it go.
func retentionFlags(was, now *plan.Duties) []flag {
	var found []flag
	for _, old := range was.Logs {
		i := slices.IndexFunc(now.Logs, func(c plan.LogClass) bool { return c.Name == old.Name })
		if i < 0 {
			found = append(found, flag{kind: LogsShortened, severity: Severe, cites: old.Cites,
				says: "the plan's " + code("duties.logs") + ": the class " + code(old.Name) + " is gone"})
			continue
		}
		c, path := now.Logs[i], "duties.logs["+old.Name+"]."
		if c.FloorDays < old.FloorDays {
			found = append(found, flag{kind: LogsShortened, severity: Severe, cites: c.Cites,
				says: inPlan(path+"floorDays", days(old.FloorDays), days(c.FloorDays)) + ": the lock ends earlier"})
		}
		if c.CeilingDays < old.CeilingDays {
			found = append(found, flag{kind: LogsShortened, severity: Flagged, cites: c.Cites,
				says: inPlan(path+"ceilingDays", days(old.CeilingDays), days(c.CeilingDays)) + ": they are deleted earlier"})
		}
	}
	if now.RecordYears < was.RecordYears {
		found = append(found, flag{kind: RecordsShortened, severity: Severe, cites: now.RecordCites,
			says: inPlan("duties.recordYears", strconv.Itoa(was.RecordYears), strconv.Itoa(now.RecordYears))})
	}
	return found
}

func days(n int) string { return strconv.Itoa(n) + " days" }

// dutyFlags see what is done less often, or less strictly, than before.
func dutyFlags(was, now *plan.Duties) []flag {
	onOff := func(b bool) string { return strconv.FormatBool(b) }
	// rarer: an interval that grew, or that is no longer set.
	rarer := func(was, now int) bool { return was > 0 && (now > was || now == 0) }
	var found []flag
	for _, d := range []struct {
		path     string
		was, now string
		worse    bool
		cites    []string
	}{
		{"duties.backupMinutes", strconv.Itoa(was.BackupMinutes), strconv.Itoa(now.BackupMinutes), rarer(was.BackupMinutes, now.BackupMinutes), now.BackupCites},
		{"duties.restoreTestDays", strconv.Itoa(was.RestoreTestDays), strconv.Itoa(now.RestoreTestDays), rarer(was.RestoreTestDays, now.RestoreTestDays), now.RestoreTestCites},
		{"duties.reviewDays", strconv.Itoa(was.ReviewDays), strconv.Itoa(now.ReviewDays), rarer(was.ReviewDays, now.ReviewDays), now.ReviewCites},
		{"duties.patchInternetDays", strconv.Itoa(was.PatchInternetDays), strconv.Itoa(now.PatchInternetDays), rarer(was.PatchInternetDays, now.PatchInternetDays), was.PatchCites},
		{"duties.patchInternalDays", strconv.Itoa(was.PatchInternalDays), strconv.Itoa(now.PatchInternalDays), rarer(was.PatchInternalDays, now.PatchInternalDays), was.PatchCites},
		{"duties.scanDays", strconv.Itoa(was.ScanDays), strconv.Itoa(now.ScanDays), rarer(was.ScanDays, now.ScanDays), was.ScanCites},
		{"duties.mfa", onOff(was.MFA), onOff(now.MFA), was.MFA && !now.MFA, was.MFACites},
		{"duties.dnssec", onOff(was.DNSSEC), onOff(now.DNSSEC), was.DNSSEC && !now.DNSSEC, was.DNSSECCites},
		{"duties.tlsMinimum", was.TLSMinimum, now.TLSMinimum, now.TLSMinimum < was.TLSMinimum, was.TLSCites},
	} {
		if d.worse {
			found = append(found, flag{kind: DutyLoosened, severity: Flagged, cites: d.cites, says: inPlan(d.path, d.was, d.now)})
		}
	}
	return found
}

// residencyPaths are where a site says in which country data lie. A waiver of a refusal there is how they leave the EEA.
func residencyPaths() []string {
	return []string{"dataCentre.country", "backup.country", "cloud.aws.region", "backup.region"}
}

// waiverFlags see waivers that are new, or that last longer or excuse more than before.
func waiverFlags(was, now *plan.Plan) []flag {
	var before []plan.Waiver
	if was != nil {
		before = was.Waivers
	}
	var found []flag
	for _, w := range now.Waivers {
		i := slices.IndexFunc(before, func(o plan.Waiver) bool { return o.Requirement == w.Requirement })
		what := "is waived"
		if i >= 0 {
			more := slices.ContainsFunc(w.Paths, func(p string) bool { return !slices.Contains(before[i].Paths, p) })
			switch {
			case more:
				what = "is waived for more than before"
			case w.Until > before[i].Until: // dates in ISO order
				what = "is waived for longer, so far until " + code(before[i].Until)
			default:
				continue
			}
		}
		f := flag{kind: Waived, severity: Flagged, cites: []string{w.Requirement}}
		if slices.ContainsFunc(w.Paths, func(p string) bool { return slices.Contains(residencyPaths(), p) }) {
			f.kind, f.severity = Residency, Severe
		}
		at := make([]string, len(w.Paths))
		for j, p := range w.Paths {
			at[j] = code(p)
		}
		f.says = fmt.Sprintf("%s %s by %s until %s, at %s: %s", code(w.Requirement), what, code(w.Owner), code(w.Until), join(at), code(w.Reason))
		found = append(found, f)
	}
	return found
}
