package provider

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// applyOptions say how an object is applied.
type applyOptions struct {
	manager string
	dryRun  bool
	force   bool // take fields that other managers own
}

// apply sends the inputs as a server-side apply and returns the object as the API server has (dry run: would have) it. Unknown fields are an
// error, not a warning as with the official plugin.
func (c *cluster) apply(ctx context.Context, t target, inputs *unstructured.Unstructured, opts applyOptions) (*unstructured.Unstructured, error) {
	obj := applied(inputs)
	obj.SetNamespace(t.namespace)
	body, err := json.Marshal(obj.Object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	options := metav1.PatchOptions{FieldManager: opts.manager, Force: &opts.force, FieldValidation: metav1.FieldValidationStrict}
	if opts.dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	live, err := t.client.Patch(ctx, t.name, types.ApplyPatchType, body, options)
	if err != nil {
		return nil, rejected(t, c.explain(err))
	}
	return live, nil
}

// managerOf returns the field manager of a resource: one for all objects, one of its own for each *Patch resource, so that deleting the
// resource gives up its fields alone.
func managerOf(urn resource.URN, patch bool) string {
	if !patch {
		return manager
	}
	sum := sha256.Sum256([]byte(urn))
	return fmt.Sprintf("%s-%x", manager, sum[:4])
}

// force tells whether the inputs or the provider ask to take fields from other managers.
func (p *Provider) force(inputs resource.PropertyMap) bool {
	if value, ok := text(inputs, "metadata", "annotations", patchForce); ok {
		return value == "true"
	}
	return p.settings.patchForce
}

// conflictMessage is the API server's text for one conflicting field.
var conflictMessage = regexp.MustCompile(`^conflict with "([^"]*)"`)

// rejected makes the API server's refusal of an apply clear.
func rejected(t target, err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err
	}
	details := status.Status().Details
	if apierrors.IsConflict(err) && details != nil {
		var fields []string
		for _, cause := range details.Causes {
			if cause.Type != metav1.CauseTypeFieldManagerConflict {
				continue
			}
			owner := cause.Message
			if match := conflictMessage.FindStringSubmatch(cause.Message); match != nil {
				owner = match[1]
			}
			fields = append(fields, fmt.Sprintf("%s is owned by %q", cause.Field, owner))
		}
		if len(fields) > 0 {
			return fmt.Errorf("%s: fields of the program are owned by other managers: %s. Leave the fields out of the program, or take them with "+
				"the annotation %s: \"true\": %w", t, strings.Join(fields, "; "), patchForce, errConflict)
		}
	}
	if apierrors.IsInvalid(err) && strings.Contains(err.Error(), "immutable") {
		return fmt.Errorf("%s: the API server cannot change this object in place: %w. Replace it: give it a new name, or use the resource option "+
			"ReplaceOnChanges for the field", t, err)
	}
	return fmt.Errorf("%s: %w", t, err)
}

// errConflict marks the error of an apply that other field managers stand against.
var errConflict = errors.New("server-side apply conflict")

// withLive puts the live values at the ignored paths into the inputs: an ignored field keeps what others set it to, without a conflict.
func withLive(inputs resource.PropertyMap, live *unstructured.Unstructured, ignored []string) (resource.PropertyMap, error) {
	if len(ignored) == 0 {
		return inputs, nil
	}
	merged := resource.NewProperty(compact(inputs))
	current := resource.NewProperty(properties(live))
	for _, ignore := range ignored {
		path, err := resource.ParsePropertyPath(ignore)
		if err != nil {
			return nil, fmt.Errorf("ignoreChanges %q: %w", ignore, err)
		}
		if value, ok := path.Get(current); ok {
			if next, ok := path.Add(merged, value); ok {
				merged = next
			}
		} else {
			path.Delete(merged)
		}
	}
	return project(merged.ObjectValue(), inputs), nil
}
