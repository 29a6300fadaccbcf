package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/components/tenancy"
	"github.com/lagrum/lagrum/components/workload"
)

// Place is where something is done.
type Place string

// The places of acts.
const (
	Everywhere Place = "the cluster"           // all namespaces, and what lies in none
	Platform   Place = "kube-system"           // the platform's own namespace
	Own        Place = "the tenant's own"      // the namespace that a developer or pipeline belongs to
	Another    Place = "another tenant's, too" // a namespace of somebody else
)

// Act is something that a person could try, and who may. Whoever is not listed is refused. Somebody who breaks the glass may
// do all of them, and is in no list.
type Act struct {
	What   string
	Where  Place
	Rights []workload.Rule
	May    []Persona
}

// Personas are the columns of the table: everybody but who breaks the glass.
var Personas = []Persona{Operator, SecurityOfficer, Auditor, Developer, Pipeline}

// right is a shorthand: verbs and resources are lists with spaces between.
func right(verbs, group, resources string, names ...string) workload.Rule {
	return workload.Rule{Group: group, Resources: strings.Fields(resources), Verbs: strings.Fields(verbs), Names: names}
}

func paths(urls ...string) []workload.Rule {
	return []workload.Rule{{URLs: urls, Verbs: []string{"get"}}}
}

// Acts are the table of rights. It is written beside the roles and not made from them, so that each is held against the other.
func Acts() []Act {
	const (
		read  = "get list watch"
		write = "create update patch delete"
	)
	seers, makers := []Persona{Operator, SecurityOfficer, Auditor}, []Persona{Developer, Pipeline}
	all := append(seers[:len(seers):len(seers)], makers...)
	return []Act{
		{"see what is declared, all over", Everywhere, []workload.Rule{
			right(read, "", "configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims persistentvolumes pods"),
			right(read, "", "podtemplates replicationcontrollers resourcequotas serviceaccounts services"),
			right(read, "apiextensions.k8s.io", "customresourcedefinitions"), right(read, "apiregistration.k8s.io", "apiservices"),
			right(read, "apps", "controllerrevisions daemonsets deployments replicasets statefulsets"),
			right(read, "autoscaling", "horizontalpodautoscalers"), right(read, "batch", "cronjobs jobs"),
			right(read, "coordination.k8s.io", "leases"), right(read, "discovery.k8s.io", "endpointslices"), right(read, "events.k8s.io", "events"),
			right(read, "flowcontrol.apiserver.k8s.io", "flowschemas prioritylevelconfigurations"),
			right(read, "gateway.networking.k8s.io", "gatewayclasses gateways httproutes"),
			right(read, "networking.k8s.io", "ingresses networkpolicies"), right(read, "node.k8s.io", "runtimeclasses"),
			right(read, "policy", "poddisruptionbudgets"), right(read, "scheduling.k8s.io", "priorityclasses"),
			right(read, "storage.k8s.io", "csidrivers csinodes storageclasses volumeattachments"),
		}, seers},
		{"see the rules: rights, admission, certificates asked for", Everywhere, []workload.Rule{
			right(read, "admissionregistration.k8s.io", "mutatingwebhookconfigurations validatingadmissionpolicies"),
			right(read, "admissionregistration.k8s.io", "validatingadmissionpolicybindings validatingwebhookconfigurations"),
			right(read, "certificates.k8s.io", "certificatesigningrequests"),
			right(read, rbacGroup, "clusterrolebindings clusterroles rolebindings roles"),
		}, seers},
		{"drain a node, and take one away", Everywhere, []workload.Rule{
			right("patch delete", "", "nodes"), right("create", "", "pods/eviction"), right("delete", "", "pods"),
		}, []Persona{Operator}},
		{"end a job that hangs, free a volume", Everywhere, []workload.Rule{
			right("delete", "batch", "jobs"), right("delete", "storage.k8s.io", "volumeattachments"),
		}, []Persona{Operator}},
		{"see the API server's metrics", Everywhere, paths("/metrics"), []Persona{Operator}},
		{"read the logs of the platform", Platform, []workload.Rule{right("get", "", "pods/log")}, []Persona{Operator}},
		{"take away the access of people who work for the platform", Everywhere, []workload.Rule{
			right("delete", rbacGroup, "clusterrolebindings", binding(Operator), binding(SecurityOfficer), binding(Auditor), binding(BreakGlass)),
			right("delete", rbacGroup, "rolebindings", binding(Operator)),
		}, []Persona{SecurityOfficer}},
		{"take away the access of a tenant's people and pipelines", Own, []workload.Rule{
			right("delete", rbacGroup, "rolebindings", tenancy.DevelopersBinding, tenancy.PipelinesBinding),
		}, []Persona{SecurityOfficer}},

		{"see a tenant's workloads", Own, []workload.Rule{
			right(read, "", "configmaps endpoints events limitranges persistentvolumeclaims pods resourcequotas serviceaccounts services"),
			right(read, "apps", "controllerrevisions deployments replicasets statefulsets"), right(read, "autoscaling", "horizontalpodautoscalers"),
			right(read, "batch", "cronjobs jobs"), right(read, "discovery.k8s.io", "endpointslices"),
			right(read, "gateway.networking.k8s.io", "httproutes"), right(read, "networking.k8s.io", "networkpolicies"),
			right(read, "policy", "poddisruptionbudgets"),
		}, all},
		{"see the parts of a tenant's workloads", Own, []workload.Rule{
			right(read, "", "pods/status"), right(read, "apps", "deployments/scale statefulsets/scale"),
		}, makers},
		{"run and change a tenant's workloads", Own, []workload.Rule{
			right(write, "", "configmaps persistentvolumeclaims services"),
			right(write, "apps", "deployments deployments/scale statefulsets statefulsets/scale"),
			right(write, "autoscaling", "horizontalpodautoscalers"), right("create update patch", "batch", "cronjobs jobs"),
			right("delete", "batch", "cronjobs"), right(write, "gateway.networking.k8s.io", "httproutes"), right(write, "policy", "poddisruptionbudgets"),
		}, makers},
		{"write a tenant's Secrets", Own, []workload.Rule{right("create update delete", "", "secrets")}, makers},
		{"run a pod by hand, read what a tenant's pods write", Own, []workload.Rule{
			right("create update patch", "", "pods"), right("get", "", "pods/log"),
		}, []Persona{Developer}},
		{"end a tenant's pod", Own, []workload.Rule{right("delete", "", "pods")}, []Persona{Operator, Developer}},
		{"end a tenant's job", Own, []workload.Rule{right("delete", "batch", "jobs")}, []Persona{Operator, Developer, Pipeline}},

		{"read Secrets, also by a patch that changes nothing", Own, []workload.Rule{right("get list watch patch deletecollection", "", "secrets")}, nil},
		{"read the platform's Secrets", Platform, []workload.Rule{right("get list watch create update patch delete", "", "secrets")}, nil},
		{"read what Dex keeps of people", Everywhere, []workload.Rule{
			right(read, "dex.coreos.com", "authcodes authrequests connectors devicerequests devicetokens oauth2clients offlinesessionses passwords refreshtokens signingkeies"),
		}, nil},
		{"get into a running container", Own, []workload.Rule{
			right("create get", "", "pods/exec pods/attach pods/portforward pods/proxy services/proxy"), right("update patch", "", "pods/ephemeralcontainers"),
		}, nil},
		{"get into a node, or past the API server to its kubelet", Everywhere, []workload.Rule{
			right("get create", "", "nodes/proxy nodes/log nodes/configz nodes/checkpoint"),
		}, nil},
		{"be somebody else", Everywhere, []workload.Rule{
			right("impersonate", "", "users groups serviceaccounts"), right("impersonate", "authentication.k8s.io", "userextras/scopes uids"),
			right("create", "", "serviceaccounts/token"),
		}, nil},
		{"sign certificates", Everywhere, []workload.Rule{
			right("create update patch", "certificates.k8s.io", "certificatesigningrequests certificatesigningrequests/approval certificatesigningrequests/status"),
			right("approve sign", "certificates.k8s.io", "signers"),
		}, nil},
		{"give rights", Everywhere, []workload.Rule{
			right("create update patch bind escalate", rbacGroup, "clusterroles roles"),
			right("create update patch deletecollection", rbacGroup, "clusterrolebindings rolebindings"),
			right("delete", rbacGroup, "clusterroles roles"), right("delete", rbacGroup, "clusterrolebindings", everything, "system:node"),
		}, nil},
		{"give rights in a tenant's namespace", Own, []workload.Rule{
			right("create update patch bind escalate", rbacGroup, "roles rolebindings"), right("create", "", "serviceaccounts"),
		}, nil},
		{"change what is refused", Everywhere, []workload.Rule{
			right(write, "admissionregistration.k8s.io", "validatingadmissionpolicies validatingadmissionpolicybindings mutatingwebhookconfigurations validatingwebhookconfigurations"),
			right(write, "apiextensions.k8s.io", "customresourcedefinitions"), right(write, "apiregistration.k8s.io", "apiservices"),
		}, nil},
		{"change a namespace, its network or its limits", Own, []workload.Rule{
			right(write, "networking.k8s.io", "networkpolicies"), right(write, "", "resourcequotas limitranges"), right("update patch delete", "", "namespaces"),
		}, nil},
		{"make a namespace", Everywhere, []workload.Rule{right("create", "", "namespaces")}, nil},
		{"change what the platform runs", Platform, []workload.Rule{
			right("create update patch delete", "apps", "daemonsets deployments statefulsets"), right("create update patch", "", "configmaps pods"),
			right("create update patch", "batch", "jobs cronjobs"),
		}, nil},
		{"run on every node", Own, []workload.Rule{right(write, "apps", "daemonsets")}, nil},
		{"lose data, or make a volume by hand", Everywhere, []workload.Rule{
			right("delete", "", "persistentvolumes persistentvolumeclaims"), right("create update patch", "", "persistentvolumes"),
		}, nil},
		{"work in another tenant's namespace", Another, []workload.Rule{
			right(write, "apps", "deployments"), right("create update get patch", "", "secrets"), right("get", "", "pods/log"), right("create", "", "pods"),
		}, nil},
		{"profile the API server, read its node's logs", Everywhere, paths("/debug/pprof/heap", "/logs/"), nil},
	}
}

// ActsTable is the table for people, in Markdown.
func ActsTable() string {
	var out strings.Builder
	out.WriteString("| what | where |")
	for _, p := range Personas {
		fmt.Fprintf(&out, " %s |", p)
	}
	out.WriteString("\n|---|---|" + strings.Repeat(":-:|", len(Personas)) + "\n")
	for _, act := range Acts() {
		fmt.Fprintf(&out, "| %s | %s |", act.What, act.Where)
		for _, p := range Personas {
			if slices.Contains(act.May, p) {
				out.WriteString(" yes |")
				continue
			}
			out.WriteString(" no |")
		}
		out.WriteString("\n")
	}
	return out.String()
}
