package cloudcontroller

import (
	"fmt"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

const daemonSet = "kubernetes:apps/v1:DaemonSet"

func program(kind string) func(*pulumi.Context) error {
	p := &plan.Plan{
		Name: "dk", Cloud: plan.Cloud{Kind: kind, Region: "eu-north-1"},
		Cluster: plan.Cluster{Name: "dk", Version: "v1.36.3", Registry: "registry.example.org", APIPort: 6443},
	}
	return func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		_, err = New(ctx, "dk-cloud", &Args{
			Plan: p, Endpoint: pulumi.String("10.20.0.2"), Config: pulumi.ToSecret(pulumi.String("[Global]\n")).(pulumi.StringOutput),
		}, providers)
		return err
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"openstack", "aws"} {
		for mode, preview := range map[string]bool{"preview": true, "update": false} {
			t.Run(kind+"/"+mode, func(t *testing.T) {
				t.Parallel()
				recording := harness.Run(t, program(kind), harness.Options{Preview: preview})
				objects, err := recording.Objects()
				require.NoError(t, err)
				golden.Compare(t, kind+".yaml", objects)
				golden.Compare(t, "graph.txt", recording.Graph())
			})
		}
	}
}

func TestACloudWithoutAManagerIsRefused(t *testing.T) {
	t.Parallel()
	_, err := harness.Record(program("lab"), harness.Options{})
	require.ErrorContains(t, err, `dk-cloud: cloud.kind: "lab" has no controller manager`)
}

// Only controllers run that need to read of the cloud, and the manager may touch Nodes alone.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	for kind, host := range map[string]bool{"openstack": false, "aws": true} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			recording := harness.Run(t, program(kind), harness.Options{})
			roles := append(recording.Of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"), recording.Of("kubernetes:rbac.authorization.k8s.io/v1:Role")...)
			require.Len(t, roles, 2)
			for _, role := range roles {
				rules := fmt.Sprint(role.Inputs["rules"])
				for _, never := range []string{"*", "secrets", "services", "serviceaccounts", "configmaps", "pods"} {
					assert.NotContains(t, rules, never, role.Name)
				}
			}
			pod := harness.Dig(recording.Get(t, daemonSet, "dk-cloud-cloud-controller-manager").Inputs, "spec", "template", "spec").(map[string]any)
			assert.Equal(t, host, pod["hostNetwork"])
			assert.Equal(t, true, harness.Dig(pod, "securityContext", "runAsNonRoot"))
			assert.Equal(t, "RuntimeDefault", harness.Dig(pod, "securityContext", "seccompProfile", "type"))
			container := pod["containers"].([]any)[0].(map[string]any)
			assert.Equal(t, []any{"ALL"}, harness.Dig(container, "securityContext", "capabilities", "drop"))
			assert.Equal(t, true, harness.Dig(container, "securityContext", "readOnlyRootFilesystem"))
			assert.Equal(t, false, harness.Dig(container, "securityContext", "allowPrivilegeEscalation"))
			assert.Contains(t, container["args"], "--controllers=cloud-node-controller,cloud-node-lifecycle-controller")
			assert.Contains(t, container["args"], "--configure-cloud-routes=false")
			listens, asked := "--bind-address=0.0.0.0", any(nil)
			if host {
				listens, asked = "--bind-address=127.0.0.1", "127.0.0.1"
			}
			assert.Contains(t, container["args"], listens)
			assert.Equal(t, asked, harness.Dig(container, "livenessProbe", "httpGet", "host"))
		})
	}
}

// Nodes wait for it: it tolerates what makes pods wait, and needs neither cluster DNS nor the API's own Service.
func TestItWaitsForNothingThatWaitsForIt(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program("openstack"), harness.Options{})
	pod := harness.Dig(recording.Get(t, daemonSet, "dk-cloud-cloud-controller-manager").Inputs, "spec", "template", "spec").(map[string]any)
	assert.Equal(t, "Default", pod["dnsPolicy"])
	tolerated := fmt.Sprint(pod["tolerations"])
	for _, taint := range []string{
		"node.cloudprovider.kubernetes.io/uninitialized", "node-role.kubernetes.io/control-plane", "node.kubernetes.io/not-ready",
	} {
		assert.Contains(t, tolerated, "key:"+taint)
	}
	assert.Contains(t, fmt.Sprint(pod["containers"]), "map[name:KUBERNETES_SERVICE_HOST value:10.20.0.2]")
}

// What it logs in with lies in a Secret that Pulumi names, so that a new credential rolls the pods.
func TestTheCredentialIsASecret(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program("openstack"), harness.Options{})
	secret := recording.Get(t, "kubernetes:core/v1:Secret", "dk-cloud-cloud-controller-manager")
	assert.Equal(t, true, secret.Inputs["immutable"])
	assert.NotContains(t, secret.Inputs["metadata"], "name")
	assert.Equal(t, harness.SecretText, secret.Inputs["stringData"])
	assert.Empty(t, recording.Of("kubernetes:core/v1:ConfigMap"))
}
