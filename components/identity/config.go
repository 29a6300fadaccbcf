// Package identity lets people log in: it runs Dex, and renders its configuration and the kubeconfig by which kubectl asks it.
//
// What Dex's tokens are worth is not decided here but by the API servers: see bootstrap.Authentication.
package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Input is everything that decides Dex's configuration. It holds secrets, and so does what is rendered from it.
type Input struct {
	Login      *plan.Login
	Connectors []Connector
	// Users that Dex knows by itself, with one factor. For laboratories only: Config refuses them elsewhere.
	Users []User
	Lab   bool
	// Listen is an address and port; Certificate and Key are files.
	Listen, Certificate, Key string
	// Storage is one of Dex's, by its type, with its settings.
	Storage Storage
}

// Storage is where Dex keeps logins that last, and the keys that it signs with.
type Storage struct {
	Type   string         `json:"type"` // kubernetes; memory loses every login with the process
	Config map[string]any `json:"config,omitempty"`
}

// Connector is a provider of the plan, with what it is asked with.
type Connector struct {
	plan.Connector
	Secret string // the client's, or the password of BindDN
	// RootCA is a file with Authority; without, the trust store is asked.
	RootCA string
}

// User is a static user.
type User struct {
	Email, Name, ID string
	Hash            string // bcrypt
}

// callback is where kubelogin listens on a person's own machine.
const callback = "http://localhost:8000"

// Config renders Dex's configuration. Dex must be run with DEX_EXPAND_ENV=false, since it reads a $ in a secret as the name of
// a variable otherwise. All mistakes are reported at once, and none tells a secret.
func Config(in Input) ([]byte, error) {
	if err := in.validate(); err != nil {
		return nil, fmt.Errorf("configuration of Dex:\n%w", err)
	}
	lasts := func(seconds int) string { return (time.Duration(seconds) * time.Second).String() }
	config := dexConfig{
		Issuer: in.Login.Issuer, Storage: in.Storage,
		Web: dexWeb{HTTPS: in.Listen, TLSCert: in.Certificate, TLSKey: in.Key, TLSMinVersion: "1.2"},
		// No implicit flow, no password grant and no device flow: a token reaches only who began the login.
		OAuth2: dexOAuth2{GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"}, SkipApprovalScreen: true},
		Expiry: dexExpiry{
			IDTokens: lasts(in.Login.IDTokenSeconds), SigningKeys: "6h0m0s", AuthRequests: "10m0s",
			RefreshTokens: dexRefresh{ValidIfNotUsedFor: lasts(in.Login.IdleSeconds), AbsoluteLifetime: lasts(in.Login.LimitSeconds), ReuseInterval: "3s"},
		},
		Logger: dexLogger{Level: "info", Format: "json"},
		// kubelogin can keep no secret. PKCE binds the code to who asked for it.
		StaticClients: []dexClient{{ID: bootstrap.Audience, Name: "kubectl", Public: true, RedirectURIs: []string{callback}}},
	}
	for _, c := range in.Connectors {
		upstream, err := c.render(in.Login.Issuer)
		if err != nil {
			return nil, fmt.Errorf("configuration of Dex: connectors: %w", err)
		}
		config.Connectors = append(config.Connectors, dexConnector{Type: c.Kind, ID: c.Name, Name: c.Name, Config: upstream})
	}
	for _, u := range in.Users {
		config.EnablePasswordDB = true
		config.StaticPasswords = append(config.StaticPasswords, dexPassword{Email: u.Email, Username: u.Name, UserID: u.ID, Hash: u.Hash})
	}
	return yaml.Marshal(config)
}

func (in Input) validate() error {
	var errs []error
	bad := func(path, value, message string) { errs = append(errs, fmt.Errorf("%s: %q: %s", path, value, message)) }
	if in.Login == nil {
		return errors.New("login: is missing")
	}
	if !strings.HasPrefix(in.Login.Issuer, "https://") {
		bad("login.issuer", in.Login.Issuer, "want https://")
	}
	if len(in.Users) > 0 && !in.Lab {
		bad("users", in.Users[0].Email, "static users are for the lab only: connect the organisation's own identity provider")
	}
	if in.Storage.Type == "memory" && !in.Lab {
		bad("storage.type", in.Storage.Type, "loses every login with the process: use kubernetes")
	}
	var names []string
	for i, c := range in.Connectors {
		path := fmt.Sprintf("connectors[%d]", i)
		if c.Name == "" || c.Name == plan.StaticConnector || slices.Contains(names, c.Name) {
			bad(path+".name", c.Name, "want a name of its own, and not Dex's name of static users")
		}
		names = append(names, c.Name)
		errs = append(errs, c.validate(path)...)
	}
	if len(in.Connectors)+len(in.Users) == 0 {
		errs = append(errs, errors.New("connectors: are none, and Dex does not start without"))
	}
	return errors.Join(errs...)
}
