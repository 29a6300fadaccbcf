package bootstrap_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

func TestDataScriptPassesShellcheck(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("shellcheck", "--shell=sh", "data.sh").CombinedOutput()
	assert.NoError(t, err, string(out))
}

// keyServers are two, of which one has to answer.
func keyServers() []bootstrap.KeyServer {
	return []bootstrap.KeyServer{
		{URL: "http://keys-1.example.org", Thumbprint: "QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU"},
		{URL: "https://keys-2.example.org:7500", Thumbprint: "yj09c2cK-U8Scgt-PhHZhhmSMIwMbffCriZxCr2Miqc"},
	}
}

// disks are the stand-ins of a machine with its root disk, the cloud's seed and one empty disk of 200 GiB, from which the
// cloud's own encryption took 16 MiB.
func disks() map[string]string {
	return map[string]string{
		"lsblk":      `printf '%s\n' "/dev/vda 64424509440 disk 0" "/dev/vdb 214731587584 disk 0" "/dev/vdc 1048576 disk 1" "/dev/sr0 214731587584 rom 0"`,
		"blkid":      `case "$*" in --label*|*vdb) exit 2 ;; esac`,
		"mkfs.ext4":  `true`,
		"mount":      `true`,
		"mountpoint": `exit 1`,
		"cryptsetup": `case "$1" in luksFormat) for f; do case $f in /run/tmp.*) test "$(wc -c <"$f")" -eq 32 ;; esac; done ;; esac`,
		"clevis":     `true`,
	}
}

// bootWithData boots a worker that has a data disk.
func bootWithData(t *testing.T, data *bootstrap.Data, replace, files map[string]string) sandbox {
	t.Helper()
	node := nodes()["join-worker"]
	node.Data = data
	stand := disks()
	maps.Copy(stand, replace)
	return bootInput(t, bootstrap.Input{Cluster: cluster(), Node: node, SecretFetch: "cat /bundle.tar"}, stand, files)
}

func TestDataDiskOfTheCloud(t *testing.T) {
	t.Parallel()
	s := bootWithData(t, &bootstrap.Data{GiB: 200}, nil, map[string]string{"var/lib/containerd/brought-by-the-image": "x"})
	require.Equal(t, 0, s.code, s.output)
	assert.Equal(t, []string{"-q -L lagrum-data /dev/vdb"}, s.called("mkfs.ext4"))
	assert.Empty(t, s.called("cryptsetup"), "the cloud encrypts it")
	assert.Equal(t, "x", s.read("var/lib/lagrum-data/var/lib/containerd/brought-by-the-image"))
	assert.Equal(t, []string{
		"stop containerd", "enable --now lagrum-data", "enable --now lagrum-metadata", "enable --now containerd", "enable kubelet",
	}, s.called("systemctl"), "containerd writes nothing before its disk is there")
	assert.Contains(t, s.called("mount"), "--bind /var/lib/lagrum-data/var/lib/etcd /var/lib/etcd")
	assert.NoFileExists(t, filepath.Join(s.root, "etc/lagrum/data.json"))
}

func TestDataDiskEncryptedByTheNode(t *testing.T) {
	t.Parallel()
	s := bootWithData(t, &bootstrap.Data{GiB: 200, KeyServers: keyServers(), Needed: 1}, nil, nil)
	require.Equal(t, 0, s.code, s.output)
	calls := s.called("cryptsetup")
	require.Len(t, calls, 2)
	assert.Regexp(t, `^luksFormat .*--type luks2 --cipher aes-xts-plain64 --key-size 512 .*--key-file /run/tmp\.\w+ /dev/vdb$`, calls[0])
	assert.Regexp(t, `^luksRemoveKey /dev/vdb /run/tmp\.\w+$`, calls[1], "the key servers' way is the only one")
	clevis := s.called("clevis")
	require.Len(t, clevis, 2)
	assert.Regexp(t, `^luks bind -f -y -k /run/tmp\.\w+ -d /dev/vdb sss \{"t":1,"pins":\{"tang":\[\{"url":"http://keys-1\.example\.org","thp":"QxvS\w+"\},`, clevis[0])
	assert.Equal(t, "luks unlock -d /dev/vdb -n lagrum-data", clevis[1])
	assert.Equal(t, []string{"-q -L lagrum-files /dev/mapper/lagrum-data"}, s.called("mkfs.ext4"))
	left, err := filepath.Glob(filepath.Join(s.root, "run/tmp.*"))
	require.NoError(t, err)
	assert.Empty(t, left, "the first key is gone")
}

func TestDataDiskFails(t *testing.T) {
	t.Parallel()
	guest := &bootstrap.Data{GiB: 200, KeyServers: keyServers(), Needed: 2}
	const pick = " hold nothing ("
	for _, row := range []struct {
		name    string
		data    *bootstrap.Data
		replace map[string]string
		status  string
	}{
		{
			name: "no empty disk", data: guest, replace: map[string]string{"blkid": `case "$*" in --label*) exit 2 ;; esac`},
			status: "failed: data: error: 0 disks of 200 GiB" + pick + "), and it has to be one",
		},
		{
			name: "two empty disks", data: guest, replace: map[string]string{
				"lsblk": `printf '%s\n' "/dev/vdb 214748364800 disk 0" "/dev/vdb 214748364800 disk 0"`},
			status: "failed: data: error: 2 disks of 200 GiB" + pick + "/dev/vdb /dev/vdb), and it has to be one",
		},
		{
			name: "a disk of another size", data: &bootstrap.Data{GiB: 100}, status: "failed: data: error: 0 disks of 100 GiB" + pick + "), and it has to be one",
		},
		{
			name: "a disk of an earlier node", data: guest, replace: map[string]string{"blkid": `case "$*" in "--label lagrum-data") echo /dev/vdc ;; *vdb) exit 2 ;; esac`},
			status: "failed: data: error: /dev/vdc is a disk of an earlier node: give this one an empty disk",
		},
		{
			name: "key servers that do not answer", data: guest, replace: map[string]string{"clevis": `echo "Error communicating with server http://keys-1.example.org" >&2; exit 1`},
			status: "failed: data: Error communicating with server http://keys-1.example.org",
		},
		{
			name: "a disk that cannot be formatted", data: guest, replace: map[string]string{"cryptsetup": `echo "Device /dev/vdb is in use: error" >&2; exit 5`},
			status: "failed: data: Device /dev/vdb is in use: error",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := bootWithData(t, row.data, row.replace, nil)
			assert.NotEqual(t, 0, s.code)
			assert.Equal(t, row.status, s.read("var/lib/lagrum/boot.status"), s.output)
			assert.Empty(t, s.called("kubeadm"), "nothing joins without its disk")
			assert.NotContains(t, s.called("systemctl"), "enable --now containerd")
			left, err := filepath.Glob(filepath.Join(s.root, "run/tmp.*"))
			require.NoError(t, err)
			assert.Empty(t, left, "no key outlives a failure")
		})
	}
}

func TestDataIsChecked(t *testing.T) {
	t.Parallel()
	node := nodes()["join-worker"]
	node.Data = &bootstrap.Data{GiB: 0, KeyServers: []bootstrap.KeyServer{{URL: "keys", Thumbprint: "short"}}, Needed: 2}
	_, err := bootstrap.UserData(bootstrap.Input{Cluster: cluster(), Node: node, SecretFetch: "true"})
	assert.EqualError(t, err, `bootstrap of node "ward-1-g1":
node.data.gib: "0": want a size in GiB
node.data.keyServers[0].url: "keys": want an address such as http://keys.example.org
node.data.keyServers[0].thumbprint: "short": want the 43 characters that tang-show-keys prints
node.data.needed: "2": want 1 to the number of key servers`)
}

// sum is a line of the list by which a node knows its image's programs.
func sum(path, content string) string {
	return fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(content)), path)
}
