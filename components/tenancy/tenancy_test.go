package tenancy

import (
	"testing"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
	"github.com/lagrum/lagrum/tests/reach"
)

func site() *plan.Plan {
	return &plan.Plan{
		Name: "se-prod", Country: "se", Environment: "prod", Protect: true,
		Cluster: plan.Cluster{PodCIDR: "10.244.0.0/16", ServiceCIDR: "10.96.0.0/16", APIPort: 6443},
		Network: plan.Network{NodeCIDR: "172.31.0.0/20"},
		Tenants: []plan.Tenant{
			{Name: "journal", Developers: []string{"a", "b"}, Quota: plan.Quota{CPU: 4, MemoryGiB: 8, StorageGiB: 50, Pods: 50}},
			{Name: "lab", Developers: []string{"c"}},
		},
	}
}

func record(t *testing.T, preview bool) *harness.Recording {
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
		graph, err := traffic.Collect(traffic.Base(site()), network.Traffic(site()), Traffic(site()))
		if err != nil {
			return err
		}
		_, err = New(ctx, "se-prod-tenant-journal", &Args{
			Plan: site(), Tenant: site().Tenants[0], Traffic: graph, Guards: []pulumi.Resource{guard},
		}, providers)
		return err
	}, harness.Options{Preview: preview})
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for mode, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			objects, err := record(t, preview).Objects()
			require.NoError(t, err)
			golden.Compare(t, "journal.yaml", objects)
		})
	}
}

func TestNamespaceLabels(t *testing.T) {
	t.Parallel()
	r := record(t, false)
	made := r.Get(t, "kubernetes:core/v1:Namespace", "se-prod-tenant-journal")
	labels := harness.Dig(made.Inputs, "metadata", "labels").(map[string]any)
	for _, mode := range []string{"enforce", "audit", "warn"} {
		assert.Equal(t, "restricted", labels["pod-security.kubernetes.io/"+mode])
	}
	assert.Equal(t, "journal", labels["lagrum.dev/tenant"])
	assert.Equal(t, "se", labels["lagrum.dev/country"])
	assert.Equal(t, "prod", labels["lagrum.dev/environment"])
	assert.True(t, made.Protect, "with it goes all that the tenant has")
	assert.Contains(t, made.Dependencies, r.Get(t, "kubernetes:core/v1:ConfigMap", "guard").URN)
}

// A tenant's pods reach each other and cluster DNS. Nobody else reaches them, another tenant neither, and they reach nobody else.
func TestNetworkIsClosed(t *testing.T) {
	t.Parallel()
	r := record(t, false)
	closed := r.Get(t, "kubernetes:networking.k8s.io/v1:NetworkPolicy", "se-prod-tenant-journal-closed").Inputs
	assert.Equal(t, map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress", "Egress"}}, closed["spec"])
	var inputs []map[string]any
	// Nobody is let in before it is closed.
	binding := r.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "se-prod-tenant-journal-developers")
	for _, policy := range r.Of("kubernetes:networking.k8s.io/v1:NetworkPolicy") {
		assert.Contains(t, binding.Dependencies, policy.URN)
		inputs = append(inputs, policy.Inputs)
	}
	require.Len(t, inputs, 2)
	policies, err := reach.Parse(inputs...)
	require.NoError(t, err)

	ours, dns := reach.Pod("journal", nil), reach.Pod("kube-system", map[string]string{"k8s-app": "kube-dns"})
	assert.True(t, policies.Pass(ours, ours, "TCP", 5432))
	assert.True(t, policies.Pass(ours, dns, "TCP", 53))
	assert.True(t, policies.Pass(ours, dns, "UDP", 53))
	assert.False(t, policies.Pass(ours, dns, "TCP", 9153), "the metrics of cluster DNS")
	for name, other := range map[string]reach.End{
		"another tenant": reach.Pod("lab", nil), "the platform": reach.Pod("kube-system", nil), "the world": reach.Outside("198.51.100.7"),
		"the API": reach.Outside("172.31.0.4"), "the metadata service": reach.Outside("169.254.169.254"),
	} {
		for _, port := range []int{53, 80, 443, 6443} {
			assert.False(t, policies.Pass(ours, other, "TCP", port), "to %s, %d", name, port)
			assert.False(t, policies.Pass(other, ours, "TCP", port), "from %s, %d", name, port)
		}
	}
}

func TestDevelopersAreGroups(t *testing.T) {
	t.Parallel()
	binding := record(t, false).Get(t, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "se-prod-tenant-journal-developers").Inputs
	assert.Equal(t, map[string]any{"apiGroup": rbacGroup, "kind": "Role", "name": "developer"}, binding["roleRef"])
	subjects := binding["subjects"].([]any)
	require.Len(t, subjects, 2)
	for _, subject := range subjects {
		assert.Equal(t, "Group", harness.Dig(subject, "kind"))
		assert.Regexp(t, "^oidc:[ab]$", harness.Dig(subject, "name"))
	}
}

func TestDefaultAccountHasNoToken(t *testing.T) {
	t.Parallel()
	patch := record(t, false).Get(t, "kubernetes:core/v1:ServiceAccountPatch", "se-prod-tenant-journal-account").Inputs
	assert.Equal(t, "default", harness.Dig(patch, "metadata", "name"))
	assert.Equal(t, "journal", harness.Dig(patch, "metadata", "namespace"))
	assert.Equal(t, false, patch["automountServiceAccountToken"])
}

func TestQuota(t *testing.T) {
	t.Parallel()
	quota := record(t, false).Get(t, "kubernetes:core/v1:ResourceQuota", "se-prod-tenant-journal-quota").Inputs
	assert.Equal(t, map[string]any{
		"requests.cpu": "4", "requests.memory": "8Gi", "limits.memory": "8Gi", "requests.storage": "50Gi", "pods": "50",
		"services.nodeports": "0", "services.loadbalancers": "0",
	}, harness.Dig(quota, "spec", "hard"))
}
