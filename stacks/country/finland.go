package country

// finland has a law of its own on client and patient data (703/2023) of which next to nothing is established: two rows
// on it are of grade U and carry nothing here.
func finland() Profile {
	return Profile{
		Code: "fi",
		Name: "Finland",
		Acts: unionActs(),
		Remarks: []string{
			"How long logs must be kept is not established (`FI-703-LOG`), and a further row is open (`FI-703-TTS`). Have counsel confirm both before production.",
			"The Finnish act that implements NIS2 is not established: no duty below rests on NIS2.",
		},
		Duties: union().with(Duties{
			PatientAccessLog: LogRule{
				Floor: Rule[int]{Value: 0, Cites: []string{"FI-703-11"},
					Reading: "how long logs are kept is not established: the site declares a number; fewer than two years (731 days) would leave what a client may ask for unanswered"},
			},
		}),
	}
}
