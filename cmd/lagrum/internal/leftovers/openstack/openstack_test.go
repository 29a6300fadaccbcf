package openstack

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers"
)

// project is a server that answers as the services of one project do, as far as a test fills it. Whether the real ones
// answer so is shown against them (lab/openstack).
type project struct {
	*httptest.Server
	answers map[string]any // by method and path
	asked   []string
	headers map[string]http.Header
}

func newProject(t *testing.T) *project {
	p := &project{answers: map[string]any{}, headers: map[string]http.Header{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.Path
		p.asked = append(p.asked, key)
		p.headers[key] = r.Header.Clone()
		answer, known := p.answers[key]
		if status, only := answer.(int); only || !known {
			if !known {
				status = http.StatusNotFound
			}
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/v3/auth/tokens" {
			w.Header().Set("X-Subject-Token", "token")
			w.WriteHeader(http.StatusCreated)
		}
		assert.NoError(t, json.NewEncoder(w).Encode(answer))
	}))
	t.Cleanup(p.Close)
	var catalogue []any
	for kind, path := range map[string]string{
		"compute": "/nova/v2.1", "block-storage": "/cinder/v3", "network": "/neutron", "load-balancer": "/octavia/v2.0", "key-manager": "/barbican/v1", "identity": "/v3",
	} {
		catalogue = append(catalogue, map[string]any{"type": kind, "name": kind, "endpoints": []any{
			map[string]any{"interface": "public", "region": "here", "region_id": "here", "url": p.URL + path},
		}})
	}
	p.answers["GET /neutron/"] = map[string]any{"versions": []any{map[string]any{"id": "v2.0", "status": "CURRENT"}}}
	p.answers["POST /v3/auth/tokens"] = map[string]any{"token": map[string]any{
		"catalog": catalogue, "project": map[string]any{"id": "p1", "name": "care"}, "user": map[string]any{"id": "u1", "name": "robot"},
		"expires_at": "2099-01-01T00:00:00.000000Z",
	}}
	return p
}

func (p *project) login() Login {
	return Login{AuthURL: p.URL + "/v3", Region: "here", Project: "care", CredentialID: "id", CredentialSecret: "sentinel-secret"}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	_, err := New(t.Context(), p.login())
	require.NoError(t, err)

	elsewhere := p.login()
	elsewhere.Project = "other"
	_, err = New(t.Context(), elsewhere)
	require.EqualError(t, err, `openstack: this login is for another project than the site's "other"; use one for it`)

	elsewhere = p.login()
	elsewhere.Region = "there"
	_, err = New(t.Context(), elsewhere)
	require.ErrorContains(t, err, "openstack: region there: ")

	p.answers["POST /v3/auth/tokens"] = http.StatusUnauthorized
	_, err = New(t.Context(), p.login())
	require.ErrorContains(t, err, "openstack: log in at "+p.URL+"/v3: ")
	assert.NotContains(t, err.Error(), "sentinel-secret")
}

func TestPhase(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]leftovers.Phase{
		"available": leftovers.Whole, "ACTIVE": leftovers.Whole, "SHUTOFF": leftovers.Whole, "": leftovers.Whole, "DOWN": leftovers.Whole,
		"creating": leftovers.Making, "downloading": leftovers.Making, "BUILD": leftovers.Making, "PENDING_CREATE": leftovers.Making,
		"PENDING_DELETE": leftovers.Making, "deleting": leftovers.Making,
		"error": leftovers.Broken, "ERROR": leftovers.Broken, "error_deleting": leftovers.Broken,
	} {
		assert.Equal(t, want, phase(word), word)
	}
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.answers["GET /cinder/v3/volumes/detail"] = map[string]any{"volumes": []any{
		map[string]any{"id": "1", "name": "care-cp-1-g1-root", "status": "error", "metadata": map[string]string{"lagrum-stack": "se-test"}},
		map[string]any{"id": "2", "name": "pvc-1", "status": "available", "metadata": map[string]string{"lagrum-stack": "se-test"}},
		map[string]any{"id": "3", "name": "x", "status": "in-use", "metadata": map[string]string{csiCluster: "kubernetes"}, "attachments": []any{
			map[string]any{"server_id": "s"},
		}},
	}}
	c, err := New(t.Context(), p.login())
	require.NoError(t, err)
	found, err := listVolumes(t.Context(), c)
	require.NoError(t, err)
	assert.Equal(t, []leftovers.Thing{
		{ID: "1", Name: "care-cp-1-g1-root", State: "error", Phase: leftovers.Broken, Stack: "se-test"},
		{ID: "2", Name: "pvc-1", State: "available", Stack: "se-test", Precious: true, Controller: "storage driver"},
		{ID: "3", Name: "x", State: "in-use", Precious: true, Controller: "storage driver", UsedBy: []string{"s"}},
	}, found)
}

// A floating address has its tags after it has its port: killed in between, its description and its port say whose it is.
func TestFloatingIPs(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.answers["GET /neutron/v2.0/ports"] = map[string]any{"ports": []any{
		map[string]any{"id": "p", "tags": []string{"lagrum-stack=se-test"}}, map[string]any{"id": "q", "tags": []string{"lagrum-stack=dk-test"}},
	}}
	p.answers["GET /neutron/v2.0/floatingips"] = map[string]any{"floatingips": []any{
		map[string]any{"id": "1", "port_id": "p", "description": "care-gateway: the one address on the Internet"},
		map[string]any{"id": "2", "port_id": "q", "description": "care-gateway: the one address on the Internet"},
		map[string]any{"id": "3", "port_id": "p", "description": "a person's"},
		map[string]any{"id": "4", "tags": []string{"lagrum-stack=se-test"}},
	}}
	c, err := New(t.Context(), p.login())
	require.NoError(t, err)
	found, err := listFloatingIPs(t.Context(), c)
	require.NoError(t, err)
	var owners []string
	for _, thing := range found {
		owners = append(owners, thing.Stack)
	}
	assert.Equal(t, []string{"se-test", "dk-test", "", "se-test"}, owners)
}

// The key of a volume goes when the volume has gone, and not before.
func TestRemoveVolume(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	c, err := New(t.Context(), p.login())
	require.NoError(t, err)
	volume := map[string]any{"volume": map[string]any{"id": "v", "encryption_key_id": "k"}}
	p.answers["GET /cinder/v3/volumes/v"] = volume
	p.answers["DELETE /cinder/v3/volumes/v"] = http.StatusConflict
	thing := leftovers.Thing{Kind: "volume", ID: "v"}
	require.Error(t, c.Remove(t.Context(), thing))
	assert.NotContains(t, p.asked, "DELETE /barbican/v1/secrets/k")
	assert.Equal(t, "volume 3.64", p.headers["GET /cinder/v3/volumes/v"].Get("Openstack-Api-Version"))

	key, err := c.keyOf(t.Context(), "v")
	require.NoError(t, err)
	assert.Equal(t, "k", key)
	p.answers["GET /cinder/v3/volumes/v"] = http.StatusNotAcceptable
	key, err = c.keyOf(t.Context(), "v")
	require.NoError(t, err)
	assert.Empty(t, key)

	require.EqualError(t, c.Remove(t.Context(), leftovers.Thing{Kind: "security group rule", ID: "r"}), "openstack: nothing removes a security group rule")
}
