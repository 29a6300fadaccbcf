package tls

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

const pemRequest = "CERTIFICATE REQUEST"

// requestInputs are the inputs of a certificate request.
type requestInputs struct {
	names
	PrivateKeyPEM string `json:"privateKeyPem"`
}

// certRequest describes tls:index/certRequest:CertRequest.
func (p *provider) certRequest() standin.Kind {
	return standin.Kind{
		Required: []resource.PropertyKey{"privateKeyPem"},
		Check: func(known resource.PropertyMap) []plugin.CheckFailure {
			var in requestInputs
			if err := standin.Decode(known, &in); err != nil {
				return []plugin.CheckFailure{{Reason: err.Error()}}
			}
			return in.check()
		},
		Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
			var in requestInputs
			if err := standin.Decode(inputs, &in); err != nil {
				return "", nil, err
			}
			return createRequest(in)
		},
		Computed: []resource.PropertyKey{"certRequestPem", "keyAlgorithm"},
		Secret:   []resource.PropertyKey{"privateKeyPem"},
	}
}

func createRequest(in requestInputs) (resource.ID, resource.PropertyMap, error) {
	key, algorithm, err := parseKey("privateKeyPem", in.PrivateKeyPEM)
	if err != nil {
		return "", nil, err
	}
	ips, err := in.ips()
	if err != nil {
		return "", nil, err
	}
	urls, err := in.urls()
	if err != nil {
		return "", nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: in.Subject.name(), DNSNames: in.DNSNames, IPAddresses: ips, URIs: urls,
	}, key)
	if err != nil {
		return "", nil, fmt.Errorf("create the certificate request: %w", err)
	}
	return hashID(der), resource.PropertyMap{
		"certRequestPem": resource.NewProperty(encodePEM(pemRequest, der)),
		"keyAlgorithm":   resource.NewProperty(algorithm),
	}, nil
}
