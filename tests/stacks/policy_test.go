package stacks

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/harness"
)

// siteOf is the site of a declared stack.
func siteOf(t *testing.T, stack string) map[string]any {
	t.Helper()
	var site map[string]any
	require.NoError(t, json.Unmarshal([]byte(declared(t)[stack]["lagrum:site"]), &site))
	return site
}

// On OpenStack every disk is of the volume type that the site names as encrypted, and no machine boots from anything but
// such a disk. On AWS every disk and every secret is encrypted with the stack's own key.
func TestEveryDiskIsEncrypted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		if harness.Dig(siteOf(t, name), "cloud", "aws") != nil {
			encryptedOnAWS(t, name, r)
			return
		}
		if harness.Dig(siteOf(t, name), "cloud", "openstack") == nil {
			return // the lab's disks are not provable, and its status says so
		}
		volumes := r.Of("openstack:blockstorage/volume:Volume")
		require.NotEmpty(t, volumes)
		for _, volume := range volumes {
			require.Equal(t, harness.Dig(siteOf(t, name), "cloud", "openstack", "encryptedVolumeType"), volume.Inputs["volumeType"], volume.URN)
		}
		machines := r.Of("openstack:compute/instance:Instance")
		require.NotEmpty(t, machines)
		for _, machine := range machines {
			require.NotContains(t, machine.Inputs, "imageId", machine.URN)
			require.NotContains(t, machine.Inputs, "imageName", machine.URN)
			disks, _ := machine.Inputs["blockDevices"].([]any)
			require.NotEmpty(t, disks, machine.URN)
			for _, disk := range disks {
				require.Equal(t, "volume", harness.Dig(disk, "sourceType"), machine.URN)
				require.Equal(t, "volume", harness.Dig(disk, "destinationType"), machine.URN)
			}
		}
	})
}

// No rule opens SSH, and none is open to the world: every one names a group, or a network of at most a /8. The one
// exception is a gateway that its site calls public, on two ports.
func TestNothingIsOpenToTheWorld(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		require.Empty(t, openings(name, siteOf(t, name), r))
		for _, rule := range r.Of("openstack:networking/secGroupRule:SecGroupRule") {
			require.NotEmpty(t, rule.Inputs["description"], "%s: every rule says why", rule.URN)
			if rule.Inputs["direction"] == "egress" {
				continue
			}
			if first, bounded := rule.Inputs["portRangeMin"].(float64); bounded {
				require.False(t, first <= 22 && 22 <= rule.Inputs["portRangeMax"].(float64), "%s: opens SSH", rule.URN)
			} else {
				require.Equal(t, "icmp", rule.Inputs["protocol"], rule.URN)
			}
			if _, named := rule.Inputs["remoteIpPrefix"]; !named {
				require.Contains(t, rule.Inputs, "remoteGroupId", rule.URN)
			}
		}
		closedOnAWS(t, r)
	})
}

// Nova puts two members of a group that must be apart on one host if they are placed at once.
func TestControlPlanesAreMadeOneAfterAnother(t *testing.T) {
	t.Parallel()
	r := run(t, "se-prod", declared(t)["se-prod"], false)
	const instance = "openstack:compute/instance:Instance"
	first, second, third := r.Get(t, instance, "se-prod-cp-1-g1"), r.Get(t, instance, "se-prod-cp-2-g1"), r.Get(t, instance, "se-prod-cp-3-g1")
	require.Contains(t, second.Dependencies, first.URN)
	require.Contains(t, third.Dependencies, second.URN)
}

// Whatever the cloud can tag says whose it is: the doctor finds what a failed create left by that.
func TestEverythingIsTagged(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		taggedOnAWS(t, name, r)
		for _, made := range r.Resources {
			switch made.Type {
			case "openstack:networking/network:Network", "openstack:networking/subnet:Subnet", "openstack:networking/router:Router",
				"openstack:networking/port:Port", "openstack:networking/floatingIp:FloatingIp", "openstack:networking/secGroup:SecGroup", "openstack:compute/instance:Instance",
				"openstack:loadbalancer/loadBalancer:LoadBalancer", "openstack:loadbalancer/listener:Listener":
				require.Contains(t, made.Inputs["tags"], "lagrum-stack="+name, made.URN)
			case "openstack:blockstorage/volume:Volume":
				require.Equal(t, name, harness.Dig(made.Inputs["metadata"], "lagrum-stack"), made.URN)
			}
			if strings.HasPrefix(made.Type, "openstack:") && made.Inputs["name"] != nil && made.Type != "openstack:loadbalancer/member:Member" {
				require.True(t, strings.HasPrefix(made.Inputs["name"].(string), name+"-"), "%s: its name does not begin with the cluster's", made.URN)
			}
		}
	})
}
