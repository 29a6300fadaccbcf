package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Bounds of a diagnosis: what a person reads.
const (
	troubledPods = 5
	lastEvents   = 5
	lastLogLines = 20
)

// diagnose collects why an object does not work: its pods, their waiting containers, the last lines that a failed one logged, and the last
// warnings. Each finding starts on a line of its own. What cannot be read is left out.
func (c *cluster) diagnose(ctx context.Context, live *unstructured.Unstructured) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
	defer cancel()
	var findings []string
	about := []*corev1.ObjectReference{{Name: live.GetName(), UID: live.GetUID(), Kind: live.GetKind()}}
	troubled := 0
	for _, pod := range c.podsOf(ctx, live) {
		trouble := podTrouble(pod)
		if trouble == "" {
			continue
		}
		if troubled++; troubled > troubledPods {
			continue
		}
		findings = append(findings, fmt.Sprintf("pod %s: %s", pod.Name, trouble))
		if logs := c.lastLogs(ctx, pod); logs != "" {
			findings = append(findings, logs)
		}
		about = append(about, &corev1.ObjectReference{Name: pod.Name, UID: pod.UID, Kind: "Pod"})
	}
	if troubled > troubledPods {
		findings = append(findings, fmt.Sprintf("%d more pods are not ready", troubled-troubledPods))
	}
	findings = append(findings, c.warningsAbout(ctx, live.GetNamespace(), about)...)
	if len(findings) == 0 {
		return ""
	}
	return "\n  " + strings.Join(findings, "\n  ")
}

// podsOf lists the pods that belong to a workload or answer for a Service.
func (c *cluster) podsOf(ctx context.Context, live *unstructured.Unstructured) []corev1.Pod {
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	options := metav1.ListOptions{}
	switch live.GetKind() {
	case "Pod":
		options.FieldSelector = "metadata.name=" + live.GetName()
	case "Service":
		selector, _, _ := unstructured.NestedStringMap(live.Object, "spec", "selector")
		if len(selector) == 0 {
			return nil
		}
		options.LabelSelector = labels.SelectorFromSet(selector).String()
	case "Deployment", "DaemonSet", "StatefulSet", "Job":
		fields, ok, _ := unstructured.NestedMap(live.Object, "spec", "selector")
		selector, err := typed[metav1.LabelSelector](&unstructured.Unstructured{Object: fields})
		if !ok || err != nil {
			return nil
		}
		options.LabelSelector = metav1.FormatLabelSelector(&selector)
	default:
		return nil
	}
	found, err := list[corev1.Pod](ctx, c, pods, live.GetNamespace(), options)
	if err != nil {
		return nil
	}
	slices.SortFunc(found, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// podTrouble says why a pod is not ready, or nothing if it is.
func podTrouble(pod corev1.Pod) string {
	var parts []string
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		switch {
		case status.State.Waiting != nil && status.State.Waiting.Reason != "" && status.State.Waiting.Reason != "PodInitializing":
			parts = append(parts, reason("container "+status.Name+" waits", status.State.Waiting.Reason, status.State.Waiting.Message))
		case status.State.Terminated != nil && status.State.Terminated.ExitCode != 0:
			end := status.State.Terminated
			parts = append(parts, reason(fmt.Sprintf("container %s ended with code %d", status.Name, end.ExitCode), end.Reason, end.Message))
		case status.State.Running != nil && !status.Ready && status.Started != nil:
			parts = append(parts, fmt.Sprintf("container %s runs and is not ready", status.Name))
		}
		if end := status.LastTerminationState.Terminated; end != nil && end.ExitCode != 0 {
			parts = append(parts, reason(fmt.Sprintf("before, it ended with code %d", end.ExitCode), end.Reason, end.Message))
		}
	}
	ready := pod.Status.Phase == corev1.PodSucceeded
	for _, c := range pod.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue:
			ready = true
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			parts = append(parts, reason("not scheduled", c.Reason, c.Message))
		}
	}
	switch {
	case ready:
		return ""
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case pod.Status.Message != "" || pod.Status.Reason != "":
		return reason("phase "+string(pod.Status.Phase), pod.Status.Reason, pod.Status.Message)
	case pod.Spec.NodeName == "":
		return "it is on no node yet"
	}
	return fmt.Sprintf("its phase is %s on node %s", pod.Status.Phase, pod.Spec.NodeName)
}

func reason(what, reason, message string) string {
	for _, part := range []string{reason, message} {
		if part = strings.TrimSpace(part); part != "" {
			what += ": " + part
		}
	}
	return what
}

// lastLogs returns the last lines of the container of a pod that ended badly.
func (c *cluster) lastLogs(ctx context.Context, pod corev1.Pod) string {
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		now, before := status.State.Terminated, status.LastTerminationState.Terminated
		ended := now != nil && now.ExitCode != 0
		if !ended && (before == nil || before.ExitCode == 0) {
			continue
		}
		data, err := c.raw.Get().AbsPath("/api/v1/namespaces", pod.Namespace, "pods", pod.Name, "log").
			Param("container", status.Name).Param("tailLines", fmt.Sprint(lastLogLines)).Param("previous", fmt.Sprint(!ended)).
			Do(ctx).Raw()
		if log := strings.TrimSpace(string(data)); err == nil && log != "" {
			return fmt.Sprintf("last lines of container %s:\n    %s", status.Name, strings.ReplaceAll(log, "\n", "\n    "))
		}
	}
	return ""
}

// warningsAbout returns the last warnings about objects, oldest first.
func (c *cluster) warningsAbout(ctx context.Context, namespace string, about []*corev1.ObjectReference) []string {
	events := schema.GroupVersionResource{Version: "v1", Resource: "events"}
	if namespace == "" {
		namespace = metav1.NamespaceDefault // where events of objects without namespace are kept
	}
	var found []corev1.Event
	for _, ref := range about {
		some, err := list[corev1.Event](ctx, c, events, namespace, metav1.ListOptions{
			FieldSelector: "type=Warning,involvedObject.uid=" + string(ref.UID),
		})
		if err == nil {
			found = append(found, some...)
		}
	}
	slices.SortStableFunc(found, func(a, b corev1.Event) int { return eventTime(a).Compare(eventTime(b)) })
	if len(found) > lastEvents {
		found = found[len(found)-lastEvents:]
	}
	var lines []string
	for _, event := range found {
		lines = append(lines, fmt.Sprintf("event of %s %s: %s: %s", event.InvolvedObject.Kind, event.InvolvedObject.Name, event.Reason,
			strings.TrimSpace(event.Message)))
	}
	return lines
}

func eventTime(event corev1.Event) time.Time {
	if !event.LastTimestamp.IsZero() {
		return event.LastTimestamp.Time
	}
	return event.EventTime.Time
}

// listed tells whether an APIResourceList names a resource.
func listed(data []byte, plural string) bool {
	var resources metav1.APIResourceList
	if json.Unmarshal(data, &resources) != nil {
		return false
	}
	return slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == plural })
}
