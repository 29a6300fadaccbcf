package site

import (
	"fmt"
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
	}
	const day = 24 * time.Hour
	c.lasts(path+".lasts", l.Lasts, time.Minute, time.Hour, "1m to 1h")
	c.lasts(path+".idle", l.Idle, 5*time.Minute, day, "5m to 24h")
	c.lasts(path+".limit", l.Limit, l.Idle.Std(), 7*day, "idle to 7d")
	c.issuer(path+".issuer", l.Issuer)
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
