package doctor

import (
	"context"
	"fmt"
	"strings"
)

// StateOnly handles resources that exist nowhere but in the state: keys, certificates, random values, components. A
// create that was not written down made nothing that could be orphaned.
type StateOnly struct{}

// Handles implements Finder.
func (StateOnly) Handles(t string) bool {
	return strings.HasPrefix(t, "tls:") || strings.HasPrefix(t, "random:") || strings.HasPrefix(t, "pulumi:providers:") ||
		strings.HasPrefix(t, "lagrum:")
}

// Find implements Finder.
func (StateOnly) Find(context.Context, Pending) (Finding, error) {
	return Finding{Verdict: Clear, Why: "lives in the state only; made anew by the next update"}, nil
}

// Kubernetes looks for objects in the stack's cluster.
type Kubernetes struct {
	// Get tells whether an object exists and who manages it: its label app.kubernetes.io/managed-by.
	Get func(ctx context.Context, kind, namespace, name string) (exists bool, managedBy string, err error)
}

// Handles implements Finder.
func (Kubernetes) Handles(t string) bool { return strings.HasPrefix(t, "kubernetes:") }

// Find implements Finder. The engine writes the checked inputs down before it creates, so the name is known even where
// the provider chose it.
func (k Kubernetes) Find(ctx context.Context, p Pending) (Finding, error) {
	if strings.HasSuffix(p.Type, "Patch") {
		return Finding{Verdict: Clear, Why: "sets fields of an object that is another's; set anew by the next update"}, nil
	}
	metadata, _ := p.Inputs["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if name == "" {
		return Finding{Verdict: Unknown, Why: "its inputs name no object"}, nil
	}
	namespace, _ := metadata["namespace"].(string)
	exists, manager, err := k.Get(ctx, kubectlKind(p.Type), namespace, name)
	if err != nil {
		return Finding{}, err
	}
	id := name
	if namespace != "" {
		id = namespace + "/" + name
	}
	if !exists {
		return Finding{Verdict: Clear, Why: fmt.Sprintf("%s is not in the cluster", id)}, nil
	}
	// The create may have been killed before it found that someone else's object has the name.
	if manager != "pulumi" && manager != "lagrum" {
		return Finding{Verdict: Unknown, Why: fmt.Sprintf("%s is in the cluster and is managed by %q, not by us", id, manager)}, nil
	}
	return Finding{Verdict: Import, ID: id, Why: fmt.Sprintf("%s is in the cluster", id)}, nil
}

// kubectlKind turns kubernetes:rbac.authorization.k8s.io/v1:ClusterRole into ClusterRole.v1.rbac.authorization.k8s.io,
// kubectl's full form, and kubernetes:core/v1:Pod into Pod.
func kubectlKind(resourceType string) string {
	parts := strings.Split(resourceType, ":")
	if len(parts) != 3 {
		return resourceType
	}
	group, version, _ := strings.Cut(parts[1], "/")
	if group == "core" {
		return parts[2]
	}
	return parts[2] + "." + version + "." + group
}
