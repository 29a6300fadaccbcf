package bootstrap_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

// What kubeadm is asked for before init and join on a control plane.
const (
	initCerts = "init phase certs all --config /etc/lagrum/kubeadm.yaml"
	joinCerts = "join phase control-plane-prepare certs --config /etc/lagrum/kubeadm.yaml"
)

// certify is what the stand-in of kubeadm does then.
const certify = `
*"phase certs all"* | *"phase control-plane-prepare certs"*)
  for each in server.crt server.key peer.crt peer.key healthcheck-client.key; do echo "$each" >"/etc/kubernetes/pki/etcd/$each"; done ;;`

func TestBootScriptPassesShellcheck(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("shellcheck")
	require.NoError(t, err, "shellcheck is needed to check the boot script: apt-get install shellcheck")
	out, err := exec.Command(program, "--shell=sh", "boot.sh").CombinedOutput()
	assert.NoError(t, err, string(out))
}

// The script runs for real, in a root directory of its own, with stand-ins for the programs that would change a
// machine. Time is a file: sleep moves it, so that half an hour passes at once.
type sandbox struct {
	root   string
	output string
	code   int
}

// programs are the stand-ins of a machine on which everything goes well.
func programs() map[string]string {
	return map[string]string{
		"kubeadm": `
case "$*" in
"version --output short") echo v1.36.3 ;;
` + certify + `
"init --config"*) mkdir -p /etc/kubernetes; touch /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/kubelet.conf ;;
"join --config"*) test -s /run/lagrum/join.conf; mkdir -p /etc/kubernetes; touch /etc/kubernetes/kubelet.conf ;;
esac`,
		"kubelet":    `echo "Kubernetes v1.36.3"`,
		"kubectl":    `case "$*" in *kubeadm-config*) cat /cluster.yaml ;; esac`,
		"containerd": `echo "    sandbox = 'registry.example.se/mirror/pause:3.10.2'"`,
		"systemctl":  `true`,
		"modprobe":   `exit 1`, // as in a container
		"curl":       `exit 7`, // nobody listens
		"cloud-init": `exit 1`, // a node without a cloud's controller has nothing to ask
		"useradd":    `echo "etcd:x:$2:$2::/:/bin/false" >>/etc/passwd; echo "etcd:x:$2:" >>/etc/group`,
		"chown":      `true`, // who tests may not be root
		"sleep":      `read -r now _ </proc/uptime; echo "$((${now%.*} + $1)).00 0.00" >/proc/uptime`,
	}
}

// boot runs the script as the node of a golden folder, with some stand-ins replaced and some files changed.
func boot(t *testing.T, node string, replace, files map[string]string) sandbox {
	t.Helper()
	return bootInput(t, bootstrap.Input{Cluster: cluster(), Node: nodes()[node], SecretFetch: "cat /bundle.tar"}, replace, files)
}

func bootInput(t *testing.T, in bootstrap.Input, replace, files map[string]string) sandbox {
	t.Helper()
	s := sandbox{root: t.TempDir()}
	for _, link := range []string{"bin", "sbin", "lib", "lib64"} {
		require.NoError(t, os.Symlink("usr/"+link, filepath.Join(s.root, link)))
	}
	for _, dir := range []string{"usr", "dev", "run", "tmp", "etc", "local/bin", "local/sbin", "var/lib"} {
		require.NoError(t, os.MkdirAll(filepath.Join(s.root, dir), 0o755))
	}
	stand := programs()
	maps.Copy(stand, replace)
	for name, body := range stand {
		s.write(t, "local/bin/"+name, fmt.Sprintf("#!/bin/sh\nset -eu\nprintf '%%s\\n' \"%s $*\" >>/calls\n%s\n", name, body), 0o755)
	}
	s.write(t, "proc/uptime", "100.00 0.00\n", 0o644)
	s.write(t, "proc/sys/net/ipv4/ip_forward", "0\n", 0o644)
	s.write(t, "proc/sys/net/bridge/bridge-nf-call-iptables", "0\n", 0o644)

	data, err := bootstrap.UserData(in)
	require.NoError(t, err)
	for _, f := range parse(t, data).WriteFiles {
		// /usr/local is mounted from local.
		s.write(t, strings.Replace(f.Path, "/usr/local/", "local/", 1), string(f.unpack(t)), 0o755)
	}
	bundle, err := bootstrap.Bundle(secrets(), in.Node)
	require.NoError(t, err)
	s.write(t, "bundle.tar", string(bundle), 0o600)
	s.write(t, "image-program", "as it was built", 0o755)
	s.write(t, "etc/lagrum/image.sha256", sum("/image-program", "as it was built"), 0o644)
	config, err := bootstrap.ClusterConfiguration(cluster())
	require.NoError(t, err)
	s.write(t, "cluster.yaml", string(config), 0o600)
	for name, content := range files {
		s.write(t, name, content, 0o644)
	}

	args := []string{"--mount"}
	if os.Geteuid() != 0 {
		args = append(args, "--map-root-user")
	}
	args = append(args, "sh", "-euc", `
mount --rbind /usr "$1/usr"
mount --bind "$1/local" "$1/usr/local"
mount --rbind /dev "$1/dev"
touch "$1/entered"
exec chroot "$1" /usr/local/sbin/lagrum-boot`, "sh", s.root)
	var out bytes.Buffer
	command := exec.Command("unshare", args...)
	command.Stdout, command.Stderr = &out, &out
	err = command.Run()
	s.output, s.code = out.String(), command.ProcessState.ExitCode()
	if err != nil && s.code < 0 {
		t.Fatalf("running unshare: %v", err)
	}
	require.FileExists(t, filepath.Join(s.root, "entered"),
		"the boot script is tested in a mount namespace: run as root, or allow unprivileged user namespaces; unshare said: %s", s.output)
	return s
}

func (s sandbox) write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(s.root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), mode))
}

func (s sandbox) read(name string) string {
	content, err := os.ReadFile(filepath.Join(s.root, name))
	if err != nil {
		return "(none)"
	}
	return strings.TrimSpace(string(content))
}

// called lists the calls of a program, without those that only ask.
func (s sandbox) called(program string) []string {
	var calls []string
	for line := range strings.Lines(s.read("calls")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, program+" ") && line != "kubeadm version --output short" {
			calls = append(calls, strings.TrimPrefix(line, program+" "))
		}
	}
	return calls
}

func TestBootSucceeds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, node string
		kubeadm    []string
		kubectl    int
	}{
		{"init", "init", []string{"init phase preflight --config /etc/lagrum/kubeadm.yaml", initCerts, "init --config /etc/lagrum/kubeadm.yaml"}, 0},
		{"control plane joins", "join-control-plane", []string{"join phase preflight --config /etc/lagrum/kubeadm.yaml", joinCerts, "join --config /etc/lagrum/kubeadm.yaml"}, 5},
		{"worker joins", "join-worker", []string{"join phase preflight --config /etc/lagrum/kubeadm.yaml", "join --config /etc/lagrum/kubeadm.yaml"}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := boot(t, tt.node, nil, map[string]string{"run/lagrum/left-by-the-cloud": "x"})
			require.Equal(t, 0, s.code, s.output)
			assert.Equal(t, "ok", s.read("var/lib/lagrum/boot.status"))
			assert.Equal(t, tt.kubeadm, s.called("kubeadm"))
			assert.Len(t, s.called("kubectl"), tt.kubectl)
			assert.Equal(t, []string{"enable --now lagrum-metadata", "enable --now containerd", "enable kubelet"}, s.called("systemctl"))
			assert.Equal(t, "1 1", s.read("proc/sys/net/ipv4/ip_forward")+" "+s.read("proc/sys/net/bridge/bridge-nf-call-iptables"))
			assert.NoDirExists(t, filepath.Join(s.root, "run/lagrum"), "nothing stays of what passed through")
			assert.NoFileExists(t, filepath.Join(s.root, "etc/kubernetes/super-admin.conf"))
		})
	}
}

func TestBootUnpacksTheBundle(t *testing.T) {
	t.Parallel()
	s := boot(t, "join-control-plane", map[string]string{"kubeadm": strings.Replace(programs()["kubeadm"],
		"test -s /run/lagrum/join.conf;", "stat --format %A /run/lagrum /run/lagrum/join.conf >/modes;", 1)}, nil)
	require.Equal(t, 0, s.code, s.output)
	for name, want := range map[string]string{
		"etc/kubernetes/pki/ca.crt":             "-rw-r--r-- sentinel-ca-crt",
		"etc/kubernetes/pki/ca.key":             "-rw------- sentinel-ca-key",
		"etc/kubernetes/pki/etcd/ca.key":        "-rw------- sentinel-etcd-key",
		"etc/kubernetes/pki/front-proxy-ca.key": "-rw------- sentinel-front-proxy-key",
		"etc/kubernetes/pki/sa.key":             "-rw------- sentinel-sa-key",
	} {
		info, err := os.Stat(filepath.Join(s.root, name))
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().String()+" "+s.read(name), name)
	}
	assert.Equal(t, "drwx------\n-rw-------", s.read("modes"), "what passes through here is for root alone")
}

func TestBootFails(t *testing.T) {
	t.Parallel()
	// Where a bound is to be reached a pause takes ten minutes: the bound decides after how many it is enough.
	const leap = `read -r now _ </proc/uptime; echo "$((${now%.*} + 600)).00 0.00" >/proc/uptime`
	const count = `n=$(cat /count 2>/dev/null || echo 0); n=$((n + 1)); echo "$n" >/count` + "\n"
	const rebuilt = "; if no cluster exists, cluster.initialisedBy of the site has to name a node that is to be built"
	tests := []struct {
		name, node string
		replace    map[string]string
		files      map[string]string
		status     string
		kubeadm    []string
		uptime     string // checked where a bound was reached
	}{
		{
			name: "init where a cluster answers", node: "init",
			replace: map[string]string{"curl": "exit 0"},
			status:  "failed: guard: a cluster already answers at https://10.64.0.5:6443: this node has to join it, not initialise another",
		},
		{
			name: "init where a cluster answers at the third look", node: "init",
			replace: map[string]string{"curl": count + `[ "$n" -eq 3 ] || exit 35`},
			status:  "failed: guard: a cluster already answers at https://10.64.0.5:6443: this node has to join it, not initialise another",
		},
		{
			name: "init where a stranger answers", node: "init",
			replace: map[string]string{"curl": "exit 60"},
			status:  "failed: guard: a server that the cluster's authority did not certify answers at https://10.64.0.5:6443",
		},
		{
			name: "init where nobody can tell whether a cluster answers", node: "init",
			replace: map[string]string{"sleep": leap, "curl": `echo "curl: (28) Connection timed out after 10001 milliseconds" >&2; exit 28`},
			status:  "failed: guard: cannot tell whether a cluster answers at https://10.64.0.5:6443: curl: (28) Connection timed out after 10001 milliseconds",
			uptime:  "700.00 0.00",
		},
		{
			name: "kubeadm init is not repeated", node: "init",
			replace: map[string]string{"kubeadm": `
case "$*" in
"version --output short") echo v1.36.3 ;;` + certify + `
"init --config"*) echo "error: etcd did not start"; exit 1 ;;
esac`},
			status:  "failed: init: kubeadm init, attempt 1: error: etcd did not start",
			kubeadm: []string{"init phase preflight --config /etc/lagrum/kubeadm.yaml", initCerts, "init --config /etc/lagrum/kubeadm.yaml"},
		},
		{
			name: "preflight that never passes", node: "init",
			replace: map[string]string{"sleep": leap, "kubeadm": `
case "$*" in
"version --output short") echo v1.36.3 ;;
*preflight*) cat /preflight; exit 1 ;;
esac`},
			files: map[string]string{"preflight": `	[WARNING Hostname]: hostname "cp-1-g1" could not be reached
[preflight] Some fatal errors occurred:
	[ERROR CRI]: could not connect to the container runtime
	[ERROR ImagePull]: failed to pull image etcd
[preflight] If you know what you are doing, you can make a check non-fatal
error: error execution phase preflight: preflight checks failed
To see the stack trace of this error execute with --v=5 or higher
`},
			status: "failed: preflight: not ready after 15 minutes: [ERROR CRI]: could not connect to the container runtime [ERROR ImagePull]: failed to pull image etcd",
			kubeadm: []string{
				"init phase preflight --config /etc/lagrum/kubeadm.yaml", "init phase preflight --config /etc/lagrum/kubeadm.yaml",
				"init phase preflight --config /etc/lagrum/kubeadm.yaml",
			},
			uptime: "2500.00 0.00", // two pauses of the guard, then fifteen minutes
		},
		{
			name: "cluster that never answers", node: "join-worker",
			replace: map[string]string{"sleep": leap, "kubectl": `echo "The connection to the server 10.64.0.5:6443 was refused" >&2; exit 1`},
			status:  "failed: wait: not admitted after 30 minutes: The connection to the server 10.64.0.5:6443 was refused" + rebuilt,
			uptime:  "1900.00 0.00",
		},
		{
			name: "expired credential", node: "join-worker",
			replace: map[string]string{"sleep": leap, "kubectl": `echo "error: You must be logged in to the server (Unauthorized)" >&2; exit 1`},
			status:  "failed: wait: not admitted after 30 minutes: error: You must be logged in to the server (Unauthorized)" + rebuilt,
		},
		{
			name: "cluster without the roles for joining", node: "join-worker",
			replace: map[string]string{"sleep": leap, "kubectl": `case "$*" in *"auth can-i"*nodeclient*) exit 1 ;; *kubeadm-config*) cat /cluster.yaml ;; esac`},
			status:  "failed: wait: not admitted after 30 minutes: error: the cluster does not yet let joining nodes create certificatesigningrequests.certificates.k8s.io --subresource nodeclient" + rebuilt,
		},
		{
			name: "control plane planned with another configuration than the cluster's", node: "join-control-plane",
			replace: map[string]string{"sleep": leap, "kubectl": `case "$*" in *kubeadm-config*) echo "apiServer: {}" ;; esac`},
			status:  "failed: wait: not admitted after 30 minutes: error: the cluster's kubeadm-config is not yet the one that this node was planned with" + rebuilt,
		},
		{
			name: "join that fails three times", node: "join-worker",
			replace: map[string]string{"kubeadm": `
case "$*" in
"version --output short") echo v1.36.3 ;;
"join --config"*) echo "error: no certificate came"; exit 1 ;;
esac`},
			status: "failed: join: kubeadm join, attempt 3: error: no certificate came",
			kubeadm: []string{
				"join phase preflight --config /etc/lagrum/kubeadm.yaml",
				"join --config /etc/lagrum/kubeadm.yaml", "reset --force",
				"join --config /etc/lagrum/kubeadm.yaml", "reset --force",
				"join --config /etc/lagrum/kubeadm.yaml",
			},
		},
		{
			name: "another kubeadm than planned", node: "init",
			replace: map[string]string{"kubeadm": "echo v1.35.0"},
			status:  "failed: versions: the node image has kubeadm v1.35.0, the plan says v1.36.3",
		},
		{
			name: "another kubelet than planned", node: "join-worker",
			replace: map[string]string{"kubelet": "echo Kubernetes v1.35.0"},
			status:  "failed: versions: the node image has a kubelet of Kubernetes v1.35.0, the plan says v1.36.3",
		},
		{
			name: "a program that is not the image's", node: "join-worker",
			files:  map[string]string{"image-program": "as somebody changed it"},
			status: "failed: versions: the programs of the node image are not the ones that it was made with: sha256sum: WARNING: 1 computed checksum did NOT match",
		},
		{
			name: "an image that does not say what it holds", node: "join-worker",
			files:  map[string]string{"etc/lagrum/image.sha256": ""},
			status: "failed: versions: the programs of the node image are not the ones that it was made with: sha256sum: /etc/lagrum/image.sha256: no properly formatted checksum lines found",
		},
		{
			name: "no secrets", node: "join-worker",
			replace: map[string]string{"sleep": leap},
			files:   map[string]string{"local/sbin/lagrum-secrets": "#!/bin/sh\necho 'error: secret store unreachable' >&2\nexit 1\n"},
			status:  "failed: secrets: no secrets after 5 minutes: error: secret store unreachable",
			uptime:  "700.00 0.00",
		},
		{
			name: "secrets that are no archive", node: "join-worker",
			replace: map[string]string{"sleep": leap},
			files:   map[string]string{"local/sbin/lagrum-secrets": "#!/bin/sh\necho '<html>'\n"},
			status:  "failed: secrets: no secrets after 5 minutes: error: the secret channel gave no tar archive",
		},
		{
			name: "containerd that reads no drop-in", node: "join-worker",
			replace: map[string]string{"containerd": `echo "    sandbox = 'registry.k8s.io/pause:3.10.2'"`},
			status:  "failed: host: containerd's sandbox image is registry.k8s.io/pause:3.10.2 and has to be registry.example.se/mirror/pause:3.10.2: the node image's containerd has to import /etc/containerd/conf.d/*.toml",
		},
		{
			name: "a metadata service that stays open", node: "join-worker",
			replace: map[string]string{"systemctl": `case "$*" in *lagrum-metadata*) exit 1 ;; esac`},
			status:  "failed: host: the metadata service cannot be closed to pods: the node image's nft does not load /etc/lagrum/metadata.nft",
		},
		{
			name: "a program that fails where nobody looks", node: "join-worker",
			replace: map[string]string{"systemctl": `case "$*" in *lagrum-metadata*) ;; *) exit 3 ;; esac`},
			status:  "failed: host: lagrum-boot ended with exit code 3; its output is in /var/log/cloud-init-output.log",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := boot(t, tt.node, tt.replace, tt.files)
			assert.NotEqual(t, 0, s.code)
			assert.Equal(t, tt.status, s.read("var/lib/lagrum/boot.status"), s.output)
			assert.Contains(t, s.output, "lagrum-boot: "+nodes()[tt.node].Name+": ", "the console tells the node")
			if tt.uptime != "" {
				assert.Equal(t, tt.uptime, s.read("proc/uptime"))
			}
			if tt.kubeadm == nil {
				assert.Empty(t, s.called("kubeadm"), "kubeadm changed nothing")
			} else {
				assert.Equal(t, tt.kubeadm, s.called("kubeadm"))
			}
			for _, secret := range []string{"run/lagrum/bundle.tar", "run/lagrum/bundle.tar.new", "run/lagrum/join.conf"} {
				assert.NoFileExists(t, filepath.Join(s.root, secret), "no credential outlives a failure")
			}
		})
	}
}

// A control plane with other keys than those before it waits for the end of the step before its own.
func TestBootWaitsForTheKeysOfOthers(t *testing.T) {
	t.Parallel()
	in := bootstrap.Input{Cluster: cluster(), Node: nodes()["join-control-plane"], SecretFetch: "cat /bundle.tar"}
	in.Node.EncryptionAfter = "1-2"
	const leap = `read -r now _ </proc/uptime; echo "$((${now%.*} + 600)).00 0.00" >/proc/uptime`
	const end = "; if no cluster exists, cluster.initialisedBy of the site has to name a node that is to be built"
	for _, row := range []struct{ name, job, status string }{
		{"done", "echo 1", "ok"},
		{"not done", "true", "failed: wait: not admitted after 30 minutes: error: the job encryption-1-2, which ends the step before in the change " +
			"of etcd's key, has not succeeded yet" + end},
		{"not there", `echo 'Error from server (NotFound): jobs.batch "encryption-1-2" not found' >&2; exit 1`,
			`failed: wait: not admitted after 30 minutes: Error from server (NotFound): jobs.batch "encryption-1-2" not found` + end},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := bootInput(t, in, map[string]string{
				"kubectl": `case "$*" in *kubeadm-config*) cat /cluster.yaml ;; *"get job encryption-1-2 "*) ` + row.job + " ;; esac", "sleep": leap,
			}, nil)
			assert.Equal(t, row.status, s.read("var/lib/lagrum/boot.status"), s.output)
			assert.Equal(t, row.status == "ok", len(s.called("kubeadm")) > 0, "no other door leads in")
		})
	}
}

func TestBootWaits(t *testing.T) {
	t.Parallel()
	const count = `n=$(cat /count 2>/dev/null || echo 0); n=$((n + 1)); echo "$n" >/count` + "\n"
	tests := []struct {
		name, node string
		replace    map[string]string
		files      map[string]string
		uptime     string // when it is done: five seconds an attempt, twenty between joins, two between looks
	}{
		{
			name: "for the cluster", node: "join-control-plane",
			replace: map[string]string{"kubectl": count + `[ "$n" -gt 3 ] || { echo "connection refused" >&2; exit 1; }` + "\n" + programs()["kubectl"]},
			uptime:  "115.00 0.00",
		},
		{
			name: "for the secrets", node: "join-worker",
			files:  map[string]string{"local/sbin/lagrum-secrets": "#!/bin/sh\n" + count + `[ "$n" -gt 2 ] || exit 1; cat /bundle.tar` + "\n"},
			uptime: "110.00 0.00",
		},
		{
			name: "for images", node: "init",
			replace: map[string]string{"kubeadm": count + programs()["kubeadm"] + "\n" + `case "$*" in *preflight*) [ "$n" -gt 5 ] || exit 1 ;; esac`},
			uptime:  "124.00 0.00", // the version was the first call; four preflights fail, after two pauses of the guard
		},
		{
			name: "between joins, and has its keys again after a reset", node: "join-control-plane",
			replace: map[string]string{"kubeadm": `
case "$*" in
"version --output short") echo v1.36.3 ;;
` + certify + `
"reset --force") rm -r /etc/kubernetes/pki /run/lagrum/join.conf ;;
"join --config"*)
  ` + count + `
  test -s /etc/kubernetes/pki/sa.key
  test -s /run/lagrum/join.conf
  [ "$n" -eq 3 ] || { echo "error: etcd is not healthy"; exit 1; }
  ;;
esac`},
			uptime: "140.00 0.00",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := boot(t, tt.node, tt.replace, tt.files)
			assert.Equal(t, "ok", s.read("var/lib/lagrum/boot.status"), s.output)
			assert.Equal(t, tt.uptime, s.read("proc/uptime"))
		})
	}
}

// A reboot, or cloud-init run again by hand, changes nothing on a node that has a kubelet: not even what was said.
func TestBootHappensOnce(t *testing.T) {
	t.Parallel()
	s := boot(t, "init", nil, map[string]string{
		"etc/kubernetes/kubelet.conf": "", "var/lib/lagrum/boot.status": "ok\n", "run/lagrum/join.conf": "kept",
	})
	assert.Equal(t, 1, s.code)
	assert.Equal(t, "ok", s.read("var/lib/lagrum/boot.status"))
	assert.Equal(t, "(none)", s.read("calls"), "no program was called")
	assert.Equal(t, "lagrum-boot: cp-1-g1: start: this node has booted into its cluster before; replace it to boot again\n", s.output)
}
