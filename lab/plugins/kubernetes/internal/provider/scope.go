package provider

import (
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// scopes remembers the custom kinds that this program declares, by their CustomResourceDefinitions seen in Check, because the API server
// learns of them only later in the same update.
type scopes struct {
	mu         sync.Mutex
	namespaced map[schema.GroupKind]bool
}

func (s *scopes) learn(crd *unstructured.Unstructured) {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	scope, _, _ := unstructured.NestedString(crd.Object, "spec", "scope")
	if kind == "" || scope == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.namespaced == nil {
		s.namespaced = map[schema.GroupKind]bool{}
	}
	s.namespaced[schema.GroupKind{Group: group, Kind: kind}] = scope == "Namespaced"
}

// of tells whether objects of a kind live in a namespace, without asking the API server. known is false for a custom kind that this program
// does not declare.
func (s *scopes) of(gk schema.GroupKind) (namespaced, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if namespaced, known = s.namespaced[gk]; known {
		return namespaced, true
	}
	if !builtIn(gk.Group) {
		return false, false
	}
	return !clusterScoped(gk.Kind), true
}

// clusterScoped lists the kinds of Kubernetes 1.36's own API groups that live in no namespace
// (kubectl api-resources --namespaced=false).
func clusterScoped(kind string) bool {
	switch kind {
	case "Namespace", "Node", "PersistentVolume", "ComponentStatus",
		"ClusterRole", "ClusterRoleBinding",
		"CustomResourceDefinition", "APIService",
		"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
		"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
		"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
		"StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "VolumeAttributesClass",
		"PriorityClass", "RuntimeClass", "IngressClass", "IPAddress", "ServiceCIDR",
		"FlowSchema", "PriorityLevelConfiguration",
		"CertificateSigningRequest", "ClusterTrustBundle",
		"DeviceClass", "ResourceSlice", "DeviceTaintRule",
		"StorageVersion", "StorageVersionMigration",
		"SelfSubjectReview", "TokenReview",
		"SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview":
		return true
	}
	return false
}

// builtIn tells whether an API group is Kubernetes' own, whose scopes [clusterScoped] knows.
func builtIn(group string) bool {
	switch group {
	case "", "apps", "batch", "autoscaling", "policy", "extensions",
		"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
		"certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io",
		"internal.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io",
		"scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io":
		return true
	}
	return false
}
