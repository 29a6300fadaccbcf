// Command program is the Pulumi program of the end-to-end test: an authority, a certificate that it signs, and random bytes.
package main

import (
	"errors"
	"time"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(run)
}

func run(ctx *pulumi.Context) error {
	if _, fail := ctx.GetConfig("standins:fail"); fail {
		return errors.New("the program fails on purpose")
	}
	tlsProvider, err := tls.NewProvider(ctx, "tls", nil)
	if err != nil {
		return err
	}
	randomProvider, err := random.NewProvider(ctx, "random", nil)
	if err != nil {
		return err
	}
	key := func(name string) (*tls.PrivateKey, error) {
		return tls.NewPrivateKey(ctx, name, &tls.PrivateKeyArgs{
			Algorithm: pulumi.String("ECDSA"), EcdsaCurve: pulumi.String("P256"),
		}, pulumi.Provider(tlsProvider))
	}
	caKey, err := key("ca")
	if err != nil {
		return err
	}
	ca, err := tls.NewSelfSignedCert(ctx, "ca", &tls.SelfSignedCertArgs{
		AllowedUses:         pulumi.StringArray{pulumi.String("cert_signing"), pulumi.String("digital_signature")},
		IsCaCertificate:     pulumi.Bool(true),
		PrivateKeyPem:       caKey.PrivateKeyPem,
		Subject:             tls.SelfSignedCertSubjectArgs{CommonName: pulumi.String("test authority")},
		ValidityPeriodHours: pulumi.Int(24 * 365),
	}, pulumi.Provider(tlsProvider))
	if err != nil {
		return err
	}
	leafKey, err := key("leaf")
	if err != nil {
		return err
	}
	request, err := tls.NewCertRequest(ctx, "leaf", &tls.CertRequestArgs{
		PrivateKeyPem: leafKey.PrivateKeyPem,
		DnsNames:      pulumi.StringArray{pulumi.String("leaf.example")},
		IpAddresses:   pulumi.StringArray{pulumi.String("192.0.2.1")},
		Subject: tls.CertRequestSubjectArgs{
			CommonName: pulumi.String("admin"), Organization: pulumi.String("kubeadm:cluster-admins"),
		},
	}, pulumi.Provider(tlsProvider))
	if err != nil {
		return err
	}
	leaf, err := tls.NewLocallySignedCert(ctx, "leaf", &tls.LocallySignedCertArgs{
		AllowedUses:         pulumi.StringArray{pulumi.String("client_auth"), pulumi.String("digital_signature")},
		CaCertPem:           ca.CertPem,
		CaPrivateKeyPem:     caKey.PrivateKeyPem,
		CertRequestPem:      request.CertRequestPem,
		EarlyRenewalHours:   pulumi.Int(720),
		ValidityPeriodHours: pulumi.Int(2160),
	}, pulumi.Provider(tlsProvider))
	if err != nil {
		return err
	}
	generation, _ := ctx.GetConfig("standins:generation")
	bytes, err := random.NewRandomBytes(ctx, "bytes", &random.RandomBytesArgs{
		Length: pulumi.Int(32), Keepers: pulumi.StringMap{"generation": pulumi.String(generation)},
	}, pulumi.Provider(randomProvider))
	if err != nil {
		return err
	}
	if _, wait := ctx.GetConfig("standins:wait"); wait {
		time.Sleep(24 * time.Hour) // until the language host ends this program
	}
	ctx.Export("ca", ca.CertPem)
	ctx.Export("leaf", leaf.CertPem)
	ctx.Export("leafKey", leafKey.PrivateKeyPem)
	ctx.Export("bytes", bytes.Base64)
	return nil
}
