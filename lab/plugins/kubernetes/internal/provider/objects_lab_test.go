//go:build lab

package provider

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// connected starts a plugin for the shared cluster.
func connected(t *testing.T, env ...string) *engine {
	t.Helper()
	vars := map[string]string{}
	for _, name := range env {
		vars[name] = "true"
	}
	return start(t, resource.PropertyMap{
		"kubeconfig":        resource.MakeSecret(resource.NewProperty(shared.kubeconfig)),
		"clusterIdentifier": resource.NewProperty("test"),
	}, vars)
}

func configMap(namespace, name string, data map[string]any) map[string]any {
	metadata := map[string]any{"namespace": namespace}
	if name != "" {
		metadata["name"] = name
	}
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
}

func live(m *managed, kind, namespace, name string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	obj.SetAPIVersion("v1")
	obj.SetKind(kind)
	obj.SetNamespace(namespace)
	obj.SetName(name)
	return obj
}

func TestLifecycleOfANamedObject(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "settings", configMap(ns, "settings", map[string]any{"a": "1"}))
	assert.Equal(t, resource.ID(ns+"/settings"), m.id)
	uid, ok := text(m.outputs, "metadata", "uid")
	assert.True(t, ok, "the outputs hold what the server set")
	assert.NotContains(t, m.outputs["metadata"].ObjectValue(), resource.PropertyKey("managedFields"))

	_, same := m.diff(t, configMap(ns, "settings", map[string]any{"a": "1"}))
	assert.Equal(t, plugin.DiffNone, same.Changes)
	_, drift := m.read(t)
	assert.Equal(t, plugin.DiffNone, drift.Changes)

	// The data of a ConfigMap replaces it; with a fixed name the old one goes first.
	_, changed := m.diff(t, configMap(ns, "settings", map[string]any{"a": "2"}))
	assert.Equal(t, []string{"data.a update-replace"}, kinds(changed))
	assert.True(t, changed.DeleteBeforeReplace)

	// A label is changed in place.
	labelled := configMap(ns, "settings", map[string]any{"a": "1"})
	labelled["metadata"].(map[string]any)["labels"] = map[string]any{"tier": "db"}
	_, changed = m.diff(t, labelled)
	assert.Equal(t, []string{"metadata.labels add"}, kinds(changed))
	require.NoError(t, m.update(t, labelled, false))
	after, _ := text(m.outputs, "metadata", "uid")
	assert.Equal(t, uid, after, "updated, not replaced")
	label, _ := text(m.outputs, "metadata", "labels", "tier")
	assert.Equal(t, "db", label)

	// Removing the label from the program removes it from the object.
	require.NoError(t, m.update(t, configMap(ns, "settings", map[string]any{"a": "1"}), false))
	_, has := at(m.outputs, "metadata", "labels")
	assert.False(t, has)

	// Deleted by hand: a refresh sees it, and deleting it again is a success.
	remove(t, live(m, "ConfigMap", ns, "settings"))
	read, _ := m.read(t)
	assert.Empty(t, read.ID)
	err := m.update(t, labelled, false)
	assert.EqualError(t, err, "ConfigMap "+ns+"/settings is in the state but no longer in the cluster: run pulumi refresh, then the update again")
	require.NoError(t, m.delete(t, 30))

	again := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "settings", configMap(ns, "settings", map[string]any{"a": "1"}))
	require.NoError(t, again.delete(t, 30))
	read, _ = again.read(t)
	assert.Empty(t, read.ID)
}

func TestAutonaming(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "settings", configMap(ns, "", map[string]any{"a": "1"}))
	name, _ := text(m.outputs, "metadata", "name")
	assert.Regexp(t, `^settings-[0-9a-f]{8}$`, name)
	annotation, _ := text(m.outputs, "metadata", "annotations", "pulumi.com/autonamed")
	assert.Equal(t, "true", annotation)

	// An update keeps the name; a replacement may overlap, under a new one.
	news, changed := m.diff(t, configMap(ns, "", map[string]any{"a": "2"}))
	kept, _ := text(news, "metadata", "name")
	assert.Equal(t, name, kept)
	assert.Equal(t, []string{"data.a update-replace"}, kinds(changed))
	assert.False(t, changed.DeleteBeforeReplace)
	_, drift := m.read(t)
	assert.Equal(t, plugin.DiffNone, drift.Changes)
	require.NoError(t, m.delete(t, 30))
}

func TestMutableConfigMap(t *testing.T) {
	t.Parallel()
	e, ns := connected(t, "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"), namespaceFor(t)
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "settings", configMap(ns, "settings", map[string]any{"a": "1"}))
	_, changed := m.diff(t, configMap(ns, "settings", map[string]any{"a": "2"}))
	assert.Equal(t, []string{"data.a update"}, kinds(changed))
	require.NoError(t, m.update(t, configMap(ns, "settings", map[string]any{"a": "2"}), false))
	value, _ := text(m.outputs, "data", "a")
	assert.Equal(t, "2", value)

	immutable := configMap(ns, "settings", map[string]any{"a": "3"})
	immutable["immutable"] = true
	_, changed = m.diff(t, immutable)
	assert.ElementsMatch(t, []string{"data.a update-replace", "immutable add"}, kinds(changed))
}

func TestExistingObjectIsNotTakenOver(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	theirs := configMap(ns, "settings", map[string]any{"a": "theirs"})
	theirs["immutable"] = true
	existing := apply(t, "helm", theirs)
	_, err := e.create(t, "kubernetes:core/v1:ConfigMap", "mine", configMap(ns, "settings", map[string]any{"a": "1"}), 10)
	assert.EqualError(t, err, "ConfigMap "+ns+"/settings exists already and is not in this stack's state; its field managers: helm. "+
		"To adopt it, import it by the id \""+ns+"/settings\"; to make it anew, delete it first")
	after, getErr := client(t, existing).Get(t.Context(), "settings", metav1.GetOptions{})
	require.NoError(t, getErr)
	assert.Equal(t, existing.GetResourceVersion(), after.GetResourceVersion(), "the object was not touched")

	// The preview of a replacement meets the old object too, so it must not fail.
	urn := urnOf("kubernetes:core/v1:ConfigMap", "mine")
	inputs := e.check(t, urn, nil, resource.NewPropertyMapFromMap(configMap(ns, "settings", map[string]any{"a": "1"})))
	_, err = e.Create(t.Context(), plugin.CreateRequest{URN: urn, Properties: inputs, Preview: true})
	require.NoError(t, err)

	upserting := connected(t, "PULUMI_K8S_UPSERT_EXISTING_OBJECTS")
	labelled := configMap(ns, "settings", map[string]any{"a": "theirs"})
	labelled["metadata"].(map[string]any)["labels"] = map[string]any{"adopted": "yes"}
	_, err = upserting.create(t, "kubernetes:core/v1:ConfigMap", "mine", labelled, 10)
	require.NoError(t, err)
}

func TestDriftByHand(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	program := configMap(ns, "settings", map[string]any{"a": "1", "b": "2", "c": "3"})
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "settings", program)
	edit(t, live(m, "ConfigMap", ns, "settings"),
		`{"data":{"a":"changed","b":null,"theirs":"x"},"metadata":{"annotations":{"seen-by":"operator"}}}`)

	resp, drift := m.read(t)
	assert.ElementsMatch(t, []string{"data.a update-replace", "data.b delete-replace"}, kinds(drift),
		"what was changed shows, what others added does not")
	value, _ := text(resp.Inputs, "data", "a")
	assert.Equal(t, "changed", value)
}

func TestConflictNamesTheOtherManager(t *testing.T) {
	t.Parallel()
	e, ns := connected(t, "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"), namespaceFor(t)
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "settings", configMap(ns, "settings", map[string]any{"a": "1"}))
	edit(t, live(m, "ConfigMap", ns, "settings"), `{"data":{"a":"changed"}}`)

	want := "ConfigMap " + ns + "/settings: fields of the program are owned by other managers: .data.a is owned by \"kubectl-edit\". " +
		"Leave the fields out of the program, or take them with the annotation pulumi.com/patchForce: \"true\": server-side apply conflict"
	assert.EqualError(t, m.update(t, configMap(ns, "settings", map[string]any{"a": "2"}), true), want, "the preview tells it")
	assert.EqualError(t, m.update(t, configMap(ns, "settings", map[string]any{"a": "2"}), false), want)

	forced := configMap(ns, "settings", map[string]any{"a": "2"})
	forced["metadata"].(map[string]any)["annotations"] = map[string]any{"pulumi.com/patchForce": "true"}
	require.NoError(t, m.update(t, forced, false))
	value, _ := text(m.outputs, "data", "a")
	assert.Equal(t, "2", value)
}

func TestIgnoredFieldKeepsWhatOthersSet(t *testing.T) {
	t.Parallel()
	e, ns := connected(t, "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"), namespaceFor(t)
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "settings", configMap(ns, "settings", map[string]any{"a": "1", "b": "1"}))
	edit(t, live(m, "ConfigMap", ns, "settings"), `{"data":{"a":"theirs"}}`)
	require.NoError(t, m.update(t, configMap(ns, "settings", map[string]any{"a": "1", "b": "2"}), false, "data.a"))
	theirs, _ := text(m.outputs, "data", "a")
	ours, _ := text(m.outputs, "data", "b")
	assert.Equal(t, []string{"theirs", "2"}, []string{theirs, ours})
}

func TestPreviewTellsWhatTheServerWouldRefuse(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	preview := func(typ string, object map[string]any) error {
		urn := urnOf(typ, "x")
		inputs := e.check(t, urn, nil, resource.NewPropertyMapFromMap(object))
		_, err := e.Create(t.Context(), plugin.CreateRequest{URN: urn, Properties: inputs, Preview: true})
		return err
	}
	bad := configMap(ns, "x", map[string]any{"a/b": "1"})
	assert.ErrorContains(t, preview("kubernetes:core/v1:ConfigMap", bad), "x: the API server would refuse this: ConfigMap "+ns+"/x: ")
	typo := configMap(ns, "x", nil)
	typo["dta"] = map[string]any{"a": "1"}
	assert.ErrorContains(t, preview("kubernetes:core/v1:ConfigMap", typo), `.dta: field not declared in schema`)

	// What this very update may still make is no reason to fail a preview.
	require.NoError(t, preview("kubernetes:core/v1:ConfigMap", configMap("not-there-yet", "x", nil)))
	require.NoError(t, preview("kubernetes:not.there/v1:Yet", map[string]any{"apiVersion": "not.there/v1", "kind": "Yet"}))

	// A field that cannot change and is in no table of replacements fails in the preview of the update.
	immutable := configMap(ns, "frozen", map[string]any{"a": "1"})
	immutable["immutable"] = true
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMap", "frozen", immutable)
	thawed := configMap(ns, "frozen", map[string]any{"a": "1"})
	thawed["immutable"] = false
	err := m.update(t, thawed, true)
	assert.ErrorContains(t, err, "ConfigMap "+ns+"/frozen: the API server cannot change this object in place: ")
	assert.ErrorContains(t, err, "Replace it: give it a new name, or use the resource option ReplaceOnChanges for the field")
}

func TestPreviewOfACreateShowsDefaultsAndUnknowns(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	urn := urnOf("kubernetes:core/v1:Service", "web")
	inputs := e.check(t, urn, nil, resource.NewPropertyMapFromMap(map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"namespace": ns, "name": "web"},
		"spec": map[string]any{"ports": []any{map[string]any{"port": 80}}, "selector": map[string]any{"app": "web"}},
	}))
	resp, err := e.Create(t.Context(), plugin.CreateRequest{URN: urn, Properties: inputs, Preview: true})
	require.NoError(t, err)
	assert.Empty(t, resp.ID)
	assert.True(t, resp.Properties["status"].IsComputed())
	assert.True(t, resp.Properties["spec"].ObjectValue()["clusterIP"].IsComputed(), "the address is allocated later")
	protocol := resp.Properties["spec"].ObjectValue()["ports"].ArrayValue()[0].ObjectValue()["protocol"]
	assert.Equal(t, resource.NewProperty("TCP"), protocol)
	_, has := text(resp.Properties, "metadata", "uid")
	assert.False(t, has, "a dry run's uid is not the object's")
}

func TestImport(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	importOf := func(typ, id string) plugin.ReadResponse {
		resp, err := e.Read(t.Context(), plugin.ReadRequest{URN: urnOf(typ, "x"), ID: resource.ID(id)})
		require.NoError(t, err)
		return resp
	}
	// The engine was killed between the create and its state: the import gives back exactly what was applied.
	m := e.mustCreate(t, "kubernetes:core/v1:Service", "web", map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"namespace": ns},
		"spec": map[string]any{
			"clusterIP": "None", "selector": map[string]any{"app": "web"},
			"ports": []any{map[string]any{"name": "http", "port": 80}, map[string]any{"name": "https", "port": 443, "targetPort": "tls"}},
		},
	})
	resp := importOf("kubernetes:core/v1:Service", string(m.id))
	assert.Equal(t, m.id, resp.ID)
	assert.Equal(t, m.inputs.Mappable(), resp.Inputs.Mappable())
	assert.NoError(t, (&managed{e: e, urn: m.urn, id: resp.ID, inputs: resp.Inputs, outputs: resp.Outputs}).delete(t, 30))

	// Made by others: the whole object, without what only the server sets.
	apply(t, "helm", configMap(ns, "theirs", map[string]any{"a": "1"}))
	resp = importOf("kubernetes:core/v1:ConfigMap", ns+"/theirs")
	assert.Equal(t, configMap(ns, "theirs", map[string]any{"a": "1"}), resp.Inputs.Mappable())

	assert.Empty(t, importOf("kubernetes:core/v1:ConfigMap", ns+"/nothing").ID)
	assert.Empty(t, importOf("kubernetes:not.there/v1:Kind", "nothing").ID)
}

func TestPatchResource(t *testing.T) {
	t.Parallel()
	e, ns := connected(t), namespaceFor(t)
	theirs := apply(t, "helm", configMap(ns, "shared", map[string]any{"a": "theirs"}))
	patch := configMap(ns, "shared", map[string]any{"b": "ours"})
	m := e.mustCreate(t, "kubernetes:core/v1:ConfigMapPatch", "mine", patch)
	_, drift := m.read(t)
	assert.Equal(t, plugin.DiffNone, drift.Changes)
	require.NoError(t, m.update(t, configMap(ns, "shared", map[string]any{"b": "new"}), false))
	require.NoError(t, m.delete(t, 30))
	after, err := client(t, theirs).Get(t.Context(), "shared", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"a": "theirs"}, after.Object["data"])
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const sentinel, encoded = "sentinel-1f0d6a", "c2VudGluZWwtMWYwZDZh"
	e, ns := connected(t, "PULUMI_K8S_ENABLE_SECRET_MUTABLE"), namespaceFor(t)
	clean := func(what string, props resource.PropertyMap) {
		t.Helper()
		assert.NotContains(t, plainText(props), sentinel, what)
		assert.NotContains(t, plainText(props), encoded, what)
	}
	secret := map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"namespace": ns, "name": "key"},
		"stringData": map[string]any{"token": sentinel},
	}
	m := e.mustCreate(t, "kubernetes:core/v1:Secret", "key", secret)
	clean("inputs", m.inputs)
	clean("outputs", m.outputs)
	token, _ := text(m.outputs, "data", "token")
	assert.Equal(t, encoded, token)

	// kubectl copies the object into an annotation; it must not surface there.
	edit(t, live(m, "Secret", ns, "key"),
		`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"token\":\"`+encoded+`\"}}"}}}`)
	resp, drift := m.read(t)
	assert.Equal(t, plugin.DiffNone, drift.Changes)
	clean("outputs of the refresh", resp.Outputs)
	clean("inputs of the refresh", resp.Inputs)

	// The drift of a secret value shows as a change, not as a value.
	edit(t, live(m, "Secret", ns, "key"), `{"data":{"token":"bmV3LXNlbnRpbmVsLTE="}}`)
	resp, drift = m.read(t)
	assert.Equal(t, []string{"stringData.token update"}, kinds(drift))
	assert.NotContains(t, plainText(resp.Inputs)+plainText(resp.Outputs), "new-sentinel-1")

	imported, err := e.Read(t.Context(), plugin.ReadRequest{URN: m.urn, ID: m.id})
	require.NoError(t, err)
	assert.NotContains(t, plainText(imported.Inputs)+plainText(imported.Outputs), "bmV3LXNlbnRpbmVsLTE=")

	// A secret text in another kind is secret at its own place, and the API server's refusal, which quotes it, does not show it.
	urn := urnOf("kubernetes:core/v1:ConfigMap", "config")
	props := resource.NewPropertyMapFromMap(configMap(ns, "config", nil))
	props["data"] = resource.NewProperty(resource.PropertyMap{
		"plain": resource.NewProperty("x"), "token": resource.MakeSecret(resource.NewProperty(sentinel)),
		"short": resource.MakeSecret(resource.NewProperty("xyz")),
	})
	inputs := e.check(t, urn, nil, props)
	clean("inputs of a ConfigMap", inputs)
	created, err := e.Create(t.Context(), plugin.CreateRequest{URN: urn, Properties: inputs})
	require.NoError(t, err)
	clean("outputs of a ConfigMap", created.Properties)
	assert.Contains(t, plainText(created.Properties), `"plain"`)
	assert.NotContains(t, plainText(created.Properties), "xyz", "too short to be looked for elsewhere, secret at its place")

	// An object whose wait failed comes back with the error; its secrets are secret there too.
	urn = urnOf("kubernetes:apps/v1:Deployment", "web")
	props = resource.NewPropertyMapFromMap(workload("Deployment", ns, "web", "waiting"))
	pod := props["spec"].ObjectValue()["template"].ObjectValue()["spec"].ObjectValue()
	pod["containers"].ArrayValue()[0].ObjectValue()["env"].ArrayValue()[0].ObjectValue()["value"] = resource.MakeSecret(resource.NewProperty(sentinel))
	inputs = e.check(t, urn, nil, props)
	waited, err := e.Create(t.Context(), plugin.CreateRequest{URN: urn, Properties: inputs, Timeout: 1})
	require.ErrorContains(t, err, "is not ready after 1s")
	assert.True(t, waited.Properties.ContainsSecrets())
	clean("outputs of a Deployment", waited.Properties)
	urn = urnOf("kubernetes:core/v1:ConfigMap", "config")

	bad := resource.NewPropertyMapFromMap(configMap(ns, "bad", map[string]any{}))
	bad["metadata"].ObjectValue()["labels"] = resource.NewProperty(resource.PropertyMap{
		"x": resource.MakeSecret(resource.NewProperty(sentinel + "/not a label")),
	})
	badInputs := e.check(t, urn, nil, bad)
	for _, preview := range []bool{true, false} {
		_, err = e.Create(t.Context(), plugin.CreateRequest{URN: urn, Properties: badInputs, Preview: preview})
		require.ErrorContains(t, err, `metadata.labels: Invalid value: "[secret]"`)
		assert.NotContains(t, err.Error(), sentinel)
	}
	assert.NotContains(t, e.logged(), sentinel)
}

// plainText is the text of everything in the properties that is not marked secret.
func plainText(props resource.PropertyMap) string {
	var b strings.Builder
	var walk func(resource.PropertyValue)
	walk = func(v resource.PropertyValue) {
		switch {
		case v.IsSecret():
		case v.IsObject():
			for key, value := range v.ObjectValue() {
				b.WriteString(`"` + string(key) + `":`)
				walk(value)
			}
		case v.IsArray():
			for _, value := range v.ArrayValue() {
				walk(value)
			}
		case v.IsString():
			b.WriteString(v.StringValue() + "\n")
		}
	}
	walk(resource.NewProperty(props))
	return b.String()
}
