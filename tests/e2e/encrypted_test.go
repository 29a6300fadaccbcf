//go:build e2e

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/lab/debian"
)

// Two virtual machines with kernels and disks of their own are a cluster: etcd, containerd, the kubelet and the logs of
// pods lie on disks that the nodes encrypt, and what pods say between nodes is encrypted on the wire. Nobody else's word is
// taken for either: the disks are read from outside, and the wire is listened to.
func TestEncryptedNodes(t *testing.T) {
	w := newWorld(t, "disk", virtual)
	t.Cleanup(func() { w.lagrum(t, 5*time.Minute, "lab", "down") })
	w.lagrum(t, 30*time.Minute, "lab", "prepare")
	w.enter(t)

	refused := w.try(t, 5*time.Minute, "pulumi", "preview", "--stack", w.name, "--non-interactive")
	require.NotZero(t, refused.code, refused.out)
	require.Contains(t, refused.out, `nodePools[1].disks[1]: "data" would not be encrypted`)
	require.Contains(t, refused.out, "EU-GDPR-32-1-a")

	said := w.lagrum(t, 30*time.Minute, "lab", "virtual")
	w.edit(t, func(site map[string]any) {
		var section map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(said[strings.Index(said, "guestEncryption:"):]), &section))
		site["guestEncryption"] = section["guestEncryption"]
	})
	w.lagrum(t, 45*time.Minute, "lab", "up")
	for _, node := range []string{"cp-1-g1", "workers-1-g1"} {
		w.kubectl(t, "wait", "--for=condition=Ready", "node/"+node, "--timeout=10m")
	}

	t.Run("what pods say between nodes cannot be read on the way", w.wireIsEncrypted)
	t.Run("what is written cannot be read from the disk", w.disksAreEncrypted)
}

// virtual makes both pools virtual machines with a data disk each, and their kernels have WireGuard.
func virtual(site map[string]any) {
	site["cloud"] = map[string]any{"lab": map[string]any{"wireguard": true}}
	for name, size := range map[string]string{"cp": "vm-2c3g", "workers": "vm-2c2g"} {
		pool(site, name)["size"] = size
		pool(site, name)["disks"] = []any{map[string]any{"name": "root", "gib": 20}, map[string]any{"name": "data", "gib": 5}}
	}
}

// secretWord is a word that nothing else writes.
func secretWord(t *testing.T) string {
	t.Helper()
	word := make([]byte, 16)
	_, err := rand.Read(word)
	require.NoError(t, err)
	return "marker" + hex.EncodeToString(word)
}

const writer = `
apiVersion: v1
kind: Pod
metadata: {name: writer, namespace: default}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  nodeSelector: {lagrum.dev/pool: workers}
  containers:
    - name: writer
      image: registry.lab.lagrum/flannel:v0.26.7
      imagePullPolicy: Never
      command: [sh, -c, "[ -e /data/word ] || echo WORD >/data/word; sync; sleep 86400"]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, emptyDir: {}}]
`

func (w *world) disksAreEncrypted(t *testing.T) {
	word := secretWord(t)
	w.apply(t, strings.Replace(writer, "WORD", word, 1))
	w.kubectl(t, "wait", "--for=condition=Ready", "pod/writer", "--timeout=10m")
	read := func() error {
		r := w.try(t, time.Minute, "kubectl", "exec", "writer", "--", "cat", "/data/word")
		if r.code != 0 || strings.TrimSpace(r.out) != word {
			return fmt.Errorf("exit code %d: %s", r.code, r.out)
		}
		return nil
	}
	eventually(t, 2*time.Minute, "the pod reads what it wrote", read)
	// The name of an object is in the clear in etcd, whatever etcd's own encryption does.
	w.kubectl(t, "create", "configmap", word)

	w.power(t, "workers-1-g1", "powercut")
	w.power(t, "cp-1-g1", "powercut")
	for _, node := range []string{"workers-1-g1", "cp-1-g1"} {
		disk := w.disk(node, "data.raw")
		assert.False(t, holds(t, disk, word), "%s: its data disk can be read", node)
		// The search is able to find: the file system's name on the root disk, and LUKS2's own words on this one.
		assert.True(t, holds(t, w.disk(node, "root.raw"), "lagrum-root"), node)
		assert.True(t, holds(t, disk, `"type":"luks2"`), node)
		header := make([]byte, 8)
		file, err := os.Open(disk)
		require.NoError(t, err)
		_, err = io.ReadFull(file, header)
		require.NoError(t, errors.Join(err, file.Close()))
		assert.Equal(t, []byte("LUKS\xba\xbe\x00\x02"), header, "%s: the header of LUKS, version 2", node)
	}

	// Whoever has the machine and its disk, and not the key server, has nothing.
	w.power(t, "keys", "off")
	w.power(t, "workers-1-g1", "start")
	eventually(t, 10*time.Minute, "the worker says that its disk stays closed", func() error {
		console, err := os.ReadFile(w.disk("workers-1-g1", "console.log"))
		if err != nil || !bytes.Contains(console, []byte("no key server answered: the data disk stays closed")) {
			return errors.New("not a word of it on its console")
		}
		return nil
	})

	// With the key server both come back by themselves, and nobody touches them.
	w.power(t, "keys", "on")
	w.power(t, "cp-1-g1", "start")
	eventually(t, 15*time.Minute, "the pod is back, with what it wrote", read)
	w.kubectl(t, "get", "configmap", word)
}

// power does something to a machine's power, or to the key server's.
func (w *world) power(t *testing.T, what, how string) {
	t.Helper()
	out, err := exec.Command("go", "run", "./machine", w.name, what, how).CombinedOutput()
	require.NoError(t, err, string(out))
}

// disk is a file of a machine's folder.
func (w *world) disk(node, file string) string {
	return filepath.Join("/var/lib/lagrum", w.name, "machines", node, file)
}

// holds tells whether a file has a text anywhere in it. grep reads it in pieces, holes included.
func holds(t *testing.T, file, text string) bool {
	t.Helper()
	out, err := exec.Command("grep", "--binary-files=text", "--count", "--max-count=1", "--fixed-strings", text, file).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false
	}
	require.NoError(t, err, string(out))
	return true
}

const talkers = `
apiVersion: v1
kind: Pod
metadata: {name: listener, namespace: default}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  nodeSelector: {lagrum.dev/pool: workers}
  containers: [{name: serve, image: "registry.lab.lagrum/lab-probe:1", imagePullPolicy: Never, args: [serve],
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: exposed, namespace: kube-system} # on the node's network, which no other namespace may be
spec:
  hostNetwork: true
  nodeSelector: {lagrum.dev/pool: workers}
  containers: [{name: serve, image: "registry.lab.lagrum/lab-probe:1", imagePullPolicy: Never, args: [serve, "-address", ":18080"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: speaker, namespace: default}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  nodeSelector: {lagrum.dev/pool: cp}
  tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]
  containers: [{name: sleep, image: "registry.lab.lagrum/flannel:v0.26.7", imagePullPolicy: Never, command: [sleep, "86400"],
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}}]
`

// wireIsEncrypted listens on the lab's bridge and its ports while one pod asks another on the other node for a word. The
// same word, asked for by the host outside of any tunnel, is heard: so the ear is not deaf.
func (w *world) wireIsEncrypted(t *testing.T) {
	missing, err := debian.Missing(t.Context(), "tcpdump")
	require.NoError(t, err)
	if len(missing) > 0 {
		require.NoError(t, debian.Install(t.Context(), missing...))
	}
	w.apply(t, talkers)
	w.kubectl(t, "wait", "--for=condition=Ready", "pod/listener", "pod/speaker", "--timeout=10m")
	w.kubectl(t, "-n", "kube-system", "wait", "--for=condition=Ready", "pod/exposed", "--timeout=10m")
	address := func(namespace, pod string) string {
		return strings.TrimSpace(w.kubectl(t, "-n", namespace, "get", "pod", pod, "-o", "jsonpath={.status.podIP}"))
	}
	hidden, open := secretWord(t), secretWord(t)
	heard := w.listen(t, func() {
		eventually(t, 2*time.Minute, "the pods talk", func() error {
			r := w.try(t, time.Minute, "kubectl", "exec", "speaker", "--", "wget", "-q", "-O", "-", "http://"+address("default", "listener")+":8080/"+hidden)
			if r.code != 0 {
				return fmt.Errorf("exit code %d: %s", r.code, r.out)
			}
			return nil
		})
		w.run(t, time.Minute, "curl", "--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "http://"+address("kube-system", "exposed")+":18080/"+open)
	})
	assert.True(t, holds(t, heard, open), "what the host asked for in the clear was not heard")
	assert.False(t, holds(t, heard, hidden), "what one pod asked another for can be read between the nodes")
	tunnel, err := exec.Command("tcpdump", "-n", "-r", heard, "udp port 51820").Output()
	require.NoError(t, err)
	assert.NotEmpty(t, tunnel, "no packet of WireGuard")
}

// listen writes every packet on every interface of the host while something is done, and returns the file.
func (w *world) listen(t *testing.T, do func()) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "heard.pcap")
	ear := exec.Command("tcpdump", "-i", "any", "-U", "-s", "0", "-Z", "root", "-w", file, "net", nodeCIDR(w.name))
	require.NoError(t, ear.Start())
	eventually(t, 30*time.Second, "the ear is open", func() error {
		_, err := os.Stat(file)
		return err
	})
	do()
	time.Sleep(2 * time.Second) // what is in the kernel's buffer
	require.NoError(t, ear.Process.Signal(os.Interrupt))
	require.NoError(t, ear.Wait())
	return file
}
