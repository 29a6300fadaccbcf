package bootstrap_test

import (
	_ "embed"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/tests/golden"
)

// loginAuthority is a certificate whose key nobody has.
//
//go:embed testdata/login/ca.crt
var loginAuthority string

func login() *bootstrap.Login {
	return &bootstrap.Login{
		Issuer: "https://login.example.org/dex", CA: loginAuthority, Connectors: []string{"region-idp", "directory"}, Seconds: 600,
		Pipelines: []bootstrap.Pipeline{{
			Name: "ci", Issuer: "https://ci.example.org", Audience: "se-prod", Subjects: []string{`project:care/platform:ref:"main"`},
		}},
	}
}

// What an API server makes of it is shown in tests/identity, and that upstream's types take it in tests/kubeadm.
func TestAuthenticationGolden(t *testing.T) {
	t.Parallel()
	text, err := bootstrap.Authentication(login())
	require.NoError(t, err)
	golden.Compare(t, filepath.Join("login", "authentication.yaml"), string(text))
}

// A control plane boots with the login of its cluster, a worker knows of none, and both still fit.
func TestLoginReachesControlPlanes(t *testing.T) {
	t.Parallel()
	text, err := bootstrap.Authentication(login())
	require.NoError(t, err)
	c := cluster()
	c.Login = login()
	for name, node := range nodes() {
		data, err := bootstrap.UserData(bootstrap.Input{Cluster: c, Node: node, SecretFetch: fetch})
		require.NoError(t, err)
		assert.LessOrEqual(t, len(data), 16*1024, name)
		found := false
		for _, f := range parse(t, data).WriteFiles {
			if f.Path == "/etc/kubernetes/lagrum/authentication.yaml" {
				found = true
				assert.Equal(t, string(text), string(f.unpack(t)), name)
			}
		}
		assert.Equal(t, node.ControlPlane, found, name)
	}
}

// Who signed Dex's certificate vouches for Dex alone: a pipeline's issuer is somebody else's service.
func TestTheLoginsAuthorityIsForDexAlone(t *testing.T) {
	t.Parallel()
	l := login()
	text, err := bootstrap.Authentication(l)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(text), "certificateAuthority:"))
	l.Pipelines[0].CA = "another's"
	text, err = bootstrap.Authentication(l)
	require.NoError(t, err)
	assert.Contains(t, string(text), "certificateAuthority: another's")
}

// Nobody is taken where no connector is.
func TestNoConnector(t *testing.T) {
	t.Parallel()
	text, err := bootstrap.Authentication(&bootstrap.Login{Issuer: "https://login.example.org", Seconds: 600})
	require.NoError(t, err)
	assert.Contains(t, string(text), "orValue('') in []")
}
