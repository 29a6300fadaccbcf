//go:build lab

package provider

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// workload is a Deployment, StatefulSet, DaemonSet or Job whose pods play what the pretended node plays.
func workload(kind, namespace, name, plays string) map[string]any {
	template := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": name}, "annotations": map[string]any{"test/plays": plays}},
		"spec": map[string]any{"containers": []any{map[string]any{
			"name": "main", "image": "registry.lab.lagrum/lab-probe:1",
			"resources": map[string]any{"requests": map[string]any{"cpu": "1000m", "memory": "1024Ki"}},
			"env":       []any{map[string]any{"name": "MODE", "value": "test"}},
			"ports":     []any{map[string]any{"containerPort": 80}},
		}}},
	}
	apiVersion, spec := "apps/v1", map[string]any{
		"template": template, "selector": map[string]any{"matchLabels": map[string]any{"app": name}},
	}
	switch kind {
	case "Job":
		apiVersion = "batch/v1"
		spec = map[string]any{"template": template, "backoffLimit": 0}
		template["spec"].(map[string]any)["restartPolicy"] = "Never"
		delete(template["metadata"].(map[string]any), "labels")
	case "StatefulSet":
		spec["serviceName"] = name
	}
	return map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"namespace": namespace, "name": name}, "spec": spec,
	}
}

func TestWorkloadsAreWaitedFor(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m, err := e.create(t, "kubernetes:apps/v1:"+kind, "web", workload(kind, ns, strings.ToLower(kind), "running"), 60)
			require.NoError(t, err)
			_, drift := m.read(t)
			assert.Empty(t, kinds(drift), "quantities and defaults are no drift")
			require.NoError(t, m.delete(t, 60), "foreground deletion takes its pods along")
		})
	}
}

func TestUnreadyDeploymentIsKeptAndWaitedForAgain(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	m, err := e.create(t, "kubernetes:apps/v1:Deployment", "web", workload("Deployment", ns, "web", "waiting"), 3)
	require.Error(t, err)
	assert.Regexp(t, regexp.MustCompile(`^Deployment `+ns+`/web is not ready after 3s: 0 of 1 replicas available
  pod web-[0-9a-z-]+: container main waits: ImagePullBackOff: Back-off pulling image$`), reasonOf(t, err))
	assert.Equal(t, resource.ID(ns+"/web"), m.id, "it is in the state")
	uid, ok := text(m.outputs, "metadata", "uid")
	assert.True(t, ok)
	assert.Contains(t, e.logged(), "waiting: 0 of 1 replicas available")

	_, err = e.Read(t.Context(), plugin.ReadRequest{URN: m.urn, ID: m.id, Inputs: m.inputs, State: m.outputs})
	assert.Contains(t, reasonOf(t, err), "Deployment "+ns+"/web is not ready: 0 of 1 replicas available")

	// The next update waits again, for the same object; now its pods run.
	require.NoError(t, m.update(t, workload("Deployment", ns, "web", "running"), false))
	after, _ := text(m.outputs, "metadata", "uid")
	assert.Equal(t, uid, after)
	require.NoError(t, m.delete(t, 60))
}

func TestUnschedulablePodIsExplained(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	greedy := workload("Deployment", ns, "web", "running")
	require.NoError(t, unstructured.SetNestedStringMap(greedy, map[string]string{"disk": "none-has-this"}, "spec", "template", "spec", "nodeSelector"))
	greedy["metadata"].(map[string]any)["annotations"] = map[string]any{"pulumi.com/timeoutSeconds": "3"}
	_, err := e.create(t, "kubernetes:apps/v1:Deployment", "web", greedy, 0)
	require.Error(t, err)
	assert.Contains(t, reasonOf(t, err), "Deployment "+ns+"/web is not ready after 3s: ", "the annotation sets the timeout")
	assert.Contains(t, reasonOf(t, err), "not scheduled: Unschedulable: 0/1 nodes are available")
	assert.Contains(t, reasonOf(t, err), "event of Pod web-")
	assert.Contains(t, reasonOf(t, err), "FailedScheduling")

	skipped := workload("Deployment", ns, "skipped", "waiting")
	skipped["metadata"].(map[string]any)["annotations"] = map[string]any{"pulumi.com/skipAwait": "true"}
	_, err = e.create(t, "kubernetes:apps/v1:Deployment", "skipped", skipped, 3)
	require.NoError(t, err)
}

func TestJobs(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	_, err := e.create(t, "kubernetes:batch/v1:Job", "good", workload("Job", ns, "good", "succeeded"), 60)
	require.NoError(t, err)

	bad := workload("Job", ns, "bad", "failed")
	bad["metadata"].(map[string]any)["annotations"] = map[string]any{"pulumi.com/replaceUnready": "true"}
	m, err := e.create(t, "kubernetes:batch/v1:Job", "bad", bad, 60)
	require.Error(t, err)
	assert.Contains(t, reasonOf(t, err), "Job "+ns+"/bad failed: BackoffLimitExceeded: Job has reached the specified backoff limit\n")
	assert.Contains(t, reasonOf(t, err), "container main ended with code 3: Error")
	assert.Contains(t, reasonOf(t, err), "last lines of container main:\n    connecting to the registry\n    fatal: no route to the registry")
	assert.Contains(t, reasonOf(t, err), "event of Job bad: BackoffLimitExceeded")

	_, again := m.diff(t, bad)
	assert.Equal(t, []string{`metadata.annotations["pulumi.com/replaceUnready"] update-replace`}, kinds(again))
	assert.True(t, again.DeleteBeforeReplace)
}

func TestServices(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	service := func(name string, spec map[string]any) map[string]any {
		spec["ports"] = []any{map[string]any{"port": 80}}
		return map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"namespace": ns, "name": name}, "spec": spec}
	}
	_, err := e.create(t, "kubernetes:core/v1:Service", "lonely", service("lonely", map[string]any{"selector": map[string]any{"app": "none"}}), 2)
	require.Error(t, err)
	assert.Equal(t, "Service "+ns+"/lonely is not ready after 2s: no pod matches its selector and has an address", reasonOf(t, err))

	for name, spec := range map[string]map[string]any{
		"headless":    {"clusterIP": "None", "selector": map[string]any{"app": "none"}},
		"no-selector": {},
		"external":    {"type": "ExternalName", "externalName": "example.org"},
	} {
		_, err := e.create(t, "kubernetes:core/v1:Service", name, service(name, spec), 2)
		require.NoError(t, err, name)
	}

	_, err = e.create(t, "kubernetes:apps/v1:Deployment", "web", workload("Deployment", ns, "web", "running"), 60)
	require.NoError(t, err)
	m, err := e.create(t, "kubernetes:core/v1:Service", "web", service("web", map[string]any{"selector": map[string]any{"app": "web"}}), 30)
	require.NoError(t, err)
	_, moved := m.diff(t, service("web", map[string]any{"selector": map[string]any{"app": "web"}, "clusterIP": "10.96.0.77"}))
	assert.Equal(t, []string{"spec.clusterIP add-replace"}, kinds(moved))
}

func TestCustomResources(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	group := fmt.Sprintf("g%x.example.org", time.Now().UnixNano())
	widget := map[string]any{
		"apiVersion": group + "/v1", "kind": "Widget", "metadata": map[string]any{"name": "one", "namespace": ns},
		"spec": map[string]any{"size": 3},
	}
	_, err := e.create(t, "kubernetes:"+group+"/v1:Widget", "one", widget, 5)
	require.ErrorContains(t, err, "Widget "+ns+"/one: the API server serves no Widget of "+group+"/v1: "+
		"make the resource depend on its CustomResourceDefinition: ")

	// The custom resource is made at the same time as its definition: Create waits for it.
	type result struct {
		m   *managed
		err error
	}
	early := make(chan result)
	patient := connected(t)
	go func() {
		m, err := patient.create(t, "kubernetes:"+group+"/v1:Widget", "one", widget, 5)
		early <- result{m, err}
	}()
	crd := e.mustCreate(t, "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "widgets", map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "widgets." + group},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced", "names": map[string]any{"plural": "widgets", "kind": "Widget"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object", "properties": map[string]any{"spec": map[string]any{
						"type": "object", "x_kubernetes_preserve_unknown_fields": true,
						"properties": map[string]any{"size": map[string]any{"x_kubernetes_int_or_string": true}},
					}},
				}},
			}},
		},
	})
	widgets := <-early
	require.NoError(t, widgets.err)
	_, drift := widgets.m.read(t)
	assert.Equal(t, plugin.DiffNone, drift.Changes)
	schema := crd.outputs["spec"].ObjectValue()["versions"].ArrayValue()[0].ObjectValue()["schema"].ObjectValue()["openAPIV3Schema"]
	assert.Contains(t, schema.ObjectValue()["properties"].ObjectValue()["spec"].ObjectValue(), resource.PropertyKey("x_kubernetes_preserve_unknown_fields"))
	_, drift = crd.read(t)
	assert.Equal(t, plugin.DiffNone, drift.Changes)

	require.NoError(t, crd.delete(t, 60))
	read, _ := widgets.m.read(t)
	assert.Empty(t, read.ID, "the kind is gone, so the object is")
	require.NoError(t, widgets.m.delete(t, 10))
}

func TestClaims(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	for _, mode := range []string{"WaitForFirstConsumer", "Immediate"} {
		name := map[string]string{"WaitForFirstConsumer": ns + "-late", "Immediate": ns + "-now"}[mode]
		class := e.mustCreate(t, "kubernetes:storage.k8s.io/v1:StorageClass", name, map[string]any{
			"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": map[string]any{"name": name},
			"provisioner": "test/none", "volumeBindingMode": mode,
		})
		claim := map[string]any{
			"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": map[string]any{"namespace": ns, "name": name},
			"spec": map[string]any{
				"storageClassName": name, "accessModes": []any{"ReadWriteOnce"},
				"resources": map[string]any{"requests": map[string]any{"storage": "1Gi"}},
			},
		}
		m, err := e.create(t, "kubernetes:core/v1:PersistentVolumeClaim", name, claim, 2)
		if mode == "Immediate" {
			require.Error(t, err)
			assert.Contains(t, reasonOf(t, err), "is not ready after 2s: no volume of storage class "+name+" is bound")
		} else {
			require.NoError(t, err)
		}
		require.NoError(t, m.delete(t, 30))
		require.NoError(t, class.delete(t, 30))
	}
}

func TestAPIService(t *testing.T) {
	t.Parallel()
	e := connected(t)
	name := fmt.Sprintf("v1.a%x.example.org", time.Now().UnixNano())
	m, err := e.create(t, "kubernetes:apiregistration.k8s.io/v1:APIService", "metrics", map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"group": name[3:], "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true,
			"service": map[string]any{"namespace": "default", "name": "nothing"},
		},
	}, 3)
	require.Error(t, err)
	assert.Contains(t, reasonOf(t, err), `is not ready after 3s: it is not available (ServiceNotFound: service/nothing in "default" is not present)`)
	require.NoError(t, m.delete(t, 30))
}

func TestDeletionSaysWhatKeepsTheObject(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	inner := ns + "-inner"
	m := e.mustCreate(t, "kubernetes:core/v1:Namespace", "inner", map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": inner},
	})
	held := configMap(inner, "held", nil)
	held["metadata"].(map[string]any)["finalizers"] = []any{"example.org/archive"}
	object := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "held", held)

	err := object.delete(t, 2)
	assert.EqualError(t, err, "ConfigMap "+inner+"/held is not gone after 2s: finalizers: example.org/archive. "+
		"Remove the cause, not the finalizer: what a finalizer waits for is cleaned up by its controller")
	err = m.delete(t, 8)
	require.ErrorContains(t, err, "Namespace "+inner+" is not gone after 8s: ")
	assert.ErrorContains(t, err, "Some content in the namespace has finalizers remaining: example.org/archive in 1 resource instances")

	edit(t, live(object, "ConfigMap", inner, "held"), `{"metadata":{"finalizers":null}}`)
	require.NoError(t, object.delete(t, 30))
	require.NoError(t, m.delete(t, 60))
	_, err = client(t, live(m, "Namespace", "", inner)).Get(t.Context(), inner, metav1.GetOptions{})
	assert.Error(t, err)
}

func TestCancellationEndsAWait(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	time.AfterFunc(time.Second, func() { _ = e.SignalCancellation(t.Context()) })
	m, err := e.create(t, "kubernetes:apps/v1:Deployment", "web", workload("Deployment", ns, "web", "waiting"), 300)
	require.Error(t, err)
	assert.Contains(t, reasonOf(t, err), "Deployment "+ns+"/web: the wait for it was cancelled: ")
	assert.NotEmpty(t, m.id, "it is in the state")
}
