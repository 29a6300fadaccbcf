package hardening

import (
	"fmt"

	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
)

// fromTenant holds for whoever is not of the platform.
var fromTenant = workload.Expression{Name: "asker-is-no-platform", Text: fmt.Sprintf(
	"!(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in %s)) && !(request.userInfo.username in %s)",
	workload.Literals(platform.groups), workload.Literals(platform.users))}

// wildcards is for roles that tenants make: those of Kubernetes and of its controllers have wildcards, and keep them.
func wildcards() rule {
	none := func(field string) string {
		return fmt.Sprintf("!r.?%s.orValue([]).exists(x, x.contains('*'))", field)
	}
	return rule{
		what: "role-wildcards", capability: requirements.RBAC,
		how:     "a role that a tenant makes names each verb, resource and API group",
		targets: []workload.Target{{Group: "rbac.authorization.k8s.io", Resources: []string{"roles", "clusterroles"}}},
		when:    []workload.Expression{fromTenant},
		checks: []check{{
			"!has(object.rules) || dyn(object).rules == null || dyn(object).rules.all(r, " + none("verbs") + " && " + none("resources") + " && " +
				none("apiGroups") + " && " + none("nonResourceURLs") + ")",
			"a role names each verb, resource, API group and path: take out every *",
		}},
	}
}

// labels keeps tenants from their namespace's own labels of Pod Security, and from those by which it is known as a tenant's.
func labels() rule {
	guarded := "k.startsWith('pod-security.kubernetes.io/') || k.startsWith('lagrum.dev/')"
	return rule{
		what: "namespace-labels", capability: requirements.PodSecurity,
		how:     "a tenant changes neither the level of Pod Security of a namespace nor the labels by which the platform knows it",
		targets: []workload.Target{{Group: "", Resources: []string{"namespaces", "namespaces/finalize", "namespaces/status"}}},
		when:    []workload.Expression{fromTenant},
		variables: []workload.Expression{
			{Name: "now", Text: "object.metadata.?labels.orValue({})"},
			{Name: "before", Text: "oldObject == null ? {} : oldObject.metadata.?labels.orValue({})"},
		},
		checks: []check{{
			"variables.now.all(k, !(" + guarded + ") || (k in variables.before && variables.before[k] == variables.now[k])) && " +
				"variables.before.all(k, !(" + guarded + ") || k in variables.now)",
			"the labels pod-security.kubernetes.io/* and lagrum.dev/* of a namespace are the platform's to set, change and take away",
		}},
	}
}

func ingresses() rule {
	return rule{
		what: "ingress-tls", capability: requirements.EncryptionInTransit,
		how:     "an Ingress encrypts every host that it serves",
		targets: []workload.Target{{Group: "networking.k8s.io", Resources: []string{"ingresses"}}},
		variables: []workload.Expression{
			{Name: "tls", Text: "object.spec.?tls.orValue([])"},
			{Name: "hosts", Text: "variables.tls.filter(t, t.?secretName.orValue('') != '' && has(t.hosts)).map(t, t.hosts)"},
		},
		checks: []check{
			{"variables.hosts.size() > 0", "an Ingress has tls, with hosts and secretName"},
			{"object.spec.?rules.orValue([]).all(r, variables.hosts.exists(hs, r.?host.orValue('') in hs))",
				"each rule of an Ingress has a host, and tls lists it"},
			{"!has(object.spec.defaultBackend)", "an Ingress has no default backend, which would serve hosts without a certificate"},
		},
	}
}

const gatewayGroup = "gateway.networking.k8s.io"

// gateways lets one listener speak HTTP, by its name, and routes has whatever attaches to that redirect. An API that knows no
// Gateway takes the rule and never asks it.
func gateways() rule {
	return rule{
		what: "listener-tls", capability: requirements.EncryptionInTransit,
		how:     "a Gateway listens with TLS; over HTTP only at the listener whose routes redirect",
		targets: []workload.Target{{Group: gatewayGroup, Resources: []string{"gateways"}}},
		checks: []check{{
			"dyn(object).spec.listeners.all(l, (l.protocol in ['HTTPS', 'TLS'] && has(l.tls)) || (l.protocol == 'HTTP' && l.name == " +
				workload.Literal(RedirectListener) + " && l.?allowedRoutes.?kinds.orValue([]).size() == 1 && l.allowedRoutes.kinds[0].kind == 'HTTPRoute'))",
			"a listener has protocol HTTPS or TLS, with tls; only the listener " + RedirectListener +
				" may have protocol HTTP, and then allows the one kind HTTPRoute",
		}},
	}
}

func routes() rule {
	name := workload.Literal(RedirectListener)
	return rule{
		what: "redirect-routes", capability: requirements.EncryptionInTransit,
		how:     "a route names its listener, and at the one that speaks HTTP it redirects and serves nothing",
		targets: []workload.Target{{Group: gatewayGroup, Resources: []string{"httproutes"}}},
		checks: []check{
			{"dyn(object).spec.?parentRefs.orValue([]).all(p, p.?sectionName.orValue('') != '' || p.?kind.orValue('Gateway') != 'Gateway')",
				"a route names the listener of its Gateway in sectionName: without, it would be served over HTTP too"},
			{"!dyn(object).spec.?parentRefs.orValue([]).exists(p, p.?sectionName.orValue('') == " + name + ") || (has(object.spec.rules) && " +
				"dyn(object).spec.rules.all(r, r.?backendRefs.orValue([]).size() == 0 && " +
				"r.?filters.orValue([]).exists(f, f.type == 'RequestRedirect' && f.?requestRedirect.?scheme.orValue('') == 'https')))",
				"at the listener " + RedirectListener + " every rule redirects to https, and has no backend"},
		},
	}
}
