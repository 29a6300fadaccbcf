package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/lagrum/lagrum/components/gateway"
	"github.com/lagrum/lagrum/components/hardening"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

// decided has two connectors and as many workers as are asked for.
func decided(workers int) *plan.Plan {
	directory := directory()
	directory.Authority = "-----BEGIN CERTIFICATE-----\nthe directory's\n-----END CERTIFICATE-----\n"
	p := &plan.Plan{
		Name: "se-prod", Cloud: plan.Cloud{Kind: "openstack"}, Protect: true,
		Cluster: plan.Cluster{Name: "se-prod", Registry: "registry.example.org", ServiceCIDR: "10.96.0.0/16", PodCIDR: "10.244.0.0/16", APIPort: 6443, Login: &plan.Login{
			Issuer: "https://login.example.org/dex", Host: "login.example.org", IDTokenSeconds: 600, IdleSeconds: 3600, LimitSeconds: 43200,
			Connectors: []plan.Connector{{Name: "region-idp", Kind: plan.OIDC, URL: "https://idp.example.org", ClientID: "lagrum"}, directory},
		}},
		Network: plan.Network{NodeCIDR: "172.31.0.0/20"},
		Gateway: &plan.Gateway{Balancers: []string{"172.31.0.0/20"}, Ports: []plan.GatewayPort{{Name: "https", Port: 443, NodePort: 30443}}},
		Pools:   []plan.Pool{{Name: "cp", Role: plan.ControlPlane, Nodes: []plan.Node{{Name: "cp-1-g1"}, {Name: "cp-2-g1"}}}, {Name: "workers", Role: plan.Worker}},
	}
	for n := range workers {
		p.Pools[1].Nodes = append(p.Pools[1].Nodes, plan.Node{Name: fmt.Sprintf("workers-%d-g1", n+1)})
	}
	p.Pools[1].Nodes = append(p.Pools[1].Nodes, plan.Node{Name: "workers-9-g1", Leaving: true})
	return p
}

func program(p *plan.Plan) func(*pulumi.Context) error {
	secret := func(text string) pulumi.StringOutput {
		return pulumi.ToSecret(pulumi.String(text)).(pulumi.StringOutput)
	}
	return func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		part, err := identity.Traffic(p)
		if err != nil {
			return err
		}
		graph, err := traffic.Collect(traffic.Base(p), network.Traffic(p), part, gateway.Traffic(p))
		if err != nil {
			return err
		}
		_, err = identity.New(ctx, "se-prod-identity", &identity.Args{
			Plan: p, Traffic: graph, Certificate: pki.Pair{Certificate: pulumi.String("a certificate").ToStringOutput(), Key: secret("a key")},
			Secrets: map[string]pulumi.StringOutput{"region-idp": secret("sentinel$client"), "directory": secret("sentinel-bind")},
		}, providers)
		return err
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for mode, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			recording := harness.Run(t, program(decided(3)), harness.Options{Preview: preview})
			objects, err := recording.Objects()
			require.NoError(t, err)
			golden.Compare(t, "objects.yaml", objects)
			golden.Compare(t, "graph.txt", recording.Graph())
		})
	}
}

const deployment = "kubernetes:apps/v1:Deployment"

// podOf is the template's pod.
func podOf(t *testing.T, p *plan.Plan) (spec, template map[string]any) {
	t.Helper()
	spec = harness.Run(t, program(p), harness.Options{}).Get(t, deployment, "se-prod-identity").Inputs["spec"].(map[string]any)
	return spec, spec["template"].(map[string]any)
}

// Two replicas stand on two workers; where there is one worker, one replica does not wait for another.
func TestReplicas(t *testing.T) {
	t.Parallel()
	for workers, want := range map[int]float64{1: 1, 2: 2, 5: 2} {
		spec, template := podOf(t, decided(workers))
		assert.Equal(t, want, spec["replicas"], "%d workers", workers)
		spread := harness.Dig(template, "spec", "topologySpreadConstraints").([]any)[0].(map[string]any)
		assert.Equal(t, want, spread["minDomains"])
		assert.Equal(t, "DoNotSchedule", spread["whenUnsatisfiable"])
		assert.Equal(t, "kubernetes.io/hostname", spread["topologyKey"])
		assert.Equal(t, 0.0, harness.Dig(spec, "strategy", "rollingUpdate", "maxUnavailable"))
	}
}

// The pod can do little on its node, and says what it needs of the API.
func TestPod(t *testing.T) {
	t.Parallel()
	_, template := podOf(t, decided(2))
	assert.NotEmpty(t, harness.Dig(template, "metadata", "annotations").(map[string]any)[hardening.APIAccess])
	pod := template["spec"].(map[string]any)
	assert.Equal(t, "dex", pod["serviceAccountName"])
	assert.Equal(t, "system-cluster-critical", pod["priorityClassName"])
	assert.Equal(t, false, pod["enableServiceLinks"])
	assert.Nil(t, pod["hostNetwork"])
	assert.Equal(t, true, harness.Dig(pod, "securityContext", "runAsNonRoot"))
	assert.Equal(t, "RuntimeDefault", harness.Dig(pod, "securityContext", "seccompProfile", "type"))
	container := pod["containers"].([]any)[0].(map[string]any)
	assert.Equal(t, "registry.example.org/dex:v2.41.1", container["image"])
	assert.Equal(t, []any{"/usr/local/bin/dex", "serve", "/etc/dex/config/config.yaml"}, container["command"])
	assert.Equal(t, []any{"ALL"}, harness.Dig(container, "securityContext", "capabilities", "drop"))
	assert.Equal(t, true, harness.Dig(container, "securityContext", "readOnlyRootFilesystem"))
	assert.Equal(t, false, harness.Dig(container, "securityContext", "allowPrivilegeEscalation"))
	assert.Equal(t, "/dex/.well-known/openid-configuration", harness.Dig(container, "livenessProbe", "httpGet", "path"))
	assert.Equal(t, "/dex/healthz", harness.Dig(container, "readinessProbe", "httpGet", "path"))
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		assert.Equal(t, "HTTPS", harness.Dig(container, probe, "httpGet", "scheme"))
	}
	env := fmt.Sprint(container["env"])
	for _, want := range []string{
		"name:DEX_EXPAND_ENV value:false", "name:KUBERNETES_SERVICE_HOST value:::ffff:10.96.0.1]", "name:KUBERNETES_SERVICE_PORT value:443",
		"name:KUBERNETES_POD_NAMESPACE value:lagrum-identity",
	} {
		assert.Contains(t, env, want)
	}
}

// Rights lie in Dex's namespace and are on its own group alone. With more it could make itself a user, or a provider.
func TestRights(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(decided(2)), harness.Options{})
	assert.Empty(t, recording.Of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"))
	assert.Empty(t, recording.Of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"))
	role := recording.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:Role", "se-prod-identity")
	assert.Equal(t, "lagrum-identity", harness.Dig(role.Inputs, "metadata", "namespace"))
	may := map[string][]any{}
	for _, row := range role.Inputs["rules"].([]any) {
		rule := row.(map[string]any)
		assert.Equal(t, []any{"dex.coreos.com"}, rule["apiGroups"])
		for _, resource := range rule["resources"].([]any) {
			may[resource.(string)] = rule["verbs"].([]any)
		}
	}
	for _, resource := range []string{"passwords", "connectors", "oauth2clients"} {
		assert.Equal(t, []any{"get", "list"}, may[resource], resource)
	}
	assert.NotContains(t, may["signingkeies"], "delete")
	assert.Contains(t, may["refreshtokens"], "create")

	// Each kind is defined, so that Dex needs no right to define it.
	var defined []string
	for _, d := range recording.Of("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition") {
		defined = append(defined, strings.TrimSuffix(harness.Dig(d.Inputs, "metadata", "name").(string), ".dex.coreos.com"))
		assert.Equal(t, "Namespaced", harness.Dig(d.Inputs, "spec", "scope"))
	}
	slices.Sort(defined)
	var allowed []string
	for resource := range may {
		allowed = append(allowed, resource)
	}
	slices.Sort(allowed)
	assert.Equal(t, defined, allowed)
	assert.Len(t, defined, 10)
}

// No secret is in clear anywhere (the harness sees to it), the configuration is a secret as a whole, and Pulumi names what
// holds it, so that pods are made anew when it changes.
func TestSecretsAreSecret(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(decided(2)), harness.Options{})
	secret := recording.Get(t, "kubernetes:core/v1:Secret", "se-prod-identity")
	assert.Equal(t, true, secret.Inputs["immutable"])
	assert.NotContains(t, secret.Inputs["metadata"], "name")
	assert.Equal(t, harness.SecretText, secret.Inputs["stringData"])
	assert.Empty(t, recording.Of("kubernetes:core/v1:ConfigMap"))
	_, template := podOf(t, decided(2))
	assert.NotEmpty(t, harness.Dig(template["spec"].(map[string]any)["volumes"].([]any)[0].(map[string]any), "secret", "secretName"))
}

// No node leads to Dex: the gateway does, by the name that Dex's certificate bears.
func TestService(t *testing.T) {
	t.Parallel()
	service := harness.Run(t, program(decided(2)), harness.Options{}).Get(t, "kubernetes:core/v1:Service", "se-prod-identity")
	assert.Equal(t, "ClusterIP", harness.Dig(service.Inputs, "spec", "type"))
	assert.Equal(t, []any{map[string]any{"name": "https", "port": 443.0, "targetPort": "https", "protocol": "TCP"}}, harness.Dig(service.Inputs, "spec", "ports"))
	metadata := service.Inputs["metadata"].(map[string]any)
	assert.Equal(t, workload.IdentityHost, fmt.Sprintf("%s.%s.svc", metadata["name"], metadata["namespace"]))
}

func TestProtection(t *testing.T) {
	t.Parallel()
	for _, made := range harness.Run(t, program(decided(2)), harness.Options{}).Resources {
		assert.Equal(t, made.Type == "kubernetes:core/v1:Namespace", made.Protect, made.URN)
	}
}

func TestWithoutALogin(t *testing.T) {
	t.Parallel()
	p := decided(2)
	p.Gateway = nil
	_, err := harness.Record(program(p), harness.Options{})
	require.ErrorContains(t, err, "se-prod-identity: the plan has no login, or no gateway that leads to it")
	p = decided(2)
	p.Cluster.Login.Connectors[0].Name = "another"
	_, err = harness.Record(program(p), harness.Options{})
	require.ErrorContains(t, err, "connector another: no secret")
}

// What the documentation says opens the lab does open it.
func TestLabUser(t *testing.T) {
	t.Parallel()
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(identity.LabUser().Hash), []byte(identity.LabPassword)))
}
