package standin

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// markKey is the output that tells the state of a stand-in from that of the official plugin. The two underscores make it internal to the
// engine, which neither shows it nor compares it; typed SDKs ignore outputs that they do not know.
const markKey resource.PropertyKey = "__standIn"

// Mark returns outputs with the stand-in's mark. Every Create, Update and Read that found the resource answers with marked outputs.
func (b *Base) Mark(outputs resource.PropertyMap) resource.PropertyMap {
	marked := outputs.Copy()
	marked[markKey] = resource.NewProperty(b.name)
	return marked
}

// CheckMark refuses outputs that another plugin wrote. Diff, Read, Update and Delete call it with the outputs in state before they do
// anything else. Empty outputs pass: that is an import, which has no state yet.
func (b *Base) CheckMark(urn resource.URN, outputs resource.PropertyMap) error {
	if len(outputs) == 0 {
		return nil
	}
	mark, ok := outputs[markKey]
	if !ok {
		return fmt.Errorf("%s: its state was not written by the stand-in for the %s plugin but, it seems, by the official plugin: "+
			"a stack is never shared between the two. Use the official %s plugin for this stack, or another stack for the lab", urn, b.name, b.name)
	}
	if mark.IsSecret() {
		mark = mark.SecretValue().Element
	}
	if !mark.IsString() || mark.StringValue() != b.name {
		return fmt.Errorf("%s: its state carries the mark %v, want %q: the state was changed by hand or by another stand-in. "+
			"Restore the stack's state from its last checkpoint", urn, mark.Mappable(), b.name)
	}
	return nil
}
