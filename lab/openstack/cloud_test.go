//go:build openstack

package openstack

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/machines"
)

// testLab is the name under which these tests take the host's ports.
const testLab = "ostack"

// TestCloud brings the control plane up, after a first attempt that was killed, and runs a stack against it with the real
// engine. What the stack made is read back through the APIs and from the files, never from the stack's state.
func TestCloud(t *testing.T) {
	require.Zero(t, os.Geteuid(), "run as root")
	l, err := Open(testLab, filepath.Join(machines.StateRoot, testLab))
	require.NoError(t, err)
	require.NoError(t, l.Down(t.Context(), lines{t}))
	t.Cleanup(func() { assertNothingLeft(t, l) })

	s := newStack(t)
	killHalfWay(t, l, filepath.Join(s.bin, "lagrum"))
	started := time.Now()
	require.NoError(t, l.Up(t.Context(), lines{t}))
	t.Logf("up, after one that was killed: %s", time.Since(started).Round(time.Second))
	again := time.Now()
	require.NoError(t, l.Up(t.Context(), lines{t}))
	t.Logf("up, with everything up: %s", time.Since(again).Round(time.Second))
	var status bytes.Buffer
	require.NoError(t, l.Status(t.Context(), &status), status.String())

	s.login(t, l)
	s.pulumi(t, "up", "--yes", "--skip-preview")
	s.pulumi(t, "preview", "--expect-no-changes")
	s.pulumi(t, "refresh", "--yes", "--expect-no-changes")
	s.pulumi(t, "preview", "--expect-no-changes")

	outputs := s.outputs(t)
	tenant, err := l.Login(t.Context(), Tenant)
	require.NoError(t, err)
	t.Run("volumes are encrypted", func(t *testing.T) { readVolumes(t, l, tenant, outputs.Volumes) })
	t.Run("a plain volume is seen through", func(t *testing.T) { seePlainVolume(t, l, tenant) })
	t.Run("servers are apart", func(t *testing.T) { readServers(t, tenant, outputs.Servers) })
	t.Run("network", func(t *testing.T) { readNetwork(t, tenant, outputs) })
	t.Run("load balancer", func(t *testing.T) { readBalancer(t, tenant, outputs) })

	s.pulumi(t, "destroy", "--yes", "--skip-preview")
	t.Run("nothing is left in the cloud", func(t *testing.T) { readEmpty(t, tenant) })
	t.Run("the product", func(t *testing.T) { testProduct(t, l, s) })
}

// lines writes to a test's log.
type lines struct{ t *testing.T }

func (w lines) Write(text []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(text), "\n"))
	return len(text), nil
}

// killHalfWay starts a run and kills it as soon as it has filled one service's tables, in the middle of others'.
func killHalfWay(t *testing.T, l *Lab, lagrum string) {
	cmd := exec.Command(lagrum, "openstack", "up")
	cmd.Env = append(os.Environ(), "LAGRUM_LAB="+testLab)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(20 * time.Minute) // packages may have to come first
	for !l.finished("migrate-keystone") {
		select {
		case err := <-ended:
			require.NoError(t, err, "up ended by itself")
			t.Fatal("up ended before it could be killed")
		case <-deadline:
			require.NoError(t, cmd.Process.Kill())
			t.Fatal("no tables after 20 minutes")
		case <-time.After(50 * time.Millisecond):
		}
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	<-ended
	left, err := l.Leftovers()
	require.NoError(t, err)
	require.NotEmpty(t, left)
	// The test's own view began before there was anything.
	fresh, err := Open(l.Name, filepath.Dir(l.Dir))
	require.NoError(t, err)
	*l = *fresh
}

// assertNothingLeft takes everything down and asks the host itself.
func assertNothingLeft(t *testing.T, l *Lab) {
	require.NoError(t, l.Down(context.WithoutCancel(t.Context()), lines{t}))
	left, err := l.Leftovers()
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.NoDirExists(t, l.Dir)
	// The mark finds what kept its environment; the command line finds what did not.
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range commands {
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(l.Dir+"/")) {
			t.Errorf("%s: %s", path, bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
		}
	}
	for name := range ports {
		if connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portText(name))); err == nil {
			t.Errorf("something still listens on %s's port: %v", name, connection.Close())
		}
	}
}

// readVolumes holds each volume to its promise: Cinder says encrypted, the key is in Barbican, the file is a LUKS container
// that opens with that key and shows nothing without.
func readVolumes(t *testing.T, l *Lab, tenant *Client, ids []string) {
	require.Len(t, ids, 4)
	withImage := 0
	for _, id := range ids {
		var answer struct {
			Volume struct {
				Encrypted bool
				Key       string `json:"encryption_key_id"`
				Status    string
				Image     map[string]string `json:"volume_image_metadata"`
				Metadata  map[string]string
			}
		}
		// Older versions of the API do not tell the key.
		version := http.Header{"Openstack-Api-Version": {"volume 3.64"}}
		_, err := tenant.do(t.Context(), http.MethodGet, "cinder", "/volumes/"+id, version, nil, &answer)
		require.NoError(t, err)
		volume := answer.Volume
		assert.True(t, volume.Encrypted, id)
		assert.Equal(t, "in-use", volume.Status, id)
		assert.Equal(t, "se", volume.Metadata["country"], id)

		var secret struct {
			Status, Algorithm string
			Bits              int `json:"bit_length"`
		}
		require.NoError(t, tenant.Get(t.Context(), "barbican", "/secrets/"+volume.Key, &secret))
		assert.Equal(t, "ACTIVE", secret.Status)
		assert.Equal(t, "aes", strings.ToLower(secret.Algorithm))
		assert.Equal(t, 256, secret.Bits)
		var key []byte
		payload := http.Header{"Accept": {"application/octet-stream"}}
		_, err = tenant.do(t.Context(), http.MethodGet, "barbican", "/secrets/"+volume.Key+"/payload", payload, nil, &key)
		require.NoError(t, err)

		files, err := filepath.Glob(l.Path("data", "cinder", "shares", "*", "volume-"+id))
		require.NoError(t, err)
		require.Len(t, files, 1)
		assertLUKS(t, files[0])
		if volume.Image != nil {
			withImage++
			assertOpensWithKey(t, files[0], key)
		}
	}
	assert.Equal(t, 2, withImage, "volumes filled from the image")
}

// seePlainVolume shows that the proof of encryption can fail: the same image on a volume of the plain type lies open.
func seePlainVolume(t *testing.T, l *Lab, tenant *Client) {
	var images struct {
		Images []struct{ ID string }
	}
	require.NoError(t, tenant.Get(t.Context(), "glance", "/images?name="+Image, &images))
	require.Len(t, images.Images, 1)
	var answer struct {
		Volume struct {
			ID, Status string
			Encrypted  bool
		}
	}
	require.NoError(t, tenant.Post(t.Context(), "cinder", "/volumes", map[string]any{
		"volume": map[string]any{"size": 1, "volume_type": PlainType, "imageRef": images.Images[0].ID},
	}, &answer))
	path := "/volumes/" + answer.Volume.ID
	require.Eventually(t, func() bool {
		return assert.NoError(t, tenant.Get(t.Context(), "cinder", path, &answer)) && answer.Volume.Status == "available"
	}, 2*time.Minute, time.Second)
	assert.False(t, answer.Volume.Encrypted)
	files, err := filepath.Glob(l.Path("data", "cinder", "shares", "*", "volume-"+answer.Volume.ID))
	require.NoError(t, err)
	require.Len(t, files, 1)
	raw, err := os.ReadFile(files[0])
	require.NoError(t, err)
	assert.Contains(t, string(raw), ImageMarker)
	assert.NotContains(t, string(raw), luksMagic)

	_, err = tenant.do(t.Context(), http.MethodDelete, "cinder", path, nil, nil, nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := os.Stat(files[0])
		return os.IsNotExist(err)
	}, 2*time.Minute, time.Second)
}

// luksMagic begins every LUKS header.
const luksMagic = "LUKS\xba\xbe"

// assertLUKS reads a volume's file as qemu does.
func assertLUKS(t *testing.T, file string) {
	out, err := exec.Command("qemu-img", "info", "--force-share", "--output=json", file).Output()
	require.NoError(t, err)
	var info struct {
		Encrypted bool
		Specific  struct {
			Data struct {
				Encrypt struct {
					Format, Mode string
					Cipher       string `json:"cipher-alg"`
					CipherMode   string `json:"cipher-mode"`
					Slots        []struct {
						Active bool
					}
				}
			}
		} `json:"format-specific"`
	}
	require.NoError(t, json.Unmarshal(out, &info))
	encrypt := info.Specific.Data.Encrypt
	assert.True(t, info.Encrypted, file)
	assert.Equal(t, []string{"luks", "aes-256", "xts"}, []string{encrypt.Format, encrypt.Cipher, encrypt.CipherMode}, file)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(raw[:min(len(raw), 4<<20)]), luksMagic, "the header itself")
	assert.NotContains(t, string(raw), ImageMarker, "the image in the clear")
}

// assertOpensWithKey decrypts the volume with Barbican's key, as a hypervisor would, and finds the image; another key
// opens nothing.
func assertOpensWithKey(t *testing.T, file string, key []byte) {
	open := func(passphrase string) ([]byte, error) {
		secret, plain := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "plain")
		require.NoError(t, os.WriteFile(secret, []byte(passphrase), 0o600))
		text, err := exec.Command("qemu-img", "convert", "--force-share", "--object", "secret,id=s,format=raw,file="+secret, "--image-opts",
			"driver=qcow2,encrypt.key-secret=s,file.filename="+file, "-O", "raw", plain).CombinedOutput()
		if err != nil {
			return text, err
		}
		f, err := os.Open(plain)
		require.NoError(t, err)
		defer f.Close()
		start := make([]byte, 4*len(ImageMarker))
		_, err = f.Read(start)
		require.NoError(t, err)
		return start, nil
	}
	start, err := open(hex.EncodeToString(key))
	require.NoError(t, err, string(start))
	assert.Equal(t, strings.Repeat(ImageMarker, 4), string(start))
	message, err := open(strings.Repeat("0", 2*len(key)))
	require.Error(t, err)
	assert.Contains(t, string(message), "Invalid password")
}

func readServers(t *testing.T, tenant *Client, ids []string) {
	require.Len(t, ids, 2)
	var hosts []string
	for _, id := range ids {
		var answer struct {
			Server struct {
				Status, HostID string
				ConfigDrive    string                `json:"config_drive"`
				Tags           []string              `json:"tags"`
				Volumes        []struct{ ID string } `json:"os-extended-volumes:volumes_attached"`
			}
		}
		version := http.Header{"Openstack-Api-Version": {"compute 2.26"}}
		_, err := tenant.do(t.Context(), http.MethodGet, "nova", "/servers/"+id, version, nil, &answer)
		require.NoError(t, err)
		assert.Equal(t, "ACTIVE", answer.Server.Status)
		assert.Equal(t, "True", answer.Server.ConfigDrive)
		assert.Len(t, answer.Server.Volumes, 2)
		assert.ElementsMatch(t, []string{"lagrum", "country=se"}, answer.Server.Tags)
		hosts = append(hosts, answer.Server.HostID)
	}
	slices.Sort(hosts)
	assert.Len(t, slices.Compact(hosts), 2, "each on a host of its own")
}

func readNetwork(t *testing.T, tenant *Client, outputs outputs) {
	var list struct {
		Ports []struct {
			Owner  string   `json:"device_owner"`
			Groups []string `json:"security_groups"`
			Status string
			Tags   []string
		}
		Rules []struct {
			Direction, Description, Ethertype string
			Prefix                            string `json:"remote_ip_prefix"`
		} `json:"security_group_rules"`
	}
	require.NoError(t, tenant.Get(t.Context(), "neutron", "/ports?network_id="+outputs.Network, &list))
	guarded := 0
	for _, port := range list.Ports {
		if port.Owner == "network:router_interface" {
			continue
		}
		guarded++
		assert.Equal(t, []string{outputs.SecurityGroup}, port.Groups, port.Owner)
		assert.ElementsMatch(t, []string{"lagrum", "country=se"}, port.Tags, port.Owner)
		if strings.HasPrefix(port.Owner, "compute:") {
			assert.Equal(t, "ACTIVE", port.Status)
		}
	}
	assert.Equal(t, 3, guarded, "two nodes and the load balancer")
	require.NoError(t, tenant.Get(t.Context(), "neutron", "/security-group-rules?security_group_id="+outputs.SecurityGroup, &list))
	assert.Len(t, list.Rules, 3, "no more than declared")
	for _, rule := range list.Rules {
		assert.NotEmpty(t, rule.Description, "a reason")
		assert.False(t, rule.Direction == "ingress" && rule.Prefix == "0.0.0.0/0")
	}
}

func readBalancer(t *testing.T, tenant *Client, outputs outputs) {
	var answer struct {
		LoadBalancer struct {
			Provisioning string `json:"provisioning_status"`
			Address      string `json:"vip_address"`
			Tags         []string
		}
		Listener struct {
			Allowed []string `json:"allowed_cidrs"`
			Pool    string   `json:"default_pool_id"`
		}
		Members []struct{ Address string }
	}
	require.NoError(t, tenant.Get(t.Context(), "octavia", "/lbaas/loadbalancers/"+outputs.LoadBalancer, &answer))
	require.NoError(t, tenant.Get(t.Context(), "octavia", "/lbaas/listeners/"+outputs.Listener, &answer))
	require.NoError(t, tenant.Get(t.Context(), "octavia", "/lbaas/pools/"+answer.Listener.Pool+"/members", &answer))
	assert.Equal(t, "ACTIVE", answer.LoadBalancer.Provisioning)
	assert.Equal(t, "10.60.0.20", answer.LoadBalancer.Address)
	assert.ElementsMatch(t, []string{"lagrum", "country=se"}, answer.LoadBalancer.Tags)
	assert.ElementsMatch(t, []string{"10.60.0.0/24", "198.51.100.0/24"}, answer.Listener.Allowed)
	assert.Len(t, answer.Members, 2)
}

// readEmpty finds that the stack's end left nothing, the volumes' keys included.
func readEmpty(t *testing.T, tenant *Client) {
	for _, at := range []struct{ service, path, list string }{
		{"nova", "/servers", "servers"}, {"cinder", "/volumes", "volumes"}, {"barbican", "/secrets", "secrets"},
		{"neutron", "/ports?project_id=" + tenant.Project, "ports"}, {"neutron", "/routers", "routers"}, {"neutron", "/floatingips", "floatingips"}, {"octavia", "/lbaas/loadbalancers", "loadbalancers"},
		{"neutron", "/networks?project_id=" + tenant.Project, "networks"},
	} {
		var answer map[string]json.RawMessage
		require.NoError(t, tenant.Get(t.Context(), at.service, at.path, &answer))
		assert.JSONEq(t, "[]", string(answer[at.list]), at.service+at.path)
	}
}
