package bootstrap_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/tests/golden"
)

// fetch stands for a cloud's SecretFetch; two lines, because a cloud may need them.
const fetch = "test -r /dev/secrets\ncat /dev/secrets"

func cluster() bootstrap.Cluster {
	return bootstrap.Cluster{
		Name:        "se-test",
		Version:     "v1.36.3",
		Registry:    "registry.example.se/mirror",
		EtcdTag:     "3.6.5-0",
		PauseImage:  "registry.example.se/mirror/pause:3.10.2",
		Endpoint:    "10.64.0.5",
		APIPort:     6443,
		Domain:      "cluster.local",
		ServiceCIDR: "10.96.0.0/16",
		PodCIDR:     "10.244.0.0/16",
		DNSAddress:  "10.96.0.10",
	}
}

// nodes are the three ways of booting, by golden folder.
func nodes() map[string]bootstrap.Node {
	return map[string]bootstrap.Node{
		"init":               {Name: "cp-1-g1", ControlPlane: true, Initialises: true},
		"join-control-plane": {Name: "cp-2-g1", ControlPlane: true, Labels: map[string]string{"topology.kubernetes.io/zone": "a"}},
		"data-control-plane": {Name: "cp-3-g1", ControlPlane: true, OwnKernel: true, Data: &bootstrap.Data{GiB: 50, KeyServers: keyServers(), Needed: 1}},
		"join-worker": {Name: "ward-1-g1", Labels: map[string]string{
			"lagrum.dev/pool": "ward", "node.kubernetes.io/instance-type": "large", "topology.kubernetes.io/zone": "b",
		}},
	}
}

func TestUserDataGolden(t *testing.T) {
	t.Parallel()
	for name, node := range nodes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := bootstrap.UserData(bootstrap.Input{Cluster: cluster(), Node: node, SecretFetch: fetch})
			require.NoError(t, err)
			golden.Compare(t, filepath.Join(name, "user-data.yaml"), string(data))

			// The same, unpacked, as it will lie on the node: this is what a reviewer reads.
			config := parse(t, data)
			assert.Equal(t, node.Name, config.Hostname)
			assert.Equal(t, [][]string{{"/usr/local/sbin/lagrum-boot"}}, config.RunCmd)
			assert.Equal(t, []user{{Name: "root", LockPasswd: true}}, config.Users)
			plain := len("#cloud-config\n")
			var listing strings.Builder
			for _, f := range config.WriteFiles {
				content := f.unpack(t)
				plain += len(content)
				fmt.Fprintf(&listing, "%s %s\n", f.Permissions, f.Path)
				if f.Path == "/usr/local/sbin/lagrum-boot" {
					script, err := os.ReadFile("boot.sh")
					require.NoError(t, err)
					comment := regexp.MustCompile(`(?m)^[ \t]*#([^!].*)?\n`)
					assert.Equal(t, comment.ReplaceAllString(string(script), ""), string(content), "the script on the node is the script in the repository, without its comments")
					continue
				}
				golden.Compare(t, filepath.Join(name, "files", f.Path), string(content))
			}
			fmt.Fprintf(&listing, "%d bytes of files in %d bytes of user-data, %d in base64\n",
				plain, len(data), base64.StdEncoding.EncodedLen(len(data)))
			golden.Compare(t, filepath.Join(name, "listing.txt"), listing.String())
		})
	}
}

// What the clouds take: AWS 16 KiB as they are, OpenStack Nova 65535 bytes of base64.
func TestGoldenUserDataFitsTheClouds(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*/user-data.yaml")
	require.NoError(t, err)
	require.Len(t, paths, 4)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(data), 16384, "%s on AWS", path)
		assert.LessOrEqual(t, base64.StdEncoding.EncodedLen(len(data)), 65535, "%s on OpenStack", path)
	}
}

// cloud-init judges the bytes itself. The exit code of its schema command is not enough: some versions only warn.
func TestGoldenUserDataIsValidToCloudInit(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("cloud-init")
	require.NoError(t, err, "cloud-init is needed to check user-data: apt-get install cloud-init")
	paths, err := filepath.Glob("testdata/*/user-data.yaml")
	require.NoError(t, err)
	require.Len(t, paths, 4)
	check := func(path string) string {
		out, _ := exec.Command(program, "schema", "--config-file", path).CombinedOutput()
		return string(out)
	}
	for _, path := range paths {
		assert.Contains(t, check(path), "Valid cloud-config: "+path)
	}

	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	require.NoError(t, os.WriteFile(wrong, []byte("#cloud-config\nwrite_files:\n- path: 7\n"), 0o600))
	assert.NotContains(t, check(wrong), "Valid cloud-config", "the check has to be able to fail")
}

func TestUserDataIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	in := bootstrap.Input{Cluster: cluster(), Node: nodes()["join-worker"], SecretFetch: fetch}
	first, err := bootstrap.UserData(in)
	require.NoError(t, err)
	for range 20 {
		again, err := bootstrap.UserData(in)
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}
}

func TestUserDataOfOtherClusters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*bootstrap.Cluster)
		file   string
		want   string
	}{
		{
			name:   "endpoint by name and port of its own",
			change: func(c *bootstrap.Cluster) { c.Endpoint, c.APIPort = "api.se-test.example.se", 443 },
			file:   "/etc/lagrum/kubeadm.yaml",
			want:   "controlPlaneEndpoint: api.se-test.example.se:443\n",
		},
		{
			name:   "API servers listen on the endpoint's port",
			change: func(c *bootstrap.Cluster) { c.APIPort = 443 },
			file:   "/etc/lagrum/kubeadm.yaml",
			want:   "localAPIEndpoint:\n  bindPort: 443\n",
		},
		{
			name: "IPv6",
			change: func(c *bootstrap.Cluster) {
				c.Endpoint, c.ServiceCIDR, c.PodCIDR, c.DNSAddress = "2001:db8::5", "fd00:96::/112", "fd00:244::/48", "fd00:96::a"
			},
			file: "/etc/lagrum/node.env",
			want: "LAGRUM_SERVER='https://[2001:db8::5]:6443'\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := cluster()
			tt.change(&c)
			data, err := bootstrap.UserData(bootstrap.Input{Cluster: c, Node: nodes()["init"], SecretFetch: fetch})
			require.NoError(t, err)
			for _, f := range parse(t, data).WriteFiles {
				if f.Path == tt.file {
					assert.Contains(t, string(f.unpack(t)), tt.want)
					return
				}
			}
			t.Fatalf("no file %s", tt.file)
		})
	}
}

func TestUpstreamRegistryIsKubeadmsDefault(t *testing.T) {
	t.Parallel()
	c := cluster()
	c.Registry = ""
	data, err := bootstrap.UserData(bootstrap.Input{Cluster: c, Node: nodes()["init"], SecretFetch: fetch})
	require.NoError(t, err)
	for _, f := range parse(t, data).WriteFiles {
		if f.Path == "/etc/lagrum/kubeadm.yaml" {
			assert.NotContains(t, string(f.unpack(t)), "imageRepository")
			return
		}
	}
	t.Fatal("no kubeadm.yaml")
}

// A machine of a cloud with controllers of its own: its own golden, which kubeadm's own code reads too.
func TestUserDataOnACloudWithControllers(t *testing.T) {
	t.Parallel()
	data, err := bootstrap.UserData(bootstrap.Input{
		Cluster: cluster(), Node: nodes()["join-worker"], SecretFetch: fetch, MachineID: "openstack:///",
	})
	require.NoError(t, err)
	for _, f := range parse(t, data).WriteFiles {
		if f.Path == "/etc/lagrum/kubeadm.yaml" {
			golden.Compare(t, "join-worker-cloud/files/etc/lagrum/kubeadm.yaml", string(f.unpack(t)))
			return
		}
	}
	t.Fatal("no kubeadm.yaml")
}

func TestUserDataRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*bootstrap.Input)
		want   string
	}{
		{"machine that no cloud calls so", func(in *bootstrap.Input) { in.MachineID = "aws:///'; rm -rf /" }, `machineID: "aws:///'; rm -rf /": want the beginning of a cloud's name for a machine, such as aws:///eu-north-1a/`},
		{"no cluster name", func(in *bootstrap.Input) { in.Cluster.Name = "" }, `cluster.name: "": want a DNS label`},
		{"version without patch", func(in *bootstrap.Input) { in.Cluster.Version = "v1.36" }, `cluster.version: "v1.36": want a release such as v1.36.3`},
		{"version that floats", func(in *bootstrap.Input) { in.Cluster.Version = "stable-1" }, `cluster.version: "stable-1": want a release such as v1.36.3`},
		{"registry with a scheme", func(in *bootstrap.Input) { in.Cluster.Registry = "https://registry.example.se" }, `cluster.registry: "https://registry.example.se": want host[:port][/path], or nothing for the upstream registry`},
		{"no etcd tag", func(in *bootstrap.Input) { in.Cluster.EtcdTag = "" }, `cluster.etcdTag: "": want an image tag such as 3.6.5-0`},
		{"pause without registry", func(in *bootstrap.Input) { in.Cluster.PauseImage = "pause:3.10.2" }, `cluster.pauseImage: "pause:3.10.2": want a full image reference such as registry.k8s.io/pause:3.10.2`},
		{"endpoint with a port", func(in *bootstrap.Input) { in.Cluster.Endpoint = "10.64.0.5:6443" }, `cluster.endpoint: "10.64.0.5:6443": want a host name or an address, without port`},
		{"no port", func(in *bootstrap.Input) { in.Cluster.APIPort = 0 }, `cluster.apiPort: "0": want a port from 1 to 65535`},
		{"port too high", func(in *bootstrap.Input) { in.Cluster.APIPort = 65536 }, `cluster.apiPort: "65536": want a port from 1 to 65535`},
		{"domain with capitals", func(in *bootstrap.Input) { in.Cluster.Domain = "Cluster.Local" }, `cluster.domain: "Cluster.Local": want a DNS domain such as cluster.local`},
		{"services without mask", func(in *bootstrap.Input) { in.Cluster.ServiceCIDR = "10.96.0.0" }, "cluster.serviceCIDR: \"10.96.0.0\": want a network such as 10.96.0.0/16\ncluster.dnsAddress: \"10.96.0.10\": want an address inside cluster.serviceCIDR"},
		{"pods without mask", func(in *bootstrap.Input) { in.Cluster.PodCIDR = "pods" }, `cluster.podCIDR: "pods": want a network such as 10.244.0.0/16`},
		{"DNS outside the services", func(in *bootstrap.Input) { in.Cluster.DNSAddress = "10.97.0.10" }, `cluster.dnsAddress: "10.97.0.10": want an address inside cluster.serviceCIDR`},
		{"node name with a quote", func(in *bootstrap.Input) { in.Node.Name = "cp-1'" }, `node.name: "cp-1'": want a DNS label`},
		{"worker that initialises", func(in *bootstrap.Input) { in.Node.ControlPlane = false }, `node.initialises: "cp-1-g1": want a control plane: a worker cannot initialise a cluster`},
		{"step of keys that is none", func(in *bootstrap.Input) { in.Node.Initialises, in.Node.EncryptionAfter = false, "1; reboot" }, `node.encryptionAfter: "1; reboot": want numbers of keys such as 1-2, for a control plane that joins`},
		{"step of keys for the first node", func(in *bootstrap.Input) { in.Node.EncryptionAfter = "1-2" }, `node.encryptionAfter: "1-2": want numbers of keys such as 1-2, for a control plane that joins`},
		{"label that is no key", func(in *bootstrap.Input) { in.Node.Labels = map[string]string{"a b": "c"} }, `node.labels[a b]: "a b": want a Kubernetes label key`},
		{"label with a comma", func(in *bootstrap.Input) { in.Node.Labels = map[string]string{"a": "b,c"} }, `node.labels[a]: "b,c": want a Kubernetes label value`},
		{"role label, which a kubelet may not set", func(in *bootstrap.Input) { in.Node.Labels = map[string]string{"node-role.kubernetes.io/worker": ""} }, `node.labels[node-role.kubernetes.io/worker]: "node-role.kubernetes.io/worker": want a key that a kubelet may set on itself: outside kubernetes.io and k8s.io, or below node.kubernetes.io or kubelet.kubernetes.io`},
		{"restricted label, which the API server refuses", func(in *bootstrap.Input) {
			in.Node.Labels = map[string]string{"x.node-restriction.kubernetes.io/y": ""}
		}, `node.labels[x.node-restriction.kubernetes.io/y]: "x.node-restriction.kubernetes.io/y": want a key that a kubelet may set on itself: outside kubernetes.io and k8s.io, or below node.kubernetes.io or kubelet.kubernetes.io`},
		{"no way to the secrets", func(in *bootstrap.Input) { in.SecretFetch = " \n" }, "secretFetch: \" \\n\": want a shell command that writes the secret bundle to standard output"},
		{"three mistakes at once", func(in *bootstrap.Input) {
			in.Cluster.Version, in.Cluster.APIPort, in.SecretFetch = "1.36.3", -1, ""
		}, "cluster.version: \"1.36.3\": want a release such as v1.36.3\ncluster.apiPort: \"-1\": want a port from 1 to 65535\nsecretFetch: \"\": want a shell command that writes the secret bundle to standard output"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := bootstrap.Input{Cluster: cluster(), Node: nodes()["init"], SecretFetch: fetch}
			tt.change(&in)
			_, err := bootstrap.UserData(in)
			assert.EqualError(t, err, fmt.Sprintf("bootstrap of node %q:\n%s", in.Node.Name, tt.want))
		})
	}
}

func TestLabelsThatAKubeletMaySet(t *testing.T) {
	t.Parallel()
	node := nodes()["join-worker"]
	node.Labels = map[string]string{
		"pool": "a", "lagrum.dev/pool": "a", "example.node.kubernetes.io/x": "", "kubelet.kubernetes.io/y": "1",
		"kubernetes.io/os": "linux", "topology.kubernetes.io/region": "se",
	}
	_, err := bootstrap.UserData(bootstrap.Input{Cluster: cluster(), Node: node, SecretFetch: fetch})
	assert.NoError(t, err)
}

// cloudConfig is a reader of its own, not the renderer's type.
type cloudConfig struct {
	Hostname   string      `json:"hostname"`
	RunCmd     [][]string  `json:"runcmd"`
	Users      []user      `json:"users"`
	WriteFiles []writeFile `json:"write_files"`
}

type user struct {
	LockPasswd bool   `json:"lock_passwd"`
	Name       string `json:"name"`
}

type writeFile struct {
	Content     string `json:"content"`
	Encoding    string `json:"encoding"`
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
}

func parse(t *testing.T, data []byte) cloudConfig {
	t.Helper()
	require.True(t, bytes.HasPrefix(data, []byte("#cloud-config\n")), "cloud-init knows the format by its first line")
	var config cloudConfig
	require.NoError(t, yaml.UnmarshalStrict(data, &config))
	return config
}

func (f writeFile) unpack(t *testing.T) []byte {
	t.Helper()
	switch f.Encoding {
	case "":
		return []byte(f.Content)
	case "gz+b64":
		packed, err := base64.StdEncoding.DecodeString(f.Content)
		require.NoError(t, err)
		z, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		content, err := io.ReadAll(z)
		require.NoError(t, err)
		return content
	default:
		t.Fatalf("%s: encoding %q", f.Path, f.Encoding)
		return nil
	}
}
