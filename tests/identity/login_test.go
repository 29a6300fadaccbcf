//go:build lab

package identity_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/login"
	"github.com/lagrum/lagrum/tests/server"
)

// lifetime of people's tokens here, in seconds: long enough for a login and a question, short enough to be seen to end.
const lifetime = 30

// world is an API server, a Dex and the providers behind it.
type world struct {
	server.Kubernetes
	authority *login.Authority
	upstream  *login.Provider
	accepted  *bootstrap.Login
	dex       string // issuer
	file      string // the API server's AuthenticationConfiguration
	audit     string
}

func newWorld(t *testing.T) *world {
	a := login.NewAuthority(t, net.IPv4(127, 0, 0, 1))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &world{authority: a, upstream: login.NewProvider(t, a, listener, "groups",
		login.Person{Email: "olga@example.org", Groups: []string{"operators", "system:masters"}},
		login.Person{Email: "sven@example.org", Groups: []string{"security-officers"}},
		login.Person{Email: "dev@example.org", Groups: []string{"developers"}},
		login.Person{Email: "audit@example.org", Groups: []string{"auditors"}},
		login.Person{Email: "nobody@example.org"},
		login.Person{Email: "unverified@example.org", Groups: []string{"operators"}, Unverified: true},
	)}
	listen := server.Address(t)
	w.dex = "https://" + listen + "/dex"
	w.accepted = &bootstrap.Login{Issuer: w.dex, CA: a.PEM, Connectors: []string{"strong", "directory"}, Seconds: lifetime, Pipelines: []bootstrap.Pipeline{
		{Name: "ci", Issuer: w.upstream.Issuer("ci"), Audience: "dev", Subjects: []string{"platform:main"}, CA: a.PEM},
	}}
	w.file = a.Write(t, "authentication.yaml", string(w.rendered(t)))
	w.audit = filepath.Join(a.Dir, "audit.log")
	policy, err := filepath.Abs("../../components/bootstrap/testdata/init/files/etc/kubernetes/lagrum/audit.yaml")
	require.NoError(t, err)

	directory, found := newDirectory(t, a)
	config, err := identity.Config(identity.Input{
		Login: &plan.Login{Issuer: w.dex, IDTokenSeconds: lifetime, IdleSeconds: 3600, LimitSeconds: 43200}, Lab: true,
		Connectors: []identity.Connector{
			provider("strong", w.upstream, a), provider("weak", w.upstream, a), found,
		},
		Users:  []identity.User{identity.LabUser()},
		Listen: listen, Certificate: a.Certificate, Key: a.Key, Storage: identity.Storage{Type: "memory"},
	})
	require.NoError(t, err)
	t.Setenv("DEX_EXPAND_ENV", "false")
	w.Kubernetes = server.StartKubernetes(t, "10.96.0.0/24", "--authentication-config="+w.file, "--audit-policy-file="+policy, "--audit-log-path="+w.audit)
	w.Run(t, "slapd", "/usr/sbin/slapd", "-d", "stats", "-f", filepath.Join(a.Dir, "slapd.conf"), "-h", directory)
	log := w.Run(t, "dex", server.Program(t, "dex"), "serve", a.Write(t, "dex.yaml", string(config)))
	client := w.upstream.Server.Client()
	require.Eventually(t, func() bool {
		answer, err := client.Get(w.dex + "/healthz")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	}, time.Minute, 200*time.Millisecond, "Dex does not answer; its log is %s", log)
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("Dex:\n%s", text)
		}
	})
	return w
}

func provider(name string, at *login.Provider, a *login.Authority) identity.Connector {
	return identity.Connector{Connector: plan.Connector{Name: name, Kind: plan.OIDC, URL: at.Issuer(name), ClientID: "dex"}, Secret: login.Secret, RootCA: a.CA}
}

func (w *world) rendered(t *testing.T) []byte {
	t.Helper()
	text, err := bootstrap.Authentication(w.accepted)
	require.NoError(t, err)
	return text
}

// user is who the API server takes the bearer of a token for.
type user struct {
	Username string
	Groups   []string
	Extra    map[string][]string
}

func (w *world) whoami(t *testing.T, token string) (user, error) {
	t.Helper()
	out, err := w.Kubectl(t, "", "auth", "whoami", "-o", "json", "--token="+token)
	if err != nil {
		return user{}, fmt.Errorf("%w: %s", err, out)
	}
	var review struct {
		Status struct {
			UserInfo user `json:"userInfo"`
		} `json:"status"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &review), out)
	return review.Status.UserInfo, nil
}

// becomes waits for an API server that is reading its file or an issuer's keys.
func (w *world) becomes(t *testing.T, accepted bool, token func() string) user {
	t.Helper()
	var who user
	var err error
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		if who, err = w.whoami(t, token()); (err == nil) == accepted {
			return who
		}
	}
	require.Fail(t, "still not so", "want accepted %t: %+v, %v", accepted, who, err)
	return who
}

func (w *world) refused(t *testing.T, token string) {
	t.Helper()
	who, err := w.whoami(t, token)
	require.Error(t, err, "%+v", who)
	require.ErrorContains(t, err, "Unauthorized")
}

func (w *world) browser() login.Browser { return login.Browser{Trusted: w.authority.Pool} }

func (w *world) person(t *testing.T, connector, email string) string {
	t.Helper()
	return w.browser().LogIn(t, w.dex, connector, email, login.Password, login.Scopes).ID
}

func (w *world) pipeline(claims map[string]any, lasts time.Duration) string {
	all := map[string]any{"iss": w.upstream.Issuer("ci"), "aud": "dev", "sub": "platform:main"}
	for name, value := range claims {
		all[name] = value
	}
	return login.Sign(w.upstream.Key, "1", all, lasts)
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	w.becomes(t, true, func() string { return w.person(t, "strong", "olga@example.org") })
	w.becomes(t, true, func() string { return w.pipeline(nil, time.Minute) })

	t.Run("people are who their token says, with a prefix", func(t *testing.T) {
		for email, groups := range map[string][]string{
			"olga@example.org": {"oidc:operators", "oidc:system:masters"}, "sven@example.org": {"oidc:security-officers"},
			"dev@example.org": {"oidc:developers"}, "audit@example.org": {"oidc:auditors"}, "nobody@example.org": nil,
		} {
			who, err := w.whoami(t, w.person(t, "strong", email))
			require.NoError(t, err)
			assert.Equal(t, "oidc:"+email, who.Username)
			assert.ElementsMatch(t, append(groups, "system:authenticated"), who.Groups)
			assert.Equal(t, []string{"strong"}, who.Extra["lagrum.dev/connector"])
		}
	})
	t.Run("a connector with one factor is refused", func(t *testing.T) {
		w.refused(t, w.person(t, "weak", "olga@example.org"))
		w.refused(t, w.person(t, "local", "lab@example.org"))
	})
	t.Run("a token that does not name its connector is refused", func(t *testing.T) {
		w.refused(t, w.browser().LogIn(t, w.dex, "strong", "olga@example.org", login.Password, "openid email groups").ID)
	})
	t.Run("an address that is not verified is refused", func(t *testing.T) {
		w.refused(t, w.person(t, "strong", "unverified@example.org"))
	})
	t.Run("people of a directory", w.fromDirectory)
	t.Run("a directory forgets a group", w.directoryForgets)
	t.Run("a group gives rights, and its lack none", func(t *testing.T) {
		w.allow(t, "oidc:operators")
		operator := w.person(t, "strong", "olga@example.org")
		w.makes(t, "made-by-olga", operator)
		out, err := w.Kubectl(t, "", "create", "configmap", "made-by-nobody", "-n", "default", "--token="+w.person(t, "strong", "nobody@example.org"))
		require.Error(t, err)
		assert.Contains(t, out, `User "oidc:nobody@example.org" cannot create resource "configmaps"`)
		// Kubernetes's own group of that name may do everything.
		out, err = w.Kubectl(t, "", "create", "clusterrole", "any", "--verb=*", "--resource=*", "--token="+operator)
		require.Error(t, err)
		assert.Contains(t, out, "Forbidden")
	})
	t.Run("the audit log names person and pipeline", func(t *testing.T) {
		w.allow(t, "pipeline:ci")
		w.makes(t, "made-by-ci", w.pipeline(nil, time.Minute))
		person := w.event(t, "made-by-olga")
		assert.Equal(t, "oidc:olga@example.org", person.Username)
		assert.Equal(t, []string{"strong"}, person.Extra["lagrum.dev/connector"])
		assert.Equal(t, "pipeline:ci:platform:main", w.event(t, "made-by-ci").Username)
	})
	t.Run("a pipeline is nobody else", func(t *testing.T) {
		who, err := w.whoami(t, w.pipeline(map[string]any{
			"email": "olga@example.org", "email_verified": true, "groups": []string{"operators"}, "name": "olga",
			"federated_claims": map[string]string{"connector_id": "strong"},
		}, time.Minute))
		require.NoError(t, err)
		assert.Equal(t, "pipeline:ci:platform:main", who.Username)
		assert.ElementsMatch(t, []string{"pipeline:ci", "system:authenticated"}, who.Groups)
		for name, claims := range map[string]map[string]any{
			"another subject":   {"sub": "platform:branch"},
			"people's audience": {"aud": bootstrap.Audience},
			"people's issuer":   {"iss": w.dex, "aud": bootstrap.Audience},
			"an unknown issuer": {"iss": w.upstream.Issuer("other")},
		} {
			t.Run(name, func(t *testing.T) { w.refused(t, w.pipeline(claims, time.Minute)) })
		}
		w.refused(t, w.pipeline(nil, 3*time.Hour))
		w.refused(t, w.pipeline(nil, -time.Minute))
	})
	t.Run("a forged token is refused", func(t *testing.T) {
		token := w.person(t, "weak", "nobody@example.org")
		header, claims := login.Parts(t, token)
		claims["groups"], claims["federated_claims"] = []string{"operators"}, map[string]string{"connector_id": "strong"}
		payload, err := json.Marshal(claims)
		require.NoError(t, err)
		fields := strings.Split(token, ".")
		w.refused(t, fields[0]+"."+login.Encode(payload)+"."+fields[2])
		w.refused(t, login.Sign(login.NewKey(t), header["kid"].(string), claims, 20*time.Second))
		none, err := json.Marshal(map[string]string{"alg": "none"})
		require.NoError(t, err)
		w.refused(t, login.Encode(none)+"."+login.Encode(payload)+".")
	})
	t.Run("a token ends", func(t *testing.T) {
		token := w.person(t, "strong", "olga@example.org")
		_, err := w.whoami(t, token)
		require.NoError(t, err)
		_, claims := login.Parts(t, token)
		end := time.Unix(int64(claims["exp"].(float64)), 0)
		assert.LessOrEqual(t, time.Until(end), lifetime*time.Second)
		time.Sleep(time.Until(end) + 11*time.Second) // the API server remembers a token for ten seconds
		w.refused(t, token)
	})
	t.Run("without its rule", w.mutations)
}

// allow lets a group make ConfigMaps. No controller is here that would fill Kubernetes's own roles.
func (w *world) allow(t *testing.T, group string) {
	t.Helper()
	name := strings.ReplaceAll(group, ":", "-")
	w.Must(t, "", "create", "clusterrole", name, "--verb=create", "--resource=configmaps")
	w.Must(t, "", "create", "clusterrolebinding", name, "--clusterrole="+name, "--group="+group)
}

// makes a ConfigMap by a token, once the API server has read what was allowed.
func (w *world) makes(t *testing.T, name, token string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := w.Kubectl(t, "", "create", "configmap", name, "-n", "default", "--token="+token)
		return err == nil
	}, 15*time.Second, 500*time.Millisecond, "%s is not allowed", name)
}

// event is who the audit log says made a ConfigMap.
func (w *world) event(t *testing.T, name string) (who user) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(w.audit)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			var e struct {
				Verb      string
				User      user
				ObjectRef struct{ Resource, Name string }
			}
			if json.Unmarshal([]byte(line), &e) == nil && e.Verb == "create" && e.ObjectRef.Resource == "configmaps" && e.ObjectRef.Name == name {
				who = e.User
				return true
			}
		}
		return false
	}, 20*time.Second, time.Second, "no event of %s", name)
	return who
}

// mutations take one rule at a time out of the rendered file, and see what it refuses be taken.
func (w *world) mutations(t *testing.T) {
	drop := func(issuer, rule int) func(map[string]any) {
		return func(config map[string]any) {
			jwt := config["jwt"].([]any)[issuer].(map[string]any)
			rules := jwt["claimValidationRules"].([]any)
			jwt["claimValidationRules"] = slices.Delete(rules, rule, rule+1)
		}
	}
	for _, m := range []struct {
		name   string
		mutate func(map[string]any)
		token  func() string
		want   user
	}{
		{"connector", drop(0, 0), func() string { return w.person(t, "weak", "olga@example.org") }, user{Username: "oidc:olga@example.org"}},
		{"verified address", func(c map[string]any) {
			// An API server takes no name from an address without asking whether it is verified; so the answer is ignored.
			rule := c["jwt"].([]any)[0].(map[string]any)["claimValidationRules"].([]any)[1].(map[string]any)
			rule["expression"] = rule["expression"].(string) + " || true"
		}, func() string { return w.person(t, "strong", "unverified@example.org") }, user{Username: "oidc:unverified@example.org"}},
		{"subject of a pipeline", drop(1, 0), func() string { return w.pipeline(map[string]any{"sub": "platform:branch"}, time.Minute) },
			user{Username: "pipeline:ci:platform:branch"}},
		{"lifetime of a pipeline's token", drop(1, 1), func() string { return w.pipeline(nil, 3*time.Hour) }, user{Username: "pipeline:ci:platform:main"}},
	} {
		t.Run(m.name, func(t *testing.T) {
			w.refused(t, m.token())
			var config map[string]any
			require.NoError(t, yaml.Unmarshal(w.rendered(t), &config))
			m.mutate(config)
			mutated, err := yaml.Marshal(config)
			require.NoError(t, err)
			w.authority.Write(t, "authentication.yaml", string(mutated))
			assert.Equal(t, m.want.Username, w.becomes(t, true, m.token).Username)
			w.authority.Write(t, "authentication.yaml", string(w.rendered(t)))
			w.becomes(t, false, m.token)
		})
	}
	t.Run("lifetime of a person's token", func(t *testing.T) {
		shorter := *w.accepted
		shorter.Seconds = lifetime - 1
		text, err := bootstrap.Authentication(&shorter)
		require.NoError(t, err)
		w.authority.Write(t, "authentication.yaml", string(text))
		w.becomes(t, false, func() string { return w.person(t, "strong", "olga@example.org") })
	})
	t.Run("prefix of groups", func(t *testing.T) {
		text := strings.Replace(string(w.rendered(t)), `"oidc:" + group`, `group`, 1)
		w.authority.Write(t, "authentication.yaml", text)
		assert.Contains(t, w.becomes(t, true, func() string { return w.person(t, "strong", "olga@example.org") }).Groups, "system:masters")
	})
}
