package country

// sweden is bound by patientdatalagen (PdL) and HSLF-FS 2016:40 beside the GDPR and NIS2. HSLF-FS 2016:40 was read in
// its wording before 2026-02-01; each citation says so when it is printed.
func sweden() Profile {
	return Profile{
		Code: "se",
		Name: "Sweden",
		Acts: append(unionActs(), "EU-NIS2"),
		Remarks: []string{
			"HSLF-FS 2016:40 was changed on 1 February 2026 by HSLF-FS 2025:57, which was not read. Its paragraphs are printed in the wording before that day.",
			"Two kinds of log: the five years are for access to patient data. For logs of the platform no Swedish row carries a number.",
			"Emergency-preparedness agencies must verify restoring each quarter (`SE-MSB7-5-1`). Which agencies those are no row says, so the plan does not ask it of every agency.",
		},
		Duties: Duties{
			Residency: Rule[[]string]{Value: EEA(), Cites: []string{"EU-GDPR-44", "EU-GDPR-49"}, Reading: readingEEA},
			PatientAccessLog: LogRule{
				Floor:   Rule[int]{Value: 1827, Cites: []string{"SE-HSLF-4-9-7"}},
				Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"EU-GDPR-5-1-e"}, Reading: readingNeed},
			},
			PlatformSecurityLog: LogRule{
				Floor:   Rule[int]{Value: 0, Cites: []string{"EU-IR2690-3.2.5"}, Reading: readingDeclared},
				Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"EU-GDPR-5-1-e"}, Reading: readingNeed},
			},
			LogStore:        Rule[bool]{Value: true, Cites: []string{"SE-PDL-4-3", "EU-IR2690-3.2.5"}, Reading: readingLogStore},
			RecordYears:     Rule[int]{Value: 10, Cites: []string{"SE-PDL-3-17"}},
			BackupHours:     Rule[Interval]{Cites: []string{"SE-HSLF-3-12", "EU-IR2690-4.2.2"}, Reading: readingDeclared},
			BackupApart:     Rule[bool]{Value: true, Cites: []string{"SE-HSLF-3-12", "EU-IR2690-4.2.2"}},
			RestoreTestDays: Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"SE-HSLF-3-13", "EU-IR2690-4.2.6"}, Reading: readingRestore},
			Recovery:        Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-c", "EU-NIS2-21-2-c"}},
			ControlPlanes:   Rule[int]{Value: 3, Cites: []string{"EU-GDPR-32-1-b", "EU-NIS2-21-2-c"}, Reading: readingRedundant},
			ReviewDays: Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"SE-HSLF-3-18"},
				Reading: "every year, by the rule's own words"},
			MFA: Rule[Demand]{Value: Required, Cites: []string{"SE-HSLF-3-15-2", "EU-NIS2-21-2-j"},
				Reading: "required since 2026-02-01 by what secondary sources say of the new wording"},
			TLSMinimum:    Rule[string]{Value: "1.2", Cites: []string{"SE-HSLF-3-15-1", "EU-GDPR-32-1-a"}, Reading: readingTLS},
			Encrypted:     Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-a", "SE-PDL-1-2"}},
			ClosedNetwork: Rule[bool]{Value: true, Cites: []string{"SE-PDL-1-2", "EU-IR2690-6.7.2"}},
			Separation:    Rule[bool]{Value: true, Cites: []string{"SE-HSLF-3-10", "EU-IR2690-6.8.2"}},
			Supported:     Rule[bool]{Value: true, Cites: []string{"EU-IR2690-6.6.1"}},
			TimeSource:    Rule[string]{Cites: []string{"EU-IR2690-3.2.6"}, Reading: readingTime},
			ProviderProof: Rule[Proof]{Value: iso27001(), Cites: []string{"SE-HSLF-3-14", "EU-GDPR-28-1"}, Reading: readingProof},
		},
		Overlays: []Overlay{{
			Name:     "se-state",
			Operator: "state",
			Duties: Duties{
				PlatformSecurityLog: LogRule{
					Floor: Rule[int]{Value: 0, Cites: []string{"SE-MSB7-4-17"}, Reading: readingDeclared},
				},
				LogStore: Rule[bool]{Value: true, Cites: []string{"SE-MSB7-4-17"}, Reading: readingLogStore},
				BackupHours: Rule[Interval]{Value: Interval{Advised: 24}, Cites: []string{"SE-MSB7-4-14"},
					Reading: "daily, by the rule's general advice"},
				BackupApart: Rule[bool]{Value: true, Cites: []string{"SE-MSB7-4-15"}},
				// Agencies with duties in emergency preparedness must test each quarter (SE-MSB7-5-1); which
				// agencies those are, no row says, so the number is not laid on every agency.
				RestoreTestDays: Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"SE-MSB7-4-14"},
					Reading: "the rule's general advice is yearly; that it binds is our reading"},
				Recovery:      Rule[bool]{Value: true, Cites: []string{"SE-MSB7-4-22"}},
				ControlPlanes: Rule[int]{Value: 3, Cites: []string{"SE-MSB7-4-22"}, Reading: readingRedundant},
				MFA: Rule[Demand]{Value: Required, Cites: []string{"SE-MSB7-4-5"},
					Reading: "for access from outside, administration and information in need of more protection"},
				TLSMinimum:    Rule[string]{Value: "1.2", Cites: []string{"SE-MSB7-4-7"}, Reading: readingTLS},
				Encrypted:     Rule[bool]{Value: true, Cites: []string{"SE-MSB7-4-7"}},
				ClosedNetwork: Rule[bool]{Value: true, Cites: []string{"SE-MSB7-4-2"}},
				Separation:    Rule[bool]{Value: true, Cites: []string{"SE-MSB7-3-3"}},
				Supported:     Rule[bool]{Value: true, Cites: []string{"SE-MSB7-4-12"}},
				DNSSEC:        Rule[Demand]{Value: Required, Cites: []string{"SE-MSB7-4-8"}},
				TimeSource: Rule[string]{Value: "ntp.se", Cites: []string{"SE-MSB7-4-13"},
					Reading: "time traceable to UTC(SP); ntp.se by the rule's general advice"},
				ProviderProof: Rule[Proof]{Value: iso27001(), Cites: []string{"SE-MSB7-4-21"}, Reading: readingProof},
			},
		}},
	}
}
