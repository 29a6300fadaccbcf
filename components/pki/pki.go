// Package pki makes the keys and certificates that a cluster's identity rests on.
//
// They are resources of the program and not files that kubeadm leaves on a node: so the kubeconfig is a declared
// value, a node joins with the authority it was given instead of asking an unknown server for one, and a rebuilt site
// keeps its identity for as long as its state lives. Leaf certificates of the nodes stay kubeadm's work.
package pki

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:pki:PKI"

// Keys are ECDSA on P-256, which kubeadm, etcd and the service-account issuer all accept.
const (
	algorithm = "ECDSA"
	curve     = "P256"
)

// administrators is the group that kubeadm binds to cluster-admin. Unlike system:masters it is ordinary RBAC, and so
// can be taken away.
const administrators = "kubeadm:cluster-admins"

// encryptionKeyBytes is the key length of the secretbox provider of Kubernetes' encryption at rest.
const encryptionKeyBytes = 32

// encryptionPasswordLength gives 381 bits of chance from 62 letters and digits, more than the key can hold.
const encryptionPasswordLength = 64

// Args of New.
type Args struct {
	Plan *plan.Plan
}

// PKI is a cluster's identity.
type PKI struct {
	pulumi.ResourceState

	// Cluster signs the certificates of nodes, users and API servers; FrontProxy those of the aggregation layer;
	// Etcd those of etcd alone, so that no cluster certificate opens the database.
	Cluster, FrontProxy, Etcd Pair
	// Admin is the administrator's client certificate. Any update renews it before it ends.
	Admin Pair
	// Login is the certificate of the name under which people log in, and LoginAuthority (PEM) what signed it. Both are empty
	// where there is no login.
	Login          Pair
	Dex            Pair // what Dex answers the gateway with, under its name in the cluster
	LoginAuthority pulumi.StringOutput
	// ServiceAccountKey signs service-account tokens (PEM, secret); ServiceAccountPublic verifies them (PEM).
	ServiceAccountKey, ServiceAccountPublic pulumi.StringOutput
	// EncryptionKeys encrypt Secrets in etcd, by number: 32 bytes each, base64, secret.
	EncryptionKeys map[int]pulumi.StringOutput
}

// Pair is a certificate and its key, both PEM. The key is always a secret output.
type Pair struct {
	Certificate, Key pulumi.StringOutput
}

// New makes the identity of one cluster. The caller's options must carry the tls and random providers.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*PKI, error) {
	p := &PKI{}
	inputs := pulumi.Map{"cluster": pulumi.String(args.Plan.Cluster.Name)}
	err := construct.Component(ctx, token, name, p, inputs, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		// Losing any of these loses the cluster or what is encrypted in it, so the engine must refuse their deletion
		// where the plan protects.
		kept := []pulumi.ResourceOption{parent, pulumi.Protect(args.Plan.Protect)}
		var err error
		for _, a := range []struct {
			pair             *Pair
			role, commonName string // the common names are kubeadm's
		}{
			{&p.Cluster, "ca", "kubernetes"},
			{&p.FrontProxy, "front-proxy-ca", "front-proxy-ca"},
			{&p.Etcd, "etcd-ca", "etcd-ca"},
		} {
			if *a.pair, err = authority(ctx, name+"-"+a.role, a.commonName, args.Plan.Cluster.AuthorityHours, kept); err != nil {
				return nil, err
			}
		}
		if err := p.serviceAccounts(ctx, name+"-service-accounts", kept); err != nil {
			return nil, err
		}
		if err := p.encryption(ctx, name+"-encryption", args.Plan.Cluster.EncryptionKeys(), kept); err != nil {
			return nil, err
		}
		if err := p.administrator(ctx, name+"-admin", args.Plan, parent); err != nil {
			return nil, err
		}
		if err := p.login(ctx, name+"-login", args.Plan, kept, parent); err != nil {
			return nil, err
		}
		return pulumi.Map{"clusterCertificate": p.Cluster.Certificate}, nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// authority makes a self-signed certificate authority.
//
// It sets no early renewal: a new authority must reach every node before the first certificate is signed with it, so
// it is rotated deliberately and never by an ordinary update that happens to run late in its life.
func authority(
	ctx *pulumi.Context, name, commonName string, hours int, opts []pulumi.ResourceOption,
) (Pair, error) {
	key, err := privateKey(ctx, name, opts)
	if err != nil {
		return Pair{}, err
	}
	certificate, err := tls.NewSelfSignedCert(ctx, name, &tls.SelfSignedCertArgs{
		PrivateKeyPem:   key.PrivateKeyPem,
		IsCaCertificate: pulumi.Bool(true),
		// The identifier lets a verifier tell two generations of one authority apart (RFC 5280, 4.2.1.2).
		SetSubjectKeyId:     pulumi.Bool(true),
		Subject:             tls.SelfSignedCertSubjectArgs{CommonName: pulumi.String(commonName)},
		AllowedUses:         pulumi.ToStringArray([]string{"cert_signing", "key_encipherment", "digital_signature"}),
		ValidityPeriodHours: pulumi.Int(hours),
	}, opts...)
	if err != nil {
		return Pair{}, fmt.Errorf("authority %s: %w", commonName, err)
	}
	return pair(certificate.CertPem, key), nil
}

func (p *PKI) serviceAccounts(ctx *pulumi.Context, name string, opts []pulumi.ResourceOption) error {
	key, err := privateKey(ctx, name, opts)
	if err != nil {
		return err
	}
	p.ServiceAccountKey = secret(key.PrivateKeyPem)
	p.ServiceAccountPublic = key.PublicKeyPem
	return nil
}

// encryption makes each key from a random password and not from random bytes: the official plugin uses bytes as the
// resource's id, and an id is never secret. A key is kept for as long as a step of its change is declared.
func (p *PKI) encryption(ctx *pulumi.Context, name string, numbers []int, opts []pulumi.ResourceOption) error {
	p.EncryptionKeys = map[int]pulumi.StringOutput{}
	for _, number := range numbers {
		resource := name
		if number > 1 {
			resource = fmt.Sprintf("%s-%d", name, number)
		}
		password, err := random.NewRandomPassword(ctx, resource, &random.RandomPasswordArgs{
			Length: pulumi.Int(encryptionPasswordLength), Special: pulumi.Bool(false),
		}, opts...)
		if err != nil {
			return fmt.Errorf("encryption key %d: %w", number, err)
		}
		p.EncryptionKeys[number] = secret(password.Result.ApplyT(encryptionKey).(pulumi.StringOutput))
	}
	return nil
}

// encryptionKey derives the key, in base64, from a random password (HKDF, RFC 5869).
func encryptionKey(password string) (string, error) {
	key, err := hkdf.Key(sha256.New, []byte(password), nil, "lagrum encryption at rest", encryptionKeyBytes)
	if err != nil {
		return "", fmt.Errorf("encryption key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(key), nil
}

// administrator makes the client certificate of the stack itself. It is short-lived and not protected: renewal
// replaces it.
func (p *PKI) administrator(ctx *pulumi.Context, name string, decided *plan.Plan, parent pulumi.ResourceOption) error {
	key, err := privateKey(ctx, name, []pulumi.ResourceOption{parent})
	if err != nil {
		return err
	}
	request, err := tls.NewCertRequest(ctx, name, &tls.CertRequestArgs{
		PrivateKeyPem: key.PrivateKeyPem,
		Subject: tls.CertRequestSubjectArgs{
			CommonName:   pulumi.String(decided.Name + "-admin"),
			Organization: pulumi.String(administrators),
		},
	}, parent)
	if err != nil {
		return fmt.Errorf("administrator: request: %w", err)
	}
	certificate, err := tls.NewLocallySignedCert(ctx, name, &tls.LocallySignedCertArgs{
		CaPrivateKeyPem:     p.Cluster.Key,
		CaCertPem:           p.Cluster.Certificate,
		CertRequestPem:      request.CertRequestPem,
		AllowedUses:         pulumi.ToStringArray([]string{"client_auth", "digital_signature"}),
		ValidityPeriodHours: pulumi.Int(decided.Cluster.AdminCertificate.Hours),
		EarlyRenewalHours:   pulumi.Int(decided.Cluster.AdminCertificate.RenewBefore),
	}, parent)
	if err != nil {
		return fmt.Errorf("administrator: certificate: %w", err)
	}
	p.Admin = pair(certificate.CertPem, key)
	return nil
}

func privateKey(ctx *pulumi.Context, name string, opts []pulumi.ResourceOption) (*tls.PrivateKey, error) {
	key, err := tls.NewPrivateKey(ctx, name, &tls.PrivateKeyArgs{
		Algorithm:  pulumi.String(algorithm),
		EcdsaCurve: pulumi.String(curve),
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", name, err)
	}
	return key, nil
}

func pair(certificate pulumi.StringOutput, key *tls.PrivateKey) Pair {
	return Pair{Certificate: certificate, Key: secret(key.PrivateKeyPem)}
}

// secret marks what is secret at the place where it leaves the package, whatever the provider plugin says about it.
func secret(value pulumi.StringOutput) pulumi.StringOutput {
	return pulumi.ToSecret(value).(pulumi.StringOutput)
}
