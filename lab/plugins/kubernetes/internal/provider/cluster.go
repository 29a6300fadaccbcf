package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

const (
	// reachTimeout bounds the first request to a cluster, so that a preview of many objects does not wait for one that is gone.
	reachTimeout = 10 * time.Second
	// reachAgain is how long a cluster that did not answer counts as unreachable.
	reachAgain = 15 * time.Second
)

// cluster is the API server that one provider resource talks to.
type cluster struct {
	server    string // URL, for messages
	namespace string // where objects go that name none
	objects   dynamic.Interface
	raw       rest.Interface
	mapper    *restmapper.DeferredDiscoveryRESTMapper

	mu      sync.Mutex
	reached bool
	tried   time.Time
	failure error
}

// connect prepares the clients. It makes no request. warn gets the warnings of the API server.
func connect(s settings, warn func(ctx context.Context, message string)) (*cluster, error) {
	kubeconfig, err := loadKubeconfig(s.kubeconfig)
	if err != nil {
		return nil, err
	}
	loaded := clientcmd.NewDefaultClientConfig(*kubeconfig, &clientcmd.ConfigOverrides{
		CurrentContext: s.context,
		Context:        clientapi.Context{Cluster: s.clusterName, Namespace: s.namespace},
	})
	config, err := loaded.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("provider argument kubeconfig: %w", err)
	}
	namespace, _, err := loaded.Namespace()
	if err != nil {
		return nil, fmt.Errorf("provider argument kubeconfig: %w", err)
	}
	config.UserAgent = manager + "/" + version
	config.QPS, config.Burst = s.client.QPS, s.client.Burst
	config.Timeout = time.Duration(s.client.Timeout) * time.Second
	config.WarningHandlerWithContext = warnings(warn)
	if s.suppressDeprecation {
		config.WarningHandlerWithContext = rest.NoWarnings{}
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("provider argument kubeconfig: %w", err)
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("provider argument kubeconfig: %w", err)
	}
	return &cluster{
		server:    config.Host,
		namespace: namespace,
		objects:   objects,
		raw:       disco.RESTClient(),
		mapper:    restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco)),
	}, nil
}

type warnings func(ctx context.Context, message string)

// HandleWarningHeaderWithContext implements [rest.WarningHandlerWithContext]. Code 299 is the only one that the API server uses.
func (w warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, message string) {
	if code == 299 && message != "" {
		w(ctx, message)
	}
}

// urnKey is the context key of the resource that a request is made for.
type urnKey struct{}

func withURN(ctx context.Context, urn resource.URN) context.Context {
	return context.WithValue(ctx, urnKey{}, urn)
}

// warn shows a warning of the API server beside the resource.
func (p *Provider) warn(ctx context.Context, message string) {
	urn, _ := ctx.Value(urnKey{}).(resource.URN)
	_ = p.Log(ctx, standin.Warning, urn, message)
}

// unreachable is an API server that does not answer.
type unreachable struct {
	server string
	cause  error
}

// Error implements error.
func (e *unreachable) Error() string {
	return fmt.Sprintf("the API server at %s is unreachable: %v. Check that the control plane and its load balancer run and that this host can "+
		"reach them. If the cluster is gone for good, run the command again with PULUMI_K8S_DELETE_UNREACHABLE=true to forget its objects",
		e.server, e.cause)
}

// Unwrap implements errors.Unwrap.
func (e *unreachable) Unwrap() error { return e.cause }

// explain makes an error of a request clear: no connection, or refused credentials. Other errors come back as they are.
func (c *cluster) explain(err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil, meta.IsNoMatchError(err), errors.Is(err, context.Canceled):
		return err
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server at %s refuses the credentials of the provider's kubeconfig: they expired or belong to another cluster; "+
			"renew the kubeconfig: %w", c.server, err)
	case errors.As(err, &status):
		return err
	}
	var gone *unreachable
	if errors.As(err, &gone) {
		return err
	}
	return &unreachable{server: c.server, cause: err}
}

// reach asks once whether the API server answers. The good answer is kept for good, a bad one for a short while.
func (c *cluster) reach(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reached {
		return nil
	}
	if c.failure != nil && time.Since(c.tried) < reachAgain {
		return c.failure
	}
	bounded, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	err := c.raw.Get().AbsPath("/version").Do(bounded).Error()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.failure, c.tried = c.explain(err), time.Now()
	if apierrors.ReasonForError(err) == metav1.StatusReasonForbidden {
		c.failure = nil // it answers, and that is all that was asked
	}
	c.reached = c.failure == nil
	return c.failure
}

// target is one object of a cluster.
type target struct {
	gvk       schema.GroupVersionKind
	namespace string // empty for a kind without namespace
	name      string
	client    dynamic.ResourceInterface
}

// String names the object for people.
func (t target) String() string { return describe(t.gvk, t.namespace, t.name) }

// find asks the API server which resource serves a kind. An empty namespace becomes the default one where the kind needs one. The error is a
// [meta.NoKindMatchError] if no resource does.
func (c *cluster) find(gvk schema.GroupVersionKind, namespace, name string) (target, error) {
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return target{}, c.explain(err)
	}
	t := target{gvk: gvk, name: name}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		t.namespace = namespace
		if t.namespace == "" {
			t.namespace = c.namespace
		}
		t.client = c.objects.Resource(mapping.Resource).Namespace(t.namespace)
		return t, nil
	}
	t.client = c.objects.Resource(mapping.Resource)
	return t, nil
}

// targetOf finds the object that inputs describe.
func (c *cluster) targetOf(obj *unstructured.Unstructured) (target, error) {
	return c.find(obj.GroupVersionKind(), obj.GetNamespace(), obj.GetName())
}

// get reads the object.
func (c *cluster) get(ctx context.Context, t target) (*unstructured.Unstructured, error) {
	live, err := t.client.Get(ctx, t.name, metav1.GetOptions{})
	return live, c.explain(err)
}
