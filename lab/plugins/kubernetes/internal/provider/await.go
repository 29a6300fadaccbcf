package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// diagnoseTimeout bounds the look for reasons after a wait has failed.
const diagnoseTimeout = 15 * time.Second

// verdict is what one look at an object tells.
type verdict struct {
	ready  bool
	failed bool   // it will not become ready by itself
	why    string // what it waits for, or why it failed
}

func ready() (verdict, error) { return verdict{ready: true}, nil }

func waiting(format string, args ...any) (verdict, error) {
	return verdict{why: fmt.Sprintf(format, args...)}, nil
}

func failed(format string, args ...any) (verdict, error) {
	return verdict{failed: true, why: fmt.Sprintf(format, args...)}, nil
}

// look judges a live object. An error means that it could not be judged this time.
type look func(ctx context.Context, c *cluster, live *unstructured.Unstructured) (verdict, error)

// await reads the object until it is ready, and returns its last state, also with an error. Objects of kinds without a notion of readiness, and
// those with the annotation skipAwait, are ready at once.
func (p *Provider) await(ctx context.Context, urn resource.URN, t target, live *unstructured.Unstructured, inputs resource.PropertyMap,
	timeout time.Duration, hide veil,
) (*unstructured.Unstructured, error) {
	judge := lookFor(t.gvk.GroupKind())
	if judge == nil || annotated(inputs, skipAwait) {
		return live, nil
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	shown := ""
	for {
		// The requests have the client's own timeout: one that the deadline cuts off would hide what is waited for.
		v, err := judge(ctx, p.cluster, live)
		switch {
		case err != nil && ctx.Err() == nil:
			v = verdict{why: err.Error()}
		case err == nil && v.ready:
			_ = p.Progress(ctx, urn, "")
			return live, nil
		case err == nil && v.failed:
			return live, fmt.Errorf("%s failed: %s%s", t, v.why, p.cluster.diagnose(ctx, live))
		}
		if v.why != "" && v.why != shown {
			shown = v.why
			_ = p.Progress(ctx, urn, hide.hide("waiting: "+shown))
		}
		if sleep(bounded, p.poll) != nil {
			return live, p.unfinished(ctx, t, live, timeout, shown)
		}
		switch current, err := p.cluster.get(ctx, t); {
		case err == nil:
			live = current
		case apierrors.IsNotFound(err):
			return live, fmt.Errorf("%s was deleted by another party while it was waited for", t)
		case ctx.Err() == nil:
			shown = err.Error()
			_ = p.Progress(ctx, urn, hide.hide("waiting: "+shown))
		}
	}
}

// unfinished tells why a wait ended without success: time ran out, or the engine asked to stop.
func (p *Provider) unfinished(ctx context.Context, t target, live *unstructured.Unstructured, timeout time.Duration, why string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: the wait for it was cancelled: %s", t, why)
	}
	return fmt.Errorf("%s is not ready after %s: %s%s", t, timeout, why, p.cluster.diagnose(ctx, live))
}
