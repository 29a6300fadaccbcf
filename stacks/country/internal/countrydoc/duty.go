package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/lagrum/lagrum/stacks/country"
)

// duty is one rule of a profile, as a page shows it.
type duty struct {
	title   string
	does    string // what the plan does about it
	cites   []string
	reading string
}

// shape says how the rule at one path of country.Duties is shown. What does says is what stacks/plan does: whoever
// changes a judgement there changes the sentence here.
type shape struct {
	path, title string
	does        func(value any) string
}

func shapes() []shape {
	return []shape{
		{"Residency", "Where data may lie", func(v any) string {
			return "Refuses a data centre, an object store or a backup outside: " + strings.Join(v.([]string), ", ") + "."
		}},
		{"ListedSystem", "Where a listed system may run", func(v any) string {
			return "With `listedSystem: true`, refuses a data centre, an object store or a backup outside: " + strings.Join(v.([]string), ", ") + "."
		}},
		{"PatientAccessLog.Floor", "Log of access to patient data: floor", floor},
		{"PatientAccessLog.Ceiling", "Log of access to patient data: ceiling", ceiling},
		{"PlatformSecurityLog.Floor", "Log of platform and security: floor", floor},
		{"PlatformSecurityLog.Ceiling", "Log of platform and security: ceiling", ceiling},
		{"LogStore", "Where logs lie", constant("Refuses a production or recovery site without a store under object lock for them. The lock is each class's floor, and the lifecycle ends at its ceiling.")},
		{"RecordYears", "How long records are kept", func(v any) string {
			if v == 0 {
				return "Refuses a production or recovery site that does not declare `retention.recordYears`."
			}
			return fmt.Sprintf("%d years, or more where the site declares it. Refuses less in production and recovery, warns elsewhere.", v)
		}},
		{"BackupHours", "How often backups are made", func(v any) string {
			return "Refuses a production or recovery site without backup, and an interval longer than `recovery.rpo`." +
				interval(v, "hours", "backups")
		}},
		{"BackupApart", "Where backups lie", constant("Refuses a backup in the region and account of the originals, or without a store under object lock; warns where region or account is the same. Production and recovery only.")},
		{"RestoreTestDays", "How often restoring is rehearsed", func(v any) string {
			return "Refuses a production or recovery site that does not declare it." + interval(v, "days", "rehearsals")
		}},
		{"Recovery", "A way back after the loss of a site", constant("Warns of a production or recovery site that declares no `recovery`, and refuses a recovery site that does not say where the lost stack's backups lie.")},
		{"ControlPlanes", "Nodes that patients depend on", func(v any) string {
			return fmt.Sprintf("Refuses fewer than %d control planes or an even number in production and recovery; warns where they stand in fewer than %d zones.", v, v)
		}},
		{"ReviewDays", "Evaluation of the protection", func(v any) string {
			if limit := v.(country.Interval).Limit; limit > 0 {
				return fmt.Sprintf("The plan carries the limit of %d days. A site cannot yet declare the date of its last evaluation.", limit)
			}
			return "The plan carries no limit."
		}},
		{"MFA", "More than one factor", func(v any) string {
			if v == country.Required {
				return "Refuses a source of identities without `mfa: true` in production and recovery."
			}
			return "Warns of a source of identities without `mfa: true` in production and recovery."
		}},
		{"TLSMinimum", "Encryption in transit", func(v any) string { return fmt.Sprintf("The plan carries TLS %v as the oldest version.", v) }},
		{"Encrypted", "Encryption at rest", constant("Refuses an OpenStack site without an encrypted volume type. Other clouds' disks are always encrypted; the laboratory's are warned of.")},
		{"ClosedNetwork", "Who reaches the API", constant("Refuses an API source wider than /8 (IPv6: /16).")},
		{"Separation", "Production apart from test", constant("Refuses production and recovery in the laboratory.")},
		{"Supported", "Software that is still mended", constant("Refuses a version of Kubernetes that the program does not know.")},
		{"DNSSEC", "Signed zones", func(v any) string { return fmt.Sprintf("The plan carries DNSSEC as %v.", v) }},
		{"TimeSource", "Clocks", func(v any) string {
			if v == "" {
				return "The plan names no source: the cloud's."
			}
			return fmt.Sprintf("The plan carries %v as the source.", v)
		}},
		{"PatchInternetDays", "Updates of what the Internet reaches", days},
		{"PatchInternalDays", "Updates of what only the inside reaches", days},
		{"ScanDays", "Scans of the public addresses", days},
		{"ProviderProof", "The provider's certificate", func(v any) string {
			proof := v.(country.Proof)
			other := "Warns of"
			if proof.Named {
				other = "Refuses"
			}
			return fmt.Sprintf("In production and recovery, refuses a data centre without a certificate or with one whose last day has passed, "+
				"and warns in its last 60 days. %s a standard other than %s.", other, proof.Standard)
		}},
	}
}

func constant(text string) func(any) string { return func(any) string { return text } }

func days(v any) string { return fmt.Sprintf("The plan carries the limit of %d days.", v) }

func floor(v any) string {
	if v == 0 {
		return "Refuses a site that declares no number of days."
	}
	return fmt.Sprintf("Refuses fewer than %d days in production and recovery, warns elsewhere.", v)
}

func ceiling(v any) string {
	text := "Refuses a ceiling below the floor."
	if v == country.RecordBound {
		text += " In production and recovery, refuses one that is longer than the records are kept; warns elsewhere."
	}
	return text
}

func interval(v any, unit, events string) string {
	text, i := "", v.(country.Interval)
	if i.Limit > 0 {
		text += fmt.Sprintf(" Refuses more than %d %s between two %s in production and recovery, warns elsewhere.", i.Limit, unit, events)
	}
	if i.Advised > 0 {
		text += fmt.Sprintf(" Warns of more than %d %s between two %s.", i.Advised, unit, events)
	}
	return text
}

// dutiesOf lists the rules that are set, in the order of shapes. A rule of country.Duties that no shape shows is an
// error: it would be missing from every page.
func dutiesOf(d country.Duties) ([]duty, error) {
	found := map[string]reflect.Value{}
	collect(found, "", reflect.ValueOf(d))
	var shown []duty
	for _, s := range shapes() {
		rule, ok := found[s.path]
		if !ok {
			return nil, fmt.Errorf("country.Duties has no rule %s; take its shape out", s.path)
		}
		delete(found, s.path)
		cites := rule.FieldByName("Cites").Interface().([]string)
		if len(cites) == 0 {
			continue
		}
		shown = append(shown, duty{s.title, s.does(rule.FieldByName("Value").Interface()), cites, rule.FieldByName("Reading").String()})
	}
	for path := range found {
		return nil, fmt.Errorf("no page would show country.Duties.%s; give it a shape", path)
	}
	return shown, nil
}

// collect finds every rule by its path.
func collect(found map[string]reflect.Value, path string, v reflect.Value) {
	if _, isRule := v.Type().FieldByName("Cites"); isRule {
		found[strings.TrimPrefix(path, ".")] = v
		return
	}
	for i := range v.NumField() {
		collect(found, path+"."+v.Type().Field(i).Name, v.Field(i))
	}
}
