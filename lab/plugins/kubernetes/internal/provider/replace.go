package provider

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// replacedBy returns the paths whose change replaces the object instead of updating it. The table is that of the official plugin, also where
// the API server would allow a change in place (the parallelism of a Job). A change that the API server refuses and that is not in the table
// fails in the preview, with the API server's reason.
//
// The data of a ConfigMap or Secret is in the table unless the provider says enableConfigMapMutable or enableSecretMutable and the object is
// not immutable: a new name rolls the workloads that refer to it.
func (p *Provider) replacedBy(req plugin.DiffRequest, gvk schema.GroupVersionKind, news resource.PropertyMap) []resource.PropertyPath {
	paths := []string{"metadata.name", "metadata.namespace"}
	if !isPatch(req.Type, gvk) {
		immutable := false
		if v, ok := at(news, "immutable"); ok {
			immutable = v.IsBool() && v.BoolValue()
		}
		switch {
		case isConfigMap(gvk):
			if !p.settings.configMapMutable || immutable {
				paths = append(paths, "data", "binaryData")
			}
		case isSecret(gvk):
			paths = append(paths, "type")
			if !p.settings.secretMutable || immutable {
				paths = append(paths, "data", "stringData")
			}
		default:
			paths = append(paths, immutableFields(gvk.GroupKind())...)
		}
		if old, err := kindOf(req.Type, req.OldInputs); err == nil && moved(old.GroupKind(), gvk.GroupKind()) {
			paths = append(paths, "apiVersion", "kind")
		}
	}
	parsed := make([]resource.PropertyPath, 0, len(paths))
	for _, path := range paths {
		keys := resource.PropertyPath{}
		for _, key := range strings.Split(path, ".") {
			keys = append(keys, key)
		}
		parsed = append(parsed, keys)
	}
	return parsed
}

// moved tells whether two kinds are different things, not one that changed its API group or version.
func moved(old, new schema.GroupKind) bool {
	if old == new {
		return false
	}
	// Kinds that left the group extensions, or core for events, are stored once and served in both groups.
	legacy := func(group string) bool { return group == "extensions" || group == "" && new.Kind == "Event" }
	return old.Kind != new.Kind || !legacy(old.Group) && !legacy(new.Group)
}

// immutableFields lists, per kind, the fields whose change replaces the object.
func immutableFields(gk schema.GroupKind) []string {
	switch gk {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}, schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return []string{"spec.selector"}
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return below("spec", "podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates")
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		return below("spec", "completions", "parallelism", "selector", "template")
	case schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"},
		schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}:
		return []string{"roleRef"}
	case schema.GroupKind{Group: "storage.k8s.io", Kind: "StorageClass"}:
		return []string{"parameters", "provisioner"}
	case schema.GroupKind{Kind: "PersistentVolumeClaim"}:
		return below("spec", "accessModes", "selector", "storageClassName", "volumeName")
	case schema.GroupKind{Kind: "PersistentVolume"}:
		return below("spec", "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker",
			"gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd",
			"scaleIO", "storageos", "vsphereVolume")
	case schema.GroupKind{Kind: "ResourceQuota"}:
		return []string{"spec.scopes"}
	case schema.GroupKind{Kind: "Service"}:
		return []string{"spec.clusterIP"}
	case schema.GroupKind{Kind: "Pod"}:
		container := []string{"args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe",
			"resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty",
			"volumeDevices", "volumeMounts", "workingDir"}
		pod := below("spec", "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases",
			"hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead", "preemptionPolicy",
			"priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName", "schedulerName", "securityContext",
			"serviceAccount", "serviceAccountName", "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds", "volumes")
		pod = append(pod, below("spec.containers.*", container...)...)
		return append(pod, below("spec.initContainers.*", container...)...)
	}
	return nil
}

func below(prefix string, fields ...string) []string {
	paths := make([]string, len(fields))
	for i, field := range fields {
		paths[i] = prefix + "." + field
	}
	return paths
}

// markReplacements turns the changes at or below the given paths into replacements, and those of a whole object that holds such a path, if the
// value there differs: for example a spec that became unknown.
func markReplacements(changes map[string]plugin.PropertyDiff, paths []resource.PropertyPath, olds, news resource.PropertyMap) {
	for key, change := range changes {
		changed, err := resource.ParsePropertyPath(key)
		if err != nil {
			continue
		}
		for _, path := range paths {
			if path.Contains(changed) || changed.Contains(path) && differ(path, olds, news) {
				changes[key] = change.ToReplace()
			}
		}
	}
}

func differ(path resource.PropertyPath, olds, news resource.PropertyMap) bool {
	keys := make([]resource.PropertyKey, 0, len(path))
	for _, key := range path {
		name, ok := key.(string)
		if !ok || name == "*" {
			return true
		}
		keys = append(keys, resource.PropertyKey(name))
	}
	if unknownAt(news, keys...) {
		return true
	}
	old, had := at(olds, keys...)
	new, has := at(news, keys...)
	return had != has || had && !old.DeepEquals(new)
}
