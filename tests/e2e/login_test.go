//go:build e2e

package e2e

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/tests/login"
)

const (
	issuer = "https://login.lab.lagrum/dex"
	dexOf  = "lagrum-identity"
)

// people have an organisation whose providers vouch for them, beside the lab's own user.
type people struct {
	*world
	browser   login.Browser
	authority *login.Authority // of the providers
	file      string           // their kubeconfig
	ending    string           // a token that is over soon
}

// people declares two providers at an address that pods reach: the gateway's, at its port for what is not encrypted, where the
// lab has nothing. One asks for more than one factor. It has the groups of its people in a claim of the site's choice, and others
// in the usual one.
func (w *world) people(t *testing.T) *people {
	t.Helper()
	gateway := netip.MustParsePrefix(nodeCIDR(w.name)).Addr().Next().Next().Next()
	// The address does not exist before the lab does.
	free := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.SOL_IP, syscall.IP_FREEBIND, 1) })
		if err == nil {
			err = failed
		}
		return err
	}}
	listener, err := free.Listen(context.Background(), "tcp", gateway.String()+":80")
	require.NoError(t, err)
	authority := login.NewAuthority(t, net.ParseIP(gateway.String()))
	known := []login.Person{{Email: "nobody@example.org"}}
	for _, persona := range personas {
		known = append(known, login.Person{Email: persona.email, Groups: []string{persona.group}})
	}
	provider := login.NewProvider(t, authority, listener, "roles", known...)
	connector := func(name string, mfa bool) map[string]any {
		return map[string]any{"name": name, "type": "oidc", "url": provider.Issuer(name), "mfa": mfa, "clientID": "lagrum", "groupsClaim": "roles", "authority": authority.PEM}
	}
	w.edit(t, func(site map[string]any) {
		identity := site["identity"].(map[string]any)
		identity["connectors"] = append(identity["connectors"].([]any), connector("strong", true), connector("weak", false))
		identity["login"].(map[string]any)["lasts"] = "1m"
	})
	w.configure(t, "lagrum:connectorSecret-strong", login.Secret)
	w.configure(t, "lagrum:connectorSecret-weak", login.Secret)
	return &people{world: w, authority: authority, browser: login.Browser{Addresses: map[string]string{"login.lab.lagrum:443": gateway.String() + ":443"}}}
}

// logIn goes from nothing but what the companion command prints to the names in the audit log.
func (p *people) logIn(t *testing.T) {
	t.Run("by a file that holds no credential", p.takeTheFile)
	t.Run("as the lab's own user, in no group", func(t *testing.T) {
		who, r := p.whoami(t, p.token(t, "local", identity.LabUser().Email, identity.LabPassword).ID)
		require.Zero(t, r.code, r.out)
		assert.Equal(t, "oidc:lab@example.org", who.Username)
		assert.Equal(t, []string{"system:authenticated"}, who.Groups)
		assert.Equal(t, []string{"local"}, who.Extra["lagrum.dev/connector"])
	})
	// Until here the browser took what the printed file says, and nothing else.
	require.True(t, p.browser.Trusted.AppendCertsFromPEM([]byte(p.authority.PEM)))
	t.Run("with a group that gives rights, and without", p.groups)
	t.Run("a connector with one factor is refused", func(t *testing.T) {
		p.refused(t, p.token(t, "weak", "olga@example.org", login.Password).ID)
	})
	t.Run("a forged token is refused", p.forged)
	t.Run("logins lie encrypted in etcd, and outlive Dex", p.storage)
	t.Run("Dex may do nothing else", p.rights)
	p.ending = p.token(t, "strong", "olga@example.org", login.Password).ID
}

// takeTheFile reads of the printed kubeconfig what kubelogin and kubectl read of it.
func (p *people) takeTheFile(t *testing.T) {
	text := p.lagrum(t, time.Minute, "kubeconfig", "--directory", p.project, "--stack", p.name)
	var config struct {
		Users []struct {
			User map[string]struct{ Args []string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &config), text)
	require.Len(t, config.Users, 1)
	require.Len(t, config.Users[0].User, 1, "there is something else than a command to run: %s", text)
	for _, arg := range config.Users[0].User["exec"].Args {
		if data, found := strings.CutPrefix(arg, "--certificate-authority-data="); found {
			authority, err := base64.StdEncoding.DecodeString(data)
			require.NoError(t, err)
			p.browser.Trusted = x509.NewCertPool()
			require.True(t, p.browser.Trusted.AppendCertsFromPEM(authority))
		}
	}
	require.NotNil(t, p.browser.Trusted)
	require.Contains(t, config.Users[0].User["exec"].Args, "--oidc-issuer-url="+issuer)
	// What the command would give kubectl is given by hand.
	var all map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &all))
	all["users"] = []any{map[string]any{"name": "person", "user": map[string]any{}}}
	without, err := yaml.Marshal(all)
	require.NoError(t, err)
	p.file = filepath.Join(p.project, "people.yaml")
	require.NoError(t, os.WriteFile(p.file, without, 0o600))
}

func (p *people) token(t *testing.T, connector, email, password string) login.Tokens {
	t.Helper()
	return p.browser.LogIn(t, issuer, connector, email, password, login.Scopes)
}

// as runs kubectl as the bearer of a token.
func (p *people) as(t *testing.T, token string, args ...string) result {
	t.Helper()
	return p.try(t, time.Minute, "kubectl", append([]string{"--kubeconfig=" + p.file, "--token=" + token}, args...)...)
}

// user is who the API server takes somebody for.
type user struct {
	Username string
	Groups   []string
	Extra    map[string][]string
}

func (p *people) whoami(t *testing.T, token string) (user, result) {
	t.Helper()
	r := p.as(t, token, "auth", "whoami", "-o", "json")
	var review struct {
		Status struct {
			UserInfo user `json:"userInfo"`
		} `json:"status"`
	}
	if r.code == 0 {
		require.NoError(t, json.Unmarshal([]byte(r.out), &review), r.out)
	}
	return review.Status.UserInfo, r
}

func (p *people) refused(t *testing.T, token string) {
	t.Helper()
	who, r := p.whoami(t, token)
	require.NotZero(t, r.code, "%+v", who)
	require.Contains(t, r.out, "Unauthorized")
}

// personas are what their people may do, as the site's access says, and what they may not.
var personas = []struct{ email, group, may, mayNot string }{
	{"olga@example.org", "operators", "delete pods -n web", "get secrets -n web"},
	{"sven@example.org", "officers", "list validatingadmissionpolicies", "delete pods -n web"},
	{"anna@example.org", "auditors", "list clusterrolebindings", "delete clusterrolebindings"},
	{"dora@example.org", "ward-developers", "create deployments -n ward", "create deployments -n records"},
	{"eva@example.org", "emergency", "get secrets -n kube-system", ""},
}

// groups logs somebody in for each persona, and reads on the node who it was that did something.
func (p *people) groups(t *testing.T) {
	for _, persona := range personas {
		token := p.token(t, "strong", persona.email, login.Password).ID
		who, r := p.whoami(t, token)
		require.Zero(t, r.code, r.out)
		assert.Equal(t, "oidc:"+persona.email, who.Username)
		assert.ElementsMatch(t, []string{"oidc:" + persona.group, "system:authenticated"}, who.Groups)
		r = p.as(t, token, append([]string{"auth", "can-i"}, strings.Fields(persona.may)...)...)
		assert.Zero(t, r.code, "%s: %s: %s", persona.email, persona.may, r.out)
		if persona.mayNot != "" {
			r = p.as(t, token, append([]string{"auth", "can-i"}, strings.Fields(persona.mayNot)...)...)
			assert.Equal(t, 1, r.code, "%s: %s: %s", persona.email, persona.mayNot, r.out)
		}
	}
	dora := p.token(t, "strong", "dora@example.org", login.Password).ID
	r := p.as(t, dora, "create", "configmap", "made-by-dora", "-n", "ward")
	require.Zero(t, r.code, r.out)
	r = p.as(t, p.token(t, "strong", "nobody@example.org", login.Password).ID, "create", "configmap", "made-by-nobody", "-n", "ward")
	require.NotZero(t, r.code, r.out)
	require.Contains(t, r.out, `User "oidc:nobody@example.org" cannot create resource "configmaps"`)

	eventually(t, 30*time.Second, "the audit log names her, by her address and the way she came in", func() error {
		out, err := p.inside(t, "cp-1-g1", `grep -h '"name":"made-by-dora"' /var/log/kubernetes/audit/*.log | grep '"verb":"create"' | tail -n 1`)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		var event struct{ User user }
		if err := json.Unmarshal([]byte(strings.TrimSpace(out)), &event); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		assert.Equal(t, "oidc:dora@example.org", event.User.Username)
		assert.Equal(t, []string{"strong"}, event.User.Extra["lagrum.dev/connector"])
		return nil
	})
}

// forged changes what a token of the right issuer says, and signs as somebody else.
func (p *people) forged(t *testing.T) {
	token := p.token(t, "strong", "nobody@example.org", login.Password).ID
	header, claims := login.Parts(t, token)
	claims["groups"] = []string{"operators"}
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	fields := strings.Split(token, ".")
	p.refused(t, fields[0]+"."+login.Encode(payload)+"."+fields[2])
	p.refused(t, login.Sign(login.NewKey(t), header["kid"].(string), claims, 30*time.Second))
	_, r := p.whoami(t, token)
	require.Zero(t, r.code, "the token itself is good: %s", r.out)
}

// storage deletes the pods. What was written before is found in etcd, where nobody can read it, and by the new pods: a login goes
// on without a person, with a token of the same key.
func (p *people) storage(t *testing.T) {
	before := p.token(t, "strong", "olga@example.org", login.Password)
	require.NotEmpty(t, p.names(t, "refreshtokens.dex.coreos.com", "-n", dexOf))
	for _, kind := range []string{"refreshtokens", "signingkeies", "offlinesessionses"} {
		raw := p.etcdctl(t, "cp-1-g1", "get", "--prefix", "/registry/dex.coreos.com/"+kind+"/"+dexOf+"/")
		require.Contains(t, raw, "k8s:enc:secretbox:v1:", kind)
		for _, clear := range []string{"olga", "connectorID", "privateKey"} {
			require.NotContains(t, raw, clear, kind)
		}
	}
	p.kubectl(t, "-n", dexOf, "delete", "pods", "--all", "--timeout=2m")
	p.kubectl(t, "-n", dexOf, "rollout", "status", "deployment/dex", "--timeout=5m")
	var after login.Tokens
	eventually(t, time.Minute, "the gateway leads to the new pod", func() error {
		conn, err := net.DialTimeout("tcp", p.browser.Addresses["login.lab.lagrum:443"], 5*time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		// Without a member the balancer closes at once; Dex waits for the browser's first word.
		if _, err := conn.Read(make([]byte, 1)); err != nil && !os.IsTimeout(err) {
			return err
		}
		return nil
	})
	after = p.browser.Refresh(t, issuer, before.Refresh)
	old, _ := login.Parts(t, before.ID)
	now, _ := login.Parts(t, after.ID)
	assert.Equal(t, old["kid"], now["kid"], "the key is another")
	_, r := p.whoami(t, after.ID)
	require.Zero(t, r.code, r.out)
}

// rights asks the API server what Dex may do. It lives by its own objects, and could neither read the cluster's secrets nor make
// itself a user, a provider or a kind.
func (p *people) rights(t *testing.T) {
	for _, row := range []struct{ want, verb, resource, namespace string }{
		{"yes", "create", "refreshtokens.dex.coreos.com", dexOf},
		{"yes", "update", "signingkeies.dex.coreos.com", dexOf},
		{"yes", "list", "passwords.dex.coreos.com", dexOf},
		{"no", "delete", "signingkeies.dex.coreos.com", dexOf},
		{"no", "create", "passwords.dex.coreos.com", dexOf},
		{"no", "create", "connectors.dex.coreos.com", dexOf},
		{"no", "update", "oauth2clients.dex.coreos.com", dexOf},
		{"no", "create", "refreshtokens.dex.coreos.com", "web"},
		{"no", "get", "secrets", dexOf},
		{"no", "list", "secrets", "kube-system"},
		{"no", "get", "configmaps", dexOf},
		{"no", "create", "pods", dexOf},
		{"no", "create", "serviceaccounts/token", dexOf},
		{"no", "create", "customresourcedefinitions.apiextensions.k8s.io", ""},
		{"no", "list", "nodes", ""},
		{"no", "impersonate", "users", ""},
	} {
		args := []string{"auth", "can-i", row.verb, row.resource, "--as=system:serviceaccount:" + dexOf + ":dex", "--as-group=system:serviceaccounts", "--as-group=system:authenticated"}
		if row.namespace != "" {
			args = append(args, "--namespace="+row.namespace)
		}
		r := p.try(t, time.Minute, "kubectl", args...)
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		assert.Equal(t, row.want, lines[len(lines)-1], "%+v: %s", row, r.out)
	}
}

// tokenEnds waits for what is left of a minute, and for what API servers remember of a token.
func (p *people) tokenEnds(t *testing.T) {
	_, claims := login.Parts(t, p.ending)
	time.Sleep(time.Until(time.Unix(int64(claims["exp"].(float64)), 0).Add(11 * time.Second)))
	p.refused(t, p.ending)
}

// newControlPlane has an API server that never met Dex before.
func (p *people) newControlPlane(t *testing.T) {
	token := func() string { return p.token(t, "strong", "olga@example.org", login.Password).ID }
	eventually(t, 2*time.Minute, "it finds Dex's keys", func() error {
		if _, r := p.whoami(t, token()); r.code != 0 {
			return fmt.Errorf("%s", r.out)
		}
		return nil
	})
	p.refused(t, p.token(t, "weak", "olga@example.org", login.Password).ID)
}
