package provider

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// defaultTimeout is how long an object may take to work, or to vanish, if neither the resource's CustomTimeouts nor its annotation
// timeoutSeconds say otherwise.
const defaultTimeout = 10 * time.Minute

// timeoutOf returns how long to wait for a resource; custom is in seconds, 0 if the resource has no CustomTimeouts.
func timeoutOf(custom float64, inputs resource.PropertyMap) (time.Duration, error) {
	if custom > 0 {
		return time.Duration(custom * float64(time.Second)), nil
	}
	value, ok := text(inputs, "metadata", "annotations", timeoutSeconds)
	if !ok {
		return defaultTimeout, nil
	}
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds <= 0 {
		return 0, fmt.Errorf("annotation %s: %q is no number of seconds; give a whole number above 0", timeoutSeconds, value)
	}
	return time.Duration(seconds) * time.Second, nil
}

// outputs turns the live object into the outputs of its resource, marked as the stand-in's. What the inputs hold secret is secret, wherever the
// cluster put it; the record of field managers is left out.
func (p *Provider) outputs(live *unstructured.Unstructured, inputs resource.PropertyMap) resource.PropertyMap {
	live = live.DeepCopy()
	live.SetManagedFields(nil)
	out := project(sealed(properties(live)), inputs)
	return p.Mark(newVeil(inputs).seal(resource.NewProperty(out)).ObjectValue())
}

// previewed are the outputs that a preview can tell: those of the dry run, or the inputs if there was none. What only the real object will
// have is unknown or left out.
func (p *Provider) previewed(dry *unstructured.Unstructured, inputs resource.PropertyMap, creates bool) resource.PropertyMap {
	out := compact(inputs)
	if dry != nil {
		dry = dry.DeepCopy()
		if creates {
			for _, field := range serverFields {
				unstructured.RemoveNestedField(dry.Object, "metadata", field)
			}
		}
		out = p.outputs(dry, inputs)
	}
	out["status"] = resource.MakeComputed(resource.NewProperty(""))
	kind, _ := text(inputs, "kind")
	typ, _ := text(inputs, "spec", "type")
	_, hasAddress := at(inputs, "spec", "clusterIP")
	if spec, ok := at(out, "spec"); ok && spec.IsObject() && creates && kind == "Service" && typ != "ExternalName" && !hasAddress {
		fields := spec.ObjectValue()
		for _, allocated := range []resource.PropertyKey{"clusterIPs", "healthCheckNodePort"} {
			delete(fields, allocated)
		}
		fields["clusterIP"] = resource.MakeComputed(resource.NewProperty(""))
	}
	return p.Mark(out)
}

// initFailed is the error of an object that exists but does not work: the engine keeps it in the state with the reasons, and the next update
// waits again.
func initFailed(id resource.ID, reasons []string, outputs, inputs resource.PropertyMap) error {
	options := plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, SkipNulls: true}
	state, err := plugin.MarshalProperties(outputs, options)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	detail := &pulumirpc.ErrorResourceInitFailed{Id: string(id), Properties: state, Reasons: reasons}
	if inputs != nil {
		if detail.Inputs, err = plugin.MarshalProperties(inputs, options); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, reasons[0]), detail)
}

// hidden blanks the secrets of a resource in an error's text. An error with details for the engine was hidden when it was made.
func (v veil) hidden(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := rpcerror.FromError(err); ok {
		return err
	}
	if message := v.hide(err.Error()); message != err.Error() {
		return errors.New(message)
	}
	return err
}
