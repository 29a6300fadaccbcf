package hardening

import (
	"fmt"

	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

const rbacGroup = "rbac.authorization.k8s.io"

// fromTenant holds for whoever is not of the platform.
func fromTenant(p *plan.Plan) workload.Expression {
	return workload.Expression{Name: "asker-is-no-platform", Text: fmt.Sprintf(
		"!(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in %s)) && !(request.userInfo.username in %s)",
		workload.Literals(platformGroups(p)), workload.Literals(platformUsers))}
}

// wildcards is for roles that tenants make: those of Kubernetes and of its controllers have wildcards, and keep them.
func wildcards(asker workload.Expression) rule {
	none := func(field string) string {
		return fmt.Sprintf("!r.?%s.orValue([]).exists(x, x.contains('*'))", field)
	}
	return rule{
		what: "role-wildcards", capability: requirements.RBAC,
		how:     "a role that a tenant makes names each verb, resource and API group",
		targets: []workload.Target{{Group: rbacGroup, Resources: []string{"roles", "clusterroles"}}},
		when:    []workload.Expression{asker},
		checks: []check{{
			"!has(object.rules) || dyn(object).rules == null || dyn(object).rules.all(r, " + none("verbs") + " && " + none("resources") + " && " +
				none("apiGroups") + " && " + none("nonResourceURLs") + ")",
			"a role names each verb, resource, API group and path: take out every *",
		}},
	}
}

// bindings keeps rights with groups that somebody chose: a person leaves a group at the provider, and a binding to everybody
// is one to whoever comes.
func bindings(asker workload.Expression) rule {
	return rule{
		what: "role-bindings", capability: requirements.RBAC,
		how:       "a binding that a tenant makes is of named accounts and groups, never of a person or of everybody, and never to all rights",
		targets:   []workload.Target{{Group: rbacGroup, Resources: []string{"rolebindings", "clusterrolebindings"}}},
		when:      []workload.Expression{asker},
		variables: []workload.Expression{{Name: "subjects", Text: "dyn(object).?subjects.orValue([])"}},
		checks: []check{
			{"variables.subjects.all(s, s.kind != 'User')", "a binding names no user: put the person into a group at the identity provider"},
			{"variables.subjects.all(s, s.kind != 'Group' || !(s.name.startsWith('system:') || s.name.startsWith('kubeadm:')))",
				"a binding names no group of Kubernetes itself: it would be of everybody, or of the platform"},
			{"object.roleRef.name != 'cluster-admin'", "nobody is given all rights: name a role with those that are needed"},
		},
	}
}

// accountTokens keeps tokens from being made that never end.
func accountTokens(asker workload.Expression) rule {
	return rule{
		what: "account-tokens", capability: requirements.RBAC,
		how:     "no Secret is made that holds an account's token without an end",
		targets: []workload.Target{{Group: "", Resources: []string{"secrets"}}},
		when:    []workload.Expression{asker},
		checks: []check{{"object.?type.orValue('') != 'kubernetes.io/service-account-token'",
			"a Secret is not of type kubernetes.io/service-account-token, whose token has no end: have the pod project one"}},
	}
}

// addresses keeps a Service from taking traffic that is meant for another address (CVE-2020-8554).
func addresses(asker workload.Expression) rule {
	return rule{
		what: "service-addresses", capability: requirements.NetworkSegmentation,
		how:     "a tenant's Service takes no address of its choice: the gateway is the one way in",
		targets: []workload.Target{{Group: "", Resources: []string{"services"}}},
		when:    []workload.Expression{asker},
		checks: []check{
			{"object.spec.?externalIPs.orValue([]).size() == 0", "a Service has no externalIPs: it would take what is meant for those addresses"},
			{"object.spec.?type.orValue('ClusterIP') in ['ClusterIP', 'ExternalName']",
				"a Service has neither type NodePort nor LoadBalancer: web traffic comes in by the gateway, through an HTTPRoute"},
		},
	}
}

// labels keeps tenants from their namespace's own labels of Pod Security, and from those by which it is known as a tenant's.
func labels(asker workload.Expression) rule {
	guarded := "k.startsWith('pod-security.kubernetes.io/') || k.startsWith('lagrum.dev/')"
	return rule{
		what: "namespace-labels", capability: requirements.PodSecurity,
		how:     "a tenant changes neither the level of Pod Security of a namespace nor the labels by which the platform knows it",
		targets: []workload.Target{{Group: "", Resources: []string{"namespaces", "namespaces/finalize", "namespaces/status"}}},
		when:    []workload.Expression{asker},
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
