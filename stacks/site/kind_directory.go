package site

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
)

var (
	attributeText = whole(`[A-Za-z][A-Za-z0-9-]{0,62}`)
	dnText        = whole(relativeName + `(,` + relativeName + `)*`)
)

// relativeName is one part of a name: an attribute and its value. Values that need escapes are not taken.
const relativeName = `[A-Za-z][A-Za-z0-9-]*=[^,=+"\\\\<>;#\x00-\x1f]+`

func (dnKind) parse(text string) (string, string, string) {
	if len(text) > 255 || !dnText.MatchString(text) {
		return "", "is not the name of an entry of a directory", "write it as attribute=value parts with commas between, e.g. ou=people,dc=example,dc=org"
	}
	return text, "", ""
}

func (filterKind) parse(text string) (string, string, string) {
	const reason, remedy = "is not a filter of a directory", "write it in parentheses, e.g. (objectClass=person)"
	if len(text) > 512 || !strings.HasPrefix(text, "(") || !strings.Contains(text, "=") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", reason, remedy
	}
	open := 0
	for i, r := range text {
		switch r {
		case '(':
			open++
		case ')':
			open--
		}
		if open < 0 || (open == 0 && i < len(text)-1) {
			return "", reason, remedy
		}
	}
	if open != 0 {
		return "", reason, remedy
	}
	return text, "", ""
}

func (attributeKind) parse(text string) (string, string, string) {
	if !attributeText.MatchString(text) {
		return "", "is not an attribute of a directory", "write its name, e.g. uid"
	}
	return text, "", ""
}

func (certificatesKind) parse(text string) (string, string, string) {
	const reason, remedy = "is not a list of authorities' certificates", "write blocks of PEM that begin with BEGIN CERTIFICATE, and nothing else"
	var clean strings.Builder
	rest := []byte(strings.TrimSpace(text))
	for len(rest) > 0 {
		if !strings.HasPrefix(string(rest), "-----BEGIN CERTIFICATE-----") {
			return "", reason, remedy
		}
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return "", reason, remedy
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return "", reason, remedy
		case !certificate.IsCA:
			return "", "holds a certificate that is no authority's", "write the certificate of who signed the service's"
		}
		clean.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
		rest = []byte(strings.TrimSpace(string(rest)))
	}
	if clean.Len() == 0 {
		return "", reason, remedy
	}
	return clean.String(), "", ""
}
