package country

// readingGDPR goes with every duty that rests on the GDPR here: no row says that it holds outside the Union.
const readingGDPR = "the GDPR holds in Norway through the EEA agreement, which no row says"

// norway is in the EEA and not in the Union. By the catalogue its Digitalsikkerhetsloven implements NIS1 and not NIS2
// (NO-DSL), so that neither NIS2 nor Implementing Regulation 2024/2690, which is made under it, is cited as law here.
// Where only those name a duty in the Union, the duty is read from the GDPR or from Norwegian rows, and each Reading
// says so. What is asked of a site is the same; how sure its ground is differs.
func norway() Profile {
	return Profile{
		Code: "no",
		Name: "Norway",
		Acts: []string{"EU-GDPR"}, // by the EEA agreement, which is our reading
		Remarks: []string{
			"Norway is in the EEA and not in the EU. That the GDPR holds there, through the EEA agreement, is our reading: no row of the catalogue says it.",
			"Digitalsikkerhetsloven implements NIS1 and not NIS2 (`NO-DSL`). No duty below rests on NIS2 or on Implementing Regulation (EU) 2024/2690. A provider that is established in the EU is bound by the latter all the same.",
			"How long access to patient data must stay logged is not established: § 14 of Pasientjournalforskriften (`NO-PJF-14`) was not read.",
			"Normen (`NO-NORM`) is an industry code; that it binds by contract or by connection to the network is general knowledge without a source.",
		},
		Duties: Duties{
			Residency: Rule[[]string]{Value: EEA(), Cites: []string{"EU-GDPR-44", "EU-GDPR-49"}, Reading: readingEEA + "; " + readingGDPR},
			PatientAccessLog: LogRule{
				Floor: Rule[int]{Value: 0, Cites: []string{"NO-NORM", "NO-PJF-14"},
					Reading: "how long these rules have logs kept is not established: the site declares a number"},
				Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"EU-GDPR-5-1-e", "NO-NORM"}, Reading: readingNeed + "; " + readingGDPR},
			},
			PlatformSecurityLog: LogRule{
				Floor: Rule[int]{Value: 0, Cites: []string{"NO-NORM"},
					Reading: "the code asks for security logs of the infrastructure; how long is not established: the site declares a number"},
				Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"EU-GDPR-5-1-e", "NO-NORM"}, Reading: readingNeed + "; " + readingGDPR},
			},
			LogStore: Rule[bool]{Value: true, Cites: []string{"EU-GDPR-5-2"},
				Reading: "the rule names no log: what can be removed demonstrates nothing; " + readingGDPR},
			RecordYears: Rule[int]{Value: 0, Cites: []string{"EU-GDPR-5-1-e", "EU-GDPR-30-1"}, Reading: readingRecords + "; " + readingGDPR},
			BackupHours: Rule[Interval]{Cites: []string{"EU-GDPR-32-1-c"}, Reading: readingDeclared + "; " + readingGDPR},
			BackupApart: Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-c"},
				Reading: "the rule names no place: a copy beside the original is lost with it and restores nothing; " + readingGDPR},
			RestoreTestDays: Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"EU-GDPR-32-1-c"}, Reading: readingRestore + "; " + readingGDPR},
			Recovery:        Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-c"}, Reading: readingGDPR},
			ControlPlanes:   Rule[int]{Value: 3, Cites: []string{"EU-GDPR-32-1-b"}, Reading: readingRedundant + "; " + readingGDPR},
			ReviewDays:      Rule[Interval]{Cites: []string{"EU-GDPR-32-1-d"}, Reading: readingReview + "; " + readingGDPR},
			MFA: Rule[Demand]{Value: AsAppropriate, Cites: []string{"NO-PJL-22", "EU-GDPR-5-1-f"},
				Reading: "the rules ask for access control and name no factor; that more than one is appropriate for health data is our reading; " + readingGDPR},
			TLSMinimum: Rule[string]{Value: "1.2", Cites: []string{"EU-GDPR-32-1-a"}, Reading: readingTLS + "; " + readingGDPR},
			Encrypted:  Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-a"}, Reading: readingGDPR},
			ClosedNetwork: Rule[bool]{Value: true, Cites: []string{"EU-GDPR-25-2"},
				Reading: "by default only necessary access: a network that no administrator comes from needs none; " + readingGDPR},
			Separation: Rule[bool]{Value: true, Cites: []string{"EU-GDPR-25-2"},
				Reading: "by default only necessary access: nobody needs patient data in a place for development or test; " + readingGDPR},
			Supported: Rule[bool]{Value: true, Cites: []string{"EU-GDPR-28-3-c"},
				Reading: "the rule names no update: software that its makers no longer mend is no appropriate measure; " + readingGDPR},
			TimeSource: Rule[string]{Cites: []string{"NO-NORM"},
				Reading: "the code asks for logs that are checked, which takes clocks that agree; it names no source"},
			ProviderProof: Rule[Proof]{Value: iso27001(), Cites: []string{"EU-GDPR-28-1"}, Reading: readingProof + "; " + readingGDPR},
		},
	}
}
