package identity

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/lagrum/lagrum/stacks/plan"
)

// render gives the connector's part of Dex's configuration. issuer is Dex's own address.
func (c Connector) render(issuer string) (any, error) {
	switch c.Kind {
	case plan.OIDC:
		return c.oidc(issuer), nil
	case plan.LDAP:
		return c.ldap()
	default:
		return nil, fmt.Errorf("%s: kind: %q is not rendered", c.Name, c.Kind)
	}
}

func (c Connector) oidc(issuer string) dexOIDC {
	made := dexOIDC{
		Issuer: c.URL, ClientID: c.ClientID, ClientSecret: c.Secret, RedirectURI: issuer + "/callback",
		// With offline_access a login goes on without a person. Dex then asks the provider anew each time, and so learns of
		// other groups, and of who is no longer there.
		Scopes:               []string{"profile", "email", "groups", "offline_access"},
		InsecureEnableGroups: true,
	}
	if c.RootCA != "" {
		made.RootCAs = []string{c.RootCA}
	}
	if c.GroupsClaim != "" {
		// A provider may have a claim of the usual name too, with groups that mean something else.
		made.ClaimMapping, made.OverrideClaimMapping = map[string]string{"groups": c.GroupsClaim}, true
	}
	return made
}

// ldap asks the directory over TLS from the first byte, and never without verifying it.
func (c Connector) ldap() (dexLDAP, error) {
	host, at, err := address(c.Connector)
	if err != nil {
		return dexLDAP{}, err
	}
	d := c.Directory
	return dexLDAP{
		Host: net.JoinHostPort(host, strconv.Itoa(at)), RootCA: c.RootCA, BindDN: d.BindDN, BindPW: c.Secret,
		UserSearch: dexUserSearch{BaseDN: d.PeopleBase, Filter: d.PeopleFilter, Username: d.Login, IDAttr: d.ID, EmailAttr: d.Email},
		GroupSearch: dexGroupSearch{
			BaseDN: d.GroupsBase, Filter: d.GroupsFilter, NameAttr: d.GroupName,
			UserMatchers: []dexUserMatcher{{UserAttr: d.Person, GroupAttr: d.Member}},
		},
	}, nil
}

// validate tells what is wrong with the connector, and no secret.
func (c Connector) validate(path string) (errs []error) {
	bad := func(at, value, message string) { errs = append(errs, fmt.Errorf("%s: %q: %s", at, value, message)) }
	switch c.Kind {
	case plan.OIDC:
		if !strings.HasPrefix(c.URL, "https://") {
			bad(path+".url", c.URL, "want https://")
		}
		if c.ClientID == "" || c.Secret == "" {
			bad(path, c.Name, "want a client id and its secret")
		}
	case plan.LDAP:
		if !strings.HasPrefix(c.URL, "ldaps://") {
			bad(path+".url", c.URL, "want ldaps://")
		}
		if c.Directory == nil || c.Secret == "" {
			bad(path, c.Name, "want a directory and the password to search it with")
		}
	default:
		bad(path+".kind", c.Kind, "want oidc or ldap")
	}
	return errs
}
