package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/site"
)

// duties judges what the site declares against what the country asks, and decides the numbers.
func (j *judge) duties(s *site.Site, d *country.Duties) Duties {
	decided := Duties{
		Residency: d.Residency.Value, ResidencyCites: d.Residency.Cites,
		Logs: []LogClass{
			j.logs(s, site.PatientAccess, d.PatientAccessLog),
			j.logs(s, site.PlatformSecurity, d.PlatformSecurityLog),
		},
		RecordYears: j.records(s, d.RecordYears), RecordCites: d.RecordYears.Cites,
		BackupCites:      d.BackupHours.Cites,
		RestoreTestDays:  j.restoreTest(s, d),
		RestoreTestCites: d.RestoreTestDays.Cites,
		ReviewDays:       d.ReviewDays.Value.Limit, ReviewCites: d.ReviewDays.Cites,
		MFA: d.MFA.Value == country.Required, MFACites: d.MFA.Cites,
		TLSMinimum: d.TLSMinimum.Value, TLSCites: d.TLSMinimum.Cites,
		TimeSource: d.TimeSource.Value, TimeCites: d.TimeSource.Cites,
		DNSSEC: d.DNSSEC.Value == country.Required, DNSSECCites: d.DNSSEC.Cites,
		PatchInternetDays: d.PatchInternetDays.Value, PatchInternalDays: d.PatchInternalDays.Value,
		PatchCites: sortedUnion(d.PatchInternetDays.Cites, d.PatchInternalDays.Cites),
		ScanDays:   d.ScanDays.Value, ScanCites: d.ScanDays.Cites,
	}
	if s.ListedSystem && d.ListedSystem.Set() {
		decided.Residency, decided.ResidencyCites = d.ListedSystem.Value, d.ListedSystem.Cites
	}
	j.backup(s, d)
	if s.Backup != nil {
		decided.BackupMinutes = minutes(s.Backup.Interval)
	}
	return decided
}

func sortedUnion(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// joined is both lists in their order, nothing twice.
func joined(a, b []string) []string {
	all := slices.Clone(a)
	for _, id := range b {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// logs decides floor and ceiling of one class: the site declares both, and the law bounds them.
func (j *judge) logs(s *site.Site, class site.LogClass, rule country.LogRule) LogClass {
	c := LogClass{Name: string(class), Cites: joined(rule.Floor.Cites, rule.Ceiling.Cites)}
	i := slices.IndexFunc(s.Retention.Logs, func(l site.LogRetention) bool { return l.Class == class })
	if i < 0 {
		j.refuse(j.on(Finding{Path: "retention.logs", Message: "does not say how long " + c.Name + " logs are kept",
			Remedy: "add {class: " + c.Name + ", floorDays: ..., ceilingDays: ...}, as the retention decision has it"}, c.Cites, rule.Floor.Reading))
		return c
	}
	declared, path := s.Retention.Logs[i], fmt.Sprintf("retention.logs[%d]", i)
	c.FloorDays, c.CeilingDays = declared.FloorDays.Int(), declared.CeilingDays.Int()
	if c.FloorDays < rule.Floor.Value {
		j.refuseSerious(j.on(Finding{Path: path + ".floorDays", Value: strconv.Itoa(c.FloorDays),
			Message: fmt.Sprintf("days is less than the %d days that %s logs must be kept", rule.Floor.Value, c.Name),
			Remedy:  fmt.Sprintf("use at least %d", rule.Floor.Value)}, rule.Floor.Cites, rule.Floor.Reading))
	}
	if c.FloorDays > c.CeilingDays {
		j.refuse(j.on(Finding{Path: path + ".ceilingDays", Value: strconv.Itoa(c.CeilingDays),
			Message: fmt.Sprintf("days ends before the lock of %d days: a lock that outlasts the need is itself a breach", c.FloorDays),
			Remedy:  "use at least the floor"}, rule.Ceiling.Cites, rule.Ceiling.Reading))
	}
	// Records without a declared life are refused by themselves.
	if years := s.Retention.RecordYears; rule.Ceiling.Value == country.RecordBound && years > 0 && c.CeilingDays > wholeDays(years) {
		j.refuseSerious(j.on(Finding{Path: path + ".ceilingDays", Value: strconv.Itoa(c.CeilingDays),
			Message: fmt.Sprintf("days is longer than the %d years of the records that the log is about", years),
			Remedy:  fmt.Sprintf("use at most %d", wholeDays(years))}, rule.Ceiling.Cites, rule.Ceiling.Reading))
	}
	return c
}

func (j *judge) records(s *site.Site, rule country.Rule[int]) int {
	declared := s.Retention.RecordYears
	if declared == 0 {
		if rule.Value == 0 && j.serious {
			j.refuse(j.on(Finding{Path: "retention.recordYears", Message: "is missing, and the country's rules give no number that is established",
				Remedy: "declare for how many years records are kept, as counsel has it"}, rule.Cites, rule.Reading))
		}
		return rule.Value
	}
	if declared < rule.Value {
		j.refuseSerious(j.on(Finding{Path: "retention.recordYears", Value: strconv.Itoa(declared),
			Message: fmt.Sprintf("years is less than the %d years that records must be kept", rule.Value),
			Remedy:  fmt.Sprintf("use at least %d", rule.Value)}, rule.Cites, rule.Reading))
	}
	return declared
}

// wholeDays is the longest that a number of years can be, in days: 5 years are 1827, with two leap days.
func wholeDays(years int) int { return years*365 + (years+3)/4 }

// backup judges how often backups are made and where they go.
func (j *judge) backup(s *site.Site, d *country.Duties) {
	rule, b := d.BackupHours, s.Backup
	if b == nil {
		if j.serious {
			j.refuse(j.on(Finding{Path: "backup", Message: "is missing", Remedy: "say how often, and to which other region and account"}, rule.Cites, rule.Reading))
		}
		return
	}
	if r := s.Recovery; r != nil && b.Interval.Std() > r.RPO.Std() {
		j.refuse(j.on(Finding{Path: "backup.interval", Value: b.Interval.String(), Message: "is longer than recovery.rpo " + r.RPO.String(),
			Remedy: "back up at least that often"}, rule.Cites, ""))
	}
	j.interval("backup.interval", b.Interval, time.Hour, "h", rule)
	if !d.BackupApart.Set() || !j.serious {
		return
	}
	sameRegion := strings.EqualFold(b.Region.String(), s.Cloud.Region()) || strings.EqualFold(b.Region.String(), s.DataCentre.Region.String())
	sameAccount := strings.EqualFold(b.Account.String(), account(s))
	switch {
	case sameRegion && sameAccount:
		j.refuse(j.on(Finding{Path: "backup.region", Value: b.Region.String(), Message: "is where the originals lie, in the same account: a copy beside the original is no backup",
			Remedy: "name another region and another account"}, d.BackupApart.Cites, d.BackupApart.Reading))
	case sameRegion:
		j.warn(j.on(Finding{Path: "backup.region", Value: b.Region.String(), Message: "is where the originals lie: one disaster takes both",
			Remedy: "name another region"}, d.BackupApart.Cites, d.BackupApart.Reading))
	case sameAccount:
		j.warn(j.on(Finding{Path: "backup.account", Value: b.Account.String(), Message: "owns the originals too: one stolen credential takes both",
			Remedy: "name another account"}, d.BackupApart.Cites, d.BackupApart.Reading))
	}
}

// account names who owns the stack's originals; the lab has no accounts.
func account(s *site.Site) string {
	switch {
	case s.Cloud.OpenStack != nil:
		return s.Cloud.OpenStack.Project.String()
	case s.Cloud.AWS != nil:
		return s.Cloud.AWS.Account.String()
	}
	return ""
}

// restoreTest decides the longest time between restore tests, in days.
func (j *judge) restoreTest(s *site.Site, d *country.Duties) int {
	rule, r := d.RestoreTestDays, s.Recovery
	if r == nil {
		if j.serious {
			j.refuse(j.on(Finding{Path: "recovery.restoreTestInterval", Message: "is missing", Remedy: "add recovery, and say how often restoring is rehearsed"},
				rule.Cites, rule.Reading))
			j.warn(j.on(Finding{Path: "recovery", Message: "is missing: nobody knows how much may be lost and how long the rebuild may take",
				Remedy: "declare rpo and rto"}, d.Recovery.Cites, d.Recovery.Reading))
		}
		return 0
	}
	const day = 24 * time.Hour
	j.interval("recovery.restoreTestInterval", r.RestoreTestInterval, day, "d", rule)
	return int((r.RestoreTestInterval.Std() + day - 1) / day)
}

// interval judges a declared interval against a rule in the given unit.
func (j *judge) interval(path string, declared site.Duration, unit time.Duration, letter string, rule country.Rule[country.Interval]) {
	longer := func(units int) bool { return units > 0 && declared.Std() > time.Duration(units)*unit }
	switch limit, advised := rule.Value.Limit, rule.Value.Advised; {
	case longer(limit):
		j.refuseSerious(j.on(Finding{Path: path, Value: declared.String(), Message: fmt.Sprintf("is longer than %d%s", limit, letter),
			Remedy: fmt.Sprintf("use at most %d%s", limit, letter)}, rule.Cites, rule.Reading))
	case longer(advised):
		j.warn(j.on(Finding{Path: path, Value: declared.String(), Message: fmt.Sprintf("is longer than the %d%s that are advised", advised, letter),
			Remedy: fmt.Sprintf("use at most %d%s, or note why not", advised, letter)}, rule.Cites, rule.Reading))
	}
}
