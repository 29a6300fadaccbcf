package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// abroad is what refuses in one country and not, or on other ground, in Sweden and Denmark.
func abroad() []refusal {
	return []refusal{
		{
			name: "a German backup outside the Union", stack: "de-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Country, s.Backup.Region = parse[site.Country](t, "no"), parse[site.Region](t, "osl-1")
				s.Backup.Endpoint, s.Backup.Role = parse[site.URL](t, "https://s3.osl-1.example.org"), site.RoleARN{}
			},
			want: `backup.country: "no" is outside the residency of the data; choose a place in one of: at, be, bg, cy, cz, de, dk, ee, es, fi, fr, gr, hr, hu, ie, it, lt, lu, lv, mt, nl, pl, pt, ro, se, si, sk
    by: § 393 Abs. 2 SGB V [DE-SGBV-393-2]
    by: C5:2020 PSS-12 "Locations" [DE-C5-PSS-12]
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]
    our reading: the rule also allows states that § 35(7) SGB I treats alike, and third countries with adequacy; which those are is not established here, so only the Union is taken`,
		},
		{
			name: "a German data centre certified by another standard", stack: "de-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate.Standard = parse[site.Text](t, "ISO/IEC 27001:2022")
			},
			want: `dataCentre.certificate.standard: "ISO/IEC 27001:2022" is not C5 Type 2; have the provider send its certificate, and name the standard so
    by: § 393 Abs. 4 SGB V [DE-SGBV-393-4]
    by: § 393 Abs. 3 Nr. 1-3 SGB V [DE-SGBV-393-3] (note: Nr. 3 is what a platform proves)
    by: § 393 Abs. 1 SGB V "Cloud-Einsatz im Gesundheitswesen" [DE-SGBV-393-1]
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    by: Implementing Reg. (EU) 2024/2690, annex 13.3 [EU-IR2690-13.3] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: an equivalent by ordinance would do as well; which those are is not established`,
		},
		{
			name: "a German data centre attested by type 1", stack: "de-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate.Standard = parse[site.Text](t, "BSI C5:2020 Type 1")
			},
			want: `dataCentre.certificate.standard: "BSI C5:2020 Type 1" is not C5 Type 2; have the provider send its certificate, and name the standard so
    by: § 393 Abs. 4 SGB V [DE-SGBV-393-4]
    by: § 393 Abs. 3 Nr. 1-3 SGB V [DE-SGBV-393-3] (note: Nr. 3 is what a platform proves)
    by: § 393 Abs. 1 SGB V "Cloud-Einsatz im Gesundheitswesen" [DE-SGBV-393-1]
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    by: Implementing Reg. (EU) 2024/2690, annex 13.3 [EU-IR2690-13.3] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: an equivalent by ordinance would do as well; which those are is not established`,
		},
		{
			name: "one factor in Germany", stack: "de-prod",
			edit: func(_ *testing.T, s *site.Site) { s.Identity.Connectors[0].MFA = false },
			want: `identity.connectors[0].mfa: "false" lets people in through klinik-idp with one factor; have the identity provider ask everybody for a second factor, then set mfa: true
    by: C5:2020 IDM-09 "Authentication mechanisms" [DE-C5-IDM-09]
    by: Implementing Reg. (EU) 2024/2690, annex 11.7.1 [EU-IR2690-11.7.1] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: for access to production, by the criterion's own words; C5 binds through § 393 Abs. 3 SGB V; that this criterion is among what it asks of a platform is our reading`,
		},
		{
			name: "restore tests too seldom in Germany", stack: "de-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Recovery.RestoreTestInterval = parse[site.Duration](t, "367d")
			},
			want: `recovery.restoreTestInterval: "367d" is longer than 366d; use at most 366d
    by: C5:2020 OPS-08 "Regular testing" [DE-C5-OPS-08]
    by: GDPR art. 32(1)(c) "restore" [EU-GDPR-32-1-c]
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.6 [EU-IR2690-4.2.6] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: at least annually, by the criterion's own words; C5 binds through § 393 Abs. 3 SGB V; that this criterion is among what it asks of a platform is our reading`,
		},
		{
			name: "a French host without HDS", stack: "fr-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate.Standard = parse[site.Text](t, "ISO/IEC 27001:2022")
			},
			want: `dataCentre.certificate.standard: "ISO/IEC 27001:2022" is not HDS; have the provider send its certificate, and name the standard so
    by: Code de la santé publique L. 1111-8, R. 1111-8 s. "Hébergement de données de santé" [FR-CSP-L1111-8] (the provision itself was not read; as stated by FR-HDSWEB, law firms)
    by: HDS v2 EXI 01 [FR-HDS-01] (note: arrêté 26 April 2024; new applicants 16 Nov 2024, all by 16 May 2026)
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    by: Implementing Reg. (EU) 2024/2690, annex 13.3 [EU-IR2690-13.3] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the version of the certificate is not looked at; since 16 May 2026 it is 2 for all`,
		},
		{
			name: "French data outside the EEA", stack: "fr-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Country, s.Backup.Region = parse[site.Country](t, "gb"), parse[site.Region](t, "eu-west-2")
			},
			want: `backup.country: "gb" is outside the residency of the data; choose a place inside the EEA
    by: HDS v2 EXI 28 [FR-HDS-28]
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]
    our reading: storage in the EEA only, by the requirement's own words: no transfer assessment changes that`,
		},
		{
			name: "a Dutch log of access kept too short", stack: "nl-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.Logs[0].FloorDays = parse[site.Days](t, "1826")
			},
			want: `retention.logs[0].floorDays: "1826" days is less than the 1827 days that patient-access logs must be kept; use at least 1827
    by: Besluit art. 5 lid 2; Stcrt. 2019, 38007 "bewaartermijn logging" [NL-BEGZ-5-2] (note: max = record retention)
    by: Implementing Reg. (EU) 2024/2690, annex 3.2.5 [EU-IR2690-3.2.5] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: five years from the writing of the line, with their leap days; that the platform's log of access is a log in this sense is our reading`,
		},
		{
			name: "a Dutch log of access that outlives the records", stack: "nl-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.Logs[0].CeilingDays = parse[site.Days](t, "5480")
			},
			want: `retention.logs[0].ceilingDays: "5480" days is longer than the 15 years of the records that the log is about; use at most 5479
    by: Besluit art. 5 lid 2; Stcrt. 2019, 38007 "bewaartermijn logging" [NL-BEGZ-5-2] (note: max = record retention)
    by: GDPR art. 5(1)(e) "storage limitation" [EU-GDPR-5-1-e]
    our reading: at most as long as the records are kept, which the site declares in years`,
		},
		{
			name: "no number for Dutch records", stack: "nl-prod",
			edit: func(_ *testing.T, s *site.Site) { s.Retention.RecordYears = 0 },
			want: `retention.recordYears: is missing, and the country's rules give no number that is established; declare for how many years records are kept, as counsel has it
    by: GDPR art. 5(1)(e) "storage limitation" [EU-GDPR-5-1-e]
    by: GDPR art. 30(1)(f),(g) "Records (controller)" [EU-GDPR-30-1]
    our reading: no rule on how long records are kept is established for this country: the site declares the years`,
		},
		{
			name: "no number for Finnish logs of access", stack: "fi-prod",
			edit: func(_ *testing.T, s *site.Site) { s.Retention.Logs = s.Retention.Logs[1:] },
			want: `retention.logs: does not say how long patient-access logs are kept; add {class: patient-access, floorDays: ..., ceilingDays: ...}, as the retention decision has it
    by: Laki 703/2023 11 § "lokitiedot" [FI-703-11] (the provision itself was not read; as stated by F-PIRHA, public body)
    by: Implementing Reg. (EU) 2024/2690, annex 3.2.5 [EU-IR2690-3.2.5] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    by: GDPR art. 5(1)(e) "storage limitation" [EU-GDPR-5-1-e]
    our reading: how long logs are kept is not established: the site declares a number; fewer than two years (731 days) would leave what a client may ask for unanswered`,
		},
		{
			name: "a Norwegian backup beside the originals", stack: "no-prod",
			edit: func(_ *testing.T, s *site.Site) {
				s.Backup.Region, s.Backup.Account = s.Cloud.OpenStack.Region, s.Cloud.OpenStack.Project
			},
			want: `backup.region: "osl-1" is where the originals lie, in the same account: a copy beside the original is no backup; name another region and another account
    by: GDPR art. 32(1)(c) "restore" [EU-GDPR-32-1-c]
    our reading: the rule names no place: a copy beside the original is lost with it and restores nothing; the GDPR holds in Norway through the EEA agreement, which no row says`,
		},
		{
			name: "a Norwegian API open to the Internet", stack: "no-prod",
			edit: func(t *testing.T, s *site.Site) { s.Cluster.APISources[0] = parse[site.CIDR](t, "0.0.0.0/0") },
			want: `cluster.apiSources[0]: "0.0.0.0/0" opens the API to the Internet; list the networks that administrators and pipelines come from
    by: GDPR art. 25(2) "by default" [EU-GDPR-25-2]
    our reading: by default only necessary access: a network that no administrator comes from needs none; the GDPR holds in Norway through the EEA agreement, which no row says`,
		},
		{
			name: "a Norwegian version that cannot be built", stack: "no-prod",
			edit: func(_ *testing.T, s *site.Site) { s.Cluster.Version = site.Version{} },
			want: `cluster.version: cannot be built; use one of: v1.36.3
    by: GDPR art. 28(3)(c) "Security" [EU-GDPR-28-3-c]
    our reading: the rule names no update: software that its makers no longer mend is no appropriate measure; the GDPR holds in Norway through the EEA agreement, which no row says`,
		},
		{
			name: "Norwegian production in the laboratory", stack: "no-prod",
			edit: func(_ *testing.T, s *site.Site) {
				s.Cloud = site.Cloud{Lab: &site.Lab{WireGuard: true}}
				s.NodePools[1].Disks = s.NodePools[1].Disks[:1] // a data disk would be a second reason
			},
			want: `cloud.lab: is a laboratory, and the stack is for prod; name a cloud, or set environment: dev
    by: GDPR art. 25(2) "by default" [EU-GDPR-25-2]
    our reading: by default only necessary access: nobody needs patient data in a place for development or test; the GDPR holds in Norway through the EEA agreement, which no row says`,
		},
		{
			name: "no number for Norwegian logs of the platform", stack: "no-prod",
			edit: func(_ *testing.T, s *site.Site) { s.Retention.Logs = s.Retention.Logs[:1] },
			want: `retention.logs: does not say how long platform-security logs are kept; add {class: platform-security, floorDays: ..., ceilingDays: ...}, as the retention decision has it
    by: Normen (Norm for informasjonssikkerhet og personvern i helse- og omsorgstjenesten), faktaark 15 (logging) and 25 (lagringstid og sletting) [NO-NORM] (note: industry code, binding by contract/network connection (general knowledge, no source))
    by: GDPR art. 5(1)(e) "storage limitation" [EU-GDPR-5-1-e]
    our reading: the code asks for security logs of the infrastructure; how long is not established: the site declares a number`,
		},
		{
			name: "Norwegian disks without encryption", stack: "no-prod",
			edit: func(_ *testing.T, s *site.Site) { s.Cloud.OpenStack.EncryptedVolumeType = site.Text{} },
			want: `cloud.openstack.encryptedVolumeType: is missing: no root disk would be encrypted; name the volume type that the cloud's administrators made with encryption
    by: GDPR art. 32(1)(a) "pseudonymisation and encryption" [EU-GDPR-32-1-a]
    our reading: the GDPR holds in Norway through the EEA agreement, which no row says`,
		},
		{
			name: "a French host without any certificate", stack: "fr-prod",
			edit: func(_ *testing.T, s *site.Site) { s.DataCentre.Certificate = nil },
			want: `dataCentre.certificate: is missing; add the provider's HDS certificate with its last day
    by: Code de la santé publique L. 1111-8, R. 1111-8 s. "Hébergement de données de santé" [FR-CSP-L1111-8] (the provision itself was not read; as stated by FR-HDSWEB, law firms)
    by: HDS v2 EXI 01 [FR-HDS-01] (note: arrêté 26 April 2024; new applicants 16 Nov 2024, all by 16 May 2026)
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    by: Implementing Reg. (EU) 2024/2690, annex 13.3 [EU-IR2690-13.3] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the version of the certificate is not looked at; since 16 May 2026 it is 2 for all`,
		},
	}
}

func TestRefusalsAbroad(t *testing.T) {
	t.Parallel()
	for _, tt := range abroad() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.stack)
			tt.edit(t, &s)
			decided, _, err := plan.Resolve(s, profile(t, s), at())
			assert.EqualError(t, err, tt.want)
			assert.Equal(t, plan.Plan{}, decided)
		})
	}
}

// What the rules of one country allow, those of another refuse.
func TestAcceptedAbroad(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stack string
		edit        func(*testing.T, *site.Site)
		warnings    []string // first lines
	}{
		{name: "a Norwegian backup in the Union", stack: "no-prod",
			edit: func(t *testing.T, s *site.Site) { s.Backup.Country = parse[site.Country](t, "se") }},
		{name: "a Dutch backup in Norway", stack: "nl-prod",
			edit: func(t *testing.T, s *site.Site) { s.Backup.Country = parse[site.Country](t, "no") }},
		{name: "a Dutch log of access as long as the records", stack: "nl-prod",
			edit: func(t *testing.T, s *site.Site) { s.Retention.Logs[0].CeilingDays = parse[site.Days](t, "5479") }},
		{name: "a German log of access that outlives the records", stack: "de-prod",
			edit: func(t *testing.T, s *site.Site) { s.Retention.Logs[0].CeilingDays = parse[site.Days](t, "5480") }},
		{name: "a Finnish log of access of any length", stack: "fi-prod",
			edit: func(t *testing.T, s *site.Site) { s.Retention.Logs[0].FloorDays = parse[site.Days](t, "1") }},
		{name: "a Dutch data centre of another standard", stack: "nl-prod",
			edit:     func(t *testing.T, s *site.Site) { s.DataCentre.Certificate.Standard = parse[site.Text](t, "NEN 7510") },
			warnings: []string{`dataCentre.certificate.standard: "NEN 7510" is not ISO/IEC 27001; have the operator's security officer decide whether it shows as much`}},
		{name: "one factor in France", stack: "fr-prod",
			edit:     func(_ *testing.T, s *site.Site) { s.Identity.Connectors[0].MFA = false },
			warnings: []string{`identity.connectors[0].mfa: "false" lets people in through hopital-idp with one factor; have the identity provider ask everybody for a second factor, then set mfa: true`}},
		{name: "one factor in Norway", stack: "no-prod",
			edit:     func(_ *testing.T, s *site.Site) { s.Identity.Connectors[0].MFA = false },
			warnings: []string{`identity.connectors[0].mfa: "false" lets people in through helse-idp with one factor; have the identity provider ask everybody for a second factor, then set mfa: true`}},
		{name: "no number for the records of a test stack", stack: "fi-prod",
			edit: func(_ *testing.T, s *site.Site) { s.Environment, s.Retention.RecordYears = site.Test, 0 }},
		{name: "a Dutch test stack whose log outlives the records", stack: "nl-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Environment, s.Retention.Logs[0].CeilingDays = site.Test, parse[site.Days](t, "5480")
			},
			warnings: []string{`retention.logs[0].ceilingDays: "5480" days is longer than the 15 years of the records that the log is about; use at most 5479`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.stack)
			tt.edit(t, &s)
			_, warnings, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			assert.Equal(t, tt.warnings, firstLines(warnings))
		})
	}
}
