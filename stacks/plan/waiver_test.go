package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

func waiver(t testing.TB, requirement, until string) site.Waiver {
	t.Helper()
	return site.Waiver{
		Requirement: parse[site.RequirementID](t, requirement),
		Reason:      parse[site.Text](t, "The recertification audit is booked for August."),
		Owner:       parse[site.Text](t, "Head of security"),
		Until:       parse[site.Date](t, until),
	}
}

const expiredCertificate = `dataCentre.certificate.validUntil: "2026-05-31" has passed; in an emergency do not wait for a new certificate: add to waivers {requirement: SE-HSLF-3-14, reason: ..., owner: ..., until: ...}
    by: HSLF-FS 2016:40 3 kap. 14 § "Fysiskt skydd av informationssystem" [SE-HSLF-3-14] (the provision itself was not read; as stated by S-WELKIN, verbatim quotations, pre-2026 wording; and by S-ELASTISYS-SE, blog post; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified; media destruction from the Swedish Elastisys post)
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    our reading: the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence`

// An expired certificate must not block an emergency rebuild, and must not be forgotten.
func TestEmergencyRebuild(t *testing.T) {
	t.Parallel()
	s := load(t, "se-dr")
	s.DataCentre.Certificate.ValidUntil = parse[site.Date](t, "2026-05-31")
	_, _, err := plan.Resolve(s, profile(t, s), at())
	require.EqualError(t, err, expiredCertificate)

	s.Waivers = []site.Waiver{waiver(t, "SE-HSLF-3-14", "2026-08-31")}
	p, warnings, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Equal(t, "waived until 2026-08-31 by Head of security (The recertification audit is booked for August.): "+expiredCertificate, warnings[0].String())
	assert.Equal(t, []plan.Waiver{{
		Requirement: "SE-HSLF-3-14", Reason: "The recertification audit is booked for August.", Owner: "Head of security",
		Until: "2026-08-31", Paths: []string{"dataCentre.certificate.validUntil"},
	}}, p.Waivers)

	later := time.Date(2026, time.September, 1, 0, 0, 0, 0, time.UTC)
	_, _, err = plan.Resolve(s, profile(t, s), later)
	assert.EqualError(t, err, `waivers[0].until: "2026-08-31" has passed: Head of security waived SE-HSLF-3-14 (The recertification audit is booked for August.); mend what it excused and take the waiver out, or have its owner decide on a new date
    by: HSLF-FS 2016:40 3 kap. 14 § "Fysiskt skydd av informationssystem" [SE-HSLF-3-14] (the provision itself was not read; as stated by S-WELKIN, verbatim quotations, pre-2026 wording; and by S-ELASTISYS-SE, blog post; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified; media destruction from the Swedish Elastisys post)
`+expiredCertificate)
}

func TestWaivers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		edit     func(*testing.T, *site.Site)
		paths    [][]string // of the plan's waivers
		warnings []string   // first lines
		refusals []string   // paths
	}{
		{
			name: "valid on its last day",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.RecordYears = 9
				s.Waivers = []site.Waiver{waiver(t, "SE-PDL-3-17", "2026-06-01")}
			},
			paths: [][]string{{"retention.recordYears"}},
			warnings: []string{`waived until 2026-06-01 by Head of security (The recertification audit is booked for August.): ` +
				`retention.recordYears: "9" years is less than the 10 years that records must be kept; use at least 10`},
		},
		{
			name: "expired the day before",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.RecordYears = 9
				s.Waivers = []site.Waiver{waiver(t, "SE-PDL-3-17", "2026-05-31")}
			},
			refusals: []string{"waivers[0].until", "retention.recordYears"},
		},
		{
			name:     "expired and no longer needed still refuses",
			edit:     func(t *testing.T, s *site.Site) { s.Waivers = []site.Waiver{waiver(t, "SE-PDL-3-17", "2026-05-31")} },
			refusals: []string{"waivers[0].until"},
		},
		{
			name:     "of no requirement",
			edit:     func(t *testing.T, s *site.Site) { s.Waivers = []site.Waiver{waiver(t, "SE-PDL-99-1", "2026-12-31")} },
			refusals: []string{"waivers[0].requirement"},
		},
		{
			name:     "of what nothing refuses",
			edit:     func(t *testing.T, s *site.Site) { s.Waivers = []site.Waiver{waiver(t, "SE-PDL-3-17", "2026-12-31")} },
			warnings: []string{`waivers[0]: "SE-PDL-3-17" waives nothing: no refusal names it; take it out`},
		},
		{
			name: "more than a year ahead",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.RecordYears = 9
				s.Waivers = []site.Waiver{waiver(t, "SE-PDL-3-17", "2027-06-03")}
			},
			paths: [][]string{{"retention.recordYears"}},
			warnings: []string{`waived until 2027-06-03 by Head of security (The recertification audit is booked for August.): ` +
				`retention.recordYears: "9" years is less than the 10 years that records must be kept; use at least 10`,
				`waivers[0].until: "2027-06-03" is more than a year ahead; decide on a nearer date`},
		},
		{
			name: "of the second requirement that a refusal names",
			edit: func(t *testing.T, s *site.Site) {
				s.ControlPlane().Count = 1
				s.Waivers = []site.Waiver{waiver(t, "EU-NIS2-21-2-c", "2026-12-31")}
			},
			paths: [][]string{{"nodePools[1].count"}},
			warnings: []string{`waived until 2026-12-31 by Head of security (The recertification audit is booked for August.): ` +
				`nodePools[1].count: "1" control planes do not outlive the loss of one; use 3`},
		},
		{
			name: "one for two refusals, beside a refusal that stays",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Country, s.DataCentre.Country = parse[site.Country](t, "gb"), parse[site.Country](t, "gb")
				s.Retention.RecordYears = 9
				s.Waivers = []site.Waiver{waiver(t, "EU-GDPR-44", "2026-12-31")}
			},
			warnings: []string{
				`waived until 2026-12-31 by Head of security (The recertification audit is booked for August.): ` +
					`dataCentre.country: "gb" is outside the residency of the data; choose a place inside the EEA`,
				`waived until 2026-12-31 by Head of security (The recertification audit is booked for August.): ` +
					`backup.country: "gb" is outside the residency of the data; choose a place inside the EEA`,
				`waivers[0]: "EU-GDPR-44" waives 2 refusals: dataCentre.country, backup.country; see that its reason holds for each of them`},
			refusals: []string{"retention.recordYears"},
		},
		{
			name: "two that one refusal names",
			edit: func(t *testing.T, s *site.Site) {
				s.ControlPlane().Count = 1
				s.Waivers = []site.Waiver{waiver(t, "EU-NIS2-21-2-c", "2026-12-31"), waiver(t, "EU-GDPR-32-1-b", "2026-12-31")}
			},
			paths: [][]string{{"nodePools[1].count"}, {"nodePools[1].count"}},
			warnings: []string{`waived until 2026-12-31 by Head of security (The recertification audit is booked for August.): ` +
				`nodePools[1].count: "1" control planes do not outlive the loss of one; use 3`},
		},
		{
			name: "an expired waiver is not waived by another",
			edit: func(t *testing.T, s *site.Site) {
				s.Waivers = []site.Waiver{waiver(t, "SE-PDL-3-17", "2026-05-31"), waiver(t, "SE-PDL-3-17", "2026-12-31")}
			},
			warnings: []string{`waivers[1]: "SE-PDL-3-17" waives nothing: no refusal names it; take it out`},
			refusals: []string{"waivers[0].until"},
		},
		{
			name: "what no law asks cannot be waived",
			edit: func(t *testing.T, s *site.Site) {
				s.ListedSystem = true
				s.Waivers = []site.Waiver{waiver(t, "DK-DBL-3-9", "2026-12-31")}
			},
			warnings: []string{`waivers[0]: "DK-DBL-3-9" waives nothing: no refusal names it; take it out`},
			refusals: []string{"listedSystem"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, "se-prod")
			tt.edit(t, &s)
			p, warnings, err := plan.Resolve(s, profile(t, s), at())
			assert.Equal(t, tt.warnings, firstLines(warnings))
			var paths [][]string
			for _, w := range p.Waivers {
				paths = append(paths, w.Paths)
			}
			assert.Equal(t, tt.paths, paths)
			if tt.refusals == nil {
				require.NoError(t, err)
				return
			}
			var refused plan.Refusals
			require.ErrorAs(t, err, &refused)
			var refusedAt []string
			for _, f := range refused {
				refusedAt = append(refusedAt, f.Path)
			}
			assert.Equal(t, tt.refusals, refusedAt)
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stack string
		edit        func(*testing.T, *site.Site)
		want        []string
	}{
		{"certificate with 61 days left", "se-prod",
			func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate.ValidUntil = parse[site.Date](t, "2026-07-31")
			}, nil},
		{"certificate with 60 days left", "se-prod",
			func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate.ValidUntil = parse[site.Date](t, "2026-07-30")
			},
			[]string{`dataCentre.certificate.validUntil: "2026-07-30" is less than 60 days away; have the provider send the certificate that follows it
    by: HSLF-FS 2016:40 3 kap. 14 § "Fysiskt skydd av informationssystem" [SE-HSLF-3-14] (the provision itself was not read; as stated by S-WELKIN, verbatim quotations, pre-2026 wording; and by S-ELASTISYS-SE, blog post; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified; media destruction from the Swedish Elastisys post)
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    our reading: the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence`}},
		{"certificate of another standard", "dk-prod",
			func(t *testing.T, s *site.Site) {
				s.Operator.Kind, s.DataCentre.Certificate.Standard = site.CompanyOperator, parse[site.Text](t, "C5:2020 Type 2")
			},
			[]string{`dataCentre.certificate.standard: "C5:2020 Type 2" is not ISO/IEC 27001; have the operator's security officer decide whether it shows as much
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    by: Vejledning 2016, databehandlerinstruks, a topic named by a post "Fysisk sikkerhed" [DK-INSTR-2] (the provision itself was not read; as stated by S-ELASTISYS-DK, blog post)
    our reading: the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence`}},
		{"two zones", "dk-prod",
			func(t *testing.T, s *site.Site) { s.NodePools[0].Zones = s.NodePools[0].Zones[:2] },
			[]string{`nodePools[0].zones: "2" zones: the loss of one can take the majority of the control planes; spread them over 3 zones, where the cloud has them
    by: GDPR art. 32(1)(b) "resilience" [EU-GDPR-32-1-b]
    by: NIS 2-loven § 6, stk. 1 "Driftskontinuitet, backupstyring, reetablering, krisestyring" [DK-NIS2-6-1-3] (note: one item of an unnumbered list)`}},
		{"one factor where the law leaves it to the operator", "dk-prod",
			func(t *testing.T, s *site.Site) {
				s.Operator.Kind, s.Identity.Connectors[0].MFA = site.RegionOperator, false
			},
			[]string{`identity.connectors[0].mfa: "false" lets people in through nemlogin with one factor; have the identity provider ask everybody for a second factor, then set mfa: true
    by: NIS 2-loven § 6, stk. 1 "MFA, sikret kommunikation, nødkommunikation" [DK-NIS2-6-1-10] (note: one item of an unnumbered list)
    by: NIS2 art. 21(2)(j); IR 2024/2690 annex 11.6, 11.7 [EU-NIS2-21-2-j]
    our reading: where appropriate, by the rule's own words`}},
		{"backup in the same region", "dk-prod",
			func(t *testing.T, s *site.Site) {
				s.Backup.Region, s.Backup.Country = s.Cloud.AWS.Region, s.DataCentre.Country
			},
			[]string{`backup.region: "eu-north-1" is where the originals lie: one disaster takes both; name another region
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`}},
		{"backup in the same account", "dk-prod",
			func(t *testing.T, s *site.Site) { s.Backup.Account = parse[site.Text](t, "123456789012") },
			[]string{`backup.account: "123456789012" owns the originals too: one stolen credential takes both; name another account
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`}},
		{"backup less often than a state agency is advised", "se-prod",
			func(t *testing.T, s *site.Site) {
				s.Operator.Kind, s.Backup.Interval, s.Recovery.RPO = site.StateOperator, parse[site.Duration](t, "25h"), parse[site.Duration](t, "48h")
			},
			[]string{`backup.interval: "25h" is longer than the 24h that are advised; use at most 24h, or note why not
    by: MSBFS 2020:7 4 kap. 14 § "Säkerhetskopiering" [SE-MSB7-4-14] (binds Swedish state agencies only)
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: daily, by the rule's general advice`}},
		{"no recovery targets", "dk-prod",
			func(t *testing.T, s *site.Site) {
				s.Recovery, s.Waivers = nil, []site.Waiver{waiver(t, "EU-IR2690-4.2.6", "2026-12-31")}
			},
			[]string{`recovery: is missing: nobody knows how much may be lost and how long the rebuild may take; declare rpo and rto
    by: GDPR art. 32(1)(c) "restore" [EU-GDPR-32-1-c]
    by: NIS 2-loven § 6, stk. 1 "Driftskontinuitet, backupstyring, reetablering, krisestyring" [DK-NIS2-6-1-3] (note: one item of an unnumbered list)`,
				`waived until 2026-12-31 by Head of security (The recertification audit is booked for August.): recovery.restoreTestInterval: is missing; add recovery, and say how often restoring is rehearsed
    by: NIS 2-loven § 6, stk. 1 "Driftskontinuitet, backupstyring, reetablering, krisestyring" [DK-NIS2-6-1-3] (note: one item of an unnumbered list)
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.6 [EU-IR2690-4.2.6] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no number; more than 366 days is not regular`}},
		{"laboratory with WireGuard", "dev",
			func(_ *testing.T, s *site.Site) { s.Cloud.Lab.WireGuard = true },
			[]string{`cloud.lab: has disks whose encryption nothing can show; keep patient data out
    by: GDPR art. 32(1)(a) "pseudonymisation and encryption" [EU-GDPR-32-1-a]
    by: PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]`,
				`cloud.lab.falcoImage: "false" leaves what runs on the nodes unwatched: not provable on this host: no Falco image; ` +
					"where Docker Hub can be reached, save the image of the catalogue as lab/images.d/falco.tar and set it to true"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.stack)
			tt.edit(t, &s)
			_, warnings, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			var got []string
			for _, w := range warnings {
				got = append(got, w.String())
			}
			assert.Equal(t, tt.want, got)
		})
	}
}
