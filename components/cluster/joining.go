package cluster

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/construct"
)

// configuration declares what kubeadm keeps of the cluster for control planes that join (its ConfigMap kubeadm-config):
// kubeadm writes it once, at init, so that without this a later generation would be born with the flags of the first.
// A joining control plane waits until it finds what it was planned with. kubelet-config stays as kubeadm wrote it.
func configuration(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) error {
	text := args.Endpoint.ToStringOutput().ApplyT(func(endpoint string) (string, error) {
		config, err := bootstrap.ClusterConfiguration(shared(args.Plan.Cluster, endpoint))
		return string(config), err
	}).(pulumi.StringOutput)
	_, err := corev1.NewConfigMapPatch(ctx, name+"-kubeadm-config", &corev1.ConfigMapPatchArgs{
		Metadata: &metav1.ObjectMetaPatchArgs{
			Name: pulumi.String("kubeadm-config"), Namespace: pulumi.String("kube-system"),
			// kubeadm wrote the key first.
			Annotations: pulumi.StringMap{"pulumi.com/patchForce": pulumi.String("true")},
		},
		Data: pulumi.StringMap{"ClusterConfiguration": text},
	}, append(opts, pulumi.RetainOnDelete(true))...) // a cluster without it lets no control plane join
	if err != nil {
		return fmt.Errorf("config map kubeadm-config: %w", err)
	}
	return nil
}

const (
	rbacGroup = "rbac.authorization.k8s.io"
	// joiners is the group of the join credential; members of the cluster are nodes. Both names are kubeadm's.
	joiners = "system:bootstrappers:kubeadm:default-node-token"
	members = "system:nodes"
	// kubeletClient is the user that an API server is towards kubelets.
	kubeletClient = "kube-apiserver-kubelet-client"
	getNodes      = "kubeadm:get-nodes"
)

// joining makes the RBAC that kubeadm's bootstrap-token phase would make, under kubeadm's names, so that a kubeadm
// upgrade finds what it knows. The rest of that phase is left out on purpose: it makes a bootstrap token and publishes
// cluster-info to anonymous readers, and nodes here join with a certificate and a declared authority.
func joining(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
	// A joining control plane asks whether its node name is taken.
	if _, err := rbacv1.NewClusterRole(ctx, name+"-get-nodes", &rbacv1.ClusterRoleArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(getNodes), Labels: construct.Managed()},
		Rules: rbacv1.PolicyRuleArray{rbacv1.PolicyRuleArgs{
			ApiGroups: pulumi.ToStringArray([]string{""}),
			Resources: pulumi.ToStringArray([]string{"nodes"}),
			Verbs:     pulumi.ToStringArray([]string{"get"}),
		}},
	}, opts...); err != nil {
		return fmt.Errorf("cluster role %s: %w", getNodes, err)
	}
	for _, b := range []struct {
		name, role, kind, subject string
	}{
		{"get-nodes", getNodes, "Group", joiners},
		{"kubelet-bootstrap", "system:node-bootstrapper", "Group", joiners},
		{"node-autoapprove-bootstrap", "system:certificates.k8s.io:certificatesigningrequests:nodeclient", "Group", joiners},
		{"node-autoapprove-certificate-rotation", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", "Group", members},
		// Without it no log is read and no exec works: the API server would be refused by every kubelet.
		{"apiserver-kubelet-client", "system:kubelet-api-admin", "User", kubeletClient},
	} {
		if _, err := rbacv1.NewClusterRoleBinding(ctx, name+"-"+b.name, &rbacv1.ClusterRoleBindingArgs{
			Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String("kubeadm:" + b.name), Labels: construct.Managed()},
			RoleRef: &rbacv1.RoleRefArgs{
				ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(b.role),
			},
			Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
				ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String(b.kind), Name: pulumi.String(b.subject),
			}},
		}, opts...); err != nil {
			return fmt.Errorf("cluster role binding kubeadm:%s: %w", b.name, err)
		}
	}
	return nil
}
