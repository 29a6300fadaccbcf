package provider

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// lookFor returns how objects of a kind are judged, or nil for a kind that is ready as soon as it exists.
func lookFor(gk schema.GroupKind) look {
	switch gk {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return deploymentReady
	case schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return daemonSetReady
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return statefulSetReady
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		return jobReady
	case schema.GroupKind{Kind: "Pod"}:
		return podReady
	case schema.GroupKind{Kind: "Service"}:
		return serviceReady
	case schema.GroupKind{Kind: "Namespace"}:
		return namespaceReady
	case schema.GroupKind{Kind: "PersistentVolumeClaim"}:
		return claimReady
	case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
		return definitionReady
	case schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}:
		return apiServiceReady
	}
	return nil
}

// typed reads a live object into its Go type.
func typed[T any](live *unstructured.Unstructured) (T, error) {
	var object T
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &object)
	return object, err
}

// replicas is the number of pods that a workload asks for; 1 is the API's default.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// deploymentReady is true when the rollout is complete (kubectl rollout status). A paused Deployment is not waited for.
func deploymentReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) (verdict, error) {
	d, err := typed[appsv1.Deployment](live)
	if err != nil {
		return verdict{}, err
	}
	want, s := replicas(d.Spec.Replicas), d.Status
	late := ""
	for _, c := range s.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" ||
			c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			late = fmt.Sprintf(" (%s: %s)", c.Reason, c.Message)
		}
	}
	switch {
	case d.Spec.Paused:
		return ready()
	case s.ObservedGeneration < d.Generation:
		return waiting("the deployment controller has not seen generation %d yet", d.Generation)
	case s.UpdatedReplicas < want:
		return waiting("%d of %d replicas updated%s", s.UpdatedReplicas, want, late)
	case s.Replicas > s.UpdatedReplicas:
		return waiting("%d old replicas still run%s", s.Replicas-s.UpdatedReplicas, late)
	case s.AvailableReplicas < want:
		return waiting("%d of %d replicas available%s", s.AvailableReplicas, want, late)
	}
	return ready()
}

// daemonSetReady is true when every node that should run the pod runs the new one. With the strategy OnDelete old pods count too.
func daemonSetReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) (verdict, error) {
	d, err := typed[appsv1.DaemonSet](live)
	if err != nil {
		return verdict{}, err
	}
	s := d.Status
	switch {
	case s.ObservedGeneration < d.Generation:
		return waiting("the daemon set controller has not seen generation %d yet", d.Generation)
	case d.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType && s.UpdatedNumberScheduled < s.DesiredNumberScheduled:
		return waiting("%d of %d pods updated", s.UpdatedNumberScheduled, s.DesiredNumberScheduled)
	case s.NumberAvailable < s.DesiredNumberScheduled:
		return waiting("%d of %d pods available", s.NumberAvailable, s.DesiredNumberScheduled)
	}
	return ready()
}

// statefulSetReady is true when all replicas are ready and, unless the strategy is OnDelete, those from the partition on are new.
func statefulSetReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) (verdict, error) {
	d, err := typed[appsv1.StatefulSet](live)
	if err != nil {
		return verdict{}, err
	}
	want, s := replicas(d.Spec.Replicas), d.Status
	updated := want
	if d.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		updated = 0
	} else if r := d.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil {
		updated = max(0, want-*r.Partition)
	}
	switch {
	case s.ObservedGeneration < d.Generation:
		return waiting("the stateful set controller has not seen generation %d yet", d.Generation)
	case s.UpdatedReplicas < updated && s.UpdateRevision != s.CurrentRevision:
		return waiting("%d of %d replicas updated", s.UpdatedReplicas, updated)
	case s.ReadyReplicas < want:
		return waiting("%d of %d replicas ready", s.ReadyReplicas, want)
	case s.Replicas > want:
		return waiting("%d replicas too many still run", s.Replicas-want)
	}
	return ready()
}

// jobReady is true when the Job completed. A suspended Job is not waited for.
func jobReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) (verdict, error) {
	job, err := typed[batchv1.Job](live)
	if err != nil {
		return verdict{}, err
	}
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobSuspended:
			return ready()
		case batchv1.JobFailed:
			return failed("%s: %s", c.Reason, c.Message)
		}
	}
	s := job.Status
	if s.Failed > 0 {
		return waiting("%d pods active, %d succeeded, %d failed", s.Active, s.Succeeded, s.Failed)
	}
	return waiting("%d pods active, %d of %d succeeded", s.Active, s.Succeeded, replicas(job.Spec.Completions))
}

// podReady is true when the pod is ready or has succeeded.
func podReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) (verdict, error) {
	pod, err := typed[corev1.Pod](live)
	if err != nil {
		return verdict{}, err
	}
	switch pod.Status.Phase {
	case corev1.PodSucceeded:
		return ready()
	case corev1.PodFailed:
		return failed("%s", podTrouble(pod))
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return ready()
		}
	}
	return waiting("%s", podTrouble(pod))
}
