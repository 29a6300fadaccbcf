//go:build lab

// Package admission has a real API server, with the admission file of its nodes and the objects of a declared stack, refuse
// what must not be and let in what may.
package admission

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/locked"
	"github.com/lagrum/lagrum/tests/objects"
	"github.com/lagrum/lagrum/tests/server"
)

const (
	checkout = "../.."
	stack    = "se-prod"
	// admissionFile is what every control plane boots with: components/bootstrap compares the bytes.
	admissionFile = checkout + "/components/bootstrap/testdata/init/files/etc/kubernetes/lagrum/admission.yaml"
)

// asTenant asks as a person of a tenant's group, who has every right of RBAC here: it is admission that refuses.
var asTenant = []string{"--as=nurse-app-developer", "--as-group=journal-developers"}

// declared is the stack's plan, and the Kubernetes objects that the whole program makes of it.
func declared(t testing.TB) (plan.Plan, []objects.Object) {
	t.Helper()
	program := stacks.Stack{Now: func() time.Time { return objects.Now }, Probe: func(context.Context, cluster.API) error { return nil }, Lock: locked.Beside("../..")}
	return objects.Plan(t, stack), objects.Of(t, stack, program.Run)
}

// apply makes the objects of a component.
func apply(t testing.TB, api server.Kubernetes, all []objects.Object, part string) {
	t.Helper()
	made := 0
	for _, o := range all {
		if o.Part != part {
			continue
		}
		api.Must(t, o.Text, "apply", "--server-side", "-f", "-")
		if o.Kind != "Namespace" {
			made++
		}
	}
	require.NotZero(t, made, part)
}

// start is an API server under the nodes' admission file, with the namespaces of the tables, Gateway API, and two pods that
// were there before any rule; then come the rules.
func start(t *testing.T, p plan.Plan, all []objects.Object) server.Kubernetes {
	t.Helper()
	api := server.StartKubernetes(t, "10.96.0.0/16", "--admission-control-config-file="+absolute(t, admissionFile))
	api.Must(t, namespaces, "apply", "-f", "-")
	api.Must(t, old, "apply", "-f", "-")
	api.Must(t, living(t, p), "apply", "-f", "-")
	for _, o := range all {
		if o.Kind == "CustomResourceDefinition" && o.Part == "gateway" {
			api.Must(t, o.Text, "apply", "--server-side", "-f", "-")
		}
	}
	api.Must(t, "", "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
	apply(t, api, all, "hardening")
	return api
}

func absolute(t testing.TB, path string) string {
	t.Helper()
	found, err := filepath.Abs(path)
	require.NoError(t, err)
	return found
}

// try asks for what a row is about, and changes nothing.
func try(t *testing.T, api server.Kubernetes, r row) (string, error) {
	t.Helper()
	args := r.args
	if args == nil {
		args = []string{"create", "-f", "-"}
	}
	args = append([]string{}, args...)
	if args[1] != "--raw" {
		args = append(args, "--dry-run=server")
	}
	if r.tenant {
		args = append(args, asTenant...)
	}
	return api.Kubectl(t, r.manifest, args...)
}

// message is how the refusal of a guard ends: with the requirements that ask for it, all of them and no other.
func message(t *testing.T, p plan.Plan, guard string) string {
	t.Helper()
	capability, known := capabilities[guard]
	require.True(t, known, guard)
	ids := p.Asks[capability]
	require.NotEmpty(t, ids, capability)
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	for _, id := range ids {
		_, there := catalogue.ByID(id)
		require.True(t, there, id)
	}
	return "(asked for by " + strings.Join(ids, ", ") + ": see the catalogue)"
}

// inForce waits until each guard refuses: a policy holds a moment after it is made.
func inForce(t *testing.T, api server.Kubernetes, rows []row) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.guard] {
			continue
		}
		seen[r.guard] = true
		require.Eventually(t, func() bool {
			_, err := try(t, api, r)
			return err != nil
		}, time.Minute, 250*time.Millisecond, "%s does not refuse: %s", r.guard, r.name)
	}
}

// TestForbidden tries what the rules forbid, and what is like it and lawful.
func TestForbidden(t *testing.T) {
	p, all := declared(t)
	api := start(t, p, all)
	rows := forbidden(t, p)
	require.GreaterOrEqual(t, len(rows), 40)
	inForce(t, api, rows)
	for _, r := range rows {
		out, err := try(t, api, r)
		if !assert.Error(t, err, "%s: %s: let in: %s", r.guard, r.name, out) {
			continue
		}
		assert.Contains(t, out, "ValidatingAdmissionPolicy 'lagrum-"+r.guard+"'", "%s: %s", r.guard, r.name)
		assert.Contains(t, out, "denied request: lagrum-"+r.guard+": ", "%s: %s", r.guard, r.name)
		assert.Contains(t, out, message(t, p, r.guard), "%s: %s", r.guard, r.name)
	}
	for _, r := range lawful(t, p) {
		out, err := try(t, api, r)
		assert.NoError(t, err, "%s: %s: refused: %s", r.guard, r.name, out)
	}
	// All that the cluster runs itself is let in under the rules.
	workloads := 0
	for _, o := range all {
		if o.Part == "hardening" || o.Part == "tenancy" {
			continue
		}
		if o.Kind == "Namespace" {
			api.Must(t, o.Text, "apply", "--server-side", "-f", "-") // what lies in it is tried next
			continue
		}
		out, err := api.Kubectl(t, o.Text, "apply", "--server-side", "--dry-run=server", "-f", "-")
		assert.NoError(t, err, "%s %s: %s", o.Kind, o.Name, out)
		if o.Kind == "DaemonSet" || o.Kind == "Deployment" {
			workloads++
			// As a pod too: it is the controller's account that asks then.
			out, err := api.Kubectl(t, podOf(t, o.Text), "create", "--dry-run=server", "-f", "-")
			assert.NoError(t, err, "pod of %s: %s", o.Name, out)
		}
	}
	assert.GreaterOrEqual(t, workloads, 7)
	t.Logf("%d forbidden manifests refused, %d lawful ones and %d workloads of the cluster let in", len(rows), len(lawful(t, p)), workloads)
}

// TestEachGuardRefuses takes each guard away in turn: what it forbade is then let in, so nothing else refused it.
func TestEachGuardRefuses(t *testing.T) {
	p, all := declared(t)
	api := start(t, p, all)
	rows := forbidden(t, p)
	inForce(t, api, rows)
	guards := map[string]objects.Object{}
	for _, o := range all {
		if o.Part == "hardening" && o.Kind == "ValidatingAdmissionPolicyBinding" {
			guards[strings.TrimPrefix(o.Name, "lagrum-")] = o
		}
	}
	require.Len(t, guards, len(capabilities))
	for guard, binding := range guards {
		api.Must(t, "", "delete", "validatingadmissionpolicybinding", binding.Name)
		tried := 0
		for _, r := range rows {
			if r.guard != guard {
				continue
			}
			tried++
			var out string
			assert.Eventually(t, func() bool {
				var err error
				out, err = try(t, api, r)
				return err == nil
			}, time.Minute, 250*time.Millisecond, "%s: %s: something else refuses it", guard, r.name)
			if t.Failed() {
				t.Log(out)
			}
		}
		assert.NotZero(t, tried, "no row tries %s", guard)
		api.Must(t, binding.Text, "apply", "--server-side", "-f", "-")
	}
	// Back in force, each refuses again.
	inForce(t, api, rows)
}

// TestPodSecurityIsTheDefault tries pods in a namespace that says nothing, under the nodes' file, and under one that enforces
// nothing: it is the file that refuses. Kubernetes' own message names the level, and no requirement.
func TestPodSecurityIsTheDefault(t *testing.T) {
	p, _ := declared(t)
	content, err := os.ReadFile(admissionFile)
	require.NoError(t, err)
	open := strings.Replace(string(content), "enforce: restricted", "enforce: privileged", 1)
	require.NotEqual(t, string(content), open)
	without := filepath.Join(t.TempDir(), "admission.yaml")
	require.NoError(t, os.WriteFile(without, []byte(open), 0o600))
	for name, file := range map[string]string{"with": absolute(t, admissionFile), "without": without} {
		t.Run(name, func(t *testing.T) {
			api := server.StartKubernetes(t, "10.96.0.0/16", "--admission-control-config-file="+file)
			for _, r := range beyondRestricted(t, p) {
				out, err := try(t, api, r)
				if name == "without" {
					assert.NoError(t, err, "%s: %s", r.name, out)
					continue
				}
				assert.Error(t, err, r.name)
				assert.Contains(t, out, `violates PodSecurity "restricted:latest"`, r.name)
			}
			out, err := try(t, api, row{manifest: pod(t, p)})
			assert.NoError(t, err, out)
			out, err = try(t, api, row{manifest: pod(t, p, "namespace: default", "namespace: kube-system", "hostNetwork: false", "hostNetwork: true")})
			assert.NoError(t, err, "kube-system is exempt: %s", out)
			if name == "with" {
				out, err = try(t, api, row{manifest: within(t, "Deployment", pod(t, p, "hostNetwork: false", "hostNetwork: true"))})
				assert.NoError(t, err, out)
				assert.Contains(t, out, `Warning: would violate PodSecurity "restricted:latest"`, "whoever makes the workload is told at once")
			}
		})
	}
}

// TestTenantNamespace makes a tenant's objects where the cluster's default is none: the namespace's own label refuses.
func TestTenantNamespace(t *testing.T) {
	p, all := declared(t)
	api := server.StartKubernetes(t, "10.96.0.0/16")
	apply(t, api, all, "tenancy")
	require.Len(t, p.Tenants, 1)
	name := p.Tenants[0].Name
	for _, r := range beyondRestricted(t, p) {
		r.manifest = strings.Replace(r.manifest, "namespace: default", "namespace: "+name, 1)
		out, err := try(t, api, r)
		assert.Error(t, err, r.name)
		assert.Contains(t, out, `violates PodSecurity "restricted:latest"`, r.name)
	}
	out, err := try(t, api, row{manifest: pod(t, p, "hostNetwork: false", "hostNetwork: true")})
	assert.NoError(t, err, "the default namespace has no level here: %s", out)
	// What the role gives is for tests/access to ask. There is no controller here that counts what a quota has left.
	subjects := api.Must(t, "", "-n", name, "get", "rolebinding", "developers", "-o", "jsonpath={.subjects[*].kind} {.roleRef.name}")
	assert.Equal(t, "Group developer", subjects)
}
