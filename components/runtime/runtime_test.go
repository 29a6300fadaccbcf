package runtime

import (
	"os"
	"strings"
	"testing"
	"time"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

func site() *plan.Plan {
	return &plan.Plan{
		Name: "se-prod", Protect: true,
		Cluster: plan.Cluster{Registry: "registry.example.org", Version: "v1.36.3", EtcdTag: "3.6.5-0", PodCIDR: "10.244.0.0/16", ServiceCIDR: "10.96.0.0/16"},
		Network: plan.Network{NodeCIDR: "172.31.0.0/20"},
		Pools:   []plan.Pool{{Name: "cp", Role: plan.ControlPlane}, {Name: "workers", Role: plan.Worker}},
		Watched: []string{"cp", "workers"},
	}
}

// graph has one who has business outside, and one who asks the API alone.
func graph(t *testing.T, p *plan.Plan) *traffic.Graph {
	t.Helper()
	g, err := traffic.Collect(traffic.Base(p), Traffic(p), traffic.Part{
		Parties: []traffic.Party{
			{Name: "manager", Namespace: "kube-system", Labels: workload.Known("manager")},
			{Name: "inside", Namespace: "kube-system", Labels: workload.Known("inside")},
		},
		Edges: []traffic.Edge{
			{From: "manager", To: traffic.CloudAPI, Protocol: traffic.TCP, Port: 443, Why: "it asks the cloud", Serves: "redundancy"},
			{From: "inside", To: traffic.APIServer, Protocol: traffic.TCP, Port: 6443, Why: "it asks the API", Serves: "redundancy"},
		},
	})
	require.NoError(t, err)
	return g
}

func record(t *testing.T, p *plan.Plan, preview bool) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		guard, err := corev1.NewConfigMap(ctx, "guard", &corev1.ConfigMapArgs{}, providers)
		if err != nil {
			return err
		}
		_, err = New(ctx, "se-prod-runtime", &Args{Plan: p, Traffic: graph(t, p), Guards: []pulumi.Resource{guard}}, providers)
		return err
	}, harness.Options{Preview: preview})
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for mode, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			recording := record(t, site(), preview)
			objects, err := recording.Objects()
			require.NoError(t, err)
			golden.Compare(t, "objects.yaml", objects)
			golden.Compare(t, "graph.txt", recording.Graph())
		})
	}
}

// What is compiled in and what Falco reads are the same bytes, whoever renders them.
func TestRulesAndConfiguration(t *testing.T) {
	t.Parallel()
	detections := Detections(site(), graph(t, site()))
	first, err := detections.YAML()
	require.NoError(t, err)
	second, err := Detections(site(), graph(t, site())).YAML()
	require.NoError(t, err)
	require.Equal(t, first, second)
	golden.Compare(t, "rules.yaml", first)
	settings, err := Config()
	require.NoError(t, err)
	golden.Compare(t, "falco.yaml", settings)
	for _, out := range []string{"syslog_output", "file_output", "http_output", "program_output"} {
		assert.Contains(t, settings, out+":\n  enabled: false\n")
	}
}

const daemonSet = "kubernetes:apps/v1:DaemonSet"

func podOf(t *testing.T, p *plan.Plan) (spec, pod, container map[string]any) {
	t.Helper()
	spec = record(t, p, false).Get(t, daemonSet, "se-prod-runtime").Inputs["spec"].(map[string]any)
	pod = harness.Dig(spec, "template", "spec").(map[string]any)
	require.Len(t, pod["containers"], 1)
	return spec, pod, pod["containers"].([]any)[0].(map[string]any)
}

// It may what upstream says that it needs, and no more; what it sees of the node it cannot write to.
func TestPod(t *testing.T) {
	t.Parallel()
	spec, pod, container := podOf(t, site())
	assert.Equal(t, map[string]any{
		"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "appArmorProfile": map[string]any{"type": "Unconfined"},
		"capabilities": map[string]any{"drop": []any{"ALL"}, "add": []any{"BPF", "PERFMON", "SYS_PTRACE", "SYS_RESOURCE"}},
	}, container["securityContext"])
	for _, field := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		assert.NotContains(t, pod, field)
	}
	assert.Equal(t, false, pod["automountServiceAccountToken"])
	assert.Equal(t, "RuntimeDefault", harness.Dig(pod, "securityContext", "seccompProfile", "type"))
	assert.Equal(t, "system-node-critical", pod["priorityClassName"])
	assert.Equal(t, map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxUnavailable": 1.0}}, spec["updateStrategy"])
	mounts := map[string]string{}
	for _, m := range container["volumeMounts"].([]any) {
		assert.Equal(t, true, harness.Dig(m, "readOnly"), m)
		mounts[harness.Dig(m, "name").(string)] = harness.Dig(m, "mountPath").(string)
	}
	assert.Equal(t, map[string]string{"config": "/etc/falco", "proc": "/host/proc", "container-runtime": "/host/run/containerd", "tracing": "/sys/kernel/tracing"}, mounts)
	var paths []any
	for _, v := range pod["volumes"].([]any) {
		if path := harness.Dig(v, "hostPath", "path"); path != nil {
			paths = append(paths, path)
		}
	}
	assert.ElementsMatch(t, []any{"/proc", "/run/containerd", "/sys/kernel/tracing"}, paths)
	for _, probe := range []string{"startupProbe", "livenessProbe"} {
		assert.Equal(t, map[string]any{"path": "/healthz", "port": 8765.0}, harness.Dig(container, probe, "httpGet"))
	}
	assert.NotNil(t, harness.Dig(container, "resources", "requests", "memory"))
	assert.NotNil(t, harness.Dig(container, "resources", "limits", "memory"))
}

// The kubelet's own command is what the rule of the heartbeat looks for.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	_, _, container := podOf(t, site())
	command := harness.Dig(container, "readinessProbe", "exec", "command").([]any)
	line := command[0].(string)[strings.LastIndex(command[0].(string), "/")+1:] + " " + command[1].(string)
	assert.Equal(t, 60.0, harness.Dig(container, "readinessProbe", "periodSeconds"))
	for _, m := range Detections(site(), graph(t, site())).Macros {
		if m.Name == "beat" {
			assert.Equal(t, `k8s.ns.name = "lagrum-runtime" and proc.cmdline = "`+line+`"`, m.Condition)
			return
		}
	}
	t.Fatal("no macro of the heartbeat")
}

// Every node runs one, tainted, new or left; where some pools alone can be watched, nodes of those.
func TestWhere(t *testing.T) {
	t.Parallel()
	_, pod, _ := podOf(t, site())
	assert.Equal(t, []any{map[string]any{"operator": "Exists"}}, pod["tolerations"])
	assert.Equal(t, map[string]any{"kubernetes.io/os": "linux"}, pod["nodeSelector"])
	assert.NotContains(t, pod, "affinity")
	some := site()
	some.Watched = []string{"workers"}
	_, pod, _ = podOf(t, some)
	assert.Contains(t, harness.Dig(pod, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms").([]any)[0],
		"matchExpressions")
}

// The namespace says what it is exempt from, and why; all else is recorded and warned of.
func TestNamespace(t *testing.T) {
	t.Parallel()
	r := record(t, site(), false)
	made := r.Get(t, "kubernetes:core/v1:Namespace", "se-prod-runtime")
	labels := harness.Dig(made.Inputs, "metadata", "labels").(map[string]any)
	assert.Equal(t, "privileged", labels["pod-security.kubernetes.io/enforce"])
	assert.Equal(t, "restricted", labels["pod-security.kubernetes.io/audit"])
	assert.Equal(t, "restricted", labels["pod-security.kubernetes.io/warn"])
	assert.NotEmpty(t, harness.Dig(made.Inputs, "metadata", "annotations", "lagrum.dev/pod-security"))
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"} {
		assert.Empty(t, r.Of("kubernetes:rbac.authorization.k8s.io/v1:"+kind), "it may do nothing at the API")
	}
}

// Who has an edge to the outside may call; who asks the API alone may not.
func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	who := outside(graph(t, site()))
	assert.Equal(t, `((k8s.ns.name = "kube-system" and k8s.pod.name startswith "manager-"))`, who)
}

// An exception holds on its last day, and the day after the plan is refused, with all that have passed.
func TestExpired(t *testing.T) {
	t.Parallel()
	last := until.Add(23*time.Hour + 59*time.Minute)
	require.NoError(t, Check(site(), last))
	err := Check(site(), last.Add(time.Minute))
	require.ErrorContains(t, err, `exception "flannel_probe": 2027-11-30 has passed: cluster operator excused`)
	excused := 0
	for _, r := range Detections(site(), graph(t, site())).Rules {
		excused += len(r.Exceptions)
	}
	assert.Equal(t, excused, strings.Count(err.Error(), "has passed"))
}

// A plan that watches nothing, as a lab's without an image, has none of it.
func TestNothingToWatch(t *testing.T) {
	t.Parallel()
	p := site()
	p.Watched = nil
	assert.Empty(t, Traffic(p).Namespaces)
	_, err := New(nil, "x", &Args{Plan: p, Traffic: &traffic.Graph{}})
	assert.ErrorContains(t, err, "the plan watches no node")
}

// The page shows the rules and exceptions that are compiled in.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/detection.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), RulesTable())
	assert.Contains(t, string(page), ExceptionsTable())
}
