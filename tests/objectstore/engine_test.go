//go:build objectlock

// The real engine makes the stores that the plan of a declared site decides, in a real S3 server on loopback, with the
// users and policies that the documentation asks for. Then every consumer tries what it may and what it may not.
package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/providers/objectstore/rights"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/engine"
	"github.com/lagrum/lagrum/tests/server"
)

const (
	checkout      = "../.."
	administrator = "stores-root"
	password      = "only-for-this-test"
	region        = "eu-north-1"
)

// mark is on the server, so that one of a killed run is found by the next.
const mark = "objectstoretest"

// world is a server, the users on it, and a stack of the engine.
type world struct {
	minio  server.MinIO
	dir    string
	engine *engine.Engine
	plan   plan.Plan
}

// decide is the plan of production in Sweden, its stores moved to the server, and what its recovery stack reads besides.
func decide(t *testing.T, address string) plan.Plan {
	t.Helper()
	of := func(stack string) plan.Plan {
		text, err := os.ReadFile(filepath.Join(checkout, "Pulumi."+stack+".yaml"))
		require.NoError(t, err)
		p, _, err := plan.OfStack(text, time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		return p
	}
	p := of("se-prod")
	for _, store := range of("se-dr").Stores {
		if store.Of != "" {
			p.Stores = append(p.Stores, store)
		}
	}
	for i := range p.Stores {
		p.Stores[i].Place.Endpoint, p.Stores[i].Place.Region = "http://"+address, region
	}
	require.Len(t, p.Stores, 5)
	return p
}

func prepare(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), minio: server.MinIO{Address: server.Address(t), Root: administrator, Password: password, Region: region, Data: t.TempDir()}}
	w.minio.Start(t, mark)
	w.plan = decide(t, w.minio.Address)
	for _, store := range w.plan.Stores {
		for _, c := range store.Consumers {
			policy, err := rights.ForConsumer(store, c).JSON()
			require.NoError(t, err)
			w.minio.User(t, name(store, c), policy)
		}
	}
	w.init(t)
	return w
}

// name of a consumer's user, which is its key's id as well.
func name(store plan.Store, c plan.Consumer) string { return store.Name + "-" + c.Name }

func (w *world) client(t *testing.T, user string) *minio.Client { return w.minio.Client(t, user) }

// init makes the stack, with the plan that it has to make and every login that its stores ask for.
func (w *world) init(t *testing.T) {
	t.Helper()
	var err error
	w.engine, err = engine.Prepare(t.Context(), checkout, w.dir, engine.Setup{
		Program: "tests/objectstore", Plugins: map[string]string{"language-go-v3.259.0": "cmd/lagrum", "resource-aws-v6.83.0": "lab/plugins/s3"},
	})
	require.NoError(t, err)
	text, err := json.Marshal(w.plan)
	require.NoError(t, err)
	w.must(t, "stack", "init")
	w.must(t, "config", "set", "lagrum:plan", string(text))
	w.must(t, "config", "set", "--path", "pulumi:disable-default-providers[0]", "*")
	login := func(id, secret, user string) {
		w.must(t, "config", "set", "--secret", "lagrum:"+id, user)
		w.must(t, "config", "set", "--secret", "lagrum:"+secret, password)
	}
	for _, store := range w.plan.Stores {
		id, secret := store.Place.AdministratorSecrets()
		login(id, secret, administrator)
		for _, c := range store.Consumers {
			id, secret := store.ConsumerSecrets(c.Name)
			login(id, secret, name(store, c))
		}
	}
}

func (w *world) run(args ...string) (string, error) {
	out, err := w.engine.Command(180, "se-prod", args...).CombinedOutput()
	return string(out), err
}

func (w *world) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.run(args...)
	require.NoError(t, err, "pulumi %v\n%s", args, out)
	return out
}

func (w *world) store(t *testing.T, name string) plan.Store {
	t.Helper()
	for _, store := range w.plan.Stores {
		if store.Name == name {
			return store
		}
	}
	require.Fail(t, "no store "+name)
	return plan.Store{}
}
