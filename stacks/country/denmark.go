package country

import "github.com/lagrum/lagrum/requirements"

// denmark has no number in force for the retention of any log outside state institutions: the six months of the
// sikkerhedsbekendtgørelse (DK-SIKBEK-19) are legacy, and the telecom logningsbekendtgørelse never applied.
func denmark() Profile {
	return Profile{
		Code: "dk",
		Name: "Denmark",
		Acts: append(unionActs(), "EU-NIS2"),
		Remarks: []string{
			"The six months of the sikkerhedsbekendtgørelse (`DK-SIKBEK-19`) are legacy and the telecom logningsbekendtgørelse (`DK-LOGBEK`) does not apply: outside the state no number for any log is established as in force.",
			"Where data may lie is decided by a list of systems (`DK-DBL-3-9`), not by their being about health; only the start of the list was read.",
			"The day on which NIS 2-loven came into force is not established (`DK-NIS2-IKRAFT`).",
		},
		Duties: Duties{
			Residency: Rule[[]string]{Value: EEA(), Cites: []string{"EU-GDPR-44", "EU-GDPR-49"}, Reading: readingEEA},
			ListedSystem: Rule[[]string]{Value: []string{"dk"}, Cites: []string{"DK-DBL-3-9"},
				Reading: "for a system on the list of the order's annex alone"},
			PatientAccessLog: LogRule{
				Floor:   Rule[int]{Value: 0, Cites: []string{"DK-INSTR-3", "EU-IR2690-3.2.5"}, Reading: readingDeclared},
				Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"EU-GDPR-5-1-e"}, Reading: readingNeed},
			},
			PlatformSecurityLog: LogRule{
				Floor:   Rule[int]{Value: 0, Cites: []string{"DK-INSTR-3", "EU-IR2690-3.2.5"}, Reading: readingDeclared},
				Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"EU-GDPR-5-1-e"}, Reading: readingNeed},
			},
			LogStore: Rule[bool]{Value: true, Cites: []string{"EU-IR2690-3.2.5", "EU-GDPR-5-2"}, Reading: readingLogStore},
			RecordYears: Rule[int]{Value: 10, Cites: []string{"DK-AUT-25-1"},
				Reading: "ten years after the last entry, by the minister's answer of 15 June 2017"},
			BackupHours:     Rule[Interval]{Cites: []string{"DK-NIS2-6-1-3", "EU-IR2690-4.2.2"}, Reading: readingDeclared},
			BackupApart:     Rule[bool]{Value: true, Cites: []string{"EU-IR2690-4.2.2"}},
			RestoreTestDays: Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"DK-NIS2-6-1-3", "EU-IR2690-4.2.6"}, Reading: readingRestore},
			Recovery:        Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-c", "DK-NIS2-6-1-3"}},
			ControlPlanes:   Rule[int]{Value: 3, Cites: []string{"EU-GDPR-32-1-b", "DK-NIS2-6-1-3"}, Reading: readingRedundant},
			ReviewDays:      Rule[Interval]{Cites: []string{"DK-NIS2-6-1-6", "EU-NIS2-21-2-f"}, Reading: readingReview},
			MFA: Rule[Demand]{Value: AsAppropriate, Cites: []string{"DK-NIS2-6-1-10", "EU-NIS2-21-2-j"},
				Reading: "where appropriate, by the rule's own words"},
			TLSMinimum:    Rule[string]{Value: "1.2", Cites: []string{"DK-INSTR-5", "DK-NIS2-6-1-8", "EU-GDPR-32-1-a"}, Reading: readingTLS},
			Encrypted:     Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-a", "DK-NIS2-6-1-8"}},
			ClosedNetwork: Rule[bool]{Value: true, Cites: []string{"EU-GDPR-25-2", "EU-IR2690-6.7.2"}},
			Separation:    Rule[bool]{Value: true, Cites: []string{"EU-IR2690-6.8.2"}},
			Supported:     Rule[bool]{Value: true, Cites: []string{"DK-NIS2-6-1-5", "EU-IR2690-6.6.1"}},
			TimeSource:    Rule[string]{Cites: []string{"EU-IR2690-3.2.6"}, Reading: readingTime},
			ProviderProof: Rule[Proof]{Value: iso27001(), Cites: []string{"EU-GDPR-28-1", "DK-INSTR-2"}, Reading: readingProof},
		},
		Overlays: []Overlay{{
			Name:     "dk-state",
			Operator: "state",
			Duties: Duties{
				PlatformSecurityLog: LogRule{Floor: Rule[int]{Value: 366, Cites: []string{"DK-TMK24-16"}}},
				MFA: Rule[Demand]{Value: Required, Cites: []string{"DK-TMK24-11"},
					Reading: "for systems that the Internet reaches; no codes by SMS or mail"},
				TLSMinimum: Rule[string]{Value: "1.2", Cites: []string{"DK-TMK24-27"},
					Reading: "1.2 or newer, by the rule's own words"},
				Supported:         Rule[bool]{Value: true, Cites: []string{"DK-TMK24-26"}},
				DNSSEC:            Rule[Demand]{Value: Required, Cites: []string{"DK-TMK24-18"}},
				TimeSource:        Rule[string]{Cites: []string{"DK-TMK24-16"}, Reading: "one source and one zone for all, of the site's choice"},
				PatchInternetDays: Rule[int]{Value: 30, Cites: []string{"DK-TMK24-26"}},
				PatchInternalDays: Rule[int]{Value: 90, Cites: []string{"DK-TMK24-29"}},
				ScanDays:          Rule[int]{Value: 92, Cites: []string{"DK-TMK24-28"}},
				ProviderProof:     Rule[Proof]{Value: iso27001(), Cites: []string{"DK-ISO27001"}, Reading: "the government's decision asks all state institutions to follow ISO/IEC 27001"},
			},
		}},
		// The rows name no section of the guide and rest on a post alone, so that each is printed as a topic only.
		Instruction: []Topic{
			{"DK-INSTR-1", "authentication and access control", requirements.RBAC},
			{"DK-INSTR-2", "physical security", requirements.PhysicalSecurity},
			{"DK-INSTR-3", "logging, where it applies", requirements.AuditLog},
			{"DK-INSTR-4", "follow-up of logs", requirements.LogReview},
			{"DK-INSTR-5", "encryption", requirements.EncryptionInTransit},
			{"DK-INSTR-6", "output material", requirements.DataDeletion},
			{"DK-INSTR-7", "requests for the audit log", requirements.LogSearch},
			{"DK-INSTR-8", "security incidents", requirements.IncidentProcess},
		},
	}
}
