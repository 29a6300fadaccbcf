package aws

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
)

func integrated() *plan.Plan {
	return &plan.Plan{
		Name: "dk-prod", Cluster: plan.Cluster{Name: "dk-prod"},
		Cloud: plan.Cloud{Kind: "aws", Region: "eu-north-1", AWS: &plan.AWS{Account: "123456789012"}},
		Tags: map[string]string{
			"lagrum.dev/stack": "dk-prod", "lagrum.dev/country": "dk", "lagrum.dev/environment": "prod", "lagrum.dev/operator": "A, B=C",
		},
	}
}

// What the controllers may do is read whole.
func TestPoliciesOfControllers(t *testing.T) {
	t.Parallel()
	machines, err := machinesPolicy(integrated())
	require.NoError(t, err)
	golden.Compare(t, "machines-policy.json", indented(t, machines))
	volumes, err := volumesPolicy(integrated(), "arn:aws:kms:eu-north-1:123456789012:key/4711")
	require.NoError(t, err)
	golden.Compare(t, "volumes-policy.json", indented(t, volumes))
}

// Whatever changes anything names what it changes, by the cluster's tag or the stack's key, and no volume is made that is
// not encrypted.
func TestEveryChangeIsBounded(t *testing.T) {
	t.Parallel()
	machines, err := machinesPolicy(integrated())
	require.NoError(t, err)
	volumes, err := volumesPolicy(integrated(), "arn:aws:kms:eu-north-1:123456789012:key/4711")
	require.NoError(t, err)
	made := false
	for _, text := range []string{machines, volumes} {
		var document struct{ Statement []statement }
		require.NoError(t, json.Unmarshal([]byte(text), &document))
		for _, s := range document.Statement {
			require.NotEmpty(t, s.Condition, s.Sid)
			for _, action := range s.Action {
				assert.NotContains(t, action, "*", s.Sid)
				if strings.HasPrefix(action, "ec2:Describe") {
					assert.Equal(t, "eu-north-1", s.Condition["StringEquals"]["aws:RequestedRegion"], s.Sid)
					continue
				}
				assert.NotEqual(t, "*", s.Resource, "%s: %s", s.Sid, action)
				if action == "ec2:CreateVolume" {
					made = true
					assert.Equal(t, "true", s.Condition["Bool"]["ec2:Encrypted"])
					assert.Equal(t, "owned", s.Condition["StringEquals"]["aws:RequestTag/kubernetes.io/cluster/dk-prod"])
				}
				if action == "ec2:DeleteVolume" || action == "ec2:ModifyVolume" {
					assert.Equal(t, "owned", s.Condition["StringEquals"]["ec2:ResourceTag/kubernetes.io/cluster/dk-prod"], s.Sid)
				}
			}
		}
	}
	assert.True(t, made)
}

// The driver's command line splits tags at commas.
func TestVolumeTags(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string]string{
		"lagrum.dev/stack": "dk-prod", "lagrum.dev/country": "dk", "lagrum.dev/environment": "prod",
	}, volumeTags(integrated()))
}

func TestMachineID(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "aws:///eu-north-1b/", (&Cloud{region: "eu-north-1"}).MachineID(plan.Node{Zone: "b"}))
}

func indented(t *testing.T, text string) string {
	t.Helper()
	var document any
	require.NoError(t, json.Unmarshal([]byte(text), &document))
	pretty, err := json.MarshalIndent(document, "", "  ")
	require.NoError(t, err)
	return string(pretty) + "\n"
}
