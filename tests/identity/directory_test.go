//go:build lab

package identity_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/lab/debian"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/login"
	"github.com/lagrum/lagrum/tests/server"
)

// What lies in the directory: two people, of whom one has a group, and a machine that is no person.
const people = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example Region
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=dex,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: dex
userPassword: SECRET

dn: uid=ylva,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ylva
cn: Ylva
sn: Y
mail: ylva@example.org
userPassword: PASSWORD

dn: uid=zoe,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: zoe
cn: Zoe
sn: Z
mail: zoe@example.org
userPassword: PASSWORD

dn: cn=printer,ou=people,dc=example,dc=org
objectClass: device
objectClass: simpleSecurityObject
objectClass: uidObject
cn: printer
uid: printer
userPassword: PASSWORD

dn: cn=security-officers,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: security-officers
member: uid=ylva,ou=people,dc=example,dc=org
`

// Of passwords it says only whether they are right, and only Dex may look around.
const directoryConfig = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile %[1]s
TLSCertificateKeyFile %[2]s
database mdb
suffix "dc=example,dc=org"
directory %[3]s
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=dex,dc=example,dc=org" read by * none
`

// newDirectory is an LDAP server, Debian's slapd, and the connector that finds people in it.
func newDirectory(t *testing.T, a *login.Authority) (address string, found identity.Connector) {
	t.Helper()
	missing, err := debian.Missing(t.Context(), "slapd")
	require.NoError(t, err)
	if len(missing) > 0 {
		require.NoError(t, debian.Install(t.Context(), missing...))
	}
	data := filepath.Join(a.Dir, "directory")
	require.NoError(t, os.Mkdir(data, 0o700))
	config := a.Write(t, "slapd.conf", fmt.Sprintf(directoryConfig, a.Certificate, a.Key, data))
	entries := a.Write(t, "people.ldif", strings.NewReplacer("SECRET", login.Secret, "PASSWORD", login.Password).Replace(people))
	out, err := exec.Command("/usr/sbin/slapadd", "-f", config, "-l", entries).CombinedOutput()
	require.NoError(t, err, string(out))
	address = "ldaps://" + server.Address(t)
	return address, identity.Connector{Connector: plan.Connector{Name: "directory", Kind: plan.LDAP, URL: address, Directory: &plan.Directory{
		BindDN: "cn=dex,dc=example,dc=org", PeopleBase: "ou=people,dc=example,dc=org", PeopleFilter: "(objectClass=person)", Login: "uid", ID: "entryUUID",
		Email: "mail", GroupsBase: "ou=groups,dc=example,dc=org", GroupsFilter: "(objectClass=groupOfNames)", Member: "member", Person: "DN", GroupName: "cn",
	}}, Secret: login.Secret, RootCA: a.CA}
}

// people of the directory log in with the password that it knows, and have the groups that it says.
func (w *world) fromDirectory(t *testing.T) {
	who, err := w.whoami(t, w.person(t, "directory", "ylva"))
	require.NoError(t, err)
	assert.Equal(t, "oidc:ylva@example.org", who.Username)
	assert.ElementsMatch(t, []string{"oidc:security-officers", "system:authenticated"}, who.Groups)
	assert.Equal(t, []string{"directory"}, who.Extra["lagrum.dev/connector"])
	who, err = w.whoami(t, w.person(t, "directory", "zoe"))
	require.NoError(t, err)
	assert.Equal(t, []string{"system:authenticated"}, who.Groups)
	// A name with the directory's own signs is a name, and not a filter.
	for name, password := range map[string]string{"ylva": "not her password", "nobody": login.Password, "printer": login.Password, "*": login.Password, "ylva)(uid=*": login.Password} {
		w.browser().Refused(t, w.dex, "directory", name, password)
	}
}

// Dex asks the directory again when a login goes on: who lost a group has lost it then.
func (w *world) directoryForgets(t *testing.T) {
	given := w.browser().LogIn(t, w.dex, "directory", "ylva", login.Password, login.Scopes)
	change := w.authority.Write(t, "change.ldif", "dn: cn=security-officers,ou=groups,dc=example,dc=org\nchangetype: delete\n")
	out, err := exec.Command("/usr/sbin/slapmodify", "-f", filepath.Join(w.authority.Dir, "slapd.conf"), "-l", change).CombinedOutput()
	require.NoError(t, err, string(out))
	time.Sleep(4 * time.Second) // a login is asked of nobody again in its first three
	who, err := w.whoami(t, w.browser().Refresh(t, w.dex, given.Refresh).ID)
	require.NoError(t, err)
	assert.Equal(t, "oidc:ylva@example.org", who.Username)
	assert.Equal(t, []string{"system:authenticated"}, who.Groups)
}
