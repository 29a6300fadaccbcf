package country

// readingC5 goes with every duty that C5 names. The law asks for an attestation of C5's basic criteria and for the
// criteria that correspond to them on the customer's side; no row says which criteria those are.
const readingC5 = "C5 binds through § 393 Abs. 3 SGB V; that this criterion is among what it asks of a platform is our reading"

// germany lets health data into a cloud under § 393 SGB V alone: it says where, and asks for C5.
func germany() Profile {
	log := LogRule{
		Floor:   Rule[int]{Value: 0, Cites: []string{"DE-C5-OPS-14"}, Reading: readingDeclared + "; " + readingC5},
		Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"DE-C5-OPS-14"}, Reading: readingNeed + "; " + readingC5},
	}
	return Profile{
		Code: "de",
		Name: "Germany",
		Acts: unionActs(),
		Remarks: []string{
			"§ 393 SGB V is about cloud computing by providers of care, funds and their processors. The plan takes every stack for such.",
			"§ 393 Abs. 2 also asks that the processor has an establishment in Germany. No field of a site shows that: the operator does.",
			"Criteria are cited by their numbers in C5:2020. C5:2026 has others (`DE-C5-2026`); from when it counts is not established.",
			"The German act that implements NIS2 is not established: no duty below rests on NIS2.",
		},
		Duties: union().with(Duties{
			Residency: Rule[[]string]{Value: eu(), Cites: []string{"DE-SGBV-393-2", "DE-C5-PSS-12"},
				Reading: "the rule also allows states that § 35(7) SGB I treats alike, and third countries with adequacy; which those are is not established here, so only the Union is taken"},
			PatientAccessLog:    log,
			PlatformSecurityLog: log,
			LogStore: Rule[bool]{Value: true, Cites: []string{"DE-C5-OPS-14"},
				Reading: "logs that nobody can change, by the criterion's own words; " + readingC5},
			BackupApart: Rule[bool]{Value: true, Cites: []string{"DE-C5-OPS-09"}, Reading: readingC5},
			RestoreTestDays: Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"DE-C5-OPS-08"},
				Reading: "at least annually, by the criterion's own words; " + readingC5},
			ReviewDays: Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"DE-C5-OPS-19"},
				Reading: "a penetration test at least yearly, by the criterion's own words; " + readingC5},
			MFA: Rule[Demand]{Value: Required, Cites: []string{"DE-C5-IDM-09"},
				Reading: "for access to production, by the criterion's own words; " + readingC5},
			TLSMinimum: Rule[string]{Value: "1.2", Cites: []string{"DE-C5-CRY-02"}, Reading: readingTLS + "; " + readingC5},
			Encrypted:  Rule[bool]{Value: true, Cites: []string{"DE-C5-CRY-02", "DE-C5-OPS-09"}, Reading: readingC5},
			ProviderProof: Rule[Proof]{Value: Proof{Standard: "C5 Type 2", Marks: []string{"C5", "Type 2"}, Named: true},
				Cites:   []string{"DE-SGBV-393-4", "DE-SGBV-393-3", "DE-SGBV-393-1"},
				Reading: "an equivalent by ordinance would do as well; which those are is not established"},
		}),
	}
}
