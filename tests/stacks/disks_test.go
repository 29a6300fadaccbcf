package stacks

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/tests/harness"
)

// keyServers is a site's section of one key server.
func keyServers() map[string]any {
	return map[string]any{"keyServers": []any{
		map[string]any{"url": "http://keys.example.org", "thumbprint": "QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU"},
	}}
}

// fileOf reads one file of a machine's user-data; empty where there is none. What is compressed is not read here.
func fileOf(t *testing.T, machine *harness.Resource, path string) string {
	t.Helper()
	var config struct {
		Files []struct{ Content, Path string } `yaml:"write_files"`
	}
	text := machine.Raw["userData"]
	if text.IsSecret() { // where it holds the way to the node's bundle
		text = text.SecretValue().Element
	}
	require.NoError(t, yaml.Unmarshal([]byte(text.StringValue()), &config), machine.URN)
	for _, file := range config.Files {
		if file.Path == path {
			return file.Content
		}
	}
	return ""
}

// Where the cloud cannot encrypt a type of volume, only data disks are of it, and every machine that has one is told how
// to encrypt it.
func TestNodesEncryptWhatTheCloudCannot(t *testing.T) {
	t.Parallel()
	r := run(t, "se-prod", edited(t, "se-prod", func(site map[string]any) {
		site["guestEncryption"] = keyServers()
		harness.Dig(site, "cloud", "openstack").(map[string]any)["dataVolumeType"] = "local-nvme"
	}), false)
	types := map[string]string{}
	for _, volume := range r.Of("openstack:blockstorage/volume:Volume") {
		kind := "root"
		if _, booted := volume.Inputs["imageId"]; !booted {
			kind = "data"
		}
		types[kind+" "+volume.Inputs["volumeType"].(string)] = volume.URN
	}
	require.Len(t, types, 2)
	require.Contains(t, types, "root luks")
	require.Contains(t, types, "data local-nvme")
	told := 0
	for _, machine := range r.Of("openstack:compute/instance:Instance") {
		disks, _ := machine.Inputs["blockDevices"].([]any)
		pin := fileOf(t, machine, "/etc/lagrum/data.json")
		if len(disks) == 1 {
			require.Empty(t, pin, machine.URN)
			continue
		}
		told++
		require.JSONEq(t, `{"t":1,"pins":{"tang":[{"url":"http://keys.example.org","thp":"QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU"}]}}`, pin, machine.URN)
		require.Contains(t, fileOf(t, machine, "/etc/lagrum/node.env"), "LAGRUM_DATA_GIB='200'")
	}
	require.NotZero(t, told)
}

// A virtual machine of the lab has the disks that the site declares, and gets its bundle another way.
func TestVirtualMachinesOfTheLab(t *testing.T) {
	t.Parallel()
	r := run(t, "dev", edit(t, func(site map[string]any) {
		site["guestEncryption"] = keyServers()
		pool(site, 1)["size"] = "vm-2c2g"
		pool(site, 1)["disks"] = []any{map[string]any{"name": "root", "gib": 20}, map[string]any{"name": "data", "gib": 5}}
	}), false)
	for _, machine := range r.Of("lab:index:Machine") {
		virtual := machine.Inputs["role"] == "worker"
		require.Equal(t, virtual, machine.Inputs["virtual"] == true, machine.URN)
		require.Equal(t, virtual, fileOf(t, machine, "/etc/lagrum/data.json") != "", machine.URN)
		fetch := fileOf(t, machine, "/usr/local/sbin/lagrum-secrets")
		if !virtual {
			require.Contains(t, fetch, "/run/lagrum-lab/secrets.tar")
			require.NotContains(t, machine.Inputs, "dataGiB")
			continue
		}
		require.Contains(t, fetch, "opt/lagrum/secrets/raw")
		gib, err := json.Marshal([]any{machine.Inputs["diskGiB"], machine.Inputs["dataGiB"]})
		require.NoError(t, err)
		require.JSONEq(t, "[20, 5]", string(gib))
	}
}
