//go:build lab

package access_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/access"
	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/stacks/plan"
	rights "github.com/lagrum/lagrum/tests/access"
	"github.com/lagrum/lagrum/tests/locked"
	"github.com/lagrum/lagrum/tests/objects"
	"github.com/lagrum/lagrum/tests/server"
)

const stack = "se-prod"

// world is a real API server with the personas and the tenant of a declared stack.
type world struct {
	api    server.Kubernetes
	plan   plan.Plan
	tenant plan.Tenant
	made   []objects.Object
}

func start(t *testing.T) world {
	t.Helper()
	p := objects.Plan(t, stack)
	require.Len(t, p.Tenants, 1)
	program := stacks.Stack{Now: func() time.Time { return objects.Now }, Probe: func(context.Context, cluster.API) error { return nil }, Lock: locked.Beside("../..")}
	w := world{api: server.StartKubernetes(t, "10.96.0.0/16"), plan: p, tenant: p.Tenants[0]}
	for _, o := range objects.Of(t, stack, program.Run) {
		if o.Part == "access" || o.Part == "tenancy" {
			w.api.Must(t, o.Text, "apply", "--server-side", "-f", "-")
			w.made = append(w.made, o)
		}
	}
	require.NotEmpty(t, w.made)
	return w
}

func (w world) ask(t *testing.T, cells []rights.Cell) []bool {
	t.Helper()
	answers, err := rights.Ask(&w.plan, w.tenant, cells, func(input string, args ...string) (string, error) {
		return w.api.Kubectl(t, input, args...)
	})
	require.NoError(t, err)
	return answers
}

// wrong are the cells that are answered otherwise than the table says.
func (w world) wrong(t *testing.T, cells []rights.Cell) []string {
	t.Helper()
	var wrong []string
	for i, answer := range w.ask(t, cells) {
		if answer != cells[i].Want {
			wrong = append(wrong, cells[i].String())
		}
	}
	return wrong
}

// settled waits until the API server knows what it was given: its authorizer follows a moment later.
func (w world) settled(t *testing.T, cells []rights.Cell) {
	t.Helper()
	var wrong []string
	for range 40 {
		if wrong = w.wrong(t, cells); len(wrong) == 0 {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Fatalf("%d cells are not as the table says: %q", len(wrong), wrong)
}

// TestMatrix asks for every persona and every act of the table. Each persona is then given all rights: what it was refused is
// granted, so the questions were right ones. And each binding is taken away: nothing of it is left.
func TestMatrix(t *testing.T) {
	w := start(t)
	cells := rights.Cells(w.tenant)
	w.settled(t, cells)
	granted := 0
	for _, c := range cells {
		if c.Want {
			granted++
		}
	}
	t.Logf("%d cells: %d granted, %d refused", len(cells), granted, len(cells)-granted)

	everybody := `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "everything-for-the-test"},
"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}]}`
	w.api.Must(t, everybody, "create", "-f", "-")
	var all []rights.Cell
	for _, c := range cells {
		c.Want = true
		all = append(all, c)
	}
	w.settled(t, all)
	w.api.Must(t, "", "delete", "clusterrolebinding", "everything-for-the-test")
	w.settled(t, cells)

	for _, o := range w.made {
		if o.Kind == "ClusterRoleBinding" || o.Kind == "RoleBinding" {
			w.api.Must(t, o.Text, "delete", "-f", "-")
		}
	}
	var none []rights.Cell
	for _, c := range cells {
		c.Want = false
		none = append(none, c)
	}
	w.settled(t, none)
}

// TestEachRight takes every rule out of every role in turn: somebody then lacks what the table grants, so no rule is there that
// nobody looked at.
func TestEachRight(t *testing.T) {
	w := start(t)
	cells := rights.Cells(w.tenant)
	w.settled(t, cells)
	tried := 0
	for _, o := range w.made {
		if o.Kind != "ClusterRole" && o.Kind != "Role" {
			continue
		}
		var role map[string]any
		require.NoError(t, json.Unmarshal([]byte(o.Text), &role))
		rules := role["rules"].([]any)
		for i, rule := range rules {
			tried++
			role["rules"] = slices.Concat(rules[:i], rules[i+1:])
			text, err := json.Marshal(role)
			require.NoError(t, err)
			looked := about(t, cells, rule)
			require.NotEmpty(t, looked, "%s: no cell is about %v", o.Name, rule)
			w.api.Must(t, string(text), "replace", "-f", "-")
			assert.Eventually(t, func() bool { return len(w.wrong(t, looked)) > 0 }, 10*time.Second, 100*time.Millisecond,
				"%s %s: nobody misses %v", o.Kind, o.Name, rule)
		}
		w.api.Must(t, o.Text, "replace", "-f", "-")
	}
	w.settled(t, cells)
	t.Logf("%d rules taken out", tried)
}

// about are the granted cells that a rule could grant.
func about(t *testing.T, cells []rights.Cell, rule any) []rights.Cell {
	t.Helper()
	text, err := json.Marshal(rule)
	require.NoError(t, err)
	var r struct{ APIGroups, Resources, Verbs, NonResourceURLs []string }
	require.NoError(t, json.Unmarshal(text, &r))
	var found []rights.Cell
	for _, c := range cells {
		if !c.Want || c.Persona == access.BreakGlass || !slices.Contains(r.Verbs, c.Verb) {
			continue
		}
		if (c.URL != "" && len(r.NonResourceURLs) > 0) || (c.URL == "" && slices.Contains(r.APIGroups, c.Group) && slices.Contains(r.Resources, c.Resource)) {
			found = append(found, c)
		}
	}
	return found
}
