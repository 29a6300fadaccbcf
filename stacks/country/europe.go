package country

// eea lists the European Economic Area: the 27 of the Union, then Iceland, Liechtenstein and Norway. Inside it the
// GDPR makes no transfer to a third country (art. 44).
func eea() []string {
	return []string{
		"at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "it", "lt", "lu",
		"lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk", "is", "li", "no",
	}
}

// The readings: what we make of a rule that names no number. Printed wherever the number is.
const (
	readingDeclared  = "the rules name no number: the site declares one"
	readingEEA       = "inside the EEA there is no transfer to a third country"
	readingNeed      = "the rules name no number: the need that the site declares bounds it"
	readingRestore   = "the rules name no number; more than 366 days is not regular"
	readingRedundant = "the rules name no number; etcd needs three members to bear the loss of one"
	readingTLS       = "the rules name no version; RFC 8996 withdrew everything older than TLS 1.2"
	readingProof     = "the rules name no standard; an ISO/IEC 27001 certificate of the data centre is the customary evidence"
	readingTime      = "the rules name no source"
)
