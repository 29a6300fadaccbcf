package openstack

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The command runs as it does on a node, in a real shell with a real curl, against servers that answer as Keystone and
// Barbican do. Whether theirs do is shown against the real ones.
func TestFetch(t *testing.T) {
	t.Parallel()
	const bundle = "the bytes of an archive\x00\xff"
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var login any
		if err != nil || json.Unmarshal(body, &login) != nil || !bytes.Contains(body, []byte(`"id":"node","secret":"right"`)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Subject-Token", "a-token")
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("GET /v1/secrets/4711/payload", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") != "a-token" || r.Header.Get("Accept") != "text/plain" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, base64.StdEncoding.EncodeToString([]byte(bundle)))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	for _, row := range []struct{ name, secret, ref, want string }{
		{"right", "right", "/v1/secrets/4711", bundle},
		{"a credential that ended", "wrong", "/v1/secrets/4711", ""},
		{"another node's secret", "right", "/v1/secrets/4712", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			command := exec.Command("sh", "-euc", fetch(server.URL+"/v3/", server.URL+row.ref, "node", row.secret))
			var out, errors bytes.Buffer
			command.Stdout, command.Stderr = &out, &errors
			_ = command.Run()
			require.Equal(t, row.want, out.String(), errors.String())
			if row.want == "" {
				assert.Contains(t, errors.String(), "curl: (22)", "the boot log says why")
			}
		})
	}
}

func TestPayloadPath(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"https://keys.example.org:9311/v1/secrets/4711":  "/v1/secrets/4711/payload",
		"https://example.org/key-manager/v1/secrets/a-b": "/v1/secrets/a-b/payload",
	} {
		got, err := payloadPath(ref)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := payloadPath("")
	assert.EqualError(t, err, `address of a secret: "": want .../v1/secrets/ID`)
}
