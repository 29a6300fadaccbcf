package stacks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	program "github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

// untaggable are the kinds that a control names and that have no place for a tag: their cloud has none, or asks for a
// second request that it has answered with an error (Barbican).
var untaggable = []string{
	"openstack:networking/secGroupRule:SecGroupRule", "openstack:compute/serverGroup:ServerGroup", "openstack:loadbalancer/monitor:Monitor",
	"openstack:keymanager/secretV1:SecretV1", "openstack:identity/applicationCredential:ApplicationCredential",
	"aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy", "aws:s3/bucketPolicy:BucketPolicy",
	"aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
}

// maker is the adapter whose component a resource of a cloud stands below.
var maker = regexp.MustCompile(`lagrum:([a-z]+):[A-Za-z]+\$(aws|openstack):`)

// carried are the requirements that a resource's tags and metadata name, and an error where the cloud would not take them.
func carried(made *harness.Resource) ([]string, error) {
	var ids []string
	tags, _ := made.Inputs["tags"].([]any)
	for _, tag := range tags {
		if id, ours := strings.CutPrefix(tag.(string), "lagrum-requirement="); ours {
			ids = append(ids, id)
		}
		if len(tag.(string)) > 60 || strings.ContainsAny(tag.(string), "/,") {
			return nil, fmt.Errorf("Neutron does not take %q", tag)
		}
	}
	most := 255
	if strings.HasPrefix(made.Type, "aws:") {
		most = 256
	}
	for _, field := range []string{"tags", "metadata"} {
		values, _ := made.Inputs[field].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if !strings.HasPrefix(key, "lagrum.dev/requirements") && !strings.HasPrefix(key, "lagrum-requirements") {
				continue
			}
			if text := values[key].(string); len(text) > most {
				return nil, fmt.Errorf("%s holds %d characters", key, len(text))
			}
			ids = append(ids, strings.Fields(values[key].(string))...)
		}
		if len(values)+len(tags) > 40 { // the clouds take 50, the provider's own come to these
			return nil, fmt.Errorf("%d tags", len(values)+len(tags))
		}
	}
	return ids, nil
}

// law is the rule once more, from the catalogue and not from the plan: what a control's capability is asked for by rows
// that bind the operator.
func law(t *testing.T, site map[string]any, capability requirements.Capability) []string {
	t.Helper()
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	profile, err := country.Lookup(site["country"].(string))
	require.NoError(t, err)
	_, overlays := profile.For(fmt.Sprint(harness.Dig(site, "operator", "kind")))
	var ids []string
	for _, row := range catalogue.ByCapability(capability) {
		if profile.Binds(row, overlays) {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

// Whatever a control of its adapter names and the cloud can tag says which requirements it serves: all that the controls
// say, and nothing else.
func TestRequirementsAreTags(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		site := siteOf(t, name)
		serves := map[string]map[string][]string{} // by room, by type
		for _, room := range program.Controls() {
			serves[room.Name] = map[string][]string{}
			for _, control := range room.Controls {
				for _, kind := range control.Resources {
					serves[room.Name][kind] = append(serves[room.Name][kind], law(t, site, control.Capability)...)
				}
			}
		}
		byKind := map[string]string{}
		for _, made := range r.Resources {
			by := maker.FindStringSubmatch(made.URN)
			if by == nil {
				continue
			}
			want := slices.Compact(slices.Sorted(slices.Values(serves["providers/"+by[1]][made.Type])))
			got, err := carried(made)
			require.NoError(t, err, made.URN)
			// A store that is not AWS's gets the tags of the stack alone: what else it takes differs from store to store.
			endpoint := made.Type == "aws:s3/bucketV2:BucketV2" && harness.Dig(site, "cloud", "aws") == nil
			if slices.Contains(untaggable, made.Type) || endpoint {
				require.NotContains(t, made.Inputs, "tags", "%s can be tagged", made.URN)
				require.NotContains(t, made.Inputs, "metadata", "%s can be tagged", made.URN)
				continue
			}
			require.ElementsMatch(t, want, got, "%s: its controls and its tags differ", made.URN)
			if len(got) > 0 {
				byKind[made.Type] = strings.Join(got, " ")
			}
		}
		var page strings.Builder
		for _, kind := range slices.Sorted(maps.Keys(byKind)) {
			fmt.Fprintf(&page, "%s: %s\n", kind, byKind[kind])
		}
		// The rule finds the rows by the controls: only the golden sees that a control is gone.
		golden.Compare(t, name+".requirements.txt", page.String())
	})
}

// The root disk of a machine on AWS is part of the machine, and carries what every disk does.
func TestRootDisksSayWhatTheyServe(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, _ string, r *harness.Recording) {
		disk := r.Of("aws:ebs/volume:Volume")[0].Inputs["tags"].(map[string]any)["lagrum.dev/requirements"]
		require.NotEmpty(t, disk)
		for _, machine := range r.Of("aws:ec2/instance:Instance") {
			require.Equal(t, disk, harness.Dig(machine.Inputs["rootBlockDevice"], "tags", "lagrum.dev/requirements"), machine.URN)
		}
	})
}
