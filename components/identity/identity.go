package identity

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/components/segmentation"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	token = "lagrum:identity:Identity"
	part  = "dex"
	// Party is Dex in the traffic graph.
	Party = part
)

// Where things lie in the container. One Secret holds them all: whatever changes, the pods are made anew with it.
const (
	folder          = "/etc/dex/config"
	configFile      = "config.yaml"
	certificateFile = "tls.crt"
	keyFile         = "tls.key"
)

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Certificate is that of its name in the cluster: at the issuer's name the gateway answers, and asks it.
	Certificate pki.Pair
	// Secrets of the plan's connectors by their names: the client's, or the password by which a directory is searched.
	Secrets map[string]pulumi.StringOutput
	// Traffic closes Dex's namespace but for its own edges.
	Traffic *traffic.Graph
	// After is what a pod needs of the cluster to speak to the API and to be reached.
	After []pulumi.Resource
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// Identity is a Dex that runs.
type Identity struct {
	pulumi.ResourceState

	// Ready is its Service: people log in once it is.
	Ready pulumi.Resource
}

// New runs Dex, as a login of the plan says. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Identity, error) {
	i := &Identity{}
	l := args.Plan.Cluster.Login
	if l == nil || args.Plan.Gateway == nil {
		return nil, fmt.Errorf("%s: the plan has no login, or no gateway that leads to it", name)
	}
	err := construct.Component(ctx, token, name, i, pulumi.Map{"issuer": pulumi.String(l.Issuer)}, opts,
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			b := &builder{args: args, Alone: workload.Alone{
				Set:  workload.Set{Ctx: ctx, Name: name, PartOf: "identity", Parent: parent, Guards: args.Guards},
				Part: part, Before: args.After,
			}}
			if err := b.namespace(); err != nil {
				return nil, err
			}
			needs, err := b.access()
			if err != nil {
				return nil, err
			}
			config, err := b.config()
			if err != nil {
				return nil, err
			}
			deployment, err := b.deployment(config, needs)
			if err != nil {
				return nil, err
			}
			if err := b.Budget(); err != nil {
				return nil, err
			}
			i.Ready, err = b.service(deployment)
			return pulumi.Map{}, err
		})
	if err != nil {
		return nil, err
	}
	return i, nil
}

type builder struct {
	workload.Alone
	args *Args
}

// namespace is protected: with it go all logins and the keys that tokens are signed with.
func (b *builder) namespace() error {
	return segmentation.Namespace{
		Graph: b.args.Traffic, Name: workload.IdentityNamespace, Protect: b.args.Plan.Protect,
	}.Make(&b.Alone)
}

// config renders Dex's configuration with its secrets. Pulumi names the Secret: what changes in it makes new pods.
func (b *builder) config() (*corev1.Secret, error) {
	l := b.args.Plan.Cluster.Login
	data := pulumi.StringMap{certificateFile: b.args.Certificate.Certificate, keyFile: b.args.Certificate.Key}
	secrets := make([]any, 0, len(l.Connectors))
	for _, c := range l.Connectors {
		value, given := b.args.Secrets[c.Name]
		if !given {
			return nil, fmt.Errorf("connector %s: no secret", c.Name)
		}
		secrets = append(secrets, value)
		if c.Authority != "" {
			data[authorityFile(c)] = pulumi.String(c.Authority)
		}
	}
	text := pulumi.All(secrets...).ApplyT(func(all []any) (string, error) {
		text, err := Config(b.input(all))
		return string(text), err
	})
	data[configFile] = pulumi.ToSecret(text).(pulumi.StringOutput)
	made, err := corev1.NewSecret(b.Ctx, b.Name, &corev1.SecretArgs{
		Metadata:   b.Unnamed(),
		Immutable:  pulumi.Bool(true),
		StringData: data,
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return made, nil
}

func authorityFile(c plan.Connector) string { return c.Name + ".pem" }

// input is the plan's login with the connectors' secrets, in the plan's order.
func (b *builder) input(secrets []any) Input {
	l := b.args.Plan.Cluster.Login
	in := Input{
		Login: l, Lab: b.args.Plan.Cloud.Kind == "lab",
		Listen: "0.0.0.0:" + strconv.Itoa(Port), Certificate: folder + "/" + certificateFile, Key: folder + "/" + keyFile,
		Storage: Storage{Type: "kubernetes", Config: map[string]any{"inCluster": true}},
	}
	if l.StaticUsers {
		in.Users = []User{LabUser()}
	}
	for n, c := range l.Connectors {
		made := Connector{Connector: c, Secret: secrets[n].(string)}
		if c.Authority != "" {
			made.RootCA = folder + "/" + authorityFile(c)
		}
		in.Connectors = append(in.Connectors, made)
	}
	return in
}

// LabPassword is the password of LabUser. It is as public as everything in a lab.
const LabPassword = "correct horse"

// LabUser is the one person whom a lab's Dex knows by itself. Dex knows no groups of such people, so it has no right that a
// group gives.
func LabUser() User {
	return User{Email: "lab@example.org", Name: "lab", ID: "lab", Hash: "$2b$12$3jtUt0tQ7nJrfoOgC3lcPOnV0xboOp.jyYvBKBWDkGK.RawaTO7hy"}
}

// path is that of the issuer: all that Dex answers lies below it.
func (b *builder) path() string {
	_, path, _ := strings.Cut(strings.TrimPrefix(b.args.Plan.Cluster.Login.Issuer, "https://"), "/")
	if path == "" {
		return ""
	}
	return "/" + path
}

// replicas are two on different workers, or one where there is one.
func (b *builder) replicas() int { return max(1, min(b.args.Plan.Workers(), 2)) }

// apiAddress is the API's own Service: the first address of services, which kubeadm puts into the API servers' certificates. It
// is written as an IPv6 address that stands for it (RFC 4291, 2.5.5.2), since Dex puts what it is given into brackets, where an IPv4
// address may not stand (RFC 3986).
func apiAddress(c plan.Cluster) (string, error) {
	services, err := netip.ParsePrefix(c.ServiceCIDR)
	if err != nil {
		return "", fmt.Errorf("cluster.serviceCIDR: %w", err)
	}
	return "::ffff:" + services.Masked().Addr().Next().String(), nil
}
