package leftovers

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// stack is one that an update just left, with a volume and a machine in its state.
func stack() Stack {
	return Stack{
		Name: "se-test", Cluster: "care", Pools: []string{"cp", "workers"}, Alone: true, Now: now, Types: []string{"openstack:blockstorage/volume:Volume"},
		Resources: []Resource{
			{URN: "urn:volume", Type: "openstack:blockstorage/volume:Volume", ID: "v-in"},
			{URN: "urn:machine", Type: "openstack:compute/instance:Instance", ID: "s-in"},
			{URN: "urn:secret", Type: "openstack:keymanager/secretV1:SecretV1", ID: "k-in"},
		},
	}
}

// whole are the things of that state, as the cloud lists them.
func whole() []Thing {
	return []Thing{
		{Kind: "server", ID: "s-in", Name: "care-cp-1-g1", State: "ACTIVE", Stack: "se-test", Precious: true},
		{Kind: "volume", ID: "v-in", Name: "care-cp-1-g1-root", State: "in-use", Stack: "se-test", UsedBy: []string{"s-in"}, Precious: true},
		{Kind: "secret", ID: "https://keys.example.org/v1/secrets/k-in", Name: "care-cp-1-g1", Naming: ByNode},
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	volume := Thing{Kind: "volume", ID: "v", Name: "care-workers-1-g1-data", State: "available", Stack: "se-test", Precious: true, Created: now.Add(-time.Minute)}
	with := func(thing Thing, change func(*Thing)) Thing { change(&thing); return thing }
	for _, row := range []struct {
		name   string
		stack  func(*Stack)
		things []Thing
		// by, and kept, are of the one finding; none where by is empty.
		by, kept string
	}{
		{name: "what the state holds"},
		{name: "a stray volume", things: []Thing{volume}, by: "tag"},
		{name: "a stray volume in production", stack: func(s *Stack) { s.Serious = true }, things: []Thing{volume},
			by: "tag", kept: "patients may depend on it, by its data or its traffic: a person looks first"},
		{name: "one whose creation failed, in production", stack: func(s *Stack) { s.Serious = true },
			things: []Thing{with(volume, func(v *Thing) { v.Phase, v.Precious = Broken, false })}, by: "tag"},
		{name: "one that is not finished", things: []Thing{with(volume, func(v *Thing) { v.Phase = Making })}, by: "tag", kept: "the cloud is still at it"},
		{name: "one that another's machine uses", things: []Thing{with(volume, func(v *Thing) { v.UsedBy = []string{"s-else"} })}, by: "tag", kept: "in use by s-else"},
		{name: "one that a machine of the state uses", things: []Thing{with(volume, func(v *Thing) { v.UsedBy = []string{"s-in"} })}, by: "tag", kept: "in use by s-in"},
		{name: "one that only its machine tells", things: []Thing{with(volume, func(v *Thing) { v.Stack, v.UsedBy = "", []string{"s-in"} })},
			by: "server care-cp-1-g1", kept: "neither tag nor name says that it is this stack's"},
		{name: "one that nothing tells", things: []Thing{with(volume, func(v *Thing) { v.Stack = "" })}},
		{name: "another stack's", things: []Thing{with(volume, func(v *Thing) { v.Stack = "dk-test" })}},
		{name: "another stack's on a machine of ours", things: []Thing{with(volume, func(v *Thing) { v.Stack, v.UsedBy = "dk-test", []string{"s-in"} })}},
		{name: "the storage driver's, with the stack's tag", things: []Thing{with(volume, func(v *Thing) { v.Controller = "storage driver" })}},
		{name: "under a strange name", things: []Thing{with(volume, func(v *Thing) { v.Name = "records" })},
			by: "tag", kept: "it carries the stack's tag under a name that the stack gives nothing"},
		{name: "while an update may be at work", stack: func(s *Stack) { s.Alone = false }, things: []Thing{volume},
			by: "tag", kept: "an update may be at work: this backend's lock cannot be looked into, and it is not known to be older than an hour"},
		{name: "older than any update", stack: func(s *Stack) { s.Alone = false },
			things: []Thing{with(volume, func(v *Thing) { v.Created = now.Add(-2 * time.Hour) })}, by: "tag"},
		{name: "of an age that the cloud does not tell", stack: func(s *Stack) { s.Alone = false },
			things: []Thing{with(volume, func(v *Thing) { v.Created = time.Time{} })}, by: "tag",
			kept: "an update may be at work: this backend's lock cannot be looked into, and it is not known to be older than an hour"},
		{name: "a secret by its name", things: []Thing{{Kind: "secret", ID: "k", Name: "care-workers-1-g1", Naming: ByNode}}, by: "name"},
		{name: "a credential by its name", things: []Thing{{Kind: "application credential", ID: "a", Name: "care-workers-1-g1-bundle", Naming: ByBundle}}, by: "name"},
		{name: "a server group by its name", things: []Thing{{Kind: "server group", ID: "g", Name: "care-cp", Naming: ByPool}}, by: "name"},
		{name: "a longer cluster's secret", things: []Thing{{Kind: "secret", ID: "k", Name: "care-prod-cp-1-g1", Naming: ByNode}}},
		{name: "a person's secret, named as a pool is", things: []Thing{{Kind: "secret", ID: "k", Name: "care-workers", Naming: ByNode}}},
		{name: "a person's secret with a name of its own", things: []Thing{{Kind: "secret", ID: "k", Name: "care-password", Naming: ByNode}}},
		{name: "a port whose tag never came", things: []Thing{{Kind: "port", ID: "p", Name: "care-workers-1-g1", Naming: ByPort}}, by: "name"},
		{name: "a network whose tag never came", things: []Thing{{Kind: "network", ID: "n", Name: "care-nodes", Naming: ByRole}}, by: "name"},
		{name: "another cluster's network", things: []Thing{{Kind: "network", ID: "n", Name: "care-prod-nodes", Naming: ByRole}}},
		{name: "a load balancer that works, in production", stack: func(s *Stack) { s.Serious = true },
			things: []Thing{{Kind: "loadbalancer", ID: "b", Name: "care-api", Stack: "se-test", Precious: true}},
			by:     "tag", kept: "patients may depend on it, by its data or its traffic: a person looks first"},
		{name: "a rule in a group of ours", stack: func(s *Stack) { s.Resources = append(s.Resources, Resource{ID: "g-in"}) }, things: []Thing{
			{Kind: "security group", ID: "g-in", Name: "care-worker", Stack: "se-test"}, {Kind: "security group rule", ID: "r", Of: "g-in"},
		}, by: "security group care-worker", kept: "neither tag nor name says that it is this stack's"},
		{name: "a rule goes with its group", things: []Thing{
			{Kind: "security group rule", ID: "r", Of: "g"}, {Kind: "security group", ID: "g", Name: "care-worker", Stack: "se-test"},
		}, by: "tag"},
		{name: "a load balancer of which the state holds a part", stack: func(s *Stack) { s.Resources = append(s.Resources, Resource{ID: "l-in"}) }, things: []Thing{
			{Kind: "loadbalancer", ID: "b", Name: "care-api", Stack: "se-test"}, {Kind: "loadbalancer listener", ID: "l-in", Name: "care-api", Stack: "se-test", Of: "b"},
		}, by: "tag", kept: "the state holds a part of it, loadbalancer listener l-in"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := stack()
			if row.stack != nil {
				row.stack(&s)
			}
			found := Judge(s, append(whole(), row.things...))
			if row.by == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.Equal(t, []string{row.by, row.kept, ""}, []string{found[0].By, found[0].Kept, found[0].URN})
			assert.NotEmpty(t, found[0].What)
		})
	}
}

// Two stacks that name their cluster alike cannot be told apart where the name is all there is.
func TestJudgeNeighbours(t *testing.T) {
	t.Parallel()
	found := Judge(stack(), append(whole(),
		Thing{Kind: "secret", ID: "k", Name: "care-workers-1-g1", Naming: ByNode},
		Thing{Kind: "port", ID: "p", Name: "care-workers-1-g1", Stack: "se-dr"}))
	require.Len(t, found, 1)
	assert.Equal(t, "only its name says whose it is, and stack se-dr gives the same names in this project", found[0].Kept)
}

// A machine that stays keeps what it uses; one that goes lets go of it.
func TestJudgeChains(t *testing.T) {
	t.Parallel()
	things := append(whole(),
		Thing{Kind: "server", ID: "s", Name: "care-workers-1-g1", State: "ACTIVE", Stack: "se-test", Precious: true},
		Thing{Kind: "port", ID: "p", Name: "care-workers-1-g1", Stack: "se-test", UsedBy: []string{"s"}})
	for _, f := range Judge(stack(), things) {
		assert.Empty(t, f.Kept, f.Kind)
	}
	serious := stack()
	serious.Serious = true
	found := Judge(serious, things)
	require.Len(t, found, 2)
	assert.Equal(t, "patients may depend on it, by its data or its traffic: a person looks first", found[0].Kept)
	assert.Equal(t, "in use by s", found[1].Kept)
}

// What is broken in the state, or gone from under it, has its own remedy and is never removed.
func TestJudgeTheState(t *testing.T) {
	t.Parallel()
	things := whole()[:1]
	things[0].Phase, things[0].State = Broken, "ERROR"
	s := stack()
	s.Resources[1].Protected = true
	found := Judge(s, things)
	require.Len(t, found, 2)
	assert.Equal(t, []string{"ERROR", "urn:machine", "pulumi state unprotect 'urn:machine' && pulumi up --replace 'urn:machine'", "it is in the state"},
		[]string{found[0].State, found[0].URN, found[0].Do, found[0].Kept})
	assert.Equal(t, []string{"gone", "urn:volume", "pulumi refresh && pulumi up"}, []string{found[1].State, found[1].URN, found[1].Do})
	s.Resources[1].Protected = false
	assert.Equal(t, "pulumi up --replace 'urn:machine'", Judge(s, things)[0].Do)
}

// cloud refuses a thing as often as it is told to.
type cloud struct {
	refuses map[string]int
	there   []Thing
	asked   []string
}

func (c *cloud) List(context.Context) ([]Thing, error) { return c.there, nil }

func (c *cloud) Remove(_ context.Context, thing Thing) error {
	c.asked = append(c.asked, thing.ID)
	if c.refuses[thing.ID]--; c.refuses[thing.ID] >= 0 {
		return errors.New("409 in use")
	}
	c.there = slices.DeleteFunc(c.there, func(t Thing) bool { return t.ID == thing.ID })
	return nil
}

func TestRemove(t *testing.T) {
	t.Parallel()
	c := &cloud{refuses: map[string]int{"slow": 2, "stuck": 100000}}
	var found []Finding
	for _, thing := range []Thing{{Kind: "volume", ID: "kept"}, {Kind: "volume", ID: "slow", Name: "care-x"}, {Kind: "port", ID: "stuck"}} {
		found, c.there = append(found, Finding{Thing: thing}), append(c.there, thing)
	}
	found[0].Kept = "in use"
	var out bytes.Buffer
	left, err := remove(t.Context(), c, &out, found, 200*time.Millisecond, time.Millisecond)
	require.EqualError(t, err, "port stuck: still there after 200ms: 409 in use")
	assert.Equal(t, []Finding{found[0], found[2]}, left)
	assert.Equal(t, "removed volume slow care-x\n", out.String())
	assert.NotContains(t, c.asked, "kept")

	out.Reset()
	left, err = remove(t.Context(), c, &out, found[:1], time.Minute, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, found[:1], left)
	assert.Empty(t, out.String())
}

func TestReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, Report(&out, "se-test", nil))
	assert.Equal(t, "stack se-test: the cloud holds what the state holds\n", out.String())
	out.Reset()
	things := []Thing{
		{Kind: "volume", ID: "1", Name: "care-workers-1-g1-root", State: "error", Phase: Broken, Stack: "se-test", Delete: "openstack volume delete 1"},
		{Kind: "volume", ID: "2", Name: "care-workers-1-g1-data", State: "error", Phase: Broken, Stack: "se-test", Delete: "openstack volume delete 2"},
		{Kind: "port", ID: "3", Name: "care-workers-1-g1", Stack: "se-test", UsedBy: []string{"s-in"}, Delete: "openstack port delete 3"},
	}
	require.NoError(t, Report(&out, "se-test", Judge(stack(), append(whole(), things...))))
	assert.Equal(t, `stack se-test: 3 things are not as an update leaves them
KIND    ID  NAME                    CLOUD SAYS  STATE    FOUND BY  REMOVABLE
volume  1   care-workers-1-g1-root  error       outside  tag       yes
volume  2   care-workers-1-g1-data  error       outside  tag       yes
port    3   care-workers-1-g1       -           outside  tag       no
outside the state: its creation failed
  do: openstack volume delete 1
  do: openstack volume delete 2
outside the state: made, and never written down
  --remove leaves it: in use by s-in
  do: openstack port delete 3
`, out.String())
}
