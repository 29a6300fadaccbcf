//go:build lab

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/tests/locked"
	"github.com/lagrum/lagrum/tests/objects"
	"github.com/lagrum/lagrum/tests/server"
)

// TestObjectsAreAccepted has a real API server take every object of a declared stack on each cloud, and refuse what the
// stack's policies forbid. No controller runs and no pod: what the objects do is shown elsewhere, or not at all.
func TestObjectsAreAccepted(t *testing.T) {
	for stack, cloud := range map[string]cloud{
		"se-prod": {driver: "cinder.csi.openstack.org", inTree: "kubernetes.io/cinder", source: `"cinder": {"volumeID": "v"}`,
			foreign: map[string]string{"type": "plain"}, restricted: []string{"cloud-controller-manager", "cinder-csi-controller"},
			node: "cinder-csi-node"},
		"dk-prod": {driver: "ebs.csi.aws.com", inTree: "kubernetes.io/aws-ebs", source: `"awsElasticBlockStore": {"volumeID": "v"}`,
			foreign: map[string]string{"encrypted": "false"}, restricted: nil, node: "ebs-csi-node"},
	} {
		t.Run(stack, func(t *testing.T) {
			all := objectsOf(t, stack)
			api := api{server.StartKubernetes(t, serviceRange(t, all))}
			for i, object := range all {
				api.Must(t, object.Text, "apply", "--server-side", "-f", "-")
				if object.Kind == "CustomResourceDefinition" && all[i+1].Kind != object.Kind {
					api.Must(t, "", "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
				}
			}
			api.refusals(t, cloud)
			api.rights(t, cloud)
			api.podSecurity(t, cloud, all)
		})
	}
}

// cloud is what differs.
type cloud struct {
	driver, inTree, source string
	// foreign are parameters of a class whose volumes are not encrypted.
	foreign map[string]string
	// restricted are the workloads that the strictest of Kubernetes' pod security standards lets run.
	restricted []string
	node       string
}

// objectsOf are the Kubernetes objects of a declared stack.
func objectsOf(t *testing.T, stack string) []objects.Object {
	t.Helper()
	program := stacks.Stack{Now: func() time.Time { return objects.Now }, Probe: func(context.Context, cluster.API) error { return nil }, Lock: locked.Beside("../..")}
	all := objects.Of(t, stack, program.Run)
	require.Greater(t, len(all), 40)
	return all
}

// serviceRange is a range of addresses that holds that of cluster DNS.
func serviceRange(t *testing.T, all []objects.Object) string {
	t.Helper()
	for _, o := range all {
		if o.Kind != "Service" {
			continue
		}
		var service struct{ Spec struct{ ClusterIP string } }
		require.NoError(t, json.Unmarshal([]byte(o.Text), &service))
		if service.Spec.ClusterIP == "" {
			continue // the API server chooses
		}
		return service.Spec.ClusterIP[:strings.LastIndex(service.Spec.ClusterIP, ".")] + ".0/24"
	}
	t.Fatal("no service")
	return ""
}

// api is the API server that is asked.
type api struct{ server.Kubernetes }

func class(name, provisioner string, parameters map[string]string) string {
	text, _ := json.Marshal(map[string]any{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": map[string]any{"name": name},
		"provisioner": provisioner, "parameters": parameters,
	})
	return string(text)
}

func volume(name, class, source string) string {
	return fmt.Sprintf(`{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": %q}, "spec": {
  "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": %q, %s}}`, name, class, source)
}

// refusals tries what the policies forbid, and that they forbid nothing else.
func (a api) refusals(t *testing.T, c cloud) {
	t.Helper()
	create := func(object string) (string, error) {
		return a.Kubectl(t, object, "create", "--dry-run=server", "-f", "-")
	}
	plain := class("plain", c.driver, nil)
	require.Eventually(t, func() bool {
		_, err := create(plain)
		return err != nil
	}, time.Minute, time.Second, "a policy takes effect a moment after it is made")

	out, err := a.Kubectl(t, "", "get", "storageclass", "encrypted", "-o", "jsonpath={.parameters}")
	require.NoError(t, err)
	ours := map[string]string{}
	require.NoError(t, json.Unmarshal([]byte(out), &ours), out)
	foreign := map[string]string{}
	for key, value := range ours {
		foreign[key] = value
	}
	for key, value := range c.foreign {
		foreign[key] = value
	}
	csi := fmt.Sprintf(`"csi": {"driver": %q, "volumeHandle": "v"}`, c.driver)
	classes, volumes := "makes encrypted volumes, by the parameters that the class encrypted has", "is of the class encrypted or encrypted-retain"
	old := "is what this storage was once called"
	for name, row := range map[string]struct{ object, want string }{
		"class without parameters":       {plain, classes},
		"class that is not encrypted":    {class("plain", c.driver, foreign), classes},
		"class by the old name":          {class("plain", c.inTree, ours), old},
		"volume of no class":             {volume("v", "", csi), volumes},
		"volume of another class":        {volume("v", "plain", csi), volumes},
		"volume by the old name":         {volume("v", "encrypted", c.source), old},
		"class like ours":                {class("mine", c.driver, ours), ""},
		"class of another storage":       {class("nfs", "nfs.example.org", nil), ""},
		"volume of our class":            {volume("v", "encrypted-retain", csi), ""},
		"volume of another storage":      {volume("v", "nfs", `"nfs": {"server": "s", "path": "/"}`), ""},
		"volume of another driver's CSI": {volume("v", "other", `"csi": {"driver": "nfs.example.org", "volumeHandle": "v"}`), ""},
	} {
		out, err := create(row.object)
		if row.want == "" {
			assert.NoError(t, err, "%s: %s", name, out)
			continue
		}
		assert.Error(t, err, "%s: %s", name, out)
		assert.Contains(t, out, row.want, name)
		assert.Contains(t, out, "ValidatingAdmissionPolicy", name)
	}
	// It is the policy that refuses: without it the same class is taken.
	a.Must(t, "", "delete", "validatingadmissionpolicybinding", "lagrum-encrypted-classes")
	require.Eventually(t, func() bool {
		_, err := create(plain)
		return err == nil
	}, time.Minute, time.Second, "the class is refused by something else")
}

// rights asks the API server itself what the components' accounts may do.
func (a api) rights(t *testing.T, c cloud) {
	t.Helper()
	controller := strings.TrimSuffix(c.node, "-node") + "-controller"
	lease := strings.ReplaceAll(c.driver, ".", "-")
	for _, row := range []struct {
		account, may, ask string
	}{
		{"cloud-controller-manager", "yes", "delete nodes"},
		{"cloud-controller-manager", "yes", "patch nodes/status"},
		{"cloud-controller-manager", "yes", "update leases.coordination.k8s.io/cloud-controller-manager -n kube-system"},
		{"cloud-controller-manager", "no", "update leases.coordination.k8s.io/kube-controller-manager -n kube-system"},
		{"cloud-controller-manager", "no", "get secrets -n kube-system"},
		{"cloud-controller-manager", "no", "update services"},
		{"cloud-controller-manager", "no", "create serviceaccounts/token -n kube-system"},
		{controller, "yes", "create persistentvolumes"},
		{controller, "yes", "patch volumeattachments.storage.k8s.io/status"},
		{controller, "yes", "update leases.coordination.k8s.io/external-attacher-leader-" + lease + " -n kube-system"},
		{controller, "no", "update leases.coordination.k8s.io/cloud-controller-manager -n kube-system"},
		{controller, "no", "get secrets -n kube-system"},
		{controller, "no", "list pods"},
		{controller, "no", "create storageclasses.storage.k8s.io"},
		{controller, "no", "delete validatingadmissionpolicies.admissionregistration.k8s.io"},
		{c.node, "no", "get secrets -n kube-system"},
		{c.node, "no", "patch nodes"},
		{c.node, "no", "list persistentvolumes"},
	} {
		args := []string{"auth", "can-i", "--as=system:serviceaccount:kube-system:" + row.account}
		for _, word := range strings.Fields(row.ask) {
			if resource, sub, found := strings.Cut(word, "/"); found && (sub == "status" || sub == "token") {
				args = append(args, resource, "--subresource="+sub)
				continue
			}
			args = append(args, word)
		}
		out, _ := a.Kubectl(t, "", args...) // no is an exit code of its own
		lines := strings.Split(out, "\n")
		assert.Equal(t, row.may, lines[len(lines)-1], "%s: %s", row.account, row.ask)
	}
}

// podSecurity has Kubernetes' own pod security standards judge the workloads.
func (a api) podSecurity(t *testing.T, c cloud, all []objects.Object) {
	t.Helper()
	a.Must(t, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}`,
		"create", "-f", "-")
	// Kubernetes alone judges here; that our own rules let the workloads in, in the namespace where they are, tests/admission shows.
	a.Must(t, "", "delete", "validatingadmissionpolicybinding", "-l", "app.kubernetes.io/part-of=hardening")
	pods := podsOf(t, all)
	for name, spec := range pods {
		pod, err := json.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": "strict"},
			"spec": spec,
		})
		require.NoError(t, err)
		var out string
		require.Eventually(t, func() bool {
			out, err = a.Kubectl(t, string(pod), "create", "--dry-run=server", "-f", "-")
			return !strings.Contains(out, "ValidatingAdmissionPolicy")
		}, time.Minute, time.Second, "a rule still holds after its binding went")
		if strings.Contains(strings.Join(c.restricted, " "), name) {
			assert.NoError(t, err, out)
			continue
		}
		// What the others need beyond the standard is what docs/security.md says, and no more.
		require.Error(t, err, name)
		assert.Contains(t, out, "violates PodSecurity", name)
		if name == c.node {
			assert.Contains(t, out, "privileged", name)
			continue
		}
		assert.Regexp(t, `violates PodSecurity "restricted:latest": host namespaces \(hostNetwork=true\), `+
			`probe or lifecycle host \(container "[a-z-]+" uses probe or lifecycle host "127.0.0.1"\)$`, out, name)
	}
	assert.Len(t, pods, 3)
}
