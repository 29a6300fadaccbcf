package bootstrap

import (
	"fmt"
	"strconv"
	"strings"
)

// Login says whose tokens the API servers take besides certificates and service accounts. It is decided by the plan.
type Login struct {
	// Issuer is the address of Dex, as its tokens name it: https.
	Issuer string
	// CA is what signed Dex's serving certificate (PEM); empty for the node's trust store.
	CA string
	// Connectors are those of Dex whose tokens are taken. None: nobody's.
	Connectors []string
	// Seconds is the longest time that a person's token may be good for.
	Seconds int
	// Pipelines have issuers of their own.
	Pipelines []Pipeline
}

// Pipeline is an issuer of tokens for work without a person.
type Pipeline struct {
	Name     string // what audit logs call it: pipeline:<name>:<subject>
	Issuer   string
	Audience string   // never Audience: a pipeline's token is made for one cluster alone
	Subjects []string // the only values of sub that are taken
	// CA is what signed the issuer's serving certificate (PEM); empty for the node's trust store.
	CA string
}

const (
	// Audience is the client that kubelogin is at Dex, and so whom people's tokens are for.
	Audience = "kubernetes"
	// PersonPrefix stands before the names of people and of their groups. No upstream can so name anybody of Kubernetes's own.
	PersonPrefix = "oidc:"
	// PipelinePrefix stands before the names of pipelines and of their groups.
	PipelinePrefix = "pipeline:"
	// ConnectorKey is where audit logs say which connector a person came in by.
	ConnectorKey = "lagrum.dev/connector"

	// pipelineSeconds is the longest time that a pipeline's token may be good for.
	pipelineSeconds = 3600
)

// authenticationConfiguration is the part of apiserver.config.k8s.io/v1 AuthenticationConfiguration that Lagrum sets.
type authenticationConfiguration struct {
	typeMeta
	Anonymous anonymous          `json:"anonymous"`
	JWT       []jwtAuthenticator `json:"jwt,omitempty"`
}

type anonymous struct {
	Conditions []anonymousCondition `json:"conditions"`
	Enabled    bool                 `json:"enabled"`
}

type anonymousCondition struct {
	Path string `json:"path"`
}

type jwtAuthenticator struct {
	Issuer               jwtIssuer     `json:"issuer"`
	ClaimValidationRules []claimRule   `json:"claimValidationRules"`
	ClaimMappings        claimMappings `json:"claimMappings"`
}

type jwtIssuer struct {
	URL                  string   `json:"url"`
	CertificateAuthority string   `json:"certificateAuthority,omitempty"`
	Audiences            []string `json:"audiences"`
}

type claimRule struct {
	Expression string `json:"expression"`
	Message    string `json:"message"`
}

type claimMappings struct {
	Username expression     `json:"username"`
	Groups   expression     `json:"groups"`
	Extra    []extraMapping `json:"extra,omitempty"`
}

type expression struct {
	Expression string `json:"expression"`
}

type extraMapping struct {
	Key             string `json:"key"`
	ValueExpression string `json:"valueExpression"`
}

// newAuthentication lets anonymous requests reach the health endpoints and nothing else (CIS v1.9, 1.2.1): the load
// balancer and the kubelet's probes have no credential. The paths are matched whole. With a login it takes tokens too.
func newAuthentication(l *Login) authenticationConfiguration {
	config := authenticationConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "AuthenticationConfiguration"},
		Anonymous: anonymous{
			Enabled:    true,
			Conditions: []anonymousCondition{{"/healthz"}, {"/livez"}, {"/readyz"}},
		},
	}
	if l == nil {
		return config
	}
	config.JWT = append(config.JWT, l.people())
	for _, p := range l.Pipelines {
		config.JWT = append(config.JWT, p.authenticator())
	}
	return config
}

// people takes Dex's tokens. They carry no word about factors: that a person gave more than one rests on the connector, of
// which the site says that it asks for them. Dex names it in tokens that were asked for with the scope federated:id.
func (l *Login) people() jwtAuthenticator {
	return jwtAuthenticator{
		Issuer: jwtIssuer{URL: l.Issuer, CertificateAuthority: l.CA, Audiences: []string{Audience}},
		ClaimValidationRules: []claimRule{
			{"claims.?federated_claims.connector_id.orValue('') in " + list(l.Connectors),
				"the connector is none of those that the cluster takes; log in again by one that asks for a second factor, with scope federated:id"},
			{"claims.?email_verified.orValue(false) == true", "the address is not verified"},
			shortLived(l.Seconds),
		},
		ClaimMappings: claimMappings{
			Username: expression{strconv.Quote(PersonPrefix) + " + claims.email"},
			Groups:   expression{"dyn(claims.?groups.orValue([])).map(group, " + strconv.Quote(PersonPrefix) + " + group)"},
			Extra:    []extraMapping{{ConnectorKey, "claims.?federated_claims.connector_id.orValue('')"}},
		},
	}
}

// authenticator takes a pipeline's tokens. Its groups are not the token's to choose.
func (p Pipeline) authenticator() jwtAuthenticator {
	name := PipelinePrefix + p.Name
	return jwtAuthenticator{
		Issuer: jwtIssuer{URL: p.Issuer, CertificateAuthority: p.CA, Audiences: []string{p.Audience}},
		ClaimValidationRules: []claimRule{
			{"claims.sub in " + list(p.Subjects), "the subject is none of those that the cluster takes from " + p.Name},
			shortLived(pipelineSeconds),
		},
		ClaimMappings: claimMappings{
			Username: expression{strconv.Quote(name+":") + " + claims.sub"},
			Groups:   expression{list([]string{name})},
		},
	}
}

// shortLived refuses tokens that an issuer made to last.
func shortLived(seconds int) claimRule {
	return claimRule{fmt.Sprintf("claims.exp - claims.iat <= %d", seconds), fmt.Sprintf("the token is good for more than %d s", seconds)}
}

// list is a list of strings in CEL.
func list(of []string) string {
	quoted := make([]string, len(of))
	for i, text := range of {
		quoted[i] = strconv.Quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Authentication renders the AuthenticationConfiguration of every API server.
func Authentication(l *Login) ([]byte, error) { return documents(newAuthentication(l)) }
