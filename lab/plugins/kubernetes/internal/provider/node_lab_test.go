//go:build lab

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// pretendedNode plays a kubelet: it reports the status that a pod's annotation test/plays asks for, and serves its log.
type pretendedNode struct {
	cancel context.CancelFunc
	done   chan struct{}
	server *http.Server
}

const playedLog = "connecting to the registry\nfatal: no route to the registry"

func startNode(client dynamic.Interface, certs string) (*pretendedNode, error) {
	server, port, err := loopbackTLS(certs, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, playedLog)
	}))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &pretendedNode{cancel: cancel, done: make(chan struct{}), server: server}
	node := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": "pretended", "labels": map[string]any{"kubernetes.io/hostname": "pretended"}},
	}}
	nodes := client.Resource(corev1.SchemeGroupVersion.WithResource("nodes"))
	if _, err := nodes.Create(ctx, node, metav1.CreateOptions{}); err != nil {
		cancel()
		return n, err
	}
	pods := client.Resource(corev1.SchemeGroupVersion.WithResource("pods"))
	go func() {
		defer close(n.done)
		for ctx.Err() == nil {
			_, _ = nodes.Patch(ctx, "pretended", types.MergePatchType, nodeStatus(port), metav1.PatchOptions{}, "status")
			if found, err := pods.List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=pretended"}); err == nil {
				for i := range found.Items {
					play(ctx, pods, &found.Items[i])
				}
			}
			_ = sleep(ctx, 200*time.Millisecond)
		}
	}()
	return n, nil
}

func (n *pretendedNode) close() {
	n.cancel()
	<-n.done
	_ = n.server.Close()
}

func nodeStatus(port int) []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	return fmt.Appendf(nil, `{"status":{
		"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],
		"daemonEndpoints":{"kubeletEndpoint":{"Port":%d}},
		"capacity":{"cpu":"64","memory":"64Gi","pods":"100"}, "allocatable":{"cpu":"64","memory":"64Gi","pods":"100"},
		"conditions":[{"type":"Ready","status":"True","reason":"Played","message":"","lastHeartbeatTime":%q,"lastTransitionTime":%q}]}}`,
		port, now, now)
}

func play(ctx context.Context, pods dynamic.NamespaceableResourceInterface, pod *unstructured.Unstructured) {
	client := pods.Namespace(pod.GetNamespace())
	if pod.GetDeletionTimestamp() != nil {
		var now int64
		_ = client.Delete(ctx, pod.GetName(), metav1.DeleteOptions{GracePeriodSeconds: &now})
		return
	}
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	if phase != "Pending" && phase != "" {
		return
	}
	state, phase, ready := map[string]any{"running": map[string]any{}}, "Running", true
	switch pod.GetAnnotations()["test/plays"] {
	case "succeeded":
		state, phase, ready = map[string]any{"terminated": map[string]any{"exitCode": 0, "reason": "Completed"}}, "Succeeded", false
	case "failed":
		state, phase, ready = map[string]any{"terminated": map[string]any{"exitCode": 3, "reason": "Error"}}, "Failed", false
	case "waiting":
		state = map[string]any{"waiting": map[string]any{"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
		phase, ready = "Pending", false
	}
	status := map[string]any{"status": map[string]any{
		"phase": phase, "podIP": "10.1.0.9", "podIPs": []any{map[string]any{"ip": "10.1.0.9"}},
		"conditions": []any{map[string]any{"type": "Ready", "status": map[bool]string{true: "True", false: "False"}[ready]}},
		"containerStatuses": []any{map[string]any{
			"name": "main", "ready": ready, "started": ready, "restartCount": 0, "image": "x", "imageID": "x", "containerID": "x://1", "state": state,
		}},
	}}
	data, err := json.Marshal(status)
	if err != nil {
		return
	}
	_, _ = client.Patch(ctx, pod.GetName(), types.MergePatchType, data, metav1.PatchOptions{}, "status")
}

// apply writes an object as another field manager, taking fields by force.
func apply(t *testing.T, fieldManager string, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{Object: object}
	live, err := client(t, obj).Apply(t.Context(), obj.GetName(), obj, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	require.NoError(t, err)
	return live
}

// edit changes an object as a person with kubectl edit does.
func edit(t *testing.T, obj *unstructured.Unstructured, patch string) {
	t.Helper()
	_, err := client(t, obj).Patch(t.Context(), obj.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	require.NoError(t, err)
}

// remove deletes an object and waits until it is gone.
func remove(t *testing.T, obj *unstructured.Unstructured) {
	t.Helper()
	require.NoError(t, client(t, obj).Delete(t.Context(), obj.GetName(), metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := client(t, obj).Get(t.Context(), obj.GetName(), metav1.GetOptions{})
		return err != nil
	}, 30*time.Second, 50*time.Millisecond)
}

// client finds the client for an object, by a cluster of its own so that the one under test is left alone.
func client(t *testing.T, obj *unstructured.Unstructured) dynamic.ResourceInterface {
	t.Helper()
	c, err := connect(settings{kubeconfig: shared.kubeconfig, client: clientSettings{QPS: -1}}, func(context.Context, string) {})
	require.NoError(t, err)
	found, err := c.targetOf(obj)
	require.NoError(t, err)
	return found.client
}
