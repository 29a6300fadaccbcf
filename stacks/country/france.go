package country

// france lets health data be hosted by certified hosts alone (HDS), and stored in the EEA alone.
func france() Profile {
	return Profile{
		Code: "fr",
		Name: "France",
		Acts: unionActs(),
		Remarks: []string{
			"The duty to be certified (`FR-CSP-L1111-8`) falls on who hosts health data. The plan takes every stack for hosted.",
			"Access from outside the EEA and exposure to the law of third countries (`FR-HDS-29`) is for the operator to state: a plan sees where data lie, not who reads them.",
			"No row says which French act implements NIS2: no duty below rests on NIS2.",
		},
		Duties: union().with(Duties{
			Residency: Rule[[]string]{Value: EEA(), Cites: []string{"FR-HDS-28"},
				Reading: "storage in the EEA only, by the requirement's own words: no transfer assessment changes that"},
			ProviderProof: Rule[Proof]{Value: Proof{Standard: "HDS", Marks: []string{"HDS"}, Named: true},
				Cites:   []string{"FR-CSP-L1111-8", "FR-HDS-01"},
				Reading: "the version of the certificate is not looked at; since 16 May 2026 it is 2 for all"},
		}),
	}
}
