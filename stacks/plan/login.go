package plan

import (
	"net/url"

	"github.com/lagrum/lagrum/stacks/site"
)

// Login is who gets into the API with a token.
type Login struct {
	Issuer string `json:"issuer"` // Dex's
	Host   string `json:"host"`   // the name in it, which leads to the gateway
	// Connectors are the providers that Dex asks who people are.
	Connectors []Connector `json:"connectors,omitempty"`
	// StaticUsers says that Dex knows people by itself, as only a lab's does.
	StaticUsers bool `json:"staticUsers,omitempty"`
	// Certificate is how long Dex's serving certificate lives.
	Certificate Lifetime `json:"certificate"`
	// Accepted are the connectors whose tokens the API servers take. Where more than one factor is a duty they are those that
	// ask for it, in every environment, and the static users of a lab; a waiver lets the others log in to what else trusts
	// Dex, never to the API.
	Accepted []string `json:"accepted"`
	// How long a token is good, and a login unused and at most.
	IDTokenSeconds int        `json:"idTokenSeconds"`
	IdleSeconds    int        `json:"idleSeconds"`
	LimitSeconds   int        `json:"limitSeconds"`
	Pipelines      []Pipeline `json:"pipelines,omitempty"`
}

// Connector is a provider that vouches for people. What it is asked with is a secret of the stack: see Secret.
type Connector struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // oidc or ldap
	// URL of the issuer (oidc), or of the directory (ldap).
	URL      string `json:"url"`
	ClientID string `json:"clientID,omitempty"` // oidc
	// GroupsClaim holds a person's groups (oidc); empty: groups.
	GroupsClaim string `json:"groupsClaim,omitempty"`
	// Authority signed its certificate (PEM); empty: one of the trust store's.
	Authority string     `json:"authority,omitempty"`
	Directory *Directory `json:"directory,omitempty"` // ldap
}

// Secret is the key of the stack's configuration that holds the connector's client secret, or its bind password.
func (c Connector) Secret() string { return "connectorSecret-" + c.Name }

// The kinds of connector.
const (
	OIDC = "oidc"
	LDAP = "ldap"
)

// Directory says where a directory keeps people and groups. Bases and BindDN are names of entries (RFC 4514), filters as
// RFC 4515 writes them, the rest names of attributes.
type Directory struct {
	BindDN       string `json:"bindDN"`
	PeopleBase   string `json:"peopleBase"`
	PeopleFilter string `json:"peopleFilter"`
	Login        string `json:"login"` // what people type
	ID           string `json:"id"`
	Email        string `json:"email"`
	GroupsBase   string `json:"groupsBase"`
	GroupsFilter string `json:"groupsFilter"`
	Member       string `json:"member"` // of a group, and holds Person of each of its people
	Person       string `json:"person"`
	GroupName    string `json:"groupName"`
}

// Pipeline is an issuer of tokens for work without a person.
type Pipeline struct {
	Name     string   `json:"name"`
	Issuer   string   `json:"issuer"`
	Audience string   `json:"audience"`
	Subjects []string `json:"subjects"` // the only ones that are taken
}

// Any update in its last thirty days renews Dex's certificate, as it does the administrator's.
const (
	loginHours      = 90 * 24
	loginRenewHours = 30 * 24
)

// StaticConnector is Dex's own name of the users that its configuration lists.
const StaticConnector = "local"

// login decides who gets in. Static users have one factor, and a lab no people.
func login(s *site.Site, mfa bool) *Login {
	declared := s.Identity.Login
	if declared == nil {
		return nil
	}
	l := &Login{
		Issuer: declared.Issuer.String(), Host: hostOf(declared.Issuer), Certificate: Lifetime{Hours: loginHours, RenewBefore: loginRenewHours},
		Accepted: []string{}, IDTokenSeconds: int(declared.Lasts.Std().Seconds()),
		IdleSeconds: int(declared.Idle.Std().Seconds()), LimitSeconds: int(declared.Limit.Std().Seconds()),
	}
	for _, c := range s.Identity.Connectors {
		if c.Type == site.Static {
			l.StaticUsers, l.Accepted = true, append(l.Accepted, StaticConnector)
			continue
		}
		l.Connectors = append(l.Connectors, connector(c))
		if c.MFA || !mfa {
			l.Accepted = append(l.Accepted, c.Name.String())
		}
	}
	for _, p := range declared.Pipelines {
		made := Pipeline{Name: p.Name.String(), Issuer: p.Issuer.String(), Audience: p.Audience.String()}
		for _, subject := range p.Subjects {
			made.Subjects = append(made.Subjects, subject.String())
		}
		l.Pipelines = append(l.Pipelines, made)
	}
	return l
}

func connector(c site.Connector) Connector {
	made := Connector{
		Name: c.Name.String(), Kind: string(c.Type), URL: c.URL.String(), ClientID: c.ClientID.String(), GroupsClaim: c.GroupsClaim.String(),
		Authority: c.Authority.String(),
	}
	if d := c.Directory; d != nil {
		made.Directory = &Directory{
			BindDN: d.BindDN.String(), PeopleBase: d.People.Base.String(), PeopleFilter: d.People.Filter.String(),
			Login: d.People.Login.String(), ID: d.People.ID.String(), Email: d.People.Email.String(),
			GroupsBase: d.Groups.Base.String(), GroupsFilter: d.Groups.Filter.String(),
			Member: d.Groups.Member.String(), Person: d.Groups.Person.String(), GroupName: d.Groups.Name.String(),
		}
	}
	return made
}

// hostOf is the host's name in an address that was read.
func hostOf(address site.URL) string {
	u, err := url.Parse(address.String())
	if err != nil {
		return ""
	}
	return u.Hostname()
}
