//go:build e2e

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
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

// Two workers are virtual machines, with a kernel and disks of their own: containerd, the kubelet and the logs of pods lie on
// a disk that the node encrypts, and what pods say between the two is encrypted on the wire. Nobody else's word is taken for
// either: the disk is read from outside, and the wire is listened to. The control plane stays a container, since an emulated
// processor is too slow for one.
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
	w.kubectl(t, "wait", "--for=condition=Ready", "node/workers-1-g1", "node/workers-2-g1", "--timeout=10m")

	t.Run("a kubelet whose kernel was changed does not start", w.kernelIsProtected)
	t.Run("what is written cannot be read from the disk", w.diskIsEncrypted)
	t.Run("what pods say between nodes cannot be read on the way", w.wireIsEncrypted)
}

// virtual makes the workers two virtual machines with a data disk each.
func virtual(site map[string]any) {
	workers := pool(site, "workers")
	workers["count"], workers["size"] = 2, "vm-2c2g"
	workers["disks"] = []any{map[string]any{"name": "root", "gib": 20}, map[string]any{"name": "data", "gib": 5}}
}

// tamper is root on a virtual machine: it changes a setting of its kernel, has the kubelet start again, and lets the console
// tell what came of it. Then it mends both.
const tamper = `
apiVersion: v1
kind: Pod
metadata: {name: tamper, namespace: kube-system}
spec:
  automountServiceAccountToken: false
  restartPolicy: Never
  hostPID: true
  nodeSelector: {kubernetes.io/hostname: workers-2-g1}
  containers:
    - name: tamper
      image: registry.lab.lagrum/flannel:v0.26.7
      imagePullPolicy: Never
      command: [busybox, nsenter, "-t", "1", "-m", "--", /bin/sh, -euc, "SCRIPT"]
      securityContext: {privileged: true}
      resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
`

// kernelIsProtected changes a setting of a worker's own kernel, and sees that its kubelet does not start until it is as before.
func (w *world) kernelIsProtected(t *testing.T) {
	const node = "workers-2-g1"
	configured := func() error {
		r := w.try(t, time.Minute, "kubectl", "get", "--raw", "/api/v1/nodes/"+node+"/proxy/configz")
		if r.code != 0 || !strings.Contains(r.out, `"protectKernelDefaults":true`) {
			return fmt.Errorf("exit code %d: %s", r.code, r.out)
		}
		return nil
	}
	eventually(t, 2*time.Minute, "the kubelet says that it protects the kernel's settings", configured)
	script := strings.Join([]string{
		"[ $(cat /proc/sys/vm/overcommit_memory) = 1 ]",
		"echo 0 >/proc/sys/vm/overcommit_memory",
		"systemctl --no-block restart kubelet",
		"for i in $(seq 150); do sleep 2; [ $(systemctl show --property NRestarts --value kubelet) -lt 2 ] || break; done",
		"journalctl --boot --unit kubelet | grep -F 'invalid kernel flag' >/dev/console",
		"echo 1 >/proc/sys/vm/overcommit_memory",
		"systemctl --no-block restart kubelet",
	}, "; ")
	w.apply(t, strings.Replace(tamper, "SCRIPT", script, 1))
	eventually(t, 10*time.Minute, "the kubelet does not start on a changed kernel", func() error {
		console, err := os.ReadFile(w.disk(node, "console.log"))
		if err != nil || !bytes.Contains(console, []byte("invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0")) {
			return errors.New("not a word of it on its console")
		}
		return nil
	})
	eventually(t, 10*time.Minute, "on a mended kernel it does", configured)
	w.kubectl(t, "delete", "--namespace=kube-system", "pod", "tamper", "--timeout=5m")
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
  nodeSelector: {kubernetes.io/hostname: workers-1-g1}
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

func (w *world) diskIsEncrypted(t *testing.T) {
	const node = "workers-1-g1"
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

	w.power(t, node, "powercut")
	disk := w.disk(node, "data.raw")
	assert.False(t, holds(t, disk, word), "its data disk can be read")
	// The search is able to find: the file system's name on the root disk, and LUKS2's own words on this one.
	assert.True(t, holds(t, w.disk(node, "root.raw"), "lagrum-root"))
	assert.True(t, holds(t, disk, `"type":"luks2"`))
	header := make([]byte, 8)
	file, err := os.Open(disk)
	require.NoError(t, err)
	_, err = io.ReadFull(file, header)
	require.NoError(t, errors.Join(err, file.Close()))
	assert.Equal(t, []byte("LUKS\xba\xbe\x00\x02"), header, "the header of LUKS, version 2")

	// Whoever has the machine and its disk, and not the key server, has nothing.
	w.power(t, "keys", "off")
	w.power(t, node, "start")
	eventually(t, 10*time.Minute, "the worker says that its disk stays closed", func() error {
		console, err := os.ReadFile(w.disk(node, "console.log"))
		if err != nil || !bytes.Contains(console, []byte("no key server answered: the data disk stays closed")) {
			return errors.New("not a word of it on its console")
		}
		return nil
	})

	// With the key server it comes back by itself, and nobody touches it.
	w.power(t, "keys", "on")
	eventually(t, 15*time.Minute, "the pod is back, with what it wrote", read)
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
  nodeSelector: {kubernetes.io/hostname: workers-1-g1}
  containers: [{name: serve, image: "registry.lab.lagrum/lab-probe:1", imagePullPolicy: Never, args: [serve],
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: speaker, namespace: default}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  nodeSelector: {kubernetes.io/hostname: workers-2-g1}
  containers: [{name: sleep, image: "registry.lab.lagrum/flannel:v0.26.7", imagePullPolicy: Never, command: [sleep, "86400"],
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}}]
`

// wireIsEncrypted listens while a pod asks a pod on the other node for a word. What the lab's site has, a network without
// encryption, lets it be heard: so the ear is not deaf. What the same site has with WireGuard does not.
func (w *world) wireIsEncrypted(t *testing.T) {
	missing, err := debian.Missing(t.Context(), "tcpdump")
	require.NoError(t, err)
	if len(missing) > 0 {
		require.NoError(t, debian.Install(t.Context(), missing...))
	}
	open, hidden := secretWord(t), secretWord(t)
	assert.True(t, holds(t, w.hear(t, open), open), "what is said in the clear was not heard")

	w.encrypt(t)
	heard := w.hear(t, hidden)
	assert.False(t, holds(t, heard, hidden), "what one pod asked another for can be read between the nodes")
	tunnel, err := exec.Command("tcpdump", "-n", "-r", heard, "udp port 51820").Output()
	require.NoError(t, err)
	assert.NotEmpty(t, tunnel, "no packet of WireGuard")
}

// hear has one new pod ask another for a word, and returns the file of what was on the wire meanwhile.
func (w *world) hear(t *testing.T, word string) string {
	t.Helper()
	w.kubectl(t, "delete", "pod", "listener", "speaker", "--ignore-not-found", "--grace-period=1", "--timeout=5m")
	w.apply(t, talkers)
	w.kubectl(t, "wait", "--for=condition=Ready", "pod/listener", "pod/speaker", "--timeout=10m")
	address := strings.TrimSpace(w.kubectl(t, "get", "pod", "listener", "-o", "jsonpath={.status.podIP}"))
	return w.listen(t, func() {
		eventually(t, 5*time.Minute, "the pods talk", func() error {
			r := w.try(t, time.Minute, "kubectl", "exec", "speaker", "--", "wget", "-q", "-O", "-", "http://"+address+":8080/"+word)
			if r.code != 0 {
				return fmt.Errorf("exit code %d: %s", r.code, r.out)
			}
			return nil
		})
	})
}

// encrypt gives the virtual machines the network that the program makes for kernels with WireGuard, as its preview has it.
// The program cannot be asked to: it would do so on every node, and the control plane's kernel is the host's.
func (w *world) encrypt(t *testing.T) {
	t.Helper()
	w.edit(t, func(site map[string]any) {
		site["cloud"] = map[string]any{"lab": map[string]any{"wireguard": true}}
	})
	var preview struct {
		Steps []struct {
			URN      string
			NewState struct{ Inputs map[string]any }
		}
	}
	text := w.run(t, 5*time.Minute, "pulumi", "preview", "--json", "--stack", w.name, "--non-interactive")
	require.NoError(t, json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &preview), text)
	objects := map[string]map[string]any{}
	for _, step := range preview.Steps {
		if kind, name, _ := strings.Cut(step.URN[strings.LastIndex(step.URN, "$")+1:], "::"); strings.HasSuffix(name, "-network-flannel") {
			objects[kind[strings.LastIndex(kind, ":")+1:]] = step.NewState.Inputs
		}
	}
	config, daemons := objects["ConfigMap"], objects["DaemonSet"]
	require.Contains(t, fmt.Sprint(config["data"]), `"wireguard"`)
	pods := daemons["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	pods["nodeSelector"] = map[string]any{"lagrum.dev/pool": "workers"}
	// The rules between nodes go with it: another port than before.
	w.run(t, 5*time.Minute, "pulumi", "up", "--yes", "--skip-preview", "--target", "**lab:index:Firewall::**", "--stack", w.name, "--non-interactive")
	w.kubectl(t, "delete", "--namespace=kube-system", "daemonset", "flannel", "--timeout=5m")
	for _, object := range []map[string]any{config, daemons} {
		text, err := json.Marshal(object)
		require.NoError(t, err)
		w.apply(t, string(text))
	}
	w.kubectl(t, "rollout", "status", "--namespace=kube-system", "daemonset/flannel", "--timeout=10m")
	for _, pod := range strings.Fields(w.kubectl(t, "get", "pods", "--namespace=kube-system", "--selector=app.kubernetes.io/name=flannel", "-o", "name")) {
		w.kubectl(t, "exec", "--namespace=kube-system", pod, "--container=flannel", "--", "ip", "link", "delete", "flannel.1")
	}
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
