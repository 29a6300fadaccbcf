package stacks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/tests/harness"
)

// No binding of any stack names a person, everybody, or a group that is Kubernetes' own, but for the roles by which kubeadm's
// nodes and API servers work.
func TestBindingsNameGroupsAndAccounts(t *testing.T) {
	t.Parallel()
	kubeadm := map[string]bool{
		"kubeadm:cluster-admins": true, // this program
		"system:nodes":           true, // certificates that nodes renew
		// What kubeadm itself grants; no token of that group is ever made.
		"system:bootstrappers:kubeadm:default-node-token": true,
	}
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		judged := 0
		for _, kind := range []string{"RoleBinding", "ClusterRoleBinding"} {
			for _, made := range r.Of("kubernetes:rbac.authorization.k8s.io/v1:" + kind) {
				for _, s := range made.Inputs["subjects"].([]any) {
					judged++
					subject := s.(map[string]any)
					group, _ := subject["name"].(string)
					switch subject["kind"] {
					case "ServiceAccount":
					case "Group":
						ours := strings.HasPrefix(group, bootstrap.PersonPrefix) || strings.HasPrefix(group, bootstrap.PipelinePrefix)
						assert.True(t, ours || kubeadm[group], "%s: %s: group %s", name, made.URN, group)
					case "User":
						assert.Equal(t, "kube-apiserver-kubelet-client", group, "%s: %s: a binding of a person", name, made.URN)
					default:
						assert.Fail(t, "a binding of something else", "%s: %s: %v", name, made.URN, subject)
					}
				}
			}
		}
		assert.NotZero(t, judged, name)
	})
}
