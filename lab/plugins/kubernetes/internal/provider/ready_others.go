package provider

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// serviceReady is true when at least one endpoint of the Service is ready and, for a load balancer, its address is known. A Service without
// endpoints of its own making is ready at once: headless, without selector, or an external name.
func serviceReady(ctx context.Context, c *cluster, live *unstructured.Unstructured) (verdict, error) {
	service, err := typed[corev1.Service](live)
	if err != nil {
		return verdict{}, err
	}
	if service.Spec.Type == corev1.ServiceTypeLoadBalancer && len(service.Status.LoadBalancer.Ingress) == 0 {
		return waiting("the load balancer has no address yet")
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName || service.Spec.ClusterIP == corev1.ClusterIPNone || len(service.Spec.Selector) == 0 {
		return ready()
	}
	slices, err := list[discoveryv1.EndpointSlice](ctx, c, discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), service.Namespace,
		metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service.Name})
	if err != nil {
		return verdict{}, err
	}
	endpoints := 0
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			endpoints++
			// Unset means ready (discovery/v1 EndpointConditions).
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return ready()
			}
		}
	}
	if endpoints == 0 {
		return waiting("no pod matches its selector and has an address")
	}
	return waiting("none of its %d endpoints is ready", endpoints)
}

// namespaceReady is true when the namespace is active.
func namespaceReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) (verdict, error) {
	phase, _, _ := unstructured.NestedString(live.Object, "status", "phase")
	if phase == string(corev1.NamespaceActive) {
		return ready()
	}
	return waiting("its phase is %q", phase)
}

// claimReady is true when the claim is bound, or when its storage class binds only for the first pod that uses it.
func claimReady(ctx context.Context, c *cluster, live *unstructured.Unstructured) (verdict, error) {
	claim, err := typed[corev1.PersistentVolumeClaim](live)
	if err != nil {
		return verdict{}, err
	}
	switch claim.Status.Phase {
	case corev1.ClaimBound:
		return ready()
	case corev1.ClaimLost:
		return failed("its volume is lost")
	}
	name := ""
	if claim.Spec.StorageClassName != nil {
		name = *claim.Spec.StorageClassName
	}
	if name == "" {
		return waiting("no volume is bound; it names no storage class")
	}
	object, err := c.objects.Resource(storagev1.SchemeGroupVersion.WithResource("storageclasses")).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return verdict{}, fmt.Errorf("storage class %s: %w", name, c.explain(err))
	}
	class, err := typed[storagev1.StorageClass](object)
	if err != nil {
		return verdict{}, err
	}
	if class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer {
		return ready()
	}
	return waiting("no volume of storage class %s is bound", name)
}

// definitionReady is true when the custom kind is established and discovery lists it, so that its objects can be made.
func definitionReady(ctx context.Context, c *cluster, live *unstructured.Unstructured) (verdict, error) {
	if status, why := condition(live, "NamesAccepted"); status == "False" {
		return failed("its names are refused: %s", why)
	}
	if status, why := condition(live, "Established"); status != "True" {
		return waiting("it is not established %s", why)
	}
	group, _, _ := unstructured.NestedString(live.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(live.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(live.Object, "spec", "versions")
	for _, v := range versions {
		fields, _ := v.(map[string]any)
		if served, _ := fields["served"].(bool); !served {
			continue
		}
		version, _ := fields["name"].(string)
		path := fmt.Sprintf("/apis/%s/%s", group, version)
		data, err := c.raw.Get().AbsPath(path).Do(ctx).Raw()
		if err != nil {
			return waiting("%s is not served yet", path)
		}
		if !listed(data, plural) {
			return waiting("%s does not list %s yet", path, plural)
		}
	}
	return ready()
}

// apiServiceReady is true when the aggregated API answers.
func apiServiceReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) (verdict, error) {
	status, why := condition(live, "Available")
	if status == "True" {
		return ready()
	}
	return waiting("it is not available %s", why)
}

// condition returns the status of a condition and, in brackets, its reason and message.
func condition(live *unstructured.Unstructured, name string) (status, why string) {
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, c := range conditions {
		fields, _ := c.(map[string]any)
		if fields["type"] == name {
			status, _ = fields["status"].(string)
			return status, fmt.Sprintf("(%v: %v)", fields["reason"], fields["message"])
		}
	}
	return "", "(condition " + name + " is not reported yet)"
}

// list reads all objects of a resource in a namespace into their Go type.
func list[T any](ctx context.Context, c *cluster, gvr schema.GroupVersionResource, namespace string, options metav1.ListOptions) ([]T, error) {
	found, err := c.objects.Resource(gvr).Namespace(namespace).List(ctx, options)
	if err != nil {
		return nil, c.explain(err)
	}
	items := make([]T, 0, len(found.Items))
	for i := range found.Items {
		item, err := typed[T](&found.Items[i])
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", gvr.Resource, found.Items[i].GetName(), err)
		}
		items = append(items, item)
	}
	return items, nil
}
