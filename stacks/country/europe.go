package country

import "slices"

// eu lists the 27 states of the European Union.
func eu() []string {
	return []string{
		"at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "it", "lt", "lu",
		"lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk",
	}
}

// EEA lists the European Economic Area: the Union, then Iceland, Liechtenstein and Norway. Inside it the GDPR makes no
// transfer to a third country (art. 44).
func EEA() []string { return slices.Concat(eu(), []string{"is", "li", "no"}) }

// unionActs are the acts that union rests on.
func unionActs() []string { return []string{"EU-GDPR", "EU-IR2690"} }

// iso27001 is the customary proof where the rules name none.
func iso27001() Proof { return Proof{Standard: "ISO/IEC 27001", Marks: []string{"27001"}} }

// The readings: what we make of a rule that names no number. Printed wherever the number is.
const (
	readingDeclared  = "the rules name no number: the site declares one"
	readingEEA       = "inside the EEA there is no transfer to a third country"
	readingNeed      = "the rules name no number: the need that the site declares bounds it"
	readingLogStore  = "the rules name no means: object lock in compliance mode is the one that no credential undoes"
	readingRecords   = "no rule on how long records are kept is established for this country: the site declares the years"
	readingRestore   = "the rules name no number; more than 366 days is not regular"
	readingRedundant = "the rules name no number; etcd needs three members to bear the loss of one"
	readingReview    = "the rules name no number: the operator decides how often"
	readingTLS       = "the rules name no version; RFC 8996 withdrew everything older than TLS 1.2"
	readingProof     = "the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence"
	readingTime      = "the rules name no source"
)

// union is what binds in every state of the Union without any law of its own: the GDPR, and Implementing Regulation
// 2024/2690 for the operator of the platform. NIS2 is a directive and binds through national law alone, so no rule here
// rests on it; a country whose act is in the catalogue cites that. A country lays its own rules over these.
func union() Duties {
	log := LogRule{
		Floor:   Rule[int]{Value: 0, Cites: []string{"EU-IR2690-3.2.5"}, Reading: readingDeclared},
		Ceiling: Rule[CeilingRule]{Value: NeedBased, Cites: []string{"EU-GDPR-5-1-e"}, Reading: readingNeed},
	}
	return Duties{
		Residency:           Rule[[]string]{Value: EEA(), Cites: []string{"EU-GDPR-44", "EU-GDPR-49"}, Reading: readingEEA},
		PatientAccessLog:    log,
		PlatformSecurityLog: log,
		LogStore:            Rule[bool]{Value: true, Cites: []string{"EU-IR2690-3.2.5"}, Reading: readingLogStore},
		RecordYears:         Rule[int]{Value: 0, Cites: []string{"EU-GDPR-5-1-e", "EU-GDPR-30-1"}, Reading: readingRecords},
		BackupHours:         Rule[Interval]{Cites: []string{"EU-GDPR-32-1-c", "EU-IR2690-4.2.2"}, Reading: readingDeclared},
		BackupApart:         Rule[bool]{Value: true, Cites: []string{"EU-IR2690-4.2.2"}},
		RestoreTestDays:     Rule[Interval]{Value: Interval{Limit: 366}, Cites: []string{"EU-GDPR-32-1-c", "EU-IR2690-4.2.6"}, Reading: readingRestore},
		Recovery:            Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-c"}},
		ControlPlanes:       Rule[int]{Value: 3, Cites: []string{"EU-GDPR-32-1-b"}, Reading: readingRedundant},
		ReviewDays:          Rule[Interval]{Cites: []string{"EU-GDPR-32-1-d"}, Reading: readingReview},
		MFA: Rule[Demand]{Value: AsAppropriate, Cites: []string{"EU-IR2690-11.7.1"},
			Reading: "according to the classification of the asset, by the rule's own words; the operator classifies"},
		TLSMinimum:    Rule[string]{Value: "1.2", Cites: []string{"EU-GDPR-32-1-a", "EU-IR2690-9.2"}, Reading: readingTLS},
		Encrypted:     Rule[bool]{Value: true, Cites: []string{"EU-GDPR-32-1-a", "EU-IR2690-9.2"}},
		ClosedNetwork: Rule[bool]{Value: true, Cites: []string{"EU-GDPR-25-2", "EU-IR2690-6.7.2"}},
		Separation:    Rule[bool]{Value: true, Cites: []string{"EU-IR2690-6.8.2"}},
		Supported:     Rule[bool]{Value: true, Cites: []string{"EU-IR2690-6.6.1"}},
		TimeSource:    Rule[string]{Cites: []string{"EU-IR2690-3.2.6"}, Reading: readingTime},
		ProviderProof: Rule[Proof]{Value: iso27001(), Cites: []string{"EU-GDPR-28-1", "EU-IR2690-13.3"}, Reading: readingProof},
	}
}
