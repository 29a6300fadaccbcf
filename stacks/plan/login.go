package plan

import "github.com/lagrum/lagrum/stacks/site"

// Login is who gets into the API with a token.
type Login struct {
	Issuer string `json:"issuer"` // Dex's
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

// Pipeline is an issuer of tokens for work without a person.
type Pipeline struct {
	Name     string   `json:"name"`
	Issuer   string   `json:"issuer"`
	Audience string   `json:"audience"`
	Subjects []string `json:"subjects"` // the only ones that are taken
}

// StaticConnector is Dex's own name of the users that its configuration lists.
const StaticConnector = "local"

// login decides who gets in. Static users have one factor, and a lab no people.
func login(s *site.Site, mfa bool) *Login {
	declared := s.Identity.Login
	if declared == nil {
		return nil
	}
	l := &Login{
		Issuer: declared.Issuer.String(), Accepted: []string{}, IDTokenSeconds: int(declared.Lasts.Std().Seconds()),
		IdleSeconds: int(declared.Idle.Std().Seconds()), LimitSeconds: int(declared.Limit.Std().Seconds()),
	}
	for _, c := range s.Identity.Connectors {
		switch {
		case c.Type == site.Static:
			l.Accepted = append(l.Accepted, StaticConnector)
		case c.MFA || !mfa:
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
