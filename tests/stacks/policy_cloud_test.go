package stacks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/harness"
)

// onClouds runs a policy over every declared stack but the laboratory's.
func onClouds(t *testing.T, check func(t *testing.T, name string, r *harness.Recording)) {
	t.Helper()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		if harness.Dig(siteOf(t, name), "cloud", "lab") == nil {
			check(t, name, r)
		}
	})
}

// Every class is encrypted as the stack's disks are: on OpenStack by the volume type that the site names, on AWS with the
// stack's own key. There is one for records.
func TestEveryStorageClassIsEncrypted(t *testing.T) {
	t.Parallel()
	onClouds(t, func(t *testing.T, name string, r *harness.Recording) {
		retained := 0
		classes := r.Of("kubernetes:storage.k8s.io/v1:StorageClass")
		require.Len(t, classes, 2)
		for _, class := range classes {
			if class.Inputs["reclaimPolicy"] == "Retain" {
				retained++
			}
			if facts := harness.Dig(siteOf(t, name), "cloud", "openstack"); facts != nil {
				require.Equal(t, harness.Dig(facts, "encryptedVolumeType"), harness.Dig(class.Inputs, "parameters", "type"), class.URN)
				continue
			}
			require.Equal(t, "true", harness.Dig(class.Inputs, "parameters", "encrypted"), class.URN)
			key := r.Of("aws:kms/key:Key")[0]
			require.Contains(t, class.Dependencies, key.URN, class.URN)
			value := harness.Dig(class.Inputs, "parameters", "kmsKeyId")
			require.True(t, unknown(value) || strings.Contains(value.(string), ":"+name+"-key-"), "%s: %v is not the stack's key", class.URN, value)
		}
		require.Equal(t, 1, retained)
	})
}

// The laboratory has no cloud: nothing in its cluster speaks to one, and no kubelet waits for one.
func TestTheLabHasNoCloud(t *testing.T) {
	t.Parallel()
	r := run(t, "dev", declared(t)["dev"], false)
	for _, made := range r.Resources {
		require.NotContains(t, made.Type, "cloudcontroller", made.URN)
		require.NotContains(t, made.Type, "storage", made.URN)
		require.NotContains(t, fmt.Sprint(made.Inputs["userData"]), "INSTANCE-ID", made.URN)
	}
}

// No role has a wildcard, and none but the cluster's own reads Secrets. A tenant's developers write them, and the gateway reads
// the certificates that it serves, in a namespace that holds nothing else.
func TestNoRoleIsAWildcard(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, _ string, r *harness.Recording) {
		for _, kind := range []string{"ClusterRole", "Role"} {
			for _, role := range r.Of("kubernetes:rbac.authorization.k8s.io/v1:" + kind) {
				require.NotContains(t, fmt.Sprint(role.Inputs["rules"]), "*", role.URN)
				for _, rule := range role.Inputs["rules"].([]any) {
					if strings.Contains(fmt.Sprint(harness.Dig(rule, "resources")), "secrets") {
						if strings.Contains(role.URN, "lagrum:gateway:Gateway") {
							require.Equal(t, "lagrum-gateway", harness.Dig(role.Inputs, "metadata", "namespace"), role.URN)
							require.NotRegexp(t, "get|create|update|patch|delete", fmt.Sprint(harness.Dig(rule, "verbs")), role.URN)
							continue
						}
						require.Contains(t, role.URN, "lagrum:tenancy:Tenant")
						require.NotRegexp(t, "get|list|watch|patch", fmt.Sprint(harness.Dig(rule, "verbs")), role.URN)
					}
				}
			}
		}
		for _, binding := range r.Of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding") {
			// All rights are for an emergency: see docs/access.md.
			require.Equal(t, strings.HasSuffix(binding.URN, "-access-break-glass"), harness.Dig(binding.Inputs, "roleRef", "name") == "cluster-admin", binding.URN)
		}
	})
}

// One container of the whole graph is privileged: the half of the storage driver that mounts. docs/security.md says why.
func TestOnlyTheStorageDriverIsPrivileged(t *testing.T) {
	t.Parallel()
	onClouds(t, func(t *testing.T, name string, r *harness.Recording) {
		privileged := []string{}
		for _, kind := range []string{"apps/v1:DaemonSet", "apps/v1:Deployment", "batch/v1:Job"} {
			for _, workload := range r.Of("kubernetes:" + kind) {
				pod := harness.Dig(workload.Inputs, "spec", "template", "spec")
				require.Equal(t, "RuntimeDefault", harness.Dig(pod, "securityContext", "seccompProfile", "type"), workload.URN)
				for _, container := range harness.Dig(pod, "containers").([]any) {
					if harness.Dig(container, "securityContext", "privileged") == true {
						privileged = append(privileged, workload.Name+"/"+harness.Dig(container, "name").(string))
						continue
					}
					require.Equal(t, []any{"ALL"}, harness.Dig(container, "securityContext", "capabilities", "drop"), workload.URN)
					require.Equal(t, false, harness.Dig(container, "securityContext", "allowPrivilegeEscalation"), workload.URN)
				}
			}
		}
		require.Len(t, privileged, 1)
		require.Regexp(t, "^"+name+"-storage-(cinder|ebs)-csi-node/driver$", privileged[0])
	})
}

// Each component that speaks to OpenStack has a credential of its own, bounded by access rules, which makes no other. They
// reach nothing but one Secret each.
func TestCredentialsOfControllersOnOpenStack(t *testing.T) {
	t.Parallel()
	onClouds(t, func(t *testing.T, name string, r *harness.Recording) {
		if harness.Dig(siteOf(t, name), "cloud", "openstack") == nil {
			return
		}
		seen := map[string]bool{}
		for _, credential := range r.Of("openstack:identity/applicationCredential:ApplicationCredential") {
			require.NotEmpty(t, credential.Inputs["accessRules"], "%s: it may do everything", credential.URN)
			require.NotEqual(t, true, credential.Inputs["unrestricted"], credential.URN)
			if !strings.HasSuffix(credential.Name, "-bundle") {
				seen[credential.Name] = true
				require.Equal(t, false, credential.Inputs["unrestricted"], credential.URN)
				require.NotEmpty(t, credential.Inputs["roles"], "%s: it has every role", credential.URN)
			}
		}
		require.Equal(t, map[string]bool{name + "-integration-machines": true, name + "-integration-volumes": true}, seen)
	})
}
