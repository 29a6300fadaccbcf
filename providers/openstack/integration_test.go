package openstack

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// matches tells whether Keystone's middleware lets a request through by a rule: * is one part of a path, ** is anything
// (keystonemiddleware, auth_token, _path_matches).
func matches(r accessRule, service, method, path string) bool {
	pattern := strings.NewReplacer("**", ".*", "*", `[^/]+`).Replace(r.path)
	return r.service == service && r.method == method && regexp.MustCompile("^"+pattern+"$").MatchString(path)
}

func permitted(rules []accessRule, service, method, path string) bool {
	for _, r := range rules {
		if matches(r, service, method, path) {
			return true
		}
	}
	return false
}

// What each component asks gets through, however the cloud spells its addresses, and nothing that would change or read what
// is not its own.
func TestAccessRules(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		service, method, path string
		machines, volumes     bool
	}{
		{"compute", "GET", "/v2.1/servers/4711", true, true},
		{"compute", "GET", "/v2.1/servers/detail", true, true},
		{"compute", "GET", "/compute/v2.1/servers/4711", true, true},
		{"compute", "GET", "/v2.1/flavors/1", true, false},
		{"network", "GET", "/v2.0/ports", true, false},
		{"network", "GET", "/networking/v2.0/ports", true, false},
		{"compute", "POST", "/v2.1/servers/4711/os-volume_attachments", false, true},
		{"compute", "DELETE", "/v2.1/servers/4711/os-volume_attachments/0815", false, true},
		{"block-storage", "POST", "/v3/project/volumes", false, true},
		{"volumev3", "POST", "/v3/project/volumes", false, true},
		{"volumev3", "GET", "/v3/project/volumes/detail", false, true},
		{"volumev3", "GET", "/volume/v3/project/volumes/0815", false, true},
		{"volumev3", "DELETE", "/v3/project/volumes/0815", false, true},
		{"volumev3", "POST", "/v3/project/volumes/0815/action", false, true},

		{"compute", "POST", "/v2.1/servers", false, false},
		{"compute", "DELETE", "/v2.1/servers/4711", false, false},
		{"compute", "PUT", "/v2.1/servers/4711", false, false},
		{"compute", "POST", "/v2.1/servers/4711/action", false, false},
		{"compute", "GET", "/v2.1/servers/4711/os-instance-actions", false, false},
		{"network", "POST", "/v2.0/ports", false, false},
		{"network", "DELETE", "/v2.0/ports/1", false, false},
		{"network", "POST", "/v2.0/security-group-rules", false, false},
		{"volumev3", "POST", "/v3/project/volume-transfers", false, false},
		{"volumev3", "POST", "/v3/project/snapshots", false, false},
		{"volumev3", "POST", "/v3/project/backups", false, false},
		{"key-manager", "GET", "/v1/secrets/4711/payload", false, false},
		{"identity", "POST", "/v3/users/1/application_credentials", false, false},
		{"load-balancer", "DELETE", "/v2.0/lbaas/loadbalancers/1", false, false},
		{"object-store", "GET", "/v1/AUTH_project/backups", false, false},
	} {
		assert.Equal(t, row.machines, permitted(machineRules(), row.service, row.method, row.path), "machines: %v", row)
		assert.Equal(t, row.volumes, permitted(volumeRules(), row.service, row.method, row.path), "volumes: %v", row)
	}
	for _, r := range machineRules() {
		assert.Equal(t, "GET", r.method, "the cloud controller manager changes nothing: %v", r)
	}
}

func TestCloudConf(t *testing.T) {
	t.Parallel()
	require.Equal(t, `[Global]
auth-url = "https://keystone.example.org/v3"
region = "se-1"
application-credential-id = "4711"
application-credential-secret = "a\\b\"c"
`, cloudConf("https://keystone.example.org/v3", "se-1", "4711", `a\b"c`))
}
