package site

import (
	"encoding"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Parse makes a value of any type of this package from its text. There is no other way to make one, so a value that
// is not zero is legal:
//
//	se, err := site.Parse[site.Country]("se")
//
// The error is a *Malformed.
func Parse[V any, P interface {
	*V
	encoding.TextUnmarshaler
}](text string) (V, error) {
	var v V
	err := P(&v).UnmarshalText([]byte(text))
	return v, err
}

// Malformed is the error of a text that is no value of its type.
type Malformed struct {
	Value  string // as may be shown: shortened, and masked where it looks like a secret
	Reason string // "is not a country"
	Remedy string // "write its two letters"
}

// Error reads: "xx" is not a country; write its two letters.
func (m *Malformed) Error() string {
	return fmt.Sprintf("%q %s; %s", m.Value, m.Reason, m.Remedy)
}

// A kind knows the texts of one type of value. A reason means that the text is none of them.
type kind interface {
	parse(text string) (canonical, reason, remedy string)
}

// value holds a text that its kind accepted, in canonical form. Two values are equal when == says so.
type value[K kind] struct{ text string }

// String is the canonical text, empty for the zero value.
func (v value[K]) String() string { return v.text }

// IsZero tells a value that was never parsed.
func (v value[K]) IsZero() bool { return v.text == "" }

// MarshalText is the inverse of UnmarshalText.
func (v value[K]) MarshalText() ([]byte, error) { return []byte(v.text), nil }

// UnmarshalText accepts what the type's comment describes. The error is a *Malformed.
func (v *value[K]) UnmarshalText(text []byte) error {
	var k K
	canonical, reason, remedy := k.parse(string(text))
	if reason != "" {
		return &Malformed{Value: shown(string(text)), Reason: reason, Remedy: remedy}
	}
	v.text = canonical
	return nil
}

// The types of value, and with each its kind below.
type (
	// Text is one line of at most 200 printable characters.
	Text struct{ value[textKind] }
	// Name is a DNS label (RFC 1123) that begins with a letter, in lower case.
	Name struct{ value[nameKind] }
	// Domain is a DNS name in lower case, without a final dot.
	Domain struct{ value[domainKind] }
	// Country is an ISO 3166-1 alpha-2 code in lower case.
	Country struct{ value[countryKind] }
	// Region is a cloud's own name of a region.
	Region struct{ value[regionKind] }
	// Zone is a cloud's own name of an availability zone, or the part of it that tells it from its siblings.
	Zone struct{ value[zoneKind] }
	// Version is a version of Kubernetes that this program supports.
	Version struct{ value[versionKind] }
	// CIDR is a network: an IP prefix without host bits.
	CIDR struct{ value[cidrKind] }
	// Duration is a whole number of seconds (s), minutes (m), hours (h) or days (d). 24h and 1d are different
	// values of the same length: compare Std.
	Duration struct{ value[durationKind] }
	// Days is a number of days from 1 to 36525, a hundred years. In YAML and JSON it is a number.
	Days struct{ value[daysKind] }
	// Date is a day, as 2006-01-02.
	Date struct{ value[dateKind] }
	// Email is one address without a name (RFC 5322 addr-spec), in ASCII.
	Email struct{ value[emailKind] }
	// Phone is a telephone number in E.164 form.
	Phone struct{ value[phoneKind] }
	// URL is an https or ldaps address without credentials, query or fragment.
	URL struct{ value[urlKind] }
	// WebURL is an http or https address without credentials, query or fragment, for what protects itself.
	WebURL struct{ value[webURLKind] }
	// Thumbprint is the SHA-256 thumbprint of a key (RFC 7638), in base64url.
	Thumbprint struct{ value[thumbprintKind] }
	// Registry is a registry's host, with its port and a path prefix where it has them.
	Registry struct{ value[registryKind] }
	// Account is the twelve-digit number of an AWS account.
	Account struct{ value[accountKind] }
	// RoleARN is the ARN of a role of AWS's partition aws.
	RoleARN struct{ value[roleARNKind] }
	// DN is the name of an entry of a directory (RFC 4514).
	DN struct{ value[dnKind] }
	// Filter picks entries of a directory (RFC 4515).
	Filter struct{ value[filterKind] }
	// Attribute is the name of an attribute of a directory (RFC 4512), or DN.
	Attribute struct{ value[attributeKind] }
	// Certificates are one or more certificates of authorities, as PEM.
	Certificates struct{ value[certificatesKind] }
	// UUID is the id of a thing in an OpenStack cloud (RFC 9562), in lower case with hyphens.
	UUID struct{ value[uuidKind] }
	// RequirementID is shaped like an id of the catalogue; whether the catalogue has it, the plan says.
	RequirementID struct{ value[requirementKind] }
)

// SupportedVersions are the versions of Kubernetes that a site may name, oldest first.
func SupportedVersions() []string { return []string{"v1.36.3"} }

// Prefix is the network itself; invalid for the zero value.
func (c CIDR) Prefix() netip.Prefix {
	p, _ := netip.ParsePrefix(c.text) // the zero value alone does not parse
	return p
}

// Std is the duration of the standard library; 0 for the zero value.
func (d Duration) Std() time.Duration {
	if d.IsZero() {
		return 0
	}
	n, _ := strconv.Atoi(d.text[:len(d.text)-1]) // the kind let digits through only
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	return time.Duration(n) * units[d.text[len(d.text)-1]]
}

// Int is the number of days; 0 for the zero value.
func (d Days) Int() int {
	n, _ := strconv.Atoi(d.text) // the zero value alone does not parse
	return n
}

// MarshalYAML writes a number.
func (d Days) MarshalYAML() (any, error) { return d.Int(), nil }

// MarshalJSON writes a number.
func (d Days) MarshalJSON() ([]byte, error) { return strconv.AppendInt(nil, int64(d.Int()), 10), nil }

// UnmarshalJSON reads a number.
func (d *Days) UnmarshalJSON(text []byte) error { return d.UnmarshalText(text) }

// Time is the beginning of the day in UTC.
func (d Date) Time() time.Time {
	t, _ := time.Parse(time.DateOnly, d.text) // the zero value alone does not parse
	return t
}

// Passed tells whether the day is over in UTC.
func (d Date) Passed(at time.Time) bool { return !at.Before(d.Time().AddDate(0, 0, 1)) }

// Account is the account that the role is of; empty for the zero value.
func (r RoleARN) Account() string {
	if m := roleARNText.FindStringSubmatch(r.text); m != nil {
		return m[1]
	}
	return ""
}

// shown shortens a text for an error message, and masks it where it looks like a secret.
func shown(text string) string {
	if looksSecret(text) {
		return mask
	}
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:60]) + "..."
	}
	return text
}

func listed(list, word string) bool {
	return strings.Contains(" "+list+" ", " "+word+" ")
}
