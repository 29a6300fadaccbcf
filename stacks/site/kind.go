package site

import (
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The codes that ISO 3166-1 has assigned officially.
const countries = "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv " +
	"bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj " +
	"fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir " +
	"is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml " +
	"mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr " +
	"ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj " +
	"tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"

const (
	dnsLabel = `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?` // RFC 1123
	dnsName  = dnsLabel + `(\.` + dnsLabel + `)*`
)

// The patterns are compiled once and never changed.
var (
	nameText        = whole(`[a-z]([a-z0-9-]{0,61}[a-z0-9])?`)
	domainText      = whole(dnsName)
	placeText       = whole(`[A-Za-z0-9][A-Za-z0-9._-]{0,62}`)
	durationText    = whole(`[1-9][0-9]{0,4}[smhd]`)
	phoneText       = whole(`\+[1-9][0-9]{6,14}`)
	registryText    = whole(dnsName + `(:[1-9][0-9]{0,4})?(/[a-z0-9]+([._-][a-z0-9]+)*)*`)
	accountText     = whole(`[0-9]{12}`)
	thumbprintText  = whole(`[A-Za-z0-9_-]{43}`)
	roleARNText     = whole(`arn:aws:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/-]{1,128}`)
	uuidText        = whole(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	requirementText = whole(`[A-Z][A-Za-z0-9.-]{2,39}`)
	labelKeyText    = whole(`(` + dnsName + `/)?` + labelWord)
	labelValueText  = whole(`(` + labelWord + `)?`)
	reservedLabel   = whole(`([a-z0-9.-]+\.)?(kubernetes|k8s)\.io/.*`)
	ownLabel        = whole(`([a-z0-9.-]+\.)?lagrum\.dev/.*`)
	nodeNameText    = whole(`(.+)-([1-9][0-9]{0,3})-g([1-9][0-9]{0,2})`)
	plainKey        = whole(`[A-Za-z0-9_-]+`)
)

// labelWord is the name part of a key, and the value, of a Kubernetes label.
const labelWord = `[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?`

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

type (
	textKind         struct{}
	nameKind         struct{}
	domainKind       struct{}
	countryKind      struct{}
	regionKind       struct{}
	zoneKind         struct{}
	versionKind      struct{}
	cidrKind         struct{}
	durationKind     struct{}
	daysKind         struct{}
	dateKind         struct{}
	emailKind        struct{}
	phoneKind        struct{}
	urlKind          struct{}
	webURLKind       struct{}
	thumbprintKind   struct{}
	registryKind     struct{}
	accountKind      struct{}
	roleARNKind      struct{}
	uuidKind         struct{}
	dnKind           struct{}
	filterKind       struct{}
	attributeKind    struct{}
	certificatesKind struct{}
	requirementKind  struct{}
)

func (textKind) parse(text string) (string, string, string) {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return "", "is blank", "write some text"
	case utf8.RuneCountInString(trimmed) > 200:
		return "", "is too long", "use at most 200 characters"
	case strings.ContainsFunc(trimmed, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }):
		return "", "has characters that do not print", "write one line of plain text"
	}
	return trimmed, "", ""
}

func (nameKind) parse(text string) (string, string, string) {
	if !nameText.MatchString(text) {
		return "", "is not a DNS label", "use lower-case letters, digits and hyphens, beginning with a letter, at most 63"
	}
	return text, "", ""
}

func (domainKind) parse(text string) (string, string, string) {
	if len(text) > 253 || !domainText.MatchString(text) {
		return "", "is not a domain", "write lower-case DNS labels joined by dots, e.g. cluster.local"
	}
	return text, "", ""
}

func (countryKind) parse(text string) (string, string, string) {
	const remedy = "write its two letters of ISO 3166-1 in lower case, e.g. se"
	switch lower := strings.ToLower(text); {
	case len(text) != 2 || !listed(countries, lower):
		return "", "is not a country", remedy
	case lower != text:
		return "", "is in upper case", "write " + lower
	}
	return text, "", ""
}

func (regionKind) parse(text string) (string, string, string) {
	if !placeText.MatchString(text) {
		return "", "is not a region", "use the cloud's name of it, e.g. eu-north-1"
	}
	return text, "", ""
}

func (zoneKind) parse(text string) (string, string, string) {
	if !labelValueText.MatchString(text) || !placeText.MatchString(text) { // it becomes a label of the zone's nodes
		return "", "is not a zone", "use the cloud's name of it, e.g. a or nova"
	}
	return text, "", ""
}

func (versionKind) parse(text string) (string, string, string) {
	for _, v := range SupportedVersions() {
		if text == v {
			return text, "", ""
		}
	}
	return "", "is not a supported version of Kubernetes", "use one of: " + strings.Join(SupportedVersions(), ", ")
}

func (cidrKind) parse(text string) (string, string, string) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || p.Addr().Is4In6():
		return "", "is not a network", "write an address and a prefix length, e.g. 10.96.0.0/16"
	case p != p.Masked():
		return "", "is an address inside a network", "write the network: " + p.Masked().String()
	}
	return p.String(), "", ""
}

func (durationKind) parse(text string) (string, string, string) {
	if !durationText.MatchString(text) {
		return "", "is not a duration", "write a whole number of s, m, h or d, at most 99999, e.g. 24h"
	}
	return text, "", ""
}

func (daysKind) parse(text string) (string, string, string) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 36525 {
		return "", "is not a number of days", "write a whole number from 1 to 36525"
	}
	return strconv.Itoa(n), "", ""
}

func (dateKind) parse(text string) (string, string, string) {
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return text, "", ""
	}
	// A date without quotes is a point in time to YAML. Pulumi hands it over as "2027-06-30 00:00:00 +0000 UTC".
	if len(text) > len(time.DateOnly) && strings.ContainsRune(" T", rune(text[len(time.DateOnly)])) {
		if _, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)]); err == nil {
			return "", "is a point in time", `write the day in quotes: "` + text[:len(time.DateOnly)] + `"`
		}
	}
	return "", "is not a date", `write year, month and day in quotes, e.g. "2027-06-30"`
}

func (emailKind) parse(text string) (string, string, string) {
	const reason, remedy = "is not an e-mail address", "write one address without a name, e.g. security@example.org"
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > 254 || strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) {
		return "", reason, remedy
	}
	_, domain, _ := strings.Cut(text, "@")
	if !strings.Contains(domain, ".") || !domainText.MatchString(strings.ToLower(domain)) {
		return "", reason, remedy
	}
	return text, "", ""
}

func (phoneKind) parse(text string) (string, string, string) {
	if !phoneText.MatchString(text) {
		return "", "is not a telephone number", "write plus, country code and number without spaces, e.g. +46101234567"
	}
	return text, "", ""
}

func (urlKind) parse(text string) (string, string, string) {
	return address(text, "is not encrypted", "use https:// (a directory: ldaps://)", "https", "ldaps")
}

func (webURLKind) parse(text string) (string, string, string) {
	return address(text, "is no web address", "use http:// or https://", "http", "https")
}

// address is a URL of one of the schemes; otherwise the reason and the remedy are the caller's.
func address(text, reason, remedy string, schemes ...string) (string, string, string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || strings.ContainsFunc(text, func(r rune) bool { return r > '~' }):
		return "", "is not an address", "write scheme, host and path, e.g. https://idp.example.org"
	case u.User != nil:
		return "", "holds a credential", "take it out; secrets go to: pulumi config set --secret"
	case !slices.Contains(schemes, u.Scheme):
		return "", reason, remedy
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "?#"):
		return "", "has a query or a fragment", "end the address with its path"
	}
	return text, "", ""
}

func (thumbprintKind) parse(text string) (string, string, string) {
	if !thumbprintText.MatchString(text) {
		return "", "is not a key's thumbprint", "write the 43 characters that tang-show-keys prints on the key server"
	}
	return text, "", ""
}

func (registryKind) parse(text string) (string, string, string) {
	if len(text) > 253 || !registryText.MatchString(text) {
		return "", "is not a registry", "write host, port and path without scheme, e.g. registry.example.org/mirror"
	}
	return text, "", ""
}

func (accountKind) parse(text string) (string, string, string) {
	if !accountText.MatchString(text) {
		return "", "is not an AWS account", `write its twelve digits in quotes, e.g. "123456789012"`
	}
	return text, "", ""
}

func (roleARNKind) parse(text string) (string, string, string) {
	if !roleARNText.MatchString(text) {
		return "", "is not the ARN of a role", "write it as arn:aws:iam::123456789012:role/lagrum-stores"
	}
	return text, "", ""
}

func (uuidKind) parse(text string) (string, string, string) {
	if !uuidText.MatchString(text) {
		return "", "is not an id of OpenStack", "write the id that the cloud shows, e.g. 8b1c9a52-5d0e-4f53-a3a5-2d9f7b0c6e11; a name may come to mean another thing"
	}
	return text, "", ""
}

func (requirementKind) parse(text string) (string, string, string) {
	if !requirementText.MatchString(text) {
		return "", "is not the id of a requirement", "use an id of the catalogue, e.g. SE-PDL-3-17"
	}
	return text, "", ""
}
