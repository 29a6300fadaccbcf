package site_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

// What a site says of its stores that cannot be, on the cloud that has none of its own and on the one that has.
func TestProblemsOfStores(t *testing.T) {
	t.Parallel()
	prod, dr := yamlOf(t, site.ExampleProd()), yamlOf(t, site.ExampleRecovery())
	const store = "endpoint: https://s3.sto-1.example.org"
	for _, tt := range []struct{ name, text, old, new, want string }{
		{"no encryption", prod, store, "endpoint: http://s3.sto-1.example.org",
			`objectStore.endpoint: "http://s3.sto-1.example.org" is not encrypted; use https:// (a directory: ldaps://)`},
		{"a directory", prod, store, "endpoint: ldaps://s3.sto-1.example.org",
			`objectStore.endpoint: "ldaps://s3.sto-1.example.org" is no S3 endpoint; use https://`},
		{"a bucket in it", prod, store, "endpoint: https://s3.sto-1.example.org/logs",
			`objectStore.endpoint: "https://s3.sto-1.example.org/logs" has a path; end the address with its host, or its port`},
		{"no region", prod, "  region: sto-1\n  country: se\nbackup", "  country: se\nbackup", "objectStore.region: is missing; add it, e.g. region: sto-1"},
		{"a path where backups lie", prod, "https://s3.got-1.example.org", "https://s3.got-1.example.org/x",
			`backup.endpoint: "https://s3.got-1.example.org/x" has a path; end the address with its host, or its port`},
		{"a role beside an endpoint", prod, "  account: care-backup\n", "  account: care-backup\n  role: arn:aws:iam::210987654321:role/x\n",
			`backup.role: "arn:aws:iam::210987654321:role/x" opens an account of AWS, and endpoint names another store; take one of them out`},
		{"a role on OpenStack", prod, "  endpoint: https://s3.got-1.example.org\n", "  role: arn:aws:iam::210987654321:role/x\n",
			`backup.role: "arn:aws:iam::210987654321:role/x" needs a login to AWS, which the stack does not have; name the store by its endpoint`},
		{"another stack's backups in production", prod, "  rpo: 24h\n", "  rpo: 24h\n  from: {region: got-1, account: a, endpoint: \"https://s3.example.org\"}\n",
			"recovery.from: belongs to a dr stack; take it out, or set environment: dr"},
		{"a role of another account", dr, "storeRole: arn:aws:iam::123456789012", "storeRole: arn:aws:iam::999999999999",
			`cloud.aws.storeRole: "arn:aws:iam::999999999999:role/lagrum-stores" is a role of account 999999999999, and cloud.aws.account says 123456789012; make both name the same account`},
		{"a backup role of another account", dr, "account: \"210987654321\"\n  role: arn:aws:iam::210987654321:role/lagrum-stores\nrecovery", "account: \"210987654322\"\n  role: arn:aws:iam::210987654321:role/lagrum-stores\nrecovery",
			`backup.role: "arn:aws:iam::210987654321:role/lagrum-stores" is a role of account 210987654321, and backup.account says 210987654322; make both name the same account`},
		{"a user for a role", dr, "storeRole: arn:aws:iam::123456789012:role/lagrum-stores", "storeRole: arn:aws:iam::123456789012:user/admin",
			`cloud.aws.storeRole: "arn:aws:iam::123456789012:user/admin" is not the ARN of a role; write it as arn:aws:iam::123456789012:role/lagrum-stores`},
		{"two stores for the archive", dr, "backup:\n", "objectStore: {endpoint: \"https://s3.example.org\", region: a, country: se}\nbackup:\n",
			`cloud.aws.storeRole: "arn:aws:iam::123456789012:role/lagrum-stores" administers nothing: objectStore names another store; take one of them out`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := site.Load([]byte(edit(t, tt.text, tt.old, tt.new)))
			require.Error(t, err)
			assert.Equal(t, tt.want, err.Error())
		})
	}
}

func TestRoleARN(t *testing.T) {
	t.Parallel()
	role, err := site.Parse[site.RoleARN]("arn:aws:iam::210987654321:role/path/lagrum-stores")
	require.NoError(t, err)
	assert.Equal(t, "210987654321", role.Account())
	assert.Empty(t, site.RoleARN{}.Account())
	for _, bad := range []string{"", "lagrum-stores", "arn:aws:iam::21098765432:role/x", "arn:aws:iam::210987654321:user/x", "arn:aws:iam::210987654321:role/",
		"arn:aws:iam::210987654321:role/x y", "arn:aws-cn:iam::210987654321:role/x"} {
		_, err := site.Parse[site.RoleARN](bad)
		assert.Error(t, err, bad)
	}
}
