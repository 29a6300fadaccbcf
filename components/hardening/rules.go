package hardening

import (
	"fmt"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

const (
	// APIAccess is the annotation by which a pod, or a workload's template, declares why it needs a token of the API.
	APIAccess = "lagrum.dev/api-access"
	// RedirectListener is the name of the one listener of a Gateway that may speak HTTP: routes of it only redirect.
	RedirectListener = "http-redirect"
)

// Exemption is a namespace in which a rule does not hold. A namespace cannot exempt itself: this list is compiled in.
type Exemption struct{ Namespace, Reason string }

// platformUsers and platformGroups are those to whom the rules for tenants do not apply.
var platformUsers = []string{"system:kube-controller-manager"}

func platformGroups(p *plan.Plan) []string {
	groups := []string{
		"system:masters",                     // the API server's own client; no person after bootstrap
		"kubeadm:cluster-admins",             // this program
		"system:serviceaccounts:kube-system", // the controllers of Kubernetes, and ours
	}
	for _, group := range p.Access.BreakGlass {
		groups = append(groups, bootstrap.PersonPrefix+group) // every other persona is bound by the rules
	}
	return groups
}

type rule struct {
	what       string // the policy is lagrum-<what>
	capability requirements.Capability
	how        string // for docs/controls.md
	targets    []workload.Target
	when       []workload.Expression
	variables  []workload.Expression
	checks     []check
	exempt     []Exemption
}

// check holds for what is let in.
type check struct{ holds, message string }

// rulesOf are the rules for one plan.
func rulesOf(p *plan.Plan) []rule {
	rules := []rule{registries(p), tags()}
	if p.Protect {
		rules = append(rules, digests(p))
	}
	asker := fromTenant(p)
	return append(rules, node(), tokens(), resources(), wildcards(asker), bindings(asker), accountTokens(asker), labels(asker), addresses(asker),
		ingresses(), gateways(), routes())
}

// Where pods come from. Workloads are judged by their templates: else the refusal would only show in an event of theirs.
var podTargets = []workload.Target{
	{Group: "", Resources: []string{"pods", "pods/ephemeralcontainers", "pods/resize", "replicationcontrollers"}},
	{Group: "apps", Resources: []string{"deployments", "daemonsets", "statefulsets", "replicasets"}},
	{Group: "batch", Resources: []string{"jobs", "cronjobs"}},
}

// podOf is the part of an object that is or will be a pod. Its type is left open, since each kind has its own.
func podOf(object string) string {
	return fmt.Sprintf("(%[1]s.kind == 'Pod' ? dyn(%[1]s) : %[1]s.kind == 'CronJob' ? "+
		"dyn(%[1]s).spec.jobTemplate.spec.template : dyn(%[1]s).spec.template)", object)
}

// pods is a rule for pods: for new ones, and for changes of what they are. A pod that was there before the rule still gets
// its labels, its finalizers and its end.
func pods(r rule) rule {
	r.targets = podTargets
	r.when = []workload.Expression{{
		Name: "pod-is-new-or-changes",
		Text: "request.operation == 'CREATE' || " + podOf("object") + ".spec != " + podOf("oldObject") + ".spec",
	}}
	r.variables = append([]workload.Expression{
		{Name: "pod", Text: podOf("object")},
		{Name: "spec", Text: "variables.pod.spec"},
		{Name: "volumes", Text: "variables.spec.?volumes.orValue([])"},
		{Name: "containers", Text: "variables.spec.containers + variables.spec.?initContainers.orValue([])"},
		{Name: "images", Text: "(variables.containers + variables.spec.?ephemeralContainers.orValue([])).map(c, c.?image.orValue('')) + " +
			"variables.volumes.filter(v, has(v.image)).map(v, v.image.?reference.orValue(''))"},
	}, r.variables...)
	return r
}

// registries also judges the pods of kube-system: all that they run is in the catalogue.
func registries(p *plan.Plan) rule {
	from := sources(p.Cluster)
	return pods(rule{
		what: "image-sources", capability: requirements.ImageProvenance,
		how: "an image comes from the site's registry, or where it names none is one of the catalogue's",
		checks: []check{{
			"variables.images.all(i, " + workload.Literals(from) + ".exists(s, i.startsWith(s)))",
			"an image comes from the site's registry; without one, it is of the catalogue; write its whole name",
		}},
	})
}

// sources are what an image's whole name begins with.
func sources(c plan.Cluster) []string {
	if c.Registry != "" {
		return []string{c.Registry + "/"}
	}
	var from []string
	for _, image := range images.For(c).All() {
		from = append(from, image.Upstream+":", image.Upstream+"@")
	}
	return from
}

const digest = "[@]sha256:[0-9a-f]{64}$"

func tags() rule {
	return pods(rule{
		what: "image-tags", capability: requirements.ImageProvenance,
		how: "an image has a tag or a digest, and the tag is not latest",
		checks: []check{{
			"variables.images.all(i, i.matches('" + digest + "') || (i.matches(':[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$') && !i.endsWith(':latest')))",
			"an image has a tag other than latest, or a digest",
		}},
	})
}

func digests(p *plan.Plan) rule {
	exempt := []Exemption{{workload.Namespace, "kubeadm names the images of the static pods by their tags alone"}}
	catalogue := images.For(p.Cluster)
	for _, tagged := range []struct {
		namespace, name string
		image           images.Image
	}{{workload.IdentityNamespace, "Dex", catalogue.Dex}, {workload.GatewayNamespace, "Traefik", catalogue.Traefik}, {workload.RuntimeNamespace, "Falco", catalogue.Falco}} {
		if tagged.image.Digest == "" {
			exempt = append(exempt, Exemption{tagged.namespace, tagged.name + " is named by its tag, until its digest is resolved where a registry can be reached"})
		}
	}
	return pods(rule{
		what: "image-digests", capability: requirements.ImageProvenance,
		how: "in production and recovery an image is named by its digest",
		checks: []check{{
			"variables.images.all(i, i.matches('" + digest + "'))", "in production an image is named by its digest, as name@sha256:...",
		}},
		exempt: exempt,
	})
}

func node() rule {
	return pods(rule{
		what: "node-isolation", capability: requirements.PodSecurity,
		how: "no pod gets the node's network, processes, ports or paths, whatever level of Pod Security its namespace bears",
		checks: []check{
			{"!['hostNetwork', 'hostPID', 'hostIPC'].exists(f, f in variables.spec && variables.spec[f] == true)",
				"a pod does not share the node's network, processes or memory: take out hostNetwork, hostPID and hostIPC"},
			{"variables.volumes.all(v, !has(v.hostPath))", "a pod mounts no path of the node: take out hostPath"},
			{"variables.containers.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))",
				"a container takes no port of the node: take out hostPort, and use a Service"},
		},
		exempt: []Exemption{
			{workload.Namespace, "the network, the cloud's controllers and the storage driver are of the node: see docs/security.md"},
			{workload.RuntimeNamespace, "Falco reads the node's processes and asks its container runtime: see docs/security.md"},
		},
	})
}

func tokens() rule {
	declared := workload.Expression{Name: "declared",
		Text: "variables.pod.?metadata.?annotations[?" + workload.Literal(APIAccess) + "].orValue('').matches('[^ ]')"}
	return pods(rule{
		what: "api-tokens", capability: requirements.RBAC,
		how:       "a pod gets a token of the API only if it declares by an annotation what for",
		variables: []workload.Expression{declared},
		checks: []check{
			{"variables.declared || variables.spec.?automountServiceAccountToken.orValue(true) == false",
				"a pod says automountServiceAccountToken: false, or why it needs the API in the annotation " + APIAccess},
			{"variables.declared || variables.volumes.all(v, v.?projected.?sources.orValue([]).all(s, !has(s.serviceAccountToken)))",
				"a pod that projects a service account's token says why in the annotation " + APIAccess},
		},
		exempt: []Exemption{{workload.Namespace, "its pods are this program's and kubeadm's, each with an account and rights of its own"}},
	})
}

func resources() rule {
	needs := func(kind, name string) string {
		return fmt.Sprintf("%s in c.?resources.?%s.orValue({})", workload.Literal(name), kind)
	}
	return pods(rule{
		what: "resources", capability: requirements.ConfigHardening,
		how: "every container says what it needs, and the memory at which it ends",
		checks: []check{{
			"variables.containers.all(c, " + needs("requests", "cpu") + " && " + needs("requests", "memory") + " && " + needs("limits", "memory") + ")",
			"a container has requests of cpu and memory, and a limit of memory",
		}},
		exempt: []Exemption{{workload.Namespace, "kubeadm writes the static pods' requests, and no limits"}},
	})
}
