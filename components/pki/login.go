package pki

import (
	"fmt"

	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/stacks/plan"
)

// login makes the authority of the one name under which people log in, and the certificate that is served there.
//
// It is an authority of its own because people's browsers are to trust it: the cluster's own signs who may use the API.
// Control planes are born with it, so it is kept as those are. The certificate is short-lived; any update renews it.
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
	key, err := privateKey(ctx, name, []pulumi.ResourceOption{parent})
	if err != nil {
		return err
	}
	request, err := tls.NewCertRequest(ctx, name, &tls.CertRequestArgs{
		PrivateKeyPem: key.PrivateKeyPem,
		Subject:       tls.CertRequestSubjectArgs{CommonName: pulumi.String(l.Host)},
		DnsNames:      pulumi.ToStringArray([]string{l.Host}),
	}, parent)
	if err != nil {
		return fmt.Errorf("login: request: %w", err)
	}
	certificate, err := tls.NewLocallySignedCert(ctx, name, &tls.LocallySignedCertArgs{
		CaPrivateKeyPem:     root.Key,
		CaCertPem:           root.Certificate,
		CertRequestPem:      request.CertRequestPem,
		AllowedUses:         pulumi.ToStringArray([]string{"server_auth", "digital_signature"}),
		ValidityPeriodHours: pulumi.Int(l.Certificate.Hours),
		EarlyRenewalHours:   pulumi.Int(l.Certificate.RenewBefore),
	}, parent)
	if err != nil {
		return fmt.Errorf("login: certificate: %w", err)
	}
	p.LoginAuthority, p.Login = root.Certificate, pair(certificate.CertPem, key)
	return nil
}
