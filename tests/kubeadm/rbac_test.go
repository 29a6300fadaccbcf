package kubeadm

import (
	"bytes"
	"context"
	"flag"
	"os"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubernetes/cmd/kubeadm/app/phases/bootstraptoken/node"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite golden files, and still fail")

// kubeadm's bootstrap-token phase is skipped, and what it grants is declared by the program instead. The golden file
// is what upstream's own code grants at the pinned version; components/cluster is compared with it.
func TestRolesThatTheSkippedPhaseWouldMake(t *testing.T) {
	client := fake.NewClientset()
	require.NoError(t, node.AllowBootstrapTokensToGetNodes(client))
	require.NoError(t, node.AllowBootstrapTokensToPostCSRs(client))
	require.NoError(t, node.AutoApproveNodeBootstrapTokens(client))
	require.NoError(t, node.AutoApproveNodeCertificateRotation(client))
	require.NoError(t, node.AllowAPIServerToAccessKubeletAPI(client))

	roles, err := client.RbacV1().ClusterRoles().List(context.Background(), metav1.ListOptions{})
	require.NoError(t, err)
	bindings, err := client.RbacV1().ClusterRoleBindings().List(context.Background(), metav1.ListOptions{})
	require.NoError(t, err)
	sort.Slice(bindings.Items, func(i, j int) bool { return bindings.Items[i].Name < bindings.Items[j].Name })

	var got bytes.Buffer
	for _, role := range roles.Items {
		role.ManagedFields = nil
		role.TypeMeta = metav1.TypeMeta{APIVersion: rbac.SchemeGroupVersion.String(), Kind: "ClusterRole"}
		write(t, &got, role)
	}
	for _, binding := range bindings.Items {
		binding.ManagedFields = nil
		binding.TypeMeta = metav1.TypeMeta{APIVersion: rbac.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}
		write(t, &got, binding)
	}

	const golden = "testdata/joining-rbac.yaml"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o644))
		t.Fatalf("%s: written; read the difference, then run the test without -update", golden)
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "if the change is meant: go test -C tests/kubeadm -run '^%s$' . -update", t.Name())
}

func write(t *testing.T, out *bytes.Buffer, object any) {
	t.Helper()
	doc, err := yaml.Marshal(object)
	require.NoError(t, err)
	out.WriteString("---\n")
	out.Write(doc)
}
