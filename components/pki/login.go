package pki

import (
	"fmt"

	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

// login makes the authority of the one name under which people log in, the certificate that is served there, and the one by
// which Dex answers behind it: each of the two has a key of its own.
//
// It is an authority of its own because people's browsers are to trust it: the cluster's own signs who may use the API.
// Control planes are born with it, so it is kept as those are. The certificates are short-lived; any update renews them.
func (p *PKI) login(ctx *pulumi.Context, name string, decided *plan.Plan, kept []pulumi.ResourceOption, parent pulumi.ResourceOption) error {
	p.LoginAuthority = pulumi.String("").ToStringOutput()
	l := decided.Cluster.Login
	if l == nil {
		return nil
	}
	root, err := authority(ctx, name+"-ca", decided.Name+"-login", decided.Cluster.AuthorityHours, kept)
	if err != nil {
		return err
	}
	p.LoginAuthority = root.Certificate
	if p.Login, err = served(ctx, name, l.Host, l.Certificate, root, parent); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	if p.Dex, err = served(ctx, name+"-dex", workload.IdentityHost, l.Certificate, root, parent); err != nil {
		return fmt.Errorf("login: Dex: %w", err)
	}
	return nil
}

// served is a certificate of the login authority for one name.
func served(ctx *pulumi.Context, name, host string, lasts plan.Lifetime, root Pair, parent pulumi.ResourceOption) (Pair, error) {
	key, err := privateKey(ctx, name, []pulumi.ResourceOption{parent})
	if err != nil {
		return Pair{}, err
	}
	request, err := tls.NewCertRequest(ctx, name, &tls.CertRequestArgs{
		PrivateKeyPem: key.PrivateKeyPem,
		Subject:       tls.CertRequestSubjectArgs{CommonName: pulumi.String(host)},
		DnsNames:      pulumi.ToStringArray([]string{host}),
	}, parent)
	if err != nil {
		return Pair{}, fmt.Errorf("request: %w", err)
	}
	certificate, err := tls.NewLocallySignedCert(ctx, name, &tls.LocallySignedCertArgs{
		CaPrivateKeyPem:     root.Key,
		CaCertPem:           root.Certificate,
		CertRequestPem:      request.CertRequestPem,
		AllowedUses:         pulumi.ToStringArray([]string{"server_auth", "digital_signature"}),
		ValidityPeriodHours: pulumi.Int(lasts.Hours),
		EarlyRenewalHours:   pulumi.Int(lasts.RenewBefore),
	}, parent)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate: %w", err)
	}
	return pair(certificate.CertPem, key), nil
}
