package identity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
)

func input() identity.Input {
	return identity.Input{
		Login: &plan.Login{Issuer: "https://login.example.org/dex", IDTokenSeconds: 600, IdleSeconds: 3600, LimitSeconds: 43200},
		Connectors: []identity.Connector{
			{Connector: plan.Connector{Name: "region-idp", Kind: plan.OIDC, URL: "https://idp.example.org", ClientID: "lagrum", GroupsClaim: "roles"}, Secret: "not$real"},
			{Connector: directory(), Secret: "nor this", RootCA: "/etc/dex/config/directory.pem"},
		},
		Listen: "0.0.0.0:5556", Certificate: "/etc/dex/tls/tls.crt", Key: "/etc/dex/tls/tls.key",
		Storage: identity.Storage{Type: "kubernetes", Config: map[string]any{"inCluster": true}},
	}
}

func directory() plan.Connector {
	return plan.Connector{Name: "directory", Kind: plan.LDAP, URL: "ldaps://directory.example.org", Directory: &plan.Directory{
		BindDN: "cn=dex,dc=example,dc=org", PeopleBase: "ou=people,dc=example,dc=org", PeopleFilter: "(objectClass=person)", Login: "uid", ID: "entryUUID",
		Email: "mail", GroupsBase: "ou=groups,dc=example,dc=org", GroupsFilter: "(objectClass=groupOfNames)", Member: "member", Person: "DN", GroupName: "cn",
	}}
}

// That Dex takes it is shown in tests/identity.
func TestConfigGolden(t *testing.T) {
	t.Parallel()
	text, err := identity.Config(input())
	require.NoError(t, err)
	golden.Compare(t, "dex.yaml", string(text))
}

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	in := input()
	in.Login.Issuer = "http://login.example.org"
	in.Storage = identity.Storage{Type: "memory"}
	in.Users = []identity.User{{Email: "lab@example.org"}}
	in.Connectors = append(in.Connectors, in.Connectors[0], identity.Connector{
		Connector: plan.Connector{Name: "local", Kind: plan.OIDC, URL: "http://idp.example.org"}, Secret: "hidden",
	}, identity.Connector{
		Connector: plan.Connector{Name: "old", Kind: plan.LDAP, URL: "ldap://directory.example.org"}, Secret: "hidden",
	}, identity.Connector{Connector: plan.Connector{Name: "new", Kind: "saml"}})
	_, err := identity.Config(in)
	require.EqualError(t, err, `configuration of Dex:
login.issuer: "http://login.example.org": want https://
users: "lab@example.org": static users are for the lab only: connect the organisation's own identity provider
storage.type: "memory": loses every login with the process: use kubernetes
connectors[2].name: "region-idp": want a name of its own, and not Dex's name of static users
connectors[3].name: "local": want a name of its own, and not Dex's name of static users
connectors[3].url: "http://idp.example.org": want https://
connectors[3]: "local": want a client id and its secret
connectors[4].url: "ldap://directory.example.org": want ldaps://
connectors[4]: "old": want a directory and the password to search it with
connectors[5].kind: "saml": want oidc or ldap`)
	assert.NotContains(t, err.Error(), "hidden")
	in = input()
	in.Connectors = nil
	_, err = identity.Config(in)
	require.EqualError(t, err, "configuration of Dex:\nconnectors: are none, and Dex does not start without")
	in.Login = nil
	_, err = identity.Config(in)
	require.EqualError(t, err, "configuration of Dex:\nlogin: is missing")
}

func TestKubeconfigGolden(t *testing.T) {
	t.Parallel()
	text, err := identity.Kubeconfig("se-prod", "https://api.example.org:6443", "a certificate\n", "https://login.example.org/dex", "another\n")
	require.NoError(t, err)
	golden.Compare(t, "kubeconfig.yaml", string(text))
}
