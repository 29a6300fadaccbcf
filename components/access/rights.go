package access

import (
	"slices"

	"github.com/lagrum/lagrum/components/tenancy"
	"github.com/lagrum/lagrum/components/workload"
)

var (
	reading  = []string{"get", "list", "watch"}
	deleting = []string{"delete"}
)

// declared is what a cluster is made of. No Secret is in it, and nothing of Dex's: those hold what opens other doors.
func declared() []workload.Rule {
	return []workload.Rule{
		{Resources: []string{
			"configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes",
			"pods", "podtemplates", "replicationcontrollers", "resourcequotas", "serviceaccounts", "services",
		}, Verbs: reading},
		{Group: "apiextensions.k8s.io", Resources: []string{"customresourcedefinitions"}, Verbs: reading},
		{Group: "apiregistration.k8s.io", Resources: []string{"apiservices"}, Verbs: reading},
		{Group: "apps", Resources: []string{"controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"}, Verbs: reading},
		{Group: "autoscaling", Resources: []string{"horizontalpodautoscalers"}, Verbs: reading},
		{Group: "batch", Resources: []string{"cronjobs", "jobs"}, Verbs: reading},
		{Group: "coordination.k8s.io", Resources: []string{"leases"}, Verbs: reading},
		{Group: "discovery.k8s.io", Resources: []string{"endpointslices"}, Verbs: reading},
		{Group: "events.k8s.io", Resources: []string{"events"}, Verbs: reading},
		{Group: "flowcontrol.apiserver.k8s.io", Resources: []string{"flowschemas", "prioritylevelconfigurations"}, Verbs: reading},
		{Group: "gateway.networking.k8s.io", Resources: []string{"gatewayclasses", "gateways", "httproutes"}, Verbs: reading},
		{Group: "networking.k8s.io", Resources: []string{"ingresses", "networkpolicies"}, Verbs: reading},
		{Group: "node.k8s.io", Resources: []string{"runtimeclasses"}, Verbs: reading},
		{Group: "policy", Resources: []string{"poddisruptionbudgets"}, Verbs: reading},
		{Group: "scheduling.k8s.io", Resources: []string{"priorityclasses"}, Verbs: reading},
		{Group: "storage.k8s.io", Resources: []string{"csidrivers", "csinodes", "storageclasses", "volumeattachments"}, Verbs: reading},
	}
}

// rules is what decides who may do what: rights, admission, and the certificates that were asked for.
func rules() []workload.Rule {
	return []workload.Rule{
		{Group: "admissionregistration.k8s.io", Resources: []string{
			"mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations",
		}, Verbs: reading},
		{Group: "certificates.k8s.io", Resources: []string{"certificatesigningrequests"}, Verbs: reading},
		{Group: rbacGroup, Resources: []string{"clusterrolebindings", "clusterroles", "rolebindings", "roles"}, Verbs: reading},
	}
}

// operating keeps a cluster running: nodes are emptied, what hangs is ended and comes again by itself. Whoever could change a
// workload of kube-system could run anything on a control plane, and a log may hold patients' data: neither is here.
func operating() []workload.Rule {
	return slices.Concat(declared(), rules(), []workload.Rule{
		{Resources: []string{"nodes"}, Verbs: []string{"delete", "patch"}},
		{Resources: []string{"pods"}, Verbs: deleting},
		{Resources: []string{"pods/eviction"}, Verbs: []string{"create"}},
		{Group: "batch", Resources: []string{"jobs"}, Verbs: deleting},
		{Group: "storage.k8s.io", Resources: []string{"volumeattachments"}, Verbs: deleting},
		{URLs: []string{"/metrics"}, Verbs: []string{"get"}},
	})
}

// logs are those of the platform's own pods.
func logs() []workload.Rule {
	return []workload.Rule{{Resources: []string{"pods/log"}, Verbs: []string{"get"}}}
}

// guarding takes access away and gives none: the bindings by which people and pipelines are let in may be deleted by their
// names, and come back by the program alone.
func guarding() []workload.Rule {
	return slices.Concat(declared(), rules(), []workload.Rule{
		{Group: rbacGroup, Resources: []string{"clusterrolebindings"}, Verbs: deleting, Names: []string{
			binding(Operator), binding(SecurityOfficer), binding(Auditor), binding(BreakGlass),
		}},
		{Group: rbacGroup, Resources: []string{"rolebindings"}, Verbs: deleting, Names: []string{
			binding(Operator), tenancy.DevelopersBinding, tenancy.PipelinesBinding,
		}},
	})
}

// auditing looks at everything that is declared, and changes nothing.
func auditing() []workload.Rule { return slices.Concat(declared(), rules()) }
