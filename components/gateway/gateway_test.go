package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/gateway"
	"github.com/lagrum/lagrum/components/hardening"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

// decided has people who log in, and as many workers as are asked for.
func decided(workers int) *plan.Plan {
	p := &plan.Plan{
		Name: "se-prod", Cloud: plan.Cloud{Kind: "openstack"}, Protect: true,
		Cluster: plan.Cluster{Name: "se-prod", Registry: "registry.example.org", ServiceCIDR: "10.96.0.0/16", PodCIDR: "10.244.0.0/16", APIPort: 6443,
			Login: &plan.Login{Issuer: "https://login.example.org/dex", Host: "login.example.org"}},
		Network: plan.Network{NodeCIDR: "172.31.0.0/20"},
		Gateway: &plan.Gateway{ProxyProtocol: true, Balancers: []string{"172.31.0.0/20"}, Ports: []plan.GatewayPort{
			{Name: "https", Port: 443, NodePort: 30443}, {Name: "http", Port: 80, NodePort: 30080},
		}},
		Duties: plan.Duties{TLSMinimum: "1.2"},
		Pools:  []plan.Pool{{Name: "cp", Role: plan.ControlPlane, Nodes: []plan.Node{{Name: "cp-1-g1"}, {Name: "cp-2-g1"}}}, {Name: "workers", Role: plan.Worker}},
	}
	for n := range workers {
		p.Pools[1].Nodes = append(p.Pools[1].Nodes, plan.Node{Name: fmt.Sprintf("workers-%d-g1", n+1)})
	}
	p.Pools[1].Nodes = append(p.Pools[1].Nodes, plan.Node{Name: "workers-9-g1", Leaving: true})
	return p
}

func collected(p *plan.Plan) (*traffic.Graph, error) {
	login, err := identity.Traffic(p)
	if err != nil {
		return nil, err
	}
	return traffic.Collect(traffic.Base(p), network.Traffic(p), login, gateway.Traffic(p))
}

func program(p *plan.Plan) func(*pulumi.Context) error {
	return func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		graph, err := collected(p)
		if err != nil {
			return err
		}
		_, err = gateway.New(ctx, "se-prod-gateway", &gateway.Args{
			Plan: p, Traffic: graph, Authority: pulumi.String("the authority's certificate"),
			Certificate: pki.Pair{Certificate: pulumi.String("a certificate").ToStringOutput(), Key: pulumi.ToSecret(pulumi.String("sentinel-key")).(pulumi.StringOutput)},
		}, providers)
		return err
	}
}

const (
	deployment = "kubernetes:apps/v1:Deployment"
	configMap  = "kubernetes:core/v1:ConfigMap"
	route      = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"
	oneGateway = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
	definition = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
)

// own are the resources whose objects are shown: what the definitions say, the generator's test compares.
func own(r *harness.Recording) []string {
	var names []string
	for _, made := range r.Resources {
		if strings.HasPrefix(made.Type, "kubernetes:") && made.Type != definition {
			names = append(names, made.Name)
		}
	}
	return names
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for mode, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			recording := harness.Run(t, program(decided(3)), harness.Options{Preview: preview})
			objects, err := recording.Objects(own(recording)...)
			require.NoError(t, err)
			golden.Compare(t, "objects.yaml", objects)
			golden.Compare(t, "graph.txt", recording.Graph())
		})
	}
}

func podOf(t *testing.T, p *plan.Plan) (spec, template map[string]any) {
	t.Helper()
	spec = harness.Run(t, program(p), harness.Options{}).Get(t, deployment, "se-prod-gateway").Inputs["spec"].(map[string]any)
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
		assert.Equal(t, 0.0, harness.Dig(spec, "strategy", "rollingUpdate", "maxUnavailable"))
		assert.Equal(t, want, harness.Dig(spec, "strategy", "rollingUpdate", "maxSurge"))
	}
}

// The pod can do little on its node, says what it needs of the API, and ends later than its last connection.
func TestPod(t *testing.T) {
	t.Parallel()
	_, template := podOf(t, decided(2))
	assert.NotEmpty(t, harness.Dig(template, "metadata", "annotations").(map[string]any)[hardening.APIAccess])
	pod := template["spec"].(map[string]any)
	assert.Equal(t, "traefik", pod["serviceAccountName"])
	assert.Equal(t, "system-cluster-critical", pod["priorityClassName"])
	assert.Equal(t, false, pod["enableServiceLinks"])
	assert.Equal(t, 30.0, pod["terminationGracePeriodSeconds"])
	assert.Nil(t, pod["hostNetwork"])
	assert.Equal(t, true, harness.Dig(pod, "securityContext", "runAsNonRoot"))
	assert.Equal(t, "RuntimeDefault", harness.Dig(pod, "securityContext", "seccompProfile", "type"))
	container := pod["containers"].([]any)[0].(map[string]any)
	assert.Equal(t, "registry.example.org/traefik:v3.5.3", container["image"])
	assert.Equal(t, []any{"/usr/local/bin/traefik", "--configFile=/etc/traefik/traefik.yaml"}, container["command"])
	assert.Equal(t, []any{"ALL"}, harness.Dig(container, "securityContext", "capabilities", "drop"))
	assert.Equal(t, true, harness.Dig(container, "securityContext", "readOnlyRootFilesystem"))
	assert.Equal(t, false, harness.Dig(container, "securityContext", "allowPrivilegeEscalation"))
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		assert.Equal(t, "/ping", harness.Dig(container, probe, "httpGet", "path"))
		assert.Equal(t, 8082.0, harness.Dig(container, probe, "httpGet", "port"))
	}
	for _, port := range container["ports"].([]any) {
		assert.Greater(t, port.(map[string]any)["containerPort"], 1023.0, "no privilege is needed")
	}
}

// The node ports are those that the plan has the clouds lead to, and a worker answers for its own pods.
func TestService(t *testing.T) {
	t.Parallel()
	spec := harness.Run(t, program(decided(2)), harness.Options{}).Get(t, "kubernetes:core/v1:Service", "se-prod-gateway").Inputs["spec"].(map[string]any)
	assert.Equal(t, "Local", spec["externalTrafficPolicy"])
	assert.Equal(t, []any{
		map[string]any{"name": "https", "port": 443.0, "targetPort": "https", "protocol": "TCP", "nodePort": 30443.0},
		map[string]any{"name": "http", "port": 80.0, "targetPort": "http", "protocol": "TCP", "nodePort": 30080.0},
	}, spec["ports"])
}

// What lies in the cluster as a whole it may only look at, but for its word on its own class; and Secrets it reads where the
// certificates are.
func TestRights(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(decided(2)), harness.Options{})
	everywhere := recording.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "se-prod-gateway").Inputs["rules"].([]any)
	here := recording.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:Role", "se-prod-gateway")
	assert.Equal(t, "lagrum-gateway", harness.Dig(here.Inputs, "metadata", "namespace"))
	for _, row := range everywhere {
		for _, resource := range row.(map[string]any)["resources"].([]any) {
			assert.Contains(t, []any{"namespaces", "gatewayclasses", "gatewayclasses/status"}, resource)
		}
	}
	for _, row := range append(everywhere, here.Inputs["rules"].([]any)...) {
		rule := row.(map[string]any)
		for _, verb := range rule["verbs"].([]any) {
			if verb == "list" || verb == "watch" {
				continue
			}
			assert.Equal(t, "update", verb)
			for _, resource := range rule["resources"].([]any) {
				assert.True(t, strings.HasSuffix(resource.(string), "/status"), resource)
			}
		}
	}
}

// The key of the certificate is a secret, and no word of the configuration is.
func TestSecretsAreSecret(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(decided(2)), harness.Options{})
	secrets := recording.Of("kubernetes:core/v1:Secret")
	require.Len(t, secrets, 1)
	assert.Equal(t, "kubernetes.io/tls", secrets[0].Inputs["type"])
	assert.Equal(t, harness.SecretText, secrets[0].Inputs["stringData"])
	assert.NotContains(t, secrets[0].Inputs["metadata"], "name")
	data := recording.Get(t, configMap, "se-prod-gateway").Inputs["data"].(map[string]any)
	assert.Equal(t, "the authority's certificate", data["login.pem"])
	assert.Len(t, data, 3)
}

// Everybody who comes without TLS is redirected; over TLS there is what has a certificate, and below the issuer's path alone.
func TestRoutes(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(decided(2)), harness.Options{})
	listeners := harness.Dig(recording.Get(t, oneGateway, "se-prod-gateway-web").Inputs, "spec", "listeners").([]any)
	require.Len(t, listeners, 2)
	plain, login := listeners[0].(map[string]any), listeners[1].(map[string]any)
	assert.Equal(t, hardening.RedirectListener, plain["name"])
	assert.Equal(t, "HTTP", plain["protocol"])
	assert.Equal(t, "HTTPS", login["protocol"])
	assert.Equal(t, "login.example.org", login["hostname"])
	for _, l := range listeners {
		assert.Equal(t, "Same", harness.Dig(l, "allowedRoutes", "namespaces", "from"))
	}
	reference := harness.Dig(login, "tls", "certificateRefs").([]any)[0].(map[string]any)
	assert.Equal(t, harness.Named("se-prod-gateway-login"), reference["name"])
	redirect := recording.Get(t, route, "se-prod-gateway-redirect").Inputs["spec"].(map[string]any)
	assert.NotContains(t, fmt.Sprint(redirect), "backendRefs")
	assert.Contains(t, fmt.Sprint(redirect), "scheme:https")
	rules := harness.Dig(recording.Get(t, route, "se-prod-gateway-login").Inputs, "spec", "rules").([]any)
	require.Len(t, rules, 1)
	assert.Contains(t, fmt.Sprint(rules[0]), "path:map[type:PathPrefix value:/dex]")
	assert.Contains(t, fmt.Sprint(rules[0]), "name:login@file")
}

// Without a login the gateway redirects, and serves no name; without a gateway there is none of it.
func TestWithoutALogin(t *testing.T) {
	t.Parallel()
	p := decided(2)
	p.Cluster.Login = nil
	recording := harness.Run(t, program(p), harness.Options{})
	assert.Len(t, harness.Dig(recording.Get(t, oneGateway, "se-prod-gateway-web").Inputs, "spec", "listeners"), 1)
	assert.Len(t, recording.Of(route), 1)
	assert.Empty(t, recording.Of("kubernetes:core/v1:Secret"))
	assert.Len(t, recording.Get(t, configMap, "se-prod-gateway").Inputs["data"], 2)
	p.Gateway = nil
	_, err := harness.Record(program(p), harness.Options{})
	require.ErrorContains(t, err, "se-prod-gateway: the plan has no gateway")
}

// Nothing is asked for of a kind that the API does not know yet.
func TestKindsComeFirst(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(decided(2)), harness.Options{})
	kinds := recording.Of(definition)
	require.Len(t, kinds, 5)
	for _, made := range recording.Resources {
		if strings.Contains(made.Type, "gateway.networking.k8s.io") || made.Type == deployment {
			for _, kind := range kinds {
				assert.Contains(t, made.Dependencies, kind.URN, made.URN)
			}
		}
	}
	for _, kind := range kinds {
		assert.NotEmpty(t, harness.Dig(kind.Inputs, "metadata", "annotations").(map[string]any)["api-approved.kubernetes.io"], kind.URN)
	}
}

// The load balancers reach two ports and nobody else any; Traefik reaches the API, names and Dex.
func TestTraffic(t *testing.T) {
	t.Parallel()
	edges := func(p *plan.Plan) []string {
		var all []string
		for _, e := range gateway.Traffic(p).Edges {
			all = append(all, e.String())
		}
		return all
	}
	p := decided(2)
	_, err := collected(p)
	require.NoError(t, err)
	without := []string{"load-balancers -> traefik, TCP 8443", "load-balancers -> traefik, TCP 8080", "traefik -> api-server, TCP 6443"}
	assert.ElementsMatch(t, append([]string{"traefik -> coredns, TCP 53", "traefik -> coredns, UDP 53", "traefik -> dex, TCP 5556"}, without...), edges(p))
	p.Cluster.Login = nil
	assert.ElementsMatch(t, without, edges(p))
	p.Gateway = nil
	assert.Empty(t, gateway.Traffic(p))
}

// The namespace is closed before Traefik runs in it.
func TestNamespaceIsClosedFirst(t *testing.T) {
	t.Parallel()
	r := harness.Run(t, program(decided(2)), harness.Options{})
	policies := r.Of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
	require.Len(t, policies, 2)
	for _, policy := range policies {
		assert.Contains(t, r.Get(t, deployment, "se-prod-gateway").Dependencies, policy.URN)
	}
}
