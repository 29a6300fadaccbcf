package site

import (
	"fmt"
	"strings"
)

// access checks that each group has one task, that somebody can have it, and that pipelines deploy where there is something.
func (c *checker) access(s *Site) {
	tenants, developers := map[Name]bool{}, map[Text]string{}
	for i, t := range s.Tenants {
		tenants[t.Name] = true
		for _, group := range t.Developers {
			developers[group] = fmt.Sprintf("tenants[%d].developers", i)
		}
	}
	if s.Identity.Login != nil {
		for i, p := range s.Identity.Login.Pipelines {
			c.deploys(p.Tenants, tenants, fmt.Sprintf("identity.login.pipelines[%d].tenants", i))
		}
	}
	if s.Access == nil {
		return
	}
	if s.Identity.Login == nil && c.read("identity.login") {
		c.bad("access", "", "lets groups in, and nobody can log in", "declare identity.login, or take access out")
	}
	tasks := developers
	for _, task := range []struct {
		key    string
		groups []Text
	}{
		{"operators", s.Access.Operators}, {"securityOfficers", s.Access.SecurityOfficers},
		{"auditors", s.Access.Auditors}, {"breakGlass", s.Access.BreakGlass},
	} {
		path := "access." + task.key
		c.groups(task.groups, path)
		for i, group := range task.groups {
			if has := tasks[group]; has != "" && has != path {
				c.bad(fmt.Sprintf("%s[%d]", path, i), group.String(), "is one of "+has+" too", "keep the tasks apart: a group of its own for each")
			}
			tasks[group] = path
		}
	}
}

// deploys checks the tenants of a pipeline.
func (c *checker) deploys(names []Name, tenants map[Name]bool, path string) {
	seen := map[Name]bool{}
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case name.IsZero():
		case !tenants[name] && c.read("tenants"):
			c.bad(at, name.String(), "is no tenant of the site", "name one of tenants")
		case seen[name]:
			c.bad(at, name.String(), "is listed twice", "keep one")
		}
		seen[name] = true
	}
}

// groups are of the identity provider. A group of Kubernetes' own would let in everybody, or the platform.
func (c *checker) groups(groups []Text, path string) {
	seen := map[Text]bool{}
	for i, group := range groups {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch text := group.String(); {
		case group.IsZero():
		case strings.HasPrefix(text, "system:") || strings.HasPrefix(text, "kubeadm:"):
			c.bad(at, text, "is a group of Kubernetes itself", "list groups of the identity provider")
		case seen[group]:
			c.bad(at, text, "is listed twice", "keep one")
		}
		seen[group] = true
	}
}
