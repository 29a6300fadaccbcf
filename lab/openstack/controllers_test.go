//go:build openstack

package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/lagrum/lagrum/tests/server"
)

const providers = "cloud-provider-openstack"

// controllers runs what a cluster runs of cloud-provider-openstack, with the credentials that the stack made for it: each
// can do its work, and nothing beyond.
func (p *product) controllers(t *testing.T, l *Lab, tenant *Client) {
	machine := p.server(t, tenant, productName+"-workers-1-g1")
	t.Run("the cloud controller manager says what a machine is", func(t *testing.T) { p.nodeIsInitialised(t, machine) })
	t.Run("the storage driver's volumes are encrypted", func(t *testing.T) { p.volumesAreEncrypted(t, l, tenant, machine) })
	t.Run("neither credential opens anything else", func(t *testing.T) { p.credentialsAreNarrow(t, machine) })
}

func (p *product) server(t *testing.T, tenant *Client, name string) string {
	var list struct{ Servers []struct{ ID, Name string } }
	require.NoError(t, tenant.Get(t.Context(), "nova", "/servers", &list))
	at := slices.IndexFunc(list.Servers, func(s struct{ ID, Name string }) bool { return s.Name == name })
	require.NotEqual(t, -1, at, "%s in %+v", name, list.Servers)
	return list.Servers[at].ID
}

// credential is an application credential of the stack, from its state.
func (p *product) credential(t *testing.T, use string) Credential {
	for _, r := range p.state(t) {
		if r.Type != "openstack:identity/applicationCredential:ApplicationCredential" || !strings.HasSuffix(r.URN, use) {
			continue
		}
		var secret struct{ Plaintext string }
		require.NoError(t, json.Unmarshal(r.Outputs["secret"], &secret), "the credential's secret is no secret of the state")
		made := Credential{ID: r.ID}
		require.NoError(t, json.Unmarshal([]byte(secret.Plaintext), &made.Secret))
		return made
	}
	require.Fail(t, "no credential for "+use)
	return Credential{}
}

// cloudConf is the file that the stack gives a controller. The stack keeps it in the cluster, and none is here.
func (p *product) cloudConf(t *testing.T, c Credential) string {
	t.Setenv("SSL_CERT_FILE", p.authority)
	cloud := p.site["cloud"].(map[string]any)["openstack"].(map[string]any)
	file := filepath.Join(t.TempDir(), "cloud.conf")
	text := fmt.Sprintf("[Global]\nauth-url = %q\nregion = %q\napplication-credential-id = %q\napplication-credential-secret = %q\n\n[LoadBalancer]\nenabled = false\n",
		cloud["authURL"], cloud["region"], c.ID, c.Secret)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// nodeIsInitialised starts the cloud controller manager beside a real API server, that has a node as a kubelet makes it.
func (p *product) nodeIsInitialised(t *testing.T, machine string) {
	config := p.cloudConf(t, p.credential(t, "-machines"))
	api := server.StartKubernetes(t, "10.96.0.0/16")
	log := api.Run(t, "cloud-controller-manager", server.File(t, providers, "openstack-cloud-controller-manager"),
		"--cloud-provider=openstack", "--cloud-config="+config, "--kubeconfig="+api.Kubeconfig(), "--leader-elect=false",
		"--controllers=cloud-node-controller,cloud-node-lifecycle-controller", "--configure-cloud-routes=false",
		"--authentication-skip-lookup=true", "--bind-address=127.0.0.1", "--v=2")
	const taint = "node.cloudprovider.kubernetes.io/uninitialized"
	for name, id := range map[string]string{"known": machine, "gone": "00000000-0000-0000-0000-000000000000"} {
		api.Must(t, fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %s}, spec: {
  providerID: "openstack:///%s", taints: [{key: %s, value: "true", effect: NoSchedule}]}}`, name, id, taint), "create", "-f", "-")
	}
	read := func(path string) string { return api.Must(t, "", "get", "node", "known", "-o", "jsonpath="+path) }
	require.Eventually(t, func() bool { return !strings.Contains(read("{.spec.taints}"), taint) }, 2*time.Minute, time.Second, "its log is %s", log)
	assert.Equal(t, Flavour, read(`{.metadata.labels.node\.kubernetes\.io/instance-type}`))
	assert.Equal(t, "nova", read(`{.metadata.labels.topology\.kubernetes\.io/zone}`))
	assert.Contains(t, read(`{.status.addresses[?(@.type=="InternalIP")].address}`), "172.31.0.")
	// A node whose machine is no more is taken out of the cluster.
	require.Eventually(t, func() bool {
		_, err := api.Kubectl(t, "", "get", "node", "gone")
		return err != nil
	}, 2*time.Minute, time.Second, "its log is %s", log)
}

// volumesAreEncrypted asks the storage driver for a volume, as Kubernetes does, and reads the volume back from Cinder.
func (p *product) volumesAreEncrypted(t *testing.T, l *Lab, tenant *Client, machine string) {
	driver := p.driver(t, p.cloudConf(t, p.credential(t, "-volumes")))
	writer := &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{FsType: "ext4"}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
	made, err := driver.CreateVolume(t.Context(), &csi.CreateVolumeRequest{
		Name: "pvc-of-the-test", Parameters: map[string]string{"type": EncryptedType}, VolumeCapabilities: []*csi.VolumeCapability{writer},
		CapacityRange: &csi.CapacityRange{RequiredBytes: 1 << 30},
	})
	require.NoError(t, err)
	id := made.Volume.VolumeId
	var volume struct {
		Volume struct {
			Encrypted bool
			Status    string
			Size      int
		}
	}
	read := func() { require.NoError(t, tenant.Get(t.Context(), "cinder", "/volumes/"+id, &volume)) }
	read()
	assert.True(t, volume.Volume.Encrypted)

	// A volume that is still being made cannot be attached; Kubernetes tries again.
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := driver.ControllerPublishVolume(t.Context(), &csi.ControllerPublishVolumeRequest{VolumeId: id, NodeId: machine, VolumeCapability: writer})
		assert.NoError(c, err)
	}, time.Minute, time.Second)
	read()
	assert.Equal(t, "in-use", volume.Volume.Status)
	_, err = driver.ControllerUnpublishVolume(t.Context(), &csi.ControllerUnpublishVolumeRequest{VolumeId: id, NodeId: machine})
	require.NoError(t, err)
	_, err = driver.ControllerExpandVolume(t.Context(), &csi.ControllerExpandVolumeRequest{
		VolumeId: id, CapacityRange: &csi.CapacityRange{RequiredBytes: 2 << 30}, VolumeCapability: writer,
	})
	require.NoError(t, err)
	read()
	assert.Equal(t, 2, volume.Volume.Size)
	files, err := filepath.Glob(l.Path("data", "cinder", "shares", "*", "volume-"+id))
	require.NoError(t, err)
	require.Len(t, files, 1)
	assertLUKS(t, files[0])

	_, err = driver.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: id})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return tenant.Get(t.Context(), "cinder", "/volumes/"+id, nil) != nil
	}, time.Minute, time.Second, "the volume is still there")

	// With the other credential the same driver gets nowhere.
	other := p.driver(t, p.cloudConf(t, p.credential(t, "-machines")))
	_, err = other.CreateVolume(t.Context(), &csi.CreateVolumeRequest{
		Name: "pvc-of-another", Parameters: map[string]string{"type": EncryptedType}, VolumeCapabilities: []*csi.VolumeCapability{writer},
	})
	assert.Equal(t, codes.Internal, status.Code(err), err)
	assert.ErrorContains(t, err, "401")
}

// driver starts the storage driver's controller.
func (p *product) driver(t *testing.T, config string) csi.ControllerClient {
	folder, err := os.MkdirTemp("", "csi") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	endpoint := "unix://" + filepath.Join(folder, "socket")
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, server.File(t, providers, "cinder-csi-plugin"),
		"--endpoint="+endpoint, "--cloud-config="+config, "--cluster="+productName, "--provide-node-service=false", "--v=1")
	said, err := os.Create(filepath.Join(folder, "log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Log(string(text))
		}
		require.NoError(t, said.Close())
	})
	connection, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, connection.Close()) })
	return csi.NewControllerClient(connection)
}

// credentialsAreNarrow tries requests that neither controller makes.
func (p *product) credentialsAreNarrow(t *testing.T, machine string) {
	for _, use := range []string{"-machines", "-volumes"} {
		credential := p.credential(t, use)
		client, err := login(t.Context(), map[string]any{"identity": map[string]any{
			"methods": []string{"application_credential"}, "application_credential": map[string]any{"id": credential.ID, "secret": credential.Secret},
		}})
		require.NoError(t, err)
		for _, forbidden := range []struct{ method, service, path string }{
			{http.MethodDelete, "nova", "/servers/" + machine},
			{http.MethodPost, "nova", "/servers/" + machine + "/action"},
			{http.MethodGet, "nova", "/servers"},
			{http.MethodGet, "barbican", "/secrets"},
			{http.MethodGet, "neutron", "/security-groups"},
			{http.MethodDelete, "neutron", "/ports/" + machine},
			{http.MethodGet, "octavia", "/lbaas/loadbalancers"},
			{http.MethodGet, "glance", "/images"},
			{http.MethodGet, "cinder", "/snapshots"},
		} {
			_, err := client.do(t.Context(), forbidden.method, forbidden.service, forbidden.path, nil, nil, nil)
			assert.ErrorContains(t, err, "401", "%s: %s %s %s", use, forbidden.method, forbidden.service, forbidden.path)
		}
		// It makes no other credential either.
		_, err = client.do(t.Context(), http.MethodPost, "keystone", "/users/"+client.User+"/application_credentials", nil,
			map[string]any{"application_credential": map[string]any{"name": "another"}}, nil)
		assert.ErrorContains(t, err, "403", use)
	}
}
