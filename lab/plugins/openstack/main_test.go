package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sdk reads the SDK's sources: all files, by their path below go/openstack.
func sdk(t *testing.T) map[string]string {
	const module = "github.com/pulumi/pulumi-openstack/sdk/v3"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", module).Output()
	require.NoError(t, err)
	version, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	require.Equal(t, "v"+sdkVersion, version, "the plugin says which SDK it serves")
	root := filepath.Join(dir, "go", "openstack")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.go"))
	require.NoError(t, err)
	top, err := filepath.Glob(filepath.Join(root, "*.go"))
	require.NoError(t, err)
	texts := map[string]string{}
	for _, file := range append(files, top...) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name, err := filepath.Rel(root, file)
		require.NoError(t, err)
		texts[name] = string(text)
	}
	return texts
}

// TestTokens holds the tables against the SDK: every type and look-up that it knows, and no other.
func TestTokens(t *testing.T) {
	registered := map[string][]string{}
	call := regexp.MustCompile(`(RegisterResource|Invoke)\("(openstack:[^"]+)"`)
	for _, text := range sdk(t) {
		for _, found := range call.FindAllStringSubmatch(text, -1) {
			registered[found[1]] = append(registered[found[1]], found[2])
		}
	}
	for name, table := range map[string]map[string]string{"RegisterResource": resources, "Invoke": dataSources} {
		var known []string
		for member := range maps.Values(table) {
			known = append(known, token(member))
		}
		wanted := registered[name]
		slices.Sort(wanted)
		assert.ElementsMatch(t, slices.Compact(wanted), known, name)
	}
}

// TestProvider: what the tables name exists in the Terraform provider, and all that exists there is named.
func TestProvider(t *testing.T) {
	p := provider().P
	var names []string
	p.ResourcesMap().Range(func(name string, _ shim.Resource) bool { names = append(names, name); return true })
	assert.ElementsMatch(t, slices.Collect(maps.Keys(resources)), names)
	names = nil
	p.DataSourcesMap().Range(func(name string, _ shim.Resource) bool { names = append(names, name); return true })
	assert.ElementsMatch(t, slices.Collect(maps.Keys(dataSources)), names)
}

// TestProperties: every input that the SDK can send is one that the bridged resource takes, under the same name.
func TestProperties(t *testing.T) {
	texts := sdk(t)
	info := provider()
	tag := regexp.MustCompile("`pulumi:\"(\\w+)\"`")
	checked := 0
	for terraform, member := range resources {
		schema := info.P.ResourcesMap().Get(terraform).Schema()
		taken := map[string]bool{}
		schema.Range(func(key string, _ shim.Schema) bool {
			taken[tfbridge.TerraformToPulumiNameV2(key, schema, info.Resources[terraform].Fields)] = true
			return true
		})
		module, name, _ := strings.Cut(member, "/")
		// The SDK spells some files and types in other cases.
		arguments := regexp.MustCompile("(?is)\ntype [a-z]" + name[1:] + "Args struct {\n(.*?)\n}\n")
		fields := ""
		for file, text := range texts {
			if filepath.Dir(file) != module {
				continue
			}
			for _, found := range arguments.FindAllStringSubmatch(text, -1) {
				if strings.HasPrefix(found[0], "\ntype "+strings.ToLower(name[:1])) {
					fields = found[1]
				}
			}
		}
		require.NotEmpty(t, fields, "%s has no arguments in the SDK", member)
		for _, property := range tag.FindAllStringSubmatch(fields, -1) {
			checked++
			assert.True(t, taken[property[1]], "%s.%s", member, property[1])
		}
	}
	assert.Greater(t, checked, 500)
}

// TestTagsChangeInPlace: the product writes into tags and metadata which requirements a resource serves, and a new law
// must not replace a machine. What a provider replaces for a change, its schema says.
func TestTagsChangeInPlace(t *testing.T) {
	p := provider().P
	for name, field := range map[string]string{
		"openstack_compute_instance_v2": "metadata", "openstack_blockstorage_volume_v3": "metadata", "openstack_networking_port_v2": "tags",
		"openstack_networking_network_v2": "tags", "openstack_networking_subnet_v2": "tags", "openstack_networking_router_v2": "tags",
		"openstack_networking_secgroup_v2": "tags", "openstack_lb_loadbalancer_v2": "tags", "openstack_lb_listener_v2": "tags",
	} {
		schema, ok := p.ResourcesMap().Get(name).Schema().GetOk(field)
		require.True(t, ok, "%s has no %s", name, field)
		assert.False(t, schema.ForceNew(), "%s: a change of its %s replaces it", name, field)
	}
	// The schema does say so where it is so.
	assert.True(t, p.ResourcesMap().Get("openstack_networking_subnet_v2").Schema().Get("network_id").ForceNew())
}
