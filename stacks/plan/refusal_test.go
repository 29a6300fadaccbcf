package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// refusals is the table of everything that refuses. Each row changes one fact of a site that the golden test accepts.
func refusals() []refusal {
	return []refusal{
		{
			name: "data centre outside the EEA", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Country = parse[site.Country](t, "us")
			},
			want: `dataCentre.country: "us" is outside the residency of the data; choose a place inside the EEA
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]
    our reading: inside the EEA there is no transfer to a third country`,
		},
		{
			name: "backup outside the EEA", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Country = parse[site.Country](t, "gb")
			},
			want: `backup.country: "gb" is outside the residency of the data; choose a place inside the EEA
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]
    our reading: inside the EEA there is no transfer to a third country`,
		},
		{
			name: "listed system outside Denmark", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.ListedSystem, s.Backup = true, nil
				s.Environment = site.Test
			},
			want: `dataCentre.country: "se" is outside the residency of the data; a listed system stays in: dk
    by: Databeskyttelsesloven § 3, stk. 9; BEK nr. 220 af 11/02/2022 § 1 + bilag 1 (amended BEK 817/2022, 302/2023) "Lokationskrav" [DK-DBL-3-9] (note: annex read only to item 6: check whether the tenant's system is listed; otherwise GDPR ch. V decides)
    our reading: for a system on the list of the order's annex alone`,
		},
		{
			name: "listed system's backup outside Denmark", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.ListedSystem, s.DataCentre.Country = true, parse[site.Country](t, "dk")
				ontoOpenStack(t, s)
			},
			want: `backup.country: "de" is outside the residency of the data; a listed system stays in: dk
    by: Databeskyttelsesloven § 3, stk. 9; BEK nr. 220 af 11/02/2022 § 1 + bilag 1 (amended BEK 817/2022, 302/2023) "Lokationskrav" [DK-DBL-3-9] (note: annex read only to item 6: check whether the tenant's system is listed; otherwise GDPR ch. V decides)
    our reading: for a system on the list of the order's annex alone`,
		},
		{
			name: "listed system in a country without a list", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.ListedSystem = true
			},
			want: `listedSystem: "true" has no meaning: the country has no list of systems that must stay; take it out`,
		},
		{
			name: "AWS region that is not European", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cloud.AWS.Region = parse[site.Region](t, "us-east-1")
			},
			want: `cloud.aws.region: "us-east-1" is no European region of AWS; choose a place inside the EEA
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]
    our reading: inside the EEA there is no transfer to a third country`,
		},
		{
			name: "AWS region in another country than the data centre", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cloud.AWS.Region = parse[site.Region](t, "eu-west-1")
			},
			want: `cloud.aws.region: "eu-west-1" stands in ie, and dataCentre.country says se; make both name the place where the data lie
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]`,
		},
		{
			name: "backup's AWS region in another country than declared", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Region = parse[site.Region](t, "eu-west-2")
			},
			want: `backup.region: "eu-west-2" stands in gb, and backup.country says de; make both name the place where the data lie
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]`,
		},
		{
			name: "no certificate", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate = nil
			},
			want: `dataCentre.certificate: is missing; add the provider's ISO/IEC 27001 certificate with its last day
    by: HSLF-FS 2016:40 3 kap. 14 § "Fysiskt skydd av informationssystem" [SE-HSLF-3-14] (the provision itself was not read; as stated by S-WELKIN, verbatim quotations, pre-2026 wording; and by S-ELASTISYS-SE, blog post; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified; media destruction from the Swedish Elastisys post)
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    our reading: the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence`,
		},
		{
			name: "expired certificate", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate.ValidUntil = parse[site.Date](t, "2026-05-31")
			},
			want: `dataCentre.certificate.validUntil: "2026-05-31" has passed; have the provider send the certificate that followed it
    by: HSLF-FS 2016:40 3 kap. 14 § "Fysiskt skydd av informationssystem" [SE-HSLF-3-14] (the provision itself was not read; as stated by S-WELKIN, verbatim quotations, pre-2026 wording; and by S-ELASTISYS-SE, blog post; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified; media destruction from the Swedish Elastisys post)
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    our reading: the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence`,
		},
		{
			name: "expired certificate of a recovery stack", stack: "se-dr",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate.ValidUntil = parse[site.Date](t, "2026-05-31")
			},
			want: `dataCentre.certificate.validUntil: "2026-05-31" has passed; in an emergency do not wait for a new certificate: add to waivers {requirement: SE-HSLF-3-14, reason: ..., owner: ..., until: ...}
    by: HSLF-FS 2016:40 3 kap. 14 § "Fysiskt skydd av informationssystem" [SE-HSLF-3-14] (the provision itself was not read; as stated by S-WELKIN, verbatim quotations, pre-2026 wording; and by S-ELASTISYS-SE, blog post; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: number+heading verified; media destruction from the Swedish Elastisys post)
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    our reading: the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence`,
		},
		{
			name: "no certificate in a Danish company", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.DataCentre.Certificate, s.Operator.Kind = nil, site.CompanyOperator
			},
			want: `dataCentre.certificate: is missing; add the provider's ISO/IEC 27001 certificate with its last day
    by: GDPR art. 28(1) "Processor" [EU-GDPR-28-1]
    by: Vejledning 2016, databehandlerinstruks, a topic named by a post "Fysisk sikkerhed" [DK-INSTR-2] (the provision itself was not read; as stated by S-ELASTISYS-DK, blog post)
    our reading: the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence`,
		},
		{
			name: "production in the laboratory", stack: "dev",
			edit: func(t *testing.T, s *site.Site) {
				s.Environment = site.Prod
				protected := load(t, "se-prod")
				s.DataCentre.Certificate, s.Backup, s.Recovery = protected.DataCentre.Certificate, protected.Backup, protected.Recovery
				s.NodePools[0].Count, s.Identity = 3, protected.Identity
			},
			want: `cloud.lab: is a laboratory, and the stack is for prod; name a cloud, or set environment: dev
    by: HSLF-FS 2016:40 3 kap. 10 § "Upphandling och utveckling" [SE-HSLF-3-10] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim)
    by: Implementing Reg. (EU) 2024/2690, annex 6.8.2 [EU-IR2690-6.8.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "OpenStack without encrypted disks", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cloud.OpenStack.EncryptedVolumeType = site.Text{}
			},
			want: `cloud.openstack.encryptedVolumeType: is missing: no root disk would be encrypted; name the volume type that the cloud's administrators made with encryption
    by: GDPR art. 32(1)(a) "pseudonymisation and encryption" [EU-GDPR-32-1-a]
    by: PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]`,
		},
		{
			name: "OpenStack with data disks that nobody encrypts", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cloud.OpenStack.DataVolumeType = parse[site.Text](t, "local-nvme")
			},
			want: `cloud.openstack.dataVolumeType: "local-nvme" is a type that the cloud does not encrypt, and no node would; take it out, or add guestEncryption: {keyServers: ...}
    by: GDPR art. 32(1)(a) "pseudonymisation and encryption" [EU-GDPR-32-1-a]
    by: PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]`,
		},
		{
			name: "virtual machine of the lab whose data disk nobody encrypts", stack: "dev",
			edit: func(t *testing.T, s *site.Site) {
				s.NodePools[1].Size, s.NodePools[1].Disks = parse[site.Text](t, "vm-2c2g"), dataDisk(t, s.NodePools[1].Disks)
			},
			want: `nodePools[1].disks[1]: "data" would not be encrypted; add guestEncryption: {keyServers: ...}; lagrum lab virtual prints it
    by: GDPR art. 32(1)(a) "pseudonymisation and encryption" [EU-GDPR-32-1-a]
    by: PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]`,
		},
		{
			name: "version that cannot be built", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cluster.Version = site.Version{}
			},
			want: `cluster.version: cannot be built; use one of: v1.36.3
    by: Implementing Reg. (EU) 2024/2690, annex 6.6.1 [EU-IR2690-6.6.1] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "API open to the Internet", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cluster.APISources[0] = parse[site.CIDR](t, "0.0.0.0/0")
			},
			want: `cluster.apiSources[0]: "0.0.0.0/0" opens the API to the Internet; list the networks that administrators and pipelines come from
    by: PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]
    by: Implementing Reg. (EU) 2024/2690, annex 6.7.2 [EU-IR2690-6.7.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "API open to the Internet in halves", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cluster.APISources = []site.CIDR{parse[site.CIDR](t, "0.0.0.0/1"), parse[site.CIDR](t, "128.0.0.0/1")}
			},
			want: `cluster.apiSources[0]: "0.0.0.0/1" opens the API to the Internet; list the networks that administrators and pipelines come from
    by: PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]
    by: Implementing Reg. (EU) 2024/2690, annex 6.7.2 [EU-IR2690-6.7.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
cluster.apiSources[1]: "128.0.0.0/1" opens the API to the Internet; list the networks that administrators and pipelines come from
    by: PdL 1 kap. 2 § st. 3 "Lagens syfte" [SE-PDL-1-2]
    by: Implementing Reg. (EU) 2024/2690, annex 6.7.2 [EU-IR2690-6.7.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "API open to IPv6", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Cluster.APISources[0] = parse[site.CIDR](t, "::/0")
			},
			want: `cluster.apiSources[0]: "::/0" opens the API to the Internet; list the networks that administrators and pipelines come from
    by: GDPR art. 25(2) "by default" [EU-GDPR-25-2]
    by: Implementing Reg. (EU) 2024/2690, annex 6.7.2 [EU-IR2690-6.7.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "one control plane", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.ControlPlane().Count = 1
			},
			want: `nodePools[1].count: "1" control planes do not outlive the loss of one; use 3
    by: GDPR art. 32(1)(b) "resilience" [EU-GDPR-32-1-b]
    by: NIS2 art. 21(2)(c); IR 2024/2690 annex 4 (4.2 backup) [EU-NIS2-21-2-c]
    our reading: the rules name no number; etcd needs three members to bear the loss of one`,
		},
		{
			name: "two control planes", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.ControlPlane().Count = 2
			},
			want: `nodePools[1].count: "2" control planes do not outlive the loss of one; use 3
    by: GDPR art. 32(1)(b) "resilience" [EU-GDPR-32-1-b]
    by: NIS2 art. 21(2)(c); IR 2024/2690 annex 4 (4.2 backup) [EU-NIS2-21-2-c]
    our reading: the rules name no number; etcd needs three members to bear the loss of one`,
		},
		{
			name: "even number of control planes", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.ControlPlane().Count = 4
			},
			want: `nodePools[1].count: "4" control planes do not outlive the loss of one; use 3
    by: GDPR art. 32(1)(b) "resilience" [EU-GDPR-32-1-b]
    by: NIS2 art. 21(2)(c); IR 2024/2690 annex 4 (4.2 backup) [EU-NIS2-21-2-c]
    our reading: the rules name no number; etcd needs three members to bear the loss of one`,
		},
		{
			name: "one factor in Sweden", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Identity.Connectors[0].MFA = false
			},
			want: `identity.connectors[0].mfa: "false" lets people in through region-idp with one factor; have the identity provider ask everybody for a second factor, then set mfa: true
    by: HSLF-FS 2016:40 3 kap. 15 § p. 2 "Behandling av personuppgifter i öppna nät (heading may have changed in 2025:57)" [SE-HSLF-3-15-2] (wording before 2026-02-01; changed by HSLF-FS 2025:57; note: old wording verbatim; the 2026 wording is secondary only (registers of two public software projects + a vendor page): re-read before asserting)
    by: NIS2 art. 21(2)(j); IR 2024/2690 annex 11.6, 11.7 [EU-NIS2-21-2-j]
    our reading: required since 2026-02-01 by what secondary sources say of the new wording`,
		},
		{
			name: "one factor in the Danish state", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Identity.Connectors[0].MFA = false
			},
			want: `identity.connectors[0].mfa: "false" lets people in through nemlogin with one factor; have the identity provider ask everybody for a second factor, then set mfa: true
    by: Tekniske minimumskrav 2024, krav 11 "Flerfaktor-autentificering" [DK-TMK24-11] (binds Danish state institutions only)
    by: NIS 2-loven § 6, stk. 1 "MFA, sikret kommunikation, nødkommunikation" [DK-NIS2-6-1-10] (note: one item of an unnumbered list)
    by: NIS2 art. 21(2)(j); IR 2024/2690 annex 11.6, 11.7 [EU-NIS2-21-2-j]
    our reading: for systems that the Internet reaches; no codes by SMS or mail`,
		},
		{
			name: "patient-access floor below Sweden's", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.Logs[0].FloorDays = parse[site.Days](t, "1826")
			},
			want: `retention.logs[0].floorDays: "1826" days is less than the 1827 days that patient-access logs must be kept; use at least 1827
    by: HSLF-FS 2016:40 4 kap. 9 § p. 7 "Kontroll av åtkomst till uppgifter" [SE-HSLF-4-9-7] (wording before 2026-02-01; changed by HSLF-FS 2025:57; note: 1827 = 5 y incl. leap days; minimum confirmed unchanged after 2025:57 by two secondary sources)`,
		},
		{
			name: "platform floor below the Danish state's", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.Logs[1].FloorDays = parse[site.Days](t, "365")
			},
			want: `retention.logs[1].floorDays: "365" days is less than the 366 days that platform-security logs must be kept; use at least 366
    by: Tekniske minimumskrav 2024, krav 16 "Logning" [DK-TMK24-16] (binds Danish state institutions only)
    by: Vejledning 2016, databehandlerinstruks, a topic named by a post "Logning (evt.)" [DK-INSTR-3] (the provision itself was not read; as stated by S-ELASTISYS-DK, blog post)
    by: Implementing Reg. (EU) 2024/2690, annex 3.2.5 [EU-IR2690-3.2.5] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "class of log not declared", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.Logs = s.Retention.Logs[1:]
			},
			want: `retention.logs: does not say how long patient-access logs are kept; add {class: patient-access, floorDays: ..., ceilingDays: ...}, as the retention decision has it
    by: Vejledning 2016, databehandlerinstruks, a topic named by a post "Logning (evt.)" [DK-INSTR-3] (the provision itself was not read; as stated by S-ELASTISYS-DK, blog post)
    by: Implementing Reg. (EU) 2024/2690, annex 3.2.5 [EU-IR2690-3.2.5] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    by: GDPR art. 5(1)(e) "storage limitation" [EU-GDPR-5-1-e]
    our reading: the rules name no number: the site declares one`,
		},
		{
			name: "floor above ceiling", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.Logs[1].CeilingDays = parse[site.Days](t, "89")
			},
			want: `retention.logs[1].ceilingDays: "89" days ends before the lock of 90 days: a lock that outlasts the need is itself a breach; use at least the floor
    by: GDPR art. 5(1)(e) "storage limitation" [EU-GDPR-5-1-e]
    our reading: the rules name no number: the need that the site declares bounds it`,
		},
		{
			name: "records kept too short in Sweden", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.RecordYears = 9
			},
			want: `retention.recordYears: "9" years is less than the 10 years that records must be kept; use at least 10
    by: PdL 3 kap. 17 § st. 1 "Bevarande av journalhandlingar" [SE-PDL-3-17] (note: public bodies also follow arkivlagen (3 kap. 18 §))`,
		},
		{
			name: "records kept too short in Denmark", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Retention.RecordYears = 9
			},
			want: `retention.recordYears: "9" years is less than the 10 years that records must be kept; use at least 10
    by: Autorisationsloven § 25, stk. 1 "Opbevaring af patientjournaler" [DK-AUT-25-1] (the provision itself was not read; as stated by D-AUT, official answer; note: minister's answer 15/6-2017)
    our reading: ten years after the last entry, by the minister's answer of 15 June 2017`,
		},
		{
			name: "no backup", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup = nil
			},
			want: `backup: is missing; say how often, and to which other region and account
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no number: the site declares one`,
		},
		{
			name: "backup less often than the RPO", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Interval = parse[site.Duration](t, "25h")
			},
			want: `backup.interval: "25h" is longer than recovery.rpo 24h; back up at least that often
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "backup less often than a law allows", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Interval = parse[site.Duration](t, "24h")
			},
			law: func(p *country.Profile) { p.BackupHours.Value.Limit = 12 },
			want: `backup.interval: "24h" is longer than 12h; use at most 12h
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no number: the site declares one`,
		},
		{
			name: "backup beside the originals on OpenStack", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Region, s.Backup.Account = s.Cloud.OpenStack.Region, s.Cloud.OpenStack.Project
			},
			want: `backup.region: "sto-1" is where the originals lie, in the same account: a copy beside the original is no backup; name another region and another account
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "backup beside the originals on AWS", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Region, s.Backup.Country = s.Cloud.AWS.Region, s.DataCentre.Country
				s.Backup.Account = parse[site.Text](t, "123456789012")
			},
			want: `backup.region: "eu-north-1" is where the originals lie, in the same account: a copy beside the original is no backup; name another region and another account
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "backup in the data centre itself", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Backup.Account, s.DataCentre.Region = s.Cloud.OpenStack.Project, s.Backup.Region
			},
			want: `backup.region: "got-1" is where the originals lie, in the same account: a copy beside the original is no backup; name another region and another account
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`,
		},
		{
			name: "no restore test", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Recovery = nil
			},
			want: `recovery.restoreTestInterval: is missing; add recovery, and say how often restoring is rehearsed
    by: HSLF-FS 2016:40 3 kap. 13 § + allmänna råd "Säkerhetskopiering" [SE-HSLF-3-13] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; no number in the rule: stack must force a declared value)
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.6 [EU-IR2690-4.2.6] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no number; more than 366 days is not regular`,
		},
		{
			name: "restore tests too seldom", stack: "se-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Recovery.RestoreTestInterval = parse[site.Duration](t, "367d")
			},
			want: `recovery.restoreTestInterval: "367d" is longer than 366d; use at most 366d
    by: HSLF-FS 2016:40 3 kap. 13 § + allmänna råd "Säkerhetskopiering" [SE-HSLF-3-13] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; no number in the rule: stack must force a declared value)
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.6 [EU-IR2690-4.2.6] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no number; more than 366 days is not regular`,
		},
		{
			name: "restore tests too seldom in Denmark", stack: "dk-prod",
			edit: func(t *testing.T, s *site.Site) {
				s.Recovery.RestoreTestInterval = parse[site.Duration](t, "367d")
			},
			want: `recovery.restoreTestInterval: "367d" is longer than 366d; use at most 366d
    by: NIS 2-loven § 6, stk. 1 "Driftskontinuitet, backupstyring, reetablering, krisestyring" [DK-NIS2-6-1-3] (note: one item of an unnumbered list)
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.6 [EU-IR2690-4.2.6] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no number; more than 366 days is not regular`,
		},
	}
}

type refusal struct {
	name  string
	stack string
	edit  func(*testing.T, *site.Site)
	law   func(*country.Profile) // changes the country's law; nil: as it is
	want  string
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.stack)
			p := profile(t, s)
			tt.edit(t, &s)
			if tt.law != nil {
				tt.law(&p)
			}
			decided, _, err := plan.Resolve(s, p, at())
			assert.EqualError(t, err, tt.want)
			assert.Equal(t, plan.Plan{}, decided)
		})
	}
}

// All refusals of a site come at once, in a fixed order.
func TestRefusalsAtOnce(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	s.DataCentre.Country = parse[site.Country](t, "us")
	s.DataCentre.Certificate = nil
	s.Cloud.OpenStack.EncryptedVolumeType = site.Text{}
	s.ControlPlane().Count = 1
	s.Identity.Connectors[0].MFA = false
	s.Retention.RecordYears = 3
	s.Backup = nil
	_, _, err := plan.Resolve(s, profile(t, s), at())
	var found plan.Refusals
	require.ErrorAs(t, err, &found)
	var paths []string
	for _, f := range found {
		paths = append(paths, f.Path)
		assert.NotEmpty(t, f.Requirements, f.Path)
		assert.NotEmpty(t, f.Remedy, f.Path)
	}
	assert.Equal(t, []string{
		"dataCentre.country", "dataCentre.certificate", "cloud.openstack.encryptedVolumeType", "nodePools[1].count",
		"identity.connectors[0].mfa", "retention.recordYears", "backup",
	}, paths)
}

// In a test stack, where no patient data may be, numbers that break the law are warned of, and what only patients need is
// not asked for.
func TestTestStackIsWarned(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod", "environment: prod", "environment: test")
	s.DataCentre.Certificate = nil
	s.ControlPlane().Count = 1
	s.Identity.Connectors[0].MFA = false
	s.Retention.Logs[0].FloorDays = parse[site.Days](t, "30")
	s.Retention.RecordYears = 1
	s.Recovery.RestoreTestInterval = parse[site.Duration](t, "400d")
	s.Backup = nil
	p, warnings, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.False(t, p.Protect)
	assert.Equal(t, []string{
		`retention.logs[0].floorDays: "30" days is less than the 1827 days that patient-access logs must be kept; use at least 1827`,
		`retention.recordYears: "1" years is less than the 10 years that records must be kept; use at least 10`,
		`recovery.restoreTestInterval: "400d" is longer than 366d; use at most 366d`,
	}, firstLines(warnings))
}

func TestProfileOfAnotherCountry(t *testing.T) {
	t.Parallel()
	dk, err := country.Lookup("dk")
	require.NoError(t, err)
	_, _, err = plan.Resolve(load(t, "se-prod"), dk, at())
	assert.EqualError(t, err, `plan: site of country "se" with the profile of "dk": look the profile up by the site's country`)
}

// ontoOpenStack moves a site to the cloud and the stores of se-prod, its own country kept.
func ontoOpenStack(t testing.TB, s *site.Site) {
	t.Helper()
	other := load(t, "se-prod")
	s.Cloud, s.ObjectStore = other.Cloud, other.ObjectStore
	s.ObjectStore.Country = s.DataCentre.Country
	s.Backup.Endpoint, s.Backup.Role = other.Backup.Endpoint, site.RoleARN{}
}

func parse[V any, P interface {
	*V
	UnmarshalText([]byte) error
}](t testing.TB, text string) V {
	t.Helper()
	v, err := site.Parse[V, P](text)
	require.NoError(t, err)
	return v
}
