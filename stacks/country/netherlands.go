package country

// netherlands has a number for the log of access to patient data, read in the Staatscourant, and none that is
// established for records: the twenty years that are often named have no row.
func netherlands() Profile {
	return Profile{
		Code: "nl",
		Name: "Netherlands",
		Acts: unionActs(),
		Remarks: []string{
			"How long records are kept is not established: no row carries a number.",
			"Whether Cyberbeveiligingswet (`NL-CBW`) is in force is unverified: no duty below rests on NIS2.",
			"NEN 7510 and NEN 7513 bind the care provider and its applications. Their editions of 2024 are unverified.",
		},
		Duties: union().with(Duties{
			PatientAccessLog: LogRule{
				Floor: Rule[int]{Value: 1827, Cites: []string{"NL-BEGZ-5-2"},
					Reading: "five years from the writing of the line, with their leap days; that the platform's log of access is a log in this sense is our reading"},
				Ceiling: Rule[CeilingRule]{Value: RecordBound, Cites: []string{"NL-BEGZ-5-2"},
					Reading: "at most as long as the records are kept, which the site declares in years"},
			},
			ProviderProof: Rule[Proof]{Value: iso27001(), Cites: []string{"NL-BEGZ"},
				Reading: "NEN 7510 binds the care provider; of the data centre the rules name no standard, and an ISO/IEC 27001 certificate is the customary evidence"},
		}),
	}
}
