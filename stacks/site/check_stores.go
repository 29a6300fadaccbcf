package site

import (
	"net/url"
	"strings"
)

// stores checks what the site says of its object stores: that each is named in one way, and that roles are of the account
// that they administer. Whether a site may do without one, the plan says.
func (c *checker) stores(s *Site) {
	if o := s.ObjectStore; o != nil {
		c.endpoint("objectStore.endpoint", o.Endpoint)
	}
	if a := s.Cloud.AWS; a != nil {
		c.role("cloud.aws.storeRole", a.StoreRole, a.Account.String(), "cloud.aws.account")
		if s.ObjectStore != nil && !a.StoreRole.IsZero() {
			c.bad("cloud.aws.storeRole", a.StoreRole.String(), "administers nothing: objectStore names another store", "take one of them out")
		}
	}
	if b := s.Backup; b != nil {
		c.place(s, "backup", BackupPlace{Region: b.Region, Account: b.Account, Endpoint: b.Endpoint, Role: b.Role})
	}
	r := s.Recovery
	if r == nil || r.From == nil {
		return
	}
	if s.Environment != DR && s.Environment != "" {
		c.bad("recovery.from", "", "belongs to a dr stack", "take it out, or set environment: dr")
	}
	c.place(s, "recovery.from", *r.From)
}

// place checks where backups lie: at an endpoint whose users exist, or in an account of AWS that a role opens.
func (c *checker) place(s *Site, path string, p BackupPlace) {
	if !p.Endpoint.IsZero() {
		c.endpoint(path+".endpoint", p.Endpoint)
		if !p.Role.IsZero() {
			c.bad(path+".role", p.Role.String(), "opens an account of AWS, and endpoint names another store", "take one of them out")
		}
		return
	}
	if p.Role.IsZero() {
		return
	}
	if s.Cloud.AWS == nil && c.read("cloud") {
		c.bad(path+".role", p.Role.String(), "needs a login to AWS, which the stack does not have", "name the store by its endpoint")
		return
	}
	c.role(path+".role", p.Role, p.Account.String(), path+".account")
}

func (c *checker) role(path string, role RoleARN, account, owner string) {
	if !role.IsZero() && account != "" && role.Account() != account {
		c.bad(path, role.String(), "is a role of account "+role.Account()+", and "+owner+" says "+account, "make both name the same account")
	}
}

// endpoint wants host and port alone: an S3 client puts bucket and key after them.
func (c *checker) endpoint(path string, endpoint URL) {
	if endpoint.IsZero() {
		return
	}
	u, err := url.Parse(endpoint.String())
	switch {
	case err != nil || u.Scheme != "https":
		c.bad(path, endpoint.String(), "is no S3 endpoint", "use https://")
	case strings.Trim(u.Path, "/") != "":
		c.bad(path, endpoint.String(), "has a path", "end the address with its host, or its port")
	}
}
