//go:build lab

package provider

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// create runs Check and Create as the engine does.
func (e *engine) create(t *testing.T, typ, name string, object map[string]any, timeout float64) (*managed, error) {
	t.Helper()
	m := &managed{e: e, urn: urnOf(typ, name)}
	m.inputs = e.check(t, m.urn, nil, resource.NewPropertyMapFromMap(object))
	resp, err := e.Create(t.Context(), plugin.CreateRequest{URN: m.urn, Properties: m.inputs, Timeout: timeout})
	m.id, m.outputs = resp.ID, resp.Properties
	return m, err
}

func (e *engine) mustCreate(t *testing.T, typ, name string, object map[string]any) *managed {
	t.Helper()
	m, err := e.create(t, typ, name, object, 30)
	require.NoError(t, err)
	return m
}

// update runs Check, Diff and Update.
func (m *managed) update(t *testing.T, object map[string]any, preview bool, ignore ...string) error {
	t.Helper()
	news, _ := m.diff(t, object, ignore...)
	resp, err := m.e.Update(t.Context(), plugin.UpdateRequest{
		URN: m.urn, ID: m.id, OldInputs: m.inputs, OldOutputs: m.outputs, NewInputs: news, Preview: preview, IgnoreChanges: ignore, Timeout: 30,
	})
	if !preview && (err == nil || resp.Status == resource.StatusPartialFailure) {
		m.inputs, m.outputs = news, resp.Properties
	}
	return err
}

// read runs Read as a refresh does and returns the difference that the refresh shows: from the program's inputs to the live object.
func (m *managed) read(t *testing.T) (plugin.ReadResponse, plugin.DiffResult) {
	t.Helper()
	resp, err := m.e.Read(t.Context(), plugin.ReadRequest{URN: m.urn, ID: m.id, Inputs: m.inputs, State: m.outputs})
	if _, ok := err.(*plugin.InitError); !ok {
		require.NoError(t, err)
	}
	if resp.ID == "" {
		return resp, plugin.DiffResult{}
	}
	diff, err := m.e.Diff(t.Context(), plugin.DiffRequest{
		URN: m.urn, ID: m.id, OldInputs: resp.Inputs, OldOutputs: resp.Outputs, NewInputs: m.inputs, AllowUnknowns: true,
	})
	require.NoError(t, err)
	return resp, diff.Invert()
}

// reasonOf returns why a resource that was made does not work, as the engine keeps it in the state.
func reasonOf(t *testing.T, err error) string {
	t.Helper()
	var failed *plugin.InitError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Reasons, 1)
	return failed.Reasons[0]
}
