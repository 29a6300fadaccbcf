package site

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// peoplesAudience is what people's tokens are for, so that no pipeline's are.
const peoplesAudience = "kubernetes"

func (c *checker) login(s *Site) {
	l := s.Identity.Login
	if l == nil {
		return
	}
	const path = "identity.login"
	if len(s.Identity.Connectors) == 0 && !s.Environment.Serious() && c.read("identity.connectors") {
		c.bad("identity.connectors", "", "is empty, and identity.login is there", "name who vouches for people, or take login out")
	}
	for i, k := range s.Identity.Connectors {
		if k.Name.String() == "local" && k.Type != Static {
			c.bad(fmt.Sprintf("identity.connectors[%d].name", i), "local", "is what Dex calls static users", "choose another name")
		}
		c.connects(fmt.Sprintf("identity.connectors[%d]", i), k)
	}
	const day = 24 * time.Hour
	c.lasts(path+".lasts", l.Lasts, time.Minute, time.Hour, "1m to 1h")
	c.lasts(path+".idle", l.Idle, 5*time.Minute, day, "5m to 24h")
	c.lasts(path+".limit", l.Limit, l.Idle.Std(), 7*day, "idle to 7d")
	c.issuer(path+".issuer", l.Issuer)
	c.reached(path+".issuer", s)
	names, issuers := map[Name]bool{}, map[string]bool{l.Issuer.String(): true}
	for i, p := range l.Pipelines {
		at := fmt.Sprintf("%s.pipelines[%d]", path, i)
		if names[p.Name] && !p.Name.IsZero() {
			c.bad(at+".name", p.Name.String(), "is another pipeline's name", "choose a name of its own")
		}
		names[p.Name] = true
		c.issuer(at+".issuer", p.Issuer)
		if !p.Issuer.IsZero() && issuers[p.Issuer.String()] {
			c.bad(at+".issuer", p.Issuer.String(), "issues the tokens of others too", "give each pipeline an issuer of its own; several subjects may share one")
		}
		issuers[p.Issuer.String()] = true
		if p.Audience.String() == peoplesAudience {
			c.bad(at+".audience", p.Audience.String(), "is what people's tokens are for", "name the cluster, and have the pipeline ask for that")
		}
		if len(p.Subjects) == 0 && c.read(at+".subjects") {
			c.bad(at+".subjects", "", "is empty", "list the subjects that may use the cluster")
		}
	}
}

// issuer refuses an address that no token names.
func (c *checker) issuer(path string, u URL) {
	if !u.IsZero() && !strings.HasPrefix(u.String(), "https://") {
		c.bad(path, u.String(), "is no issuer of tokens", "use https://")
	}
}

// reached refuses an address of Dex that does not lead to it: behind the one door for web traffic, under a name.
func (c *checker) reached(path string, s *Site) {
	if s.Gateway == nil && c.read("gateway") {
		c.bad(path, s.Identity.Login.Issuer.String(), "leads nowhere: the site has no gateway", "add gateway, with who may log in among its sources")
	}
	if s.workers() == 0 && c.read("nodePools") {
		c.bad(path, s.Identity.Login.Issuer.String(), "leads nowhere: the site has no workers, and the gateway leads to nobody else", "add a pool of workers")
	}
	u, err := url.Parse(s.Identity.Login.Issuer.String())
	if err != nil || u.Scheme != "https" {
		return // it is missing, or refused above
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil || !domainText.MatchString(u.Hostname()) {
		c.bad(path, u.String(), "has no host's name", "use a name in lower case that leads to the gateway: its certificate is made for it")
	}
	if port := u.Port(); port != "" && port != "443" {
		c.bad(path, u.String(), "has another port than 443, and the gateway takes no other", "take the port out")
	}
	if strings.HasSuffix(u.Path, "/") {
		c.bad(path, u.String(), "ends with a slash", "take it out: tokens name the issuer letter by letter")
	}
}

// workers is how many workers the site keeps.
func (s *Site) workers() int {
	all := 0
	for _, p := range s.NodePools {
		if p.Role == Worker {
			all += p.Count
		}
	}
	return all
}

// connects refuses a connector that nobody could log in by.
func (c *checker) connects(path string, k Connector) {
	switch k.Type {
	case OIDC:
		if k.ClientID.IsZero() {
			c.bad(path+".clientID", "", "is missing", "add what the provider calls Dex, where it was registered as a client")
		}
	case LDAP:
		if k.Directory == nil {
			c.bad(path+".directory", "", "is missing", "say where the directory keeps people and groups")
		}
	case SAML, GitHub:
		c.bad(path+".type", string(k.Type), "is not built for logins", "connect the same people by oidc or ldap, or take login out")
	}
}

// foreign refuses what has no meaning for a connector's type.
func (c *checker) foreign(path string, k Connector) {
	for _, f := range []struct {
		key, value string
		given      bool
		types      []ConnectorType
	}{
		{"clientID", k.ClientID.String(), !k.ClientID.IsZero(), []ConnectorType{OIDC}},
		{"groupsClaim", k.GroupsClaim.String(), !k.GroupsClaim.IsZero(), []ConnectorType{OIDC}},
		{"authority", "", !k.Authority.IsZero(), []ConnectorType{OIDC, LDAP}},
		{"directory", "", k.Directory != nil, []ConnectorType{LDAP}},
	} {
		if f.given && k.Type != "" && !slices.Contains(f.types, k.Type) {
			c.bad(path+"."+f.key, f.value, "has no meaning for "+string(k.Type), "take it out")
		}
	}
}
