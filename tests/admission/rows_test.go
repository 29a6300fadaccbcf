//go:build lab

package admission

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// row is one request.
type row struct {
	guard, name, manifest string
	// args of kubectl; nil creates the manifest.
	args []string
	// tenant asks as a tenant's developer; else an administrator does.
	tenant bool
}

// capabilities are what requirements are asked for, by guard.
var capabilities = map[string]requirements.Capability{
	"image-sources": requirements.ImageProvenance, "image-tags": requirements.ImageProvenance, "image-digests": requirements.ImageProvenance,
	"node-isolation": requirements.PodSecurity, "api-tokens": requirements.RBAC, "resources": requirements.ConfigHardening,
	"role-wildcards": requirements.RBAC, "namespace-labels": requirements.PodSecurity, "ingress-tls": requirements.EncryptionInTransit,
	"listener-tls": requirements.EncryptionInTransit, "redirect-routes": requirements.EncryptionInTransit,
	"role-bindings": requirements.RBAC, "account-tokens": requirements.RBAC, "service-addresses": requirements.NetworkSegmentation,
}

// The namespace loose bears the widest level of Pod Security: what is refused there, a guard refuses.
const namespaces = `
apiVersion: v1
kind: Namespace
metadata: {name: loose, labels: {pod-security.kubernetes.io/enforce: privileged}}
---
apiVersion: v1
kind: Namespace
metadata: {name: journal-test, labels: {lagrum.dev/tenant: journal-test, pod-security.kubernetes.io/enforce: restricted, team: a}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: every-right-for-the-test}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: journal-developers}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "oidc:platform-emergency"}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:kube-system"}
`

// old was there before the rules.
const old = `
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: loose}
spec: {hostNetwork: true, containers: [{name: app, image: "docker.io/library/old"}]}
`

// living is a pod that keeps the rules, to be changed.
func living(t *testing.T, p plan.Plan) string {
	t.Helper()
	return pod(t, p, "name: lawful", "name: living")
}

// debugged is the living pod with a container that somebody put into it.
func debugged(t *testing.T, p plan.Plan, image string) row {
	t.Helper()
	var whole map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(living(t, p)), &whole))
	whole["spec"].(map[string]any)["ephemeralContainers"] = []any{map[string]any{
		"name": "debug", "image": image,
		"securityContext": map[string]any{"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []string{"ALL"}}},
	}}
	return row{name: "put into a pod", manifest: encode(t, whole),
		args: []string{"replace", "--raw", "/api/v1/namespaces/default/pods/living/ephemeralcontainers?dryRun=All", "-f", "-"}}
}

const lawfulPod = `apiVersion: v1
kind: Pod
metadata:
  name: lawful
  namespace: default
  annotations: {}
spec:
  hostNetwork: false
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  volumes: [{name: scratch, emptyDir: {}}]
  initContainers:
  - name: first
    image: IMAGE # first
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}} # first
  containers:
  - name: app
    image: IMAGE # app
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}} # app
`

func image(p plan.Plan) string { return p.Cluster.Registry + "/app@sha256:" + strings.Repeat("ab", 32) }

// pod is the lawful one with changes, in pairs.
func pod(t testing.TB, p plan.Plan, changes ...string) string {
	t.Helper()
	return edit(t, strings.ReplaceAll(lawfulPod, "IMAGE", image(p)), changes...)
}

func edit(t testing.TB, text string, changes ...string) string {
	t.Helper()
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, text, changes[i])
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	return text
}

// within is a workload whose template is the pod.
func within(t *testing.T, kind, pod string) string {
	t.Helper()
	var parts struct{ Metadata, Spec map[string]any }
	require.NoError(t, yaml.Unmarshal([]byte(pod), &parts))
	labels := map[string]any{"app": "lawful"}
	template := map[string]any{"metadata": map[string]any{"labels": labels, "annotations": parts.Metadata["annotations"]}, "spec": parts.Spec}
	spec := map[string]any{"template": template, "selector": map[string]any{"matchLabels": labels}}
	version := "apps/v1"
	switch kind {
	case "StatefulSet":
		spec["serviceName"] = "lawful"
	case "Job", "CronJob":
		version = "batch/v1"
		parts.Spec["restartPolicy"] = "Never"
		spec = map[string]any{"template": template}
		if kind == "CronJob" {
			spec = map[string]any{"schedule": "@daily", "jobTemplate": map[string]any{"spec": spec}}
		}
	case "ReplicationController":
		version, spec["selector"] = "v1", labels
	}
	return encode(t, map[string]any{
		"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "lawful", "namespace": parts.Metadata["namespace"]}, "spec": spec,
	})
}

// podOf is a pod as a controller makes it of a workload of the cluster's own.
func podOf(t *testing.T, workload string) string {
	t.Helper()
	var o struct {
		Metadata map[string]any
		Spec     struct {
			Template struct{ Metadata, Spec map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(workload), &o))
	o.Spec.Template.Metadata["name"], o.Spec.Template.Metadata["namespace"] = o.Metadata["name"], o.Metadata["namespace"]
	return encode(t, map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": o.Spec.Template.Metadata, "spec": o.Spec.Template.Spec})
}

func encode(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// beyondRestricted are pods that the restricted level refuses.
func beyondRestricted(t *testing.T, p plan.Plan) []row {
	t.Helper()
	const confined = "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"
	return []row{
		{name: "the node's network", manifest: pod(t, p, "hostNetwork: false", "hostNetwork: true")},
		{name: "a path of the node", manifest: pod(t, p, "emptyDir: {}", "hostPath: {path: /}")},
		{name: "privileged", manifest: pod(t, p, confined, "securityContext: {privileged: true}")},
		{name: "a capability", manifest: pod(t, p, "drop: [ALL]", "drop: [ALL], add: [SYS_ADMIN]")},
		{name: "no capability dropped", manifest: pod(t, p, ", capabilities: {drop: [ALL]}", "")},
		{name: "may get more", manifest: pod(t, p, "allowPrivilegeEscalation: false, ", "")},
		{name: "as root", manifest: pod(t, p, "runAsNonRoot: true, runAsUser: 65532", "runAsUser: 0")},
		{name: "all system calls", manifest: pod(t, p, "RuntimeDefault", "Unconfined")},
	}
}

// forbidden are requests that one guard refuses, and no other.
func forbidden(t *testing.T, p plan.Plan) []row {
	t.Helper()
	own := image(p)
	foreign := "docker.io/library/app@sha256:" + strings.Repeat("ab", 32)
	app, first := "image: "+own+" # app", "image: "+own+" # first"
	const none = "automountServiceAccountToken: false"
	rows := []row{
		{guard: "image-sources", name: "another registry", manifest: pod(t, p, app, "image: "+foreign)},
		{guard: "image-sources", name: "another registry, init container", manifest: pod(t, p, first, "image: "+foreign)},
		{guard: "image-sources", name: "a registry whose name begins alike", manifest: pod(t, p, app, "image: "+strings.Replace(own, "/", "0/", 1))},
		{guard: "image-sources", name: "a name without registry", manifest: pod(t, p, app, "image: app@sha256:"+strings.Repeat("ab", 32))},
		{guard: "image-sources", name: "an image as a volume", manifest: pod(t, p, "namespace: default", "namespace: loose", "emptyDir: {}", "image: {reference: "+foreign+"}")},
		{guard: "image-sources", name: "in kube-system", manifest: pod(t, p, "namespace: default", "namespace: kube-system", app, "image: "+foreign)},
		{guard: "image-sources", name: "changed in a pod", args: []string{"patch", "pod/living", "-n", "default", "-p",
			`{"spec": {"containers": [{"name": "app", "image": "` + foreign + `"}]}}`}},
		{guard: "image-tags", name: "latest", manifest: pod(t, p, "namespace: default", "namespace: kube-system", app, "image: "+p.Cluster.Registry+"/app:latest")},
		{guard: "image-tags", name: "no tag", manifest: pod(t, p, "namespace: default", "namespace: kube-system", app, "image: "+p.Cluster.Registry+"/app")},
		{guard: "image-tags", name: "no tag, init container", manifest: pod(t, p, "namespace: default", "namespace: kube-system", first, "image: "+p.Cluster.Registry+"/app")},
		{guard: "image-digests", name: "a tag", manifest: pod(t, p, app, "image: "+p.Cluster.Registry+"/app:1.2.3")},
		{guard: "image-digests", name: "a tag, init container", manifest: pod(t, p, first, "image: "+p.Cluster.Registry+"/app:1.2.3")},
		{guard: "node-isolation", name: "hostNetwork", manifest: pod(t, p, "namespace: default", "namespace: loose", "hostNetwork: false", "hostNetwork: true")},
		{guard: "node-isolation", name: "hostPID", manifest: pod(t, p, "namespace: default", "namespace: loose", "hostNetwork: false", "hostPID: true")},
		{guard: "node-isolation", name: "hostIPC", manifest: pod(t, p, "namespace: default", "namespace: loose", "hostNetwork: false", "hostIPC: true")},
		{guard: "node-isolation", name: "hostPath", manifest: pod(t, p, "namespace: default", "namespace: loose", "emptyDir: {}", "hostPath: {path: /etc}")},
		{guard: "node-isolation", name: "hostPort", manifest: pod(t, p, "namespace: default", "namespace: loose",
			"  - name: app", "  - name: app\n    ports: [{containerPort: 80, hostPort: 80}]")},
		{guard: "node-isolation", name: "hostPort, init container", manifest: pod(t, p, "namespace: default", "namespace: loose",
			"  - name: first", "  - name: first\n    restartPolicy: Always\n    ports: [{containerPort: 80, hostPort: 80}]")},
		{guard: "api-tokens", name: "nothing said", manifest: pod(t, p, none, "enableServiceLinks: false")},
		{guard: "api-tokens", name: "a token", manifest: pod(t, p, none, "automountServiceAccountToken: true")},
		{guard: "api-tokens", name: "an empty reason", manifest: pod(t, p, none, "automountServiceAccountToken: true", "annotations: {}", `annotations: {lagrum.dev/api-access: " "}`)},
		{guard: "api-tokens", name: "a projected token", manifest: pod(t, p, "emptyDir: {}", "projected: {sources: [{serviceAccountToken: {path: token}}]}",
			"hostNetwork: false", "serviceAccountName: default")},
		{guard: "resources", name: "no cpu", manifest: pod(t, p, "{requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}} # app", "{requests: {memory: 16Mi}, limits: {memory: 32Mi}}")},
		{guard: "resources", name: "no limit of memory", manifest: pod(t, p, ", limits: {memory: 32Mi}} # app", "}")},
		{guard: "resources", name: "nothing, init container", manifest: pod(t, p, "{requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}} # first", "{}")},
	}
	for guard, image := range map[string]string{"image-sources": foreign, "image-digests": p.Cluster.Registry + "/app:1"} {
		r := debugged(t, p, image)
		r.guard = guard
		rows = append(rows, r)
	}
	for _, kind := range []string{"Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"} {
		rows = append(rows,
			row{guard: "node-isolation", name: kind, manifest: within(t, kind, pod(t, p, "emptyDir: {}", "hostPath: {path: /etc}"))},
			row{guard: "api-tokens", name: kind, manifest: within(t, kind, pod(t, p, none, "automountServiceAccountToken: true"))})
	}
	rows = append(rows,
		row{guard: "image-sources", name: "Deployment", manifest: within(t, "Deployment", pod(t, p, app, "image: "+foreign))},
		row{guard: "image-digests", name: "CronJob", manifest: within(t, "CronJob", pod(t, p, app, "image: "+p.Cluster.Registry+"/app:1"))},
		row{guard: "resources", name: "Job", manifest: within(t, "Job", pod(t, p, ", limits: {memory: 32Mi}} # app", "}"))},
	)
	return append(append(rows, forbiddenToTenants(t)...), forbiddenInClear(t)...)
}

func role(kind, rule string) string {
	return fmt.Sprintf(`{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": %q, "metadata": {"name": "made", "namespace": "default"}, "rules": [%s]}`, kind, rule)
}

func namespace(labels string) string {
	return `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made", "labels": {` + labels + `}}}`
}

func relabel(labels string) []string {
	return []string{"patch", "namespace/journal-test", "--type=merge", "-p", `{"metadata": {"labels": {` + labels + `}}}`}
}

const (
	binding = `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "made", "namespace": "default"},
  "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
  "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "oidc:readers"}, {"kind": "ServiceAccount", "name": "a", "namespace": "default"}]}`
	secret  = `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "made", "namespace": "default"}, "type": "Opaque"}`
	service = `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "made", "namespace": "default"}, "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}}`
)

const readPods = `{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}`

func forbiddenToTenants(t *testing.T) []row {
	t.Helper()
	return []row{
		{guard: "role-wildcards", name: "every verb", tenant: true, manifest: role("Role", edit(t, readPods, "get", "*"))},
		{guard: "role-wildcards", name: "every resource", tenant: true, manifest: role("Role", edit(t, readPods, "pods", "*"))},
		{guard: "role-wildcards", name: "every subresource", tenant: true, manifest: role("Role", edit(t, readPods, "pods", "*/scale"))},
		{guard: "role-wildcards", name: "every group", tenant: true, manifest: role("ClusterRole", edit(t, readPods, `[""]`, `["*"]`))},
		{guard: "role-wildcards", name: "every path", tenant: true, manifest: role("ClusterRole", `{"nonResourceURLs": ["*"], "verbs": ["get"]}`)},
		{guard: "role-wildcards", name: "the second rule", tenant: true, manifest: role("Role", readPods+", "+edit(t, readPods, "get", "*"))},
		{guard: "role-bindings", name: "a person", tenant: true, manifest: edit(t, binding, `"kind": "Group", "name": "oidc:readers"`, `"kind": "User", "name": "oidc:a@example.org"`)},
		{guard: "role-bindings", name: "everybody who logs in", tenant: true, manifest: edit(t, binding, "oidc:readers", "system:authenticated")},
		{guard: "role-bindings", name: "everybody", tenant: true, manifest: edit(t, binding, "oidc:readers", "system:unauthenticated", `"RoleBinding"`, `"ClusterRoleBinding"`)},
		{guard: "role-bindings", name: "every account", tenant: true, manifest: edit(t, binding, "oidc:readers", "system:serviceaccounts")},
		{guard: "role-bindings", name: "the platform", tenant: true, manifest: edit(t, binding, "oidc:readers", "kubeadm:cluster-admins")},
		{guard: "role-bindings", name: "all rights", tenant: true, manifest: edit(t, binding, `"view"`, `"cluster-admin"`)},
		{guard: "account-tokens", name: "a token without an end", tenant: true, manifest: edit(t, secret, `"Opaque"`, `"kubernetes.io/service-account-token"`,
			`"namespace": "default"`, `"namespace": "default", "annotations": {"kubernetes.io/service-account.name": "default"}`)},
		{guard: "service-addresses", name: "an address of another", tenant: true, manifest: edit(t, service, `"type": "ClusterIP"`, `"type": "ClusterIP", "externalIPs": ["192.0.2.1"]`)},
		{guard: "service-addresses", name: "a port of every node", tenant: true, manifest: edit(t, service, `"ClusterIP"`, `"NodePort"`)},
		{guard: "service-addresses", name: "a load balancer", tenant: true, manifest: edit(t, service, `"ClusterIP"`, `"LoadBalancer"`)},
		{guard: "namespace-labels", name: "a wider level", tenant: true, args: relabel(`"pod-security.kubernetes.io/enforce": "privileged"`)},
		{guard: "namespace-labels", name: "the level taken away", tenant: true, args: relabel(`"pod-security.kubernetes.io/enforce": null`)},
		{guard: "namespace-labels", name: "an older version of the level", tenant: true, args: relabel(`"pod-security.kubernetes.io/enforce-version": "v1.25"`)},
		{guard: "namespace-labels", name: "another tenant's", tenant: true, args: relabel(`"lagrum.dev/tenant": "other"`)},
		{guard: "namespace-labels", name: "no tenant's", tenant: true, args: relabel(`"lagrum.dev/tenant": null`)},
		{guard: "namespace-labels", name: "a namespace with a level", tenant: true, manifest: namespace(`"pod-security.kubernetes.io/enforce": "privileged"`)},
	}
}

const (
	ingress = `{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "made", "namespace": "default"}, "spec": {
  "tls": [{"hosts": ["a.example.org"], "secretName": "a"}],
  "rules": [{"host": "a.example.org", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}}`
	gateway = `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "made", "namespace": "default"}, "spec": {
  "gatewayClassName": "a", "listeners": [{"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "a"}]}},
  {"name": "http-redirect", "port": 80, "protocol": "HTTP", "allowedRoutes": {"kinds": [{"kind": "HTTPRoute"}]}}]}}`
	route = `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "made", "namespace": "default"}, "spec": {
  "parentRefs": [{"name": "made", "sectionName": "https"}], "rules": [{"backendRefs": [{"name": "a", "port": 80}]}]}}`
	redirect = `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "made", "namespace": "default"}, "spec": {
  "parentRefs": [{"name": "made", "sectionName": "http-redirect"}],
  "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}]}}`
)

func forbiddenInClear(t *testing.T) []row {
	t.Helper()
	return []row{
		{guard: "ingress-tls", name: "no tls", manifest: edit(t, ingress, `"tls": [{"hosts": ["a.example.org"], "secretName": "a"}],`, "")},
		{guard: "ingress-tls", name: "no secret", manifest: edit(t, ingress, `, "secretName": "a"`, "")},
		{guard: "ingress-tls", name: "another host", manifest: edit(t, ingress, `"host": "a.`, `"host": "b.`)},
		{guard: "ingress-tls", name: "every host", manifest: edit(t, ingress, `"host": "a.example.org", `, "")},
		{guard: "ingress-tls", name: "a default backend", manifest: edit(t, ingress, `"rules"`, `"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}, "rules"`)},
		{guard: "listener-tls", name: "HTTP", manifest: edit(t, gateway, `"HTTPS", "tls": {"certificateRefs": [{"name": "a"}]}`, `"HTTP"`)},
		{guard: "listener-tls", name: "HTTPS without tls", manifest: edit(t, gateway, `, "tls": {"certificateRefs": [{"name": "a"}]}`, "")},
		{guard: "listener-tls", name: "TCP", manifest: edit(t, gateway, `"HTTPS", "tls": {"certificateRefs": [{"name": "a"}]}`, `"TCP"`)},
		{guard: "listener-tls", name: "HTTP by another name", manifest: edit(t, gateway, "http-redirect", "http")},
		{guard: "listener-tls", name: "HTTP for routes of every kind", manifest: edit(t, gateway, `, "allowedRoutes": {"kinds": [{"kind": "HTTPRoute"}]}`, "")},
		{guard: "listener-tls", name: "HTTP for gRPC", manifest: edit(t, gateway, `"kind": "HTTPRoute"`, `"kind": "GRPCRoute"`)},
		{guard: "redirect-routes", name: "no listener named", manifest: edit(t, route, `, "sectionName": "https"`, "")},
		{guard: "redirect-routes", name: "served over HTTP", manifest: edit(t, route, `"https"`, `"http-redirect"`)},
		{guard: "redirect-routes", name: "redirected to HTTP", manifest: edit(t, redirect, `"scheme": "https"`, `"scheme": "http"`)},
		{guard: "redirect-routes", name: "redirected and served", manifest: edit(t, redirect, `"rules": [`, `"rules": [{"backendRefs": [{"name": "a", "port": 80}]}, `)},
	}
}

// lawful are requests that are like the forbidden ones, and let in.
func lawful(t *testing.T, p plan.Plan) []row {
	t.Helper()
	app := "image: " + image(p) + " # app"
	static := pod(t, p, "namespace: default", "namespace: kube-system", "hostNetwork: false", "hostNetwork: true", "emptyDir: {}", "hostPath: {path: /etc/kubernetes}",
		app, "image: "+p.Cluster.Registry+"/kube-apiserver:v1.36.3", ", limits: {memory: 32Mi}} # app", "}",
		"annotations: {}", "annotations: {kubernetes.io/config.mirror: x}", "spec:", "spec:\n  nodeName: cp-1-g1")
	rows := []row{
		{guard: "image-sources", name: "the site's registry", manifest: pod(t, p)},
		{guard: "image-sources", name: "an image as a volume", manifest: pod(t, p, "namespace: default", "namespace: loose", "emptyDir: {}", "image: {reference: "+image(p)+"}")},
		{guard: "image-tags", name: "a tag", manifest: pod(t, p, "namespace: default", "namespace: kube-system", app, "image: "+p.Cluster.Registry+"/app:v1")},
		{guard: "image-digests", name: "a tag and a digest", manifest: pod(t, p, app, "image: "+strings.Replace(image(p), "@", ":1.2.3@", 1))},
		{guard: "node-isolation", name: "a static pod of kubeadm's", manifest: static},
		{guard: "node-isolation", name: "a port that is no node's", manifest: pod(t, p, "  - name: app", "  - name: app\n    ports: [{containerPort: 8080}]")},
		{guard: "node-isolation", name: "labels of a pod that is older than the rule", args: []string{"label", "pod/old", "-n", "loose", "a=b"}},
		{guard: "api-tokens", name: "a reason", manifest: pod(t, p, "automountServiceAccountToken: false", "automountServiceAccountToken: true",
			"annotations: {}", "annotations: {lagrum.dev/api-access: watches its own config map}")},
		{guard: "resources", name: "pods of a namespace of the cluster's", manifest: pod(t, p, "namespace: default", "namespace: kube-system", ", limits: {memory: 32Mi}} # app", "}")},
		{guard: "role-wildcards", name: "named rights", tenant: true, manifest: role("Role", readPods)},
		{guard: "role-wildcards", name: "no rules", tenant: true, manifest: edit(t, role("ClusterRole", ""), `"rules": []`, `"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}`)},
		{guard: "role-wildcards", name: "the platform's own", manifest: role("ClusterRole", edit(t, readPods, "get", "*"))},
		{guard: "role-wildcards", name: "a controller of Kubernetes", manifest: role("ClusterRole", edit(t, readPods, "get", "*")), args: []string{"create", "-f", "-",
			"--as=system:serviceaccount:kube-system:clusterrole-aggregation-controller", "--as-group=system:serviceaccounts:kube-system"}},
		{guard: "role-bindings", name: "a group and an account", tenant: true, manifest: binding},
		{guard: "role-bindings", name: "nobody", tenant: true, manifest: edit(t, role("RoleBinding", ""), `"rules": []`, `"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}`)},
		{guard: "role-bindings", name: "the platform's own", manifest: edit(t, binding, `"view"`, `"cluster-admin"`)},
		{guard: "role-bindings", name: "in an emergency", manifest: edit(t, binding, `"view"`, `"cluster-admin"`), args: []string{"create", "-f", "-",
			"--as=oidc:on-call@example.org", "--as-group=oidc:" + p.Access.BreakGlass[0]}},
		{guard: "account-tokens", name: "a Secret", tenant: true, manifest: secret},
		{guard: "account-tokens", name: "a Secret without a type", tenant: true, manifest: edit(t, secret, `, "type": "Opaque"`, "")},
		{guard: "service-addresses", name: "an address of the cluster", tenant: true, manifest: service},
		{guard: "service-addresses", name: "the platform's own", manifest: edit(t, service, `"ClusterIP"`, `"NodePort"`)},
		{guard: "namespace-labels", name: "a label of the tenant's", tenant: true, args: relabel(`"team": "b"`)},
		{guard: "namespace-labels", name: "a namespace without a level", tenant: true, manifest: namespace(`"team": "a"`)},
		{guard: "namespace-labels", name: "the platform's own", args: relabel(`"pod-security.kubernetes.io/enforce": "baseline"`)},
		{guard: "ingress-tls", name: "TLS", manifest: ingress},
		{guard: "listener-tls", name: "TLS and a redirect", manifest: gateway},
		{guard: "redirect-routes", name: "a route over TLS", manifest: route},
		{guard: "redirect-routes", name: "a redirect", manifest: redirect},
	}
	for _, kind := range []string{"Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"} {
		rows = append(rows, row{guard: "pods", name: kind, manifest: within(t, kind, pod(t, p))})
	}
	debug := debugged(t, p, image(p))
	debug.guard = "pods"
	return append(rows, debug)
}
