package records

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type object struct{ Name, Owner string }

func TestStore(t *testing.T) {
	t.Parallel()
	s := Store{Lab: "unit", Dir: t.TempDir()}
	var got object
	err := s.Load(Networks, "net", &got)
	require.EqualError(t, err, "lab unit: networks/net does not exist")
	require.ErrorIs(t, err, ErrNotFound)

	require.NoError(t, s.Save(Networks, "net", object{"net", "urn:a"}))
	require.NoError(t, s.Save(Networks, "net", object{"net", "urn:b"}))
	require.NoError(t, s.Save(Machines, "w-1", object{"w-1", "urn:c"}))
	// A folder without record is what a killed creation left.
	require.NoError(t, os.MkdirAll(s.Path(Machines, "w-2"), 0o700))
	// So is half a file.
	require.NoError(t, os.WriteFile(s.Path(Networks, ".new-1"), []byte("{"), 0o600))

	all, err := All[object](s, Networks)
	require.NoError(t, err)
	assert.Equal(t, []object{{"net", "urn:b"}}, all)
	all, err = All[object](s, Machines)
	require.NoError(t, err)
	assert.Equal(t, []object{{"w-1", "urn:c"}}, all)

	require.NoError(t, s.Remove(Networks, "net"))
	require.NoError(t, s.Remove(Networks, "net"), "one that is gone is fine")
	names, err := s.Names(Networks)
	require.NoError(t, err)
	assert.Empty(t, names)
}

func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	s := Store{Lab: "unit", Dir: t.TempDir()}
	require.NoError(t, WriteFile(s.File(Members, "m"), []byte("{"), 0o600))
	var got object
	require.EqualError(t, s.Load(Members, "m", &got),
		filepath.Join(s.Dir, "members", "m.json")+": unexpected end of JSON input; the lab's state is damaged: run lagrum lab down")
}

func TestRemoveOwned(t *testing.T) {
	t.Parallel()
	s := Store{Lab: "unit", Dir: t.TempDir()}
	for _, o := range []struct {
		kind string
		object
	}{
		{Networks, object{"net", "urn:a"}}, {Machines, object{"w-1", "urn:a"}}, {Machines, object{"w-2", "urn:b"}},
		{Members, object{"w-1", "urn:a"}}, {Balancers, object{"api", "urn:a"}},
	} {
		require.NoError(t, s.Save(o.kind, o.Name, o.object))
	}
	removers := map[string]func(context.Context, string) error{}
	for _, kind := range []string{Networks, Firewalls, Balancers, Members, Machines} {
		removers[kind] = func(_ context.Context, name string) error {
			if kind == Balancers {
				return errors.New("load balancer api: stuck")
			}
			return s.Remove(kind, name)
		}
	}
	removed, err := s.RemoveOwned(t.Context(), "urn:a", removers)
	require.EqualError(t, err, "load balancer api: stuck", "the others are removed all the same")
	assert.Equal(t, []string{"members/w-1", "machines/w-1", "networks/net"}, removed, "users before what they use")
	machines, err := All[object](s, Machines)
	require.NoError(t, err)
	assert.Equal(t, []object{{"w-2", "urn:b"}}, machines)
}

func TestValidName(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ value, err string }{
		"plain":     {"cp-1-g1", ""},
		"empty":     {"", `"" is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first`},
		"a path":    {"../x", `"../x" is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first`},
		"ends in -": {"a-", `"a-" is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := ValidName(row.value); row.err != "" {
				require.EqualError(t, err, row.err)
			} else {
				require.NoError(t, err)
			}
		})
	}
}
