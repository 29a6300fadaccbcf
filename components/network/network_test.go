package network

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

const (
	daemonSet  = "kubernetes:apps/v1:DaemonSet"
	deployment = "kubernetes:apps/v1:Deployment"
)

func site(nodes int) *plan.Plan {
	p := &plan.Plan{
		Name: "dev",
		Cluster: plan.Cluster{
			Name: "dev", Domain: "cluster.local", Version: "v1.36.3", CoreDNSTag: "v1.15.0",
			ServiceCIDR: "10.96.0.0/16", PodCIDR: "10.244.0.0/16", DNSAddress: "10.96.0.10", APIPort: 6443,
		},
		Network: plan.Network{Encryption: "none", MTU: 1450},
		Pools:   []plan.Pool{{Name: "cp", Role: plan.ControlPlane}},
	}
	for slot := range nodes {
		p.Pools[0].Nodes = append(p.Pools[0].Nodes, plan.Node{Name: fmt.Sprintf("cp-%d-g1", slot+1)})
	}
	return p
}

func program(p *plan.Plan) func(*pulumi.Context) error {
	return func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		_, err = New(ctx, "dev-network", &Args{Plan: p, Endpoint: pulumi.String("10.20.0.2")}, providers)
		return err
	}
}

func TestGraph(t *testing.T) {
	t.Parallel()
	for name, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, "graph.txt", harness.Run(t, program(site(3)), harness.Options{Preview: preview}).Graph())
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(site(3)), harness.Options{})
	for _, part := range []string{"kube-proxy", "flannel", "kube-router", "coredns"} {
		objects, err := recording.Objects("dev-network-" + part)
		require.NoError(t, err)
		golden.Compare(t, part+".yaml", objects)
	}
}

// What has an unencrypted node network in the lab must be encrypted everywhere else, and the packets must fit.
func TestFlannelConfig(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, encryption string
		mtu              int
		want, err        string
	}{
		{"encrypted", "wireguard", 1420, `{
  "Backend": {
    "MTU": 1500,
    "Type": "wireguard"
  },
  "Network": "10.244.0.0/16"
}
`, ""},
		{"not encrypted", "none", 1450, `{
  "Backend": {
    "MTU": 1500,
    "Type": "vxlan"
  },
  "Network": "10.244.0.0/16"
}
`, ""},
		{"undecided", "", 1450, "", `flannel: network.encryption: "": want wireguard or none`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := flannelConfig("10.244.0.0/16", row.encryption, row.mtu)
			if row.err != "" {
				require.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

func TestUndecidedEncryptionEndsTheProgram(t *testing.T) {
	t.Parallel()
	p := site(1)
	p.Network.Encryption = ""
	_, err := harness.Record(program(p), harness.Options{})
	require.ErrorContains(t, err, `lagrum:network:Network dev-network: flannel: network.encryption: "": want wireguard or none`)
}

func TestReplicasOfCoreDNS(t *testing.T) {
	t.Parallel()
	for nodes, want := range map[int]float64{1: 1, 2: 2, 5: 2} {
		spec := harness.Run(t, program(site(nodes)), harness.Options{}).Get(t, deployment, "dev-network-coredns").Inputs["spec"]
		assert.Equal(t, want, spec.(map[string]any)["replicas"], "%d nodes", nodes)
	}
}

// No pod may run on a network without policies, and at teardown every part keeps its rights to the end.
func TestOrder(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(site(3)), harness.Options{})
	dns := recording.Get(t, deployment, "dev-network-coredns")
	for _, part := range []string{"kube-proxy", "flannel", "kube-router"} {
		workload := recording.Get(t, daemonSet, "dev-network-"+part)
		assert.Contains(t, dns.Dependencies, workload.URN)
		assert.Contains(t, workload.Dependencies,
			recording.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", "dev-network-"+part).URN)
	}
	for _, part := range []string{"flannel", "kube-router"} {
		assert.Contains(t, recording.Get(t, daemonSet, "dev-network-"+part).Dependencies,
			recording.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "dev-network-"+part).URN)
	}
}

// A node's guard is in force before its pods can have an address, and holds for the cluster's own pods. That it works is seen
// on a real node.
func TestGuardComesFirst(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(site(3)), harness.Options{})
	pod := harness.Dig(recording.Get(t, daemonSet, "dev-network-flannel").Inputs, "spec", "template", "spec").(map[string]any)
	first := pod["initContainers"].([]any)
	require.Len(t, first, 1)
	assert.Equal(t, []any{"nft", "--file", "/etc/lagrum/unruled.nft"}, harness.Dig(first[0], "command"))
	assert.Equal(t, []any{"NET_ADMIN"}, harness.Dig(first[0], "securityContext", "capabilities", "add"))
	assert.Equal(t, []any{"ALL"}, harness.Dig(first[0], "securityContext", "capabilities", "drop"))
	config := recording.Get(t, "kubernetes:core/v1:ConfigMap", "dev-network-flannel").Inputs
	rules := harness.Dig(config, "data", "unruled.nft").(string)
	for _, line := range []string{"ip saddr 10.244.0.0/16 counter drop", "ip daddr 10.244.0.0/16 counter drop", `iifname "cni0" meta mark & 0x20000 == 0 counter drop`} {
		assert.Contains(t, rules, line)
	}
}

// The checklist for every service, over every object of this one.
func TestChecklist(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(site(3)), harness.Options{})

	for _, account := range recording.Of("kubernetes:core/v1:ServiceAccount") {
		assert.Equal(t, false, account.Inputs["automountServiceAccountToken"], account.Name)
	}
	for _, config := range recording.Of("kubernetes:core/v1:ConfigMap") {
		assert.Equal(t, true, config.Inputs["immutable"], config.Name)
		assert.NotContains(t, config.Inputs["metadata"], "name", "%s: pods roll only when the name changes", config.Name)
	}
	for _, role := range recording.Of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole") {
		assert.NotContains(t, fmt.Sprint(role.Inputs["rules"]), "*", role.Name)
		assert.NotContains(t, fmt.Sprint(role.Inputs["rules"]), "secrets", role.Name)
	}
	workloads := append(recording.Of(daemonSet), recording.Of(deployment)...)
	require.Len(t, workloads, 4)
	for _, workload := range workloads {
		assert.Equal(t, "10m0s", workload.CreateTimeout, workload.Name)
		assert.Equal(t, "10m0s", workload.UpdateTimeout, workload.Name)
		pod := harness.Dig(workload.Inputs, "spec", "template", "spec").(map[string]any)
		assert.Equal(t, "RuntimeDefault", harness.Dig(pod, "securityContext", "seccompProfile", "type"), workload.Name)
		assert.Contains(t, []any{"system-node-critical", "system-cluster-critical"}, pod["priorityClassName"], workload.Name)
		ready := false
		for _, each := range pod["containers"].([]any) {
			container := each.(map[string]any)
			where := workload.Name + "/" + container["name"].(string)
			assert.NotEmpty(t, harness.Dig(container, "resources", "requests", "cpu"), where)
			assert.NotEmpty(t, harness.Dig(container, "resources", "requests", "memory"), where)
			assert.NotEmpty(t, harness.Dig(container, "resources", "limits", "memory"), where)
			assert.Equal(t, false, harness.Dig(container, "securityContext", "allowPrivilegeEscalation"), where)
			assert.Equal(t, []any{"ALL"}, harness.Dig(container, "securityContext", "capabilities", "drop"), where)
			assert.NotContains(t, container["securityContext"], "privileged", where)
			_, answers := container["readinessProbe"]
			ready = ready || answers
			assert.Equal(t, "IfNotPresent", container["imagePullPolicy"], where)
		}
		assert.True(t, ready, "%s: nothing tells when it is ready", workload.Name)
	}
}

// Whatever routes services cannot be reached through a service.
func TestNodeNetworkAsksTheLoadBalancer(t *testing.T) {
	t.Parallel()
	for _, workload := range harness.Run(t, program(site(3)), harness.Options{}).Of(daemonSet) {
		container := harness.Dig(workload.Inputs, "spec", "template", "spec", "containers").([]any)[0].(map[string]any)
		env := fmt.Sprint(container["env"])
		assert.Contains(t, env, "map[name:KUBERNETES_SERVICE_HOST value:10.20.0.2]", workload.Name)
		assert.Contains(t, env, "map[name:KUBERNETES_SERVICE_PORT value:6443]", workload.Name)
	}
}

func TestImagesComeFromTheMirror(t *testing.T) {
	t.Parallel()
	p := site(1)
	p.Cluster.Registry = "registry.lab.lagrum"
	objects, err := harness.Run(t, program(p), harness.Options{}).Objects()
	require.NoError(t, err)
	count := 0
	for line := range strings.Lines(objects) {
		if image, found := strings.CutPrefix(strings.TrimSpace(line), "image: "); found {
			count++
			assert.True(t, strings.HasPrefix(image, "registry.lab.lagrum/"), image)
		}
	}
	assert.Equal(t, 6, count)
}
