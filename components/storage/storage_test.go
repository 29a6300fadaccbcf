package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

const (
	storageClass = "kubernetes:storage.k8s.io/v1:StorageClass"
	daemonSet    = "kubernetes:apps/v1:DaemonSet"
	deployment   = "kubernetes:apps/v1:Deployment"
)

// encryption is how each cloud asks for an encrypted volume.
var encryption = map[string]map[string]string{
	"openstack": {"type": "luks"},
	"aws":       {"encrypted": "true", "kmsKeyId": "arn:aws:kms:eu-north-1:123456789012:key/0"},
}

func program(kind string, controlPlanes int) func(*pulumi.Context) error {
	p := &plan.Plan{
		Name: "dk", Cloud: plan.Cloud{Kind: kind, Region: "eu-north-1"},
		Cluster: plan.Cluster{Name: "dk", Version: "v1.36.3", Registry: "registry.example.org", APIPort: 6443},
		Pools: []plan.Pool{
			{Name: "cp", Role: plan.ControlPlane, Disks: []plan.Disk{{Name: "root"}, {Name: "etcd"}, {Name: "data"}}, Nodes: make([]plan.Node, controlPlanes)},
			{Name: "w", Role: plan.Worker, Disks: []plan.Disk{{Name: "root"}}, Nodes: make([]plan.Node, 5)},
		},
	}
	return func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		asked := map[string]pulumi.StringOutput{}
		for key, value := range encryption[kind] {
			asked[key] = pulumi.String(value).ToStringOutput()
		}
		_, err = New(ctx, "dk-storage", &Args{
			Plan: p, Endpoint: pulumi.String("10.20.0.2"), Config: pulumi.ToSecret(pulumi.String("[Global]\n")).(pulumi.StringOutput),
			Encryption: asked, Tags: map[string]string{"lagrum.dev/stack": "dk", "lagrum.dev/country": "dk"},
		}, providers)
		return err
	}
}

// onBoth runs a check on either cloud.
func onBoth(t *testing.T, check func(t *testing.T, kind string, r *harness.Recording)) {
	t.Helper()
	for _, kind := range []string{"openstack", "aws"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			check(t, kind, harness.Run(t, program(kind, 3), harness.Options{}))
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"openstack", "aws"} {
		for mode, preview := range map[string]bool{"preview": true, "update": false} {
			t.Run(kind+"/"+mode, func(t *testing.T) {
				t.Parallel()
				recording := harness.Run(t, program(kind, 3), harness.Options{Preview: preview})
				objects, err := recording.Objects()
				require.NoError(t, err)
				golden.Compare(t, kind+".yaml", objects)
				golden.Compare(t, kind+".graph.txt", recording.Graph())
			})
		}
	}
}

func TestACloudWithoutADriverIsRefused(t *testing.T) {
	t.Parallel()
	_, err := harness.Record(program("lab", 1), harness.Options{})
	require.ErrorContains(t, err, `dk-storage: cloud.kind: "lab" has no storage driver`)
}

// There is no class whose volumes are not encrypted, one default, and one whose volumes outlive their claims.
func TestClasses(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind string, r *harness.Recording) {
		classes := r.Of(storageClass)
		require.Len(t, classes, 2)
		reclaim, standard := map[any]any{}, 0
		for _, class := range classes {
			for key, value := range encryption[kind] {
				assert.Equal(t, value, harness.Dig(class.Inputs, "parameters", key), class.Name)
			}
			assert.Equal(t, "WaitForFirstConsumer", class.Inputs["volumeBindingMode"], class.Name)
			assert.Equal(t, true, class.Inputs["allowVolumeExpansion"], class.Name)
			reclaim[harness.Dig(class.Inputs, "metadata", "name")] = class.Inputs["reclaimPolicy"]
			if harness.Dig(class.Inputs, "metadata", "annotations", "storageclass.kubernetes.io/is-default-class") == "true" {
				standard++
				assert.Equal(t, Encrypted, harness.Dig(class.Inputs, "metadata", "name"))
			}
			// The policies hold before there is a class.
			for _, binding := range r.Of("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding") {
				assert.Contains(t, class.Dependencies, binding.URN)
			}
		}
		assert.Equal(t, map[any]any{Encrypted: "Delete", Retained: "Retain"}, reclaim)
		assert.Equal(t, 1, standard)
	})
}

func TestPoliciesDeny(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind string, r *harness.Recording) {
		policies := r.Of("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy")
		bindings := r.Of("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding")
		require.Len(t, policies, 2)
		require.Len(t, bindings, 2)
		for i := range policies {
			assert.Equal(t, "Fail", harness.Dig(policies[i].Inputs, "spec", "failurePolicy"))
			assert.Equal(t, harness.Dig(policies[i].Inputs, "metadata", "name"), harness.Dig(bindings[i].Inputs, "spec", "policyName"))
			assert.Equal(t, []any{"Deny"}, harness.Dig(bindings[i].Inputs, "spec", "validationActions"))
		}
		text := fmt.Sprint(policies[0].Inputs)
		for key, value := range encryption[kind] {
			assert.Contains(t, text, fmt.Sprintf("object.parameters['%s'] == '%s'", key, value))
		}
	})
}

// Only the container that mounts is privileged; no other has a capability, writes its own disk, or can get more.
func TestPrivilege(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind string, r *harness.Recording) {
		privileged := 0
		for _, workload := range append(r.Of(daemonSet), r.Of(deployment)...) {
			pod := harness.Dig(workload.Inputs, "spec", "template", "spec").(map[string]any)
			assert.Equal(t, "RuntimeDefault", harness.Dig(pod, "securityContext", "seccompProfile", "type"), workload.Name)
			controller := strings.HasSuffix(workload.Name, "-controller")
			if controller {
				assert.Equal(t, true, harness.Dig(pod, "securityContext", "runAsNonRoot"), workload.Name)
				assert.NotContains(t, fmt.Sprint(pod["volumes"]), "hostPath", workload.Name)
				assert.Equal(t, map[string]any{"node-role.kubernetes.io/control-plane": ""}, pod["nodeSelector"], "the right is there alone")
			}
			// The one cloud's controller reaches the metadata service, the other's node plugin does; nothing else needs to.
			assert.Equal(t, controller == (kind == "aws"), pod["hostNetwork"], workload.Name)
			for _, each := range pod["containers"].([]any) {
				container := each.(map[string]any)
				where := workload.Name + "/" + container["name"].(string)
				assert.Equal(t, true, harness.Dig(container, "securityContext", "readOnlyRootFilesystem"), where)
				assert.NotEmpty(t, harness.Dig(container, "resources", "requests", "memory"), where)
				assert.NotEmpty(t, harness.Dig(container, "resources", "limits", "memory"), where)
				if harness.Dig(container, "securityContext", "privileged") == true {
					privileged++
					assert.False(t, controller, where)
					assert.Equal(t, "driver", container["name"])
					continue
				}
				assert.Equal(t, []any{"ALL"}, harness.Dig(container, "securityContext", "capabilities", "drop"), where)
				assert.Equal(t, false, harness.Dig(container, "securityContext", "allowPrivilegeEscalation"), where)
			}
			// What is served on the node's network is served to the node alone.
			if pod["hostNetwork"] == true {
				assert.Contains(t, fmt.Sprint(pod["containers"]), "--http-endpoint=127.0.0.1:9808", workload.Name)
			}
		}
		assert.Equal(t, 1, privileged)
	})
}

// The credential is the controller's alone: no role reads Secrets, and the node plugin mounts none.
func TestCredential(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind string, r *harness.Recording) {
		for _, role := range append(r.Of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"), r.Of("kubernetes:rbac.authorization.k8s.io/v1:Role")...) {
			rules := fmt.Sprint(role.Inputs["rules"])
			assert.NotContains(t, rules, "*", role.Name)
			assert.NotContains(t, rules, "secrets", role.Name)
		}
		secrets := r.Of("kubernetes:core/v1:Secret")
		require.Len(t, secrets, 1)
		assert.Equal(t, harness.SecretText, secrets[0].Inputs["stringData"])
		assert.NotContains(t, fmt.Sprint(r.Of(daemonSet)[0].Inputs), "secretName")
		for _, account := range r.Of("kubernetes:core/v1:ServiceAccount") {
			assert.Equal(t, false, account.Inputs["automountServiceAccountToken"], account.Name)
		}
		// The plugin of OpenStack asks the API nothing, and has no token.
		assert.Equal(t, kind == "aws", harness.Dig(r.Of(daemonSet)[0].Inputs, "spec", "template", "spec", "automountServiceAccountToken"))
	})
}

// Two pods of a node would want one port, and one node is all that a small cluster has.
func TestControllerRollsWithoutRoom(t *testing.T) {
	t.Parallel()
	for controlPlanes, replicas := range map[int]float64{1: 1, 3: 2} {
		r := harness.Run(t, program("aws", controlPlanes), harness.Options{})
		controller := r.Get(t, deployment, "dk-storage-ebs-csi-controller").Inputs
		assert.Equal(t, replicas, harness.Dig(controller, "spec", "replicas"))
		assert.Equal(t, map[string]any{"maxSurge": 0.0, "maxUnavailable": 1.0}, harness.Dig(controller, "spec", "strategy", "rollingUpdate"))
	}
}

// A machine of AWS has a fixed number of places to attach volumes at, and its own disks take some.
func TestAttachmentsOfTheMachinesOwnDisks(t *testing.T) {
	t.Parallel()
	r := harness.Run(t, program("aws", 3), harness.Options{})
	assert.Contains(t, fmt.Sprint(r.Get(t, daemonSet, "dk-storage-ebs-csi-node").Inputs), "--reserved-volume-attachments=3")
	assert.Contains(t, fmt.Sprint(r.Get(t, deployment, "dk-storage-ebs-csi-controller").Inputs),
		"--extra-tags=lagrum.dev/country=dk,lagrum.dev/stack=dk")
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `'a\'b\\c\nd'`, workload.Literal("a'b\\c\nd"))
}
