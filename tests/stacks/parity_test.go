package stacks

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/harness"
)

// onBothClouds runs one site, se-prod's, on OpenStack as it is declared and on AWS. What differs is the cloud's own facts,
// and how each calls its sizes.
func onBothClouds(t *testing.T, preview bool) (openstack, aws *harness.Recording) {
	t.Helper()
	const stack = "se-prod"
	site := siteOf(t, stack)
	site["cloud"] = map[string]any{"aws": map[string]any{
		"region": "eu-north-1", "account": "123456789012", "image": "ami-0123456789abcdef0",
	}}
	for _, pool := range site["nodePools"].([]any) {
		pool.(map[string]any)["size"] = "m5.large"
	}
	text, err := json.Marshal(site)
	require.NoError(t, err)
	there := declared(t)[stack]
	here := maps.Clone(there)
	here["lagrum:site"] = string(text)
	return run(t, stack, there, preview), run(t, stack, here, preview)
}

// alias is what only AWS calls a node besides, in the table of components/nodecertificates.
var alias = regexp.MustCompile(` ip-172-31-1-\d+\.eu-test-1\.compute\.internal`)

// host replaces what the clouds call differently: where the API and the gateway answer, an address or a name.
func host(t *testing.T, r *harness.Recording, text string) string {
	t.Helper()
	text = alias.ReplaceAllString(text, "")
	if gateway, _ := r.Exports["gateway"].(string); !unknown(gateway) && gateway != "" {
		text = strings.ReplaceAll(text, gateway, "GATEWAY")
	}
	endpoint, _ := r.Exports["endpoint"].(string)
	if unknown(endpoint) {
		return text
	}
	name := strings.TrimSuffix(strings.TrimPrefix(endpoint, "https://"), ":6443")
	require.NotEmpty(t, name)
	return strings.ReplaceAll(text, name, "HOST")
}

// ofCloud are the objects that each cloud has of its own.
var ofCloud = regexp.MustCompile(`^se-prod-(cloud-|storage-|runtime-rules$|segmentation-kube-system-(cloud-controller-manager|[a-z]+-csi-))`)

// Which cloud a cluster runs on cannot be told from its outputs, nor from what runs in it, but for what runs there to speak
// to the cloud: two components, which are on both.
func TestCloudsGiveTheSameOutputsAndObjects(t *testing.T) {
	t.Parallel()
	for mode, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			openstack, aws := onBothClouds(t, preview)
			exports := func(r *harness.Recording) string { return host(t, r, fmt.Sprint(r.Exports)) }
			require.Equal(t, exports(openstack), exports(aws))
			require.Contains(t, openstack.Exports, "endpoint")
			require.Contains(t, openstack.Exports, "gateway")

			objects := func(r *harness.Recording) string {
				var names, ofTheCloud []string
				for _, made := range r.Resources {
					if !strings.HasPrefix(made.Type, "kubernetes:") {
						continue
					}
					// The cloud's controllers, the storage driver, the policies that open their traffic, and the rule that lets them call.
					if ofCloud.MatchString(made.Name) {
						ofTheCloud = append(ofTheCloud, made.Name)
					} else {
						names = append(names, made.Name)
					}
				}
				require.NotEmpty(t, ofTheCloud)
				text, err := r.Objects(names...)
				require.NoError(t, err)
				return host(t, r, text)
			}
			require.NotEmpty(t, objects(openstack))
			require.Equal(t, objects(openstack), objects(aws))
		})
	}
}

// Whoever claims a volume finds the same two classes on both clouds, and the same promise of each.
func TestCloudsHaveTheSameClasses(t *testing.T) {
	t.Parallel()
	openstack, aws := onBothClouds(t, false)
	classes := func(r *harness.Recording) string {
		var text strings.Builder
		for _, class := range r.Of("kubernetes:storage.k8s.io/v1:StorageClass") {
			fmt.Fprintln(&text, harness.Dig(class.Inputs, "metadata"), class.Inputs["reclaimPolicy"], class.Inputs["volumeBindingMode"], class.Inputs["allowVolumeExpansion"])
		}
		return strings.NewReplacer("cinder-csi", "DRIVER", "ebs-csi", "DRIVER").Replace(text.String())
	}
	require.Equal(t, 2, strings.Count(classes(openstack), "\n"))
	require.Equal(t, classes(openstack), classes(aws))
}

// row is one row of the shared table, as a cloud was asked for it.
type row struct {
	name, protocol, reason string
	first, last            int
}

// firewallOf reads the rows back from a cloud's rules. A row with several sources is several rules, and on OpenStack the
// row of the load balancer names the node network instead of a group.
func firewallOf(t *testing.T, r *harness.Recording, kind, protocol, first, last string) []row {
	t.Helper()
	source := regexp.MustCompile(`-[0-9a-f.:]+/\d+$`)
	seen := map[row]bool{}
	for _, rule := range r.Of(kind) {
		if rule.Inputs["direction"] == "egress" {
			continue
		}
		one := row{
			name: source.ReplaceAllString(rule.Name, ""), protocol: rule.Inputs[protocol].(string), reason: rule.Inputs["description"].(string),
		}
		if one.protocol != "icmp" {
			one.first, one.last = int(rule.Inputs[first].(float64)), int(rule.Inputs[last].(float64))
		}
		seen[one] = true
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b row) int { return strings.Compare(a.name, b.name) })
}

// No cloud is open where another is closed.
func TestCloudsHaveTheSameFirewall(t *testing.T) {
	t.Parallel()
	openstack, aws := onBothClouds(t, false)
	there := firewallOf(t, openstack, "openstack:networking/secGroupRule:SecGroupRule", "protocol", "portRangeMin", "portRangeMax")
	here := firewallOf(t, aws, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ipProtocol", "fromPort", "toPort")
	require.Len(t, there, 17+8)
	require.Equal(t, there, here)
	declared := func(r *harness.Recording) int {
		count := 0
		for _, made := range r.Resources {
			if strings.Contains(made.Name, "-api-from-declared-") {
				count++
			}
		}
		return count
	}
	require.Equal(t, 2, declared(openstack), "each declared source is one rule")
	require.Equal(t, 2, declared(aws))
}
