package tls

import (
	"crypto/x509"
	"fmt"
	"slices"
)

// usage is a key usage or an extended key usage (RFC 5280 sections 4.2.1.3 and 4.2.1.12) by its upstream name.
type usage struct {
	name     string
	key      x509.KeyUsage
	extended x509.ExtKeyUsage
	isKey    bool
}

// allUsages are the names that upstream accepts.
func allUsages() []usage {
	key := func(name string, bit x509.KeyUsage) usage { return usage{name: name, key: bit, isKey: true} }
	extended := func(name string, use x509.ExtKeyUsage) usage { return usage{name: name, extended: use} }
	return []usage{
		key("digital_signature", x509.KeyUsageDigitalSignature),
		key("content_commitment", x509.KeyUsageContentCommitment),
		key("key_encipherment", x509.KeyUsageKeyEncipherment),
		key("data_encipherment", x509.KeyUsageDataEncipherment),
		key("key_agreement", x509.KeyUsageKeyAgreement),
		key("cert_signing", x509.KeyUsageCertSign),
		key("crl_signing", x509.KeyUsageCRLSign),
		key("encipher_only", x509.KeyUsageEncipherOnly),
		key("decipher_only", x509.KeyUsageDecipherOnly),
		extended("any_extended", x509.ExtKeyUsageAny),
		extended("server_auth", x509.ExtKeyUsageServerAuth),
		extended("client_auth", x509.ExtKeyUsageClientAuth),
		extended("code_signing", x509.ExtKeyUsageCodeSigning),
		extended("email_protection", x509.ExtKeyUsageEmailProtection),
		extended("ipsec_end_system", x509.ExtKeyUsageIPSECEndSystem),
		extended("ipsec_tunnel", x509.ExtKeyUsageIPSECTunnel),
		extended("ipsec_user", x509.ExtKeyUsageIPSECUser),
		extended("timestamping", x509.ExtKeyUsageTimeStamping),
		extended("ocsp_signing", x509.ExtKeyUsageOCSPSigning),
		extended("microsoft_server_gated_crypto", x509.ExtKeyUsageMicrosoftServerGatedCrypto),
		extended("netscape_server_gated_crypto", x509.ExtKeyUsageNetscapeServerGatedCrypto),
		extended("microsoft_commercial_code_signing", x509.ExtKeyUsageMicrosoftCommercialCodeSigning),
		extended("microsoft_kernel_code_signing", x509.ExtKeyUsageMicrosoftKernelCodeSigning),
	}
}

// usages translates upstream's names. The SDK's documentation prints them in camel case, which the official plugin refuses too.
func usages(allowed []string) (x509.KeyUsage, []x509.ExtKeyUsage, error) {
	all := allUsages()
	var key x509.KeyUsage
	var extended []x509.ExtKeyUsage
	for i, name := range allowed {
		at := slices.IndexFunc(all, func(u usage) bool { return u.name == name })
		switch {
		case at < 0:
			return 0, nil, fmt.Errorf("allowedUses[%d]: %q is no key usage; names are in lower case with underscores, for example cert_signing", i, name)
		case all[at].isKey:
			key |= all[at].key
		default:
			extended = append(extended, all[at].extended)
		}
	}
	return key, extended, nil
}
