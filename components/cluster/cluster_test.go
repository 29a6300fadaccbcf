package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/pki"
	contract "github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

// program declares the whole of a cluster on one machine of a made-up cloud.
func program(p *plan.Plan, prober Prober) func(*pulumi.Context) error {
	return func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "tls", "random", "lab")
		if err != nil {
			return err
		}
		keys, err := pki.New(ctx, "dev-pki", &pki.Args{Plan: p}, providers)
		if err != nil {
			return err
		}
		balancer := &struct {
			pulumi.CustomResourceState
			Address pulumi.StringOutput `pulumi:"address"`
		}{}
		if err := ctx.RegisterResource("lab:index:LoadBalancer", "dev-api", pulumi.Map{}, balancer, providers); err != nil {
			return err
		}
		machine := &struct{ pulumi.CustomResourceState }{}
		bundles := Secrets(p, p.Pools[0], balancer.Address, keys)
		if err := ctx.RegisterResource("lab:index:Machine", "cp-1-g1", pulumi.Map{
			"userData": UserData(p, p.Pools[0], balancer.Address, pulumi.String(""), map[string]contract.NodeSecret{
				"cp-1-g1": {Fetch: pulumi.String("cat /run/lagrum/secrets.tar")}, "cp-2-g1": {Fetch: pulumi.String("true")},
			}, func(plan.Node) string { return "" })["cp-1-g1"],
			"secrets": bundles["cp-1-g1"],
			"joining": bundles["cp-2-g1"],
			"worker":  Secrets(p, p.Pools[1], balancer.Address, keys)["w-1-g1"],
		}, machine, providers); err != nil {
			return err
		}
		made, err := New(ctx, "dev", &Args{
			Plan: p, PKI: keys, Endpoint: balancer.Address, Machines: []pulumi.Resource{machine}, Prober: prober,
			BootLogHint: "lagrum logs cp-1-g1",
		})
		if err != nil {
			return err
		}
		ctx.Export("endpoint", made.Endpoint)
		ctx.Export("kubeconfig", made.Kubeconfig)
		return nil
	}
}

func answers(context.Context, API) error { return nil }

func TestGraph(t *testing.T) {
	t.Parallel()
	for name, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, "graph.txt", harness.Run(t, program(site(), answers), harness.Options{Preview: preview}).Graph())
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	objects, err := harness.Run(t, program(site(), answers), harness.Options{}).Objects()
	require.NoError(t, err)
	golden.Compare(t, "objects.yaml", objects)
}

func TestProvider(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(site(), answers), harness.Options{})
	provider := recording.Get(t, "pulumi:providers:kubernetes", "dev-kubernetes")
	assert.Equal(t, "lagrum-dev-1", provider.Inputs["clusterIdentifier"])
	assert.Equal(t, "[secret]", provider.Inputs["kubeconfig"])
	assert.NotContains(t, provider.Inputs, "deleteUnreachable", "a network partition must never delete state")
	for _, binding := range recording.Of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding") {
		assert.Equal(t, provider.URN, binding.Provider, binding.URN)
	}
}

func TestKubeconfigHasOneContext(t *testing.T) {
	t.Parallel()
	exports := harness.Run(t, program(site(), answers), harness.Options{}).RawExports
	assert.Equal(t, "https://10.20.0.2:6443", exports["endpoint"].StringValue(), "the endpoint is no secret")
	var config struct {
		CurrentContext string `json:"current-context"`
		Contexts       []struct{ Name string }
		Clusters       []struct{ Cluster struct{ Server string } }
		Users          []struct{ Name string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(secret(t, exports, "kubeconfig")), &config))
	require.Len(t, config.Contexts, 1)
	assert.Equal(t, config.CurrentContext, config.Contexts[0].Name)
	require.Len(t, config.Clusters, 1)
	assert.Equal(t, "https://10.20.0.2:6443", config.Clusters[0].Cluster.Server)
	assert.Len(t, config.Users, 1)
}

// The first preview runs before there is anything to ask.
func TestPreviewAsksNobody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	count := func(context.Context, API) error { asked.Add(1); return nil }

	harness.Run(t, program(site(), count), harness.Options{Preview: true})
	assert.Zero(t, asked.Load())

	recording := harness.Run(t, program(site(), count), harness.Options{})
	assert.Equal(t, int32(1), asked.Load())
	assert.Equal(t, []string{"info: the API at https://10.20.0.2:6443 answers after 0s"}, recording.Log)
}

// A preview of a stack that exists knows the endpoint, and must not ask either.
func TestPreviewOfAKnownEndpointAsksNobody(t *testing.T) {
	t.Parallel()
	p := site()
	var asked atomic.Int32
	recording := harness.Run(t, func(ctx *pulumi.Context) error {
		known := pulumi.String("known").ToStringOutput()
		c := &Cluster{}
		ctx.Export("endpoint", c.answering(ctx, &Args{
			Plan: p, Endpoint: pulumi.String("api.example.org"), PKI: &pki.PKI{Cluster: pki.Pair{Certificate: known}, Admin: pki.Pair{Certificate: known, Key: known}},
			Prober: func(context.Context, API) error { asked.Add(1); return nil },
		}))
		return nil
	}, harness.Options{Preview: true})
	assert.Equal(t, "https://api.example.org:6443", recording.Exports["endpoint"])
	assert.Zero(t, asked.Load())
}

func TestErrorNamesTheBootLog(t *testing.T) {
	t.Parallel()
	_, err := harness.Record(program(site(), nil), harness.Options{})
	require.ErrorContains(t, err, "cluster dev: no prober: Args.Prober must be set, e.g. to cluster.Probe; "+
		"the boot log of its first node says why: lagrum logs cp-1-g1")
}

func TestBundles(t *testing.T) {
	t.Parallel()
	machine := harness.Run(t, program(site(), answers), harness.Options{}).Get(t, "lab:index:Machine", "cp-1-g1")
	first, joining := files(t, secret(t, machine.Raw, "secrets")), files(t, secret(t, machine.Raw, "joining"))
	worker := files(t, secret(t, machine.Raw, "worker"))

	assert.NotContains(t, first, "run/lagrum/join.conf", "the initialising node has no cluster to join")
	assert.Contains(t, first, "etc/kubernetes/pki/ca.key")
	assert.Contains(t, joining, "run/lagrum/join.conf")
	assert.Equal(t, first["etc/kubernetes/pki/ca.key"], joining["etc/kubernetes/pki/ca.key"])
	assert.Contains(t, joining["run/lagrum/join.conf"], "server: https://10.20.0.2:6443")
	assert.Contains(t, worker, "run/lagrum/join.conf")
	assert.NotContains(t, worker, "etc/kubernetes/pki/ca.key", "a worker never sees a key of the cluster")
	assert.NotEqual(t, joining["run/lagrum/join.conf"], worker["run/lagrum/join.conf"], "each pool has a credential of its own")
}

// Control planes know Dex by the authority that signed its certificate, and take a pipeline's issuer by their trust store.
func TestControlPlanesTrustTheLoginsAuthority(t *testing.T) {
	t.Parallel()
	made := login(&plan.Login{Issuer: "https://login.example.org/dex", Accepted: []string{"one"}, IDTokenSeconds: 600,
		Pipelines: []plan.Pipeline{{Name: "ci", Issuer: "https://ci.example.org", Audience: "dk", Subjects: []string{"main"}}}}, "its certificate")
	assert.Equal(t, &bootstrap.Login{Issuer: "https://login.example.org/dex", CA: "its certificate", Connectors: []string{"one"}, Seconds: 600,
		Pipelines: []bootstrap.Pipeline{{Name: "ci", Issuer: "https://ci.example.org", Audience: "dk", Subjects: []string{"main"}}}}, made)
	assert.Nil(t, login(nil, ""))
}

func TestUserData(t *testing.T) {
	t.Parallel()
	p := site()
	text, err := userData(p, p.Pools[1], p.Pools[1].Nodes[0], "10.20.0.2", "", "cat /run/lagrum/secrets.tar", "")
	require.NoError(t, err)
	assert.NotEmpty(t, text)
	assert.Equal(t, map[string]string{"example.org/tier": "general"}, p.Pools[1].Labels, "the plan is not changed")

	_, err = userData(p, p.Pools[1], p.Pools[1].Nodes[0], "10.20.0.2", "", "", "")
	require.ErrorContains(t, err, "user-data of w-1-g1: ")
}

// A node says itself which zone it is in, unless its cloud has controllers that do: what the kubelet says is the site's
// word for it, and a volume finds no node by that.
func TestWhoSaysTheZone(t *testing.T) {
	t.Parallel()
	p := site()
	kubeadm := func(machineID string) string {
		text, err := userData(p, p.Pools[0], p.Pools[0].Nodes[1], "10.20.0.2", "", "cat /run/lagrum/secrets.tar", machineID)
		require.NoError(t, err)
		var config struct {
			WriteFiles []struct{ Path, Content, Encoding string } `json:"write_files"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &config))
		for _, f := range config.WriteFiles {
			if f.Path == "/etc/lagrum/kubeadm.yaml" {
				require.Empty(t, f.Encoding, "short enough to be read")
				return f.Content
			}
		}
		t.Fatal("no kubeadm.yaml")
		return ""
	}
	alone, within := kubeadm(""), kubeadm("openstack:///")
	assert.Contains(t, alone, "topology.kubernetes.io/zone=b")
	assert.NotContains(t, alone, "cloud-provider")
	assert.NotContains(t, within, "topology.kubernetes.io/zone")
	assert.Contains(t, within, "- name: cloud-provider\n    value: external\n")
	assert.Contains(t, within, "- name: provider-id\n    value: openstack:///INSTANCE-ID\n")
}

func TestBundleErrorsNameTheNode(t *testing.T) {
	t.Parallel()
	p := site()
	all := []any{"10.20.0.2", "", "", "", "", "", "", "", "", "not base64!"}
	_, err := bundle(p, p.Pools[0], p.Pools[0].Nodes[0], all)
	require.EqualError(t, err, "secrets of cp-1-g1: encryption key 1: illegal base64 data at input byte 3")

	all[9] = base64.StdEncoding.EncodeToString(make([]byte, 32))
	p.Cluster.Join.NotAfter = p.Cluster.Join.NotBefore.Add(-time.Hour)
	_, err = bundle(p, p.Pools[0], p.Pools[0].Nodes[1], all)
	require.ErrorContains(t, err, `secrets of cp-2-g1: join credential of pool "cp": `)
	// The initialising node joins nothing, so that no window of joining can keep it from starting.
	_, err = bundle(p, p.Pools[0], p.Pools[0].Nodes[0], all)
	require.ErrorContains(t, err, "secrets of cp-1-g1: ")
	assert.NotContains(t, err.Error(), "join credential")
}

// While a key is changed, a control plane has those that it was born with, in their order, and says so.
func TestEncryptionKeysByNode(t *testing.T) {
	t.Parallel()
	p := site()
	p.Cluster.Encryption = []plan.EncryptionStep{
		{Keys: plan.Keys{1}, Complete: true}, {Keys: plan.Keys{1, 2}, Complete: true}, {Keys: plan.Keys{2, 1}},
	}
	nodes := p.Pools[0].Nodes
	nodes[0].EncryptionKeys = plan.Keys{1, 2}
	nodes[1].EncryptionKeys, nodes[1].EncryptionAfter = plan.Keys{2, 1}, plan.Keys{1, 2}
	exports := harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "tls", "random")
		if err != nil {
			return err
		}
		keys, err := pki.New(ctx, "dev-pki", &pki.Args{Plan: p}, providers)
		if err != nil {
			return err
		}
		for n, key := range keys.EncryptionKeys {
			ctx.Export(fmt.Sprintf("key-%d", n), key)
		}
		for name, bundle := range Secrets(p, p.Pools[0], pulumi.String("10.20.0.2"), keys) {
			ctx.Export(name, bundle)
		}
		return nil
	}, harness.Options{}).RawExports
	const file = "etc/kubernetes/lagrum/encryption.yaml"
	one, two := "secret: "+secret(t, exports, "key-1"), "secret: "+secret(t, exports, "key-2")
	require.NotEqual(t, one, two)
	for name, want := range map[string][]string{"cp-1-g1": {one, two}, "cp-2-g1": {two, one}} {
		text := files(t, secret(t, exports, name))[file]
		first, second := strings.Index(text, want[0]), strings.Index(text, want[1])
		assert.Positive(t, first, name)
		assert.Greater(t, second, first, name)
	}

	joins, err := userData(p, p.Pools[0], nodes[1], "10.20.0.2", "", "cat /bundle.tar", "")
	require.NoError(t, err)
	assert.Contains(t, joins, "LAGRUM_ENCRYPTION_AFTER='1-2'")
	assert.Contains(t, joins, "lagrum.dev/encryption-keys=2-1")
	worker, err := userData(p, p.Pools[1], p.Pools[1].Nodes[0], "10.20.0.2", "", "cat /bundle.tar", "")
	require.NoError(t, err)
	assert.NotContains(t, worker, "encryption-keys")
}

func secret(t *testing.T, properties resource.PropertyMap, name string) string {
	t.Helper()
	value := properties[resource.PropertyKey(name)]
	require.True(t, value.IsSecret(), "%s is not secret", name)
	return value.SecretValue().Element.StringValue()
}

func files(t *testing.T, text string) map[string]string {
	t.Helper()
	archive, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	byName := map[string]string{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return byName
		}
		require.NoError(t, err)
		content, err := io.ReadAll(reader)
		require.NoError(t, err)
		byName[header.Name] = string(content)
	}
}
