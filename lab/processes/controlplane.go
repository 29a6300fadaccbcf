package processes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/lab/records"
)

// manifestPath is where kubeadm's manifests are put. They are made as a dry run, which is kubeadm's own way to put them
// elsewhere than in /etc/kubernetes/manifests and without root.
const manifestPath = "/etc/kubernetes/manifests"

// Files that kubeadm writes, and the configuration that it reads here.
const (
	superAdminPath = "/etc/kubernetes/super-admin.conf"
	kubeletPath    = "/etc/kubernetes/kubelet.conf"
	movedPath      = "/etc/lagrum/kubeadm-here.yaml"
	uploadPath     = "/etc/lagrum/kubeadm-advertised.yaml"
)

// readyLimit bounds the wait for the API server; two busy cores need some of it.
const readyLimit = 10 * time.Minute

// controlPlane makes the control plane's files unless they are there, and runs it.
func (k *keeper) controlPlane(ctx context.Context) error {
	if !k.booted {
		if err := k.begin("guard", "looking for a cluster at "+k.facts.server); err != nil {
			return err
		}
		if err := k.guard(ctx); err != nil {
			return err
		}
		if err := k.begin("init", "running kubeadm's phases"); err != nil {
			return err
		}
		if err := k.phases(ctx); err != nil {
			return err
		}
	}
	port, err := k.bindPort()
	if err != nil {
		return err
	}
	api := "https://" + join(k.machine.Address, port)
	if err := k.startPod(ctx, "etcd"); err != nil {
		return err
	}
	if err := k.startPod(ctx, "kube-apiserver"); err != nil {
		return err
	}
	if err := k.eventually(ctx, readyLimit, func() error { return k.ready(ctx, api) }); err != nil {
		return fmt.Errorf("API server: %w", err)
	}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		if err := k.startPod(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// client trusts the cluster's authority alone.
func (k *keeper) client() (*http.Client, error) {
	pem, err := os.ReadFile(k.path(pkiPath + "/ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", k.path(pkiPath+"/ca.crt"))
	}
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true},
	}, nil
}

func (k *keeper) ready(ctx context.Context, server string) error {
	client, err := k.client()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s/readyz: %s", server, answer.Status)
	}
	return nil
}

// guard refuses to initialise where anything already serves the endpoint, as the boot script does.
func (k *keeper) guard(ctx context.Context) error {
	for look := range 3 {
		if look > 0 {
			time.Sleep(time.Second)
		}
		err := k.ready(ctx, k.facts.server)
		var stranger *tls.CertificateVerificationError
		var network *url.Error
		switch {
		case errors.As(err, &stranger):
			return fmt.Errorf("a server that the cluster's authority did not certify answers at %s", k.facts.server)
		case err == nil, !errors.As(err, &network):
			return fmt.Errorf("a cluster already answers at %s: this node has to join it, not initialise another", k.facts.server)
		}
	}
	return nil
}

// phases runs those phases of kubeadm init that make files.
func (k *keeper) phases(ctx context.Context) error {
	config, err := os.ReadFile(k.path(kubeadmPath))
	if err != nil {
		return err
	}
	place := place{root: k.root, address: k.machine.Address, declared: k.machine.Declared}
	moved, err := place.config(config, true)
	if err != nil {
		return fmt.Errorf("%s: %w", kubeadmPath, err)
	}
	advertised, err := place.config(config, false)
	if err != nil {
		return fmt.Errorf("%s: %w", kubeadmPath, err)
	}
	err = errors.Join(
		records.WriteFile(k.path(movedPath), moved, 0o600),
		records.WriteFile(k.path(uploadPath), advertised, 0o600),
		os.MkdirAll(k.path(manifestPath), 0o700),
	)
	if err != nil {
		return err
	}
	for _, phase := range [][]string{
		{"certs", "all"},
		{"kubeconfig", "all", "--kubeconfig-dir=" + k.path("/etc/kubernetes")},
		{"control-plane", "all", "--dry-run"},
		{"etcd", "local", "--dry-run"},
	} {
		said, err := k.kube(ctx, "", append(append([]string{"kubeadm", "init", "phase"}, phase...), "--config="+k.path(movedPath))...)
		if err != nil {
			return err
		}
		if phase[len(phase)-1] != "--dry-run" { // those print whole manifests
			k.say("%s", strings.TrimSpace(said))
		}
	}
	port, err := k.bindPort()
	if err != nil {
		return err
	}
	own := "https://" + join(k.machine.Address, port)
	for _, name := range []string{superAdminPath, kubeletPath, "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf"} {
		text, err := os.ReadFile(k.path(name))
		if err != nil {
			return err
		}
		text = []byte(strings.NewReplacer(k.facts.server, own, "https://"+join(k.machine.Declared, port), own).Replace(string(text)))
		if err := records.WriteFile(k.path(name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// bindPort is the API server's port, as kubeadm's configuration says it.
func (k *keeper) bindPort() (int, error) {
	config, err := os.ReadFile(k.path(kubeadmPath))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(config), "\n---\n")
	var init struct {
		LocalAPIEndpoint struct {
			BindPort int `json:"bindPort"`
		} `json:"localAPIEndpoint"`
	}
	if err := yaml.Unmarshal([]byte(first), &init); err != nil || init.LocalAPIEndpoint.BindPort == 0 {
		return 0, fmt.Errorf("%s: no localAPIEndpoint.bindPort (%v)", kubeadmPath, err)
	}
	return init.LocalAPIEndpoint.BindPort, nil
}

// startPod runs the command of a static pod's manifest.
func (k *keeper) startPod(ctx context.Context, name string) error {
	manifest, err := os.ReadFile(k.path(filepath.Join(manifestPath, name+".yaml")))
	if err != nil {
		return err
	}
	place := place{root: k.root, address: k.machine.Address, declared: k.machine.Declared}
	command, folders, err := place.command(manifest)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if name == "etcd" {
		k.keepRunning(ctx, name, k.programs.Etcd, command[1:]...)
		return nil
	}
	k.keepRunning(ctx, name, k.programs.Kube, command...)
	return nil
}

// place is where a machine that thinks it is alone on a host really is.
type place struct {
	root     string
	address  string // loopback
	declared string // what kubeadm is told to advertise
}

// config is kubeadm's configuration with the address to advertise, which kubeadm would else take from the host's default
// route. Moved also moves the paths and certifies the loopback address.
func (p place) config(original []byte, moved bool) ([]byte, error) {
	var documents []string
	for _, text := range strings.Split(string(original), "\n---\n") {
		var document map[string]any
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			return nil, err
		}
		switch {
		case document["kind"] == "InitConfiguration":
			section(document, "localAPIEndpoint")["advertiseAddress"] = p.declared
		case document["kind"] == "ClusterConfiguration" && moved:
			document["certificatesDir"] = filepath.Join(p.root, pkiPath)
			certify(section(document, "apiServer"), "certSANs", p.address)
			local := section(section(document, "etcd"), "local")
			certify(local, "serverCertSANs", p.address)
			certify(local, "peerCertSANs", p.address)
		}
		out, err := yaml.Marshal(document)
		if err != nil {
			return nil, err
		}
		documents = append(documents, string(out))
	}
	return []byte(strings.Join(documents, "---\n")), nil
}

func section(of map[string]any, name string) map[string]any {
	inner, ok := of[name].(map[string]any)
	if !ok {
		inner = map[string]any{}
		of[name] = inner
	}
	return inner
}

func certify(section map[string]any, list, name string) {
	names, _ := section[list].([]any)
	section[list] = append(names, name)
}

// command is what a manifest's container runs, moved to the machine's root and loopback address, and the folders that
// have to exist.
func (p place) command(manifest []byte) (command, folders []string, err error) {
	var pod struct {
		Spec struct {
			Containers []struct{ Command []string }
			Volumes    []struct {
				HostPath struct{ Path, Type string }
			}
		}
	}
	if err := yaml.Unmarshal(manifest, &pod); err != nil {
		return nil, nil, err
	}
	if len(pod.Spec.Containers) != 1 || len(pod.Spec.Containers[0].Command) == 0 {
		return nil, nil, errors.New("manifest: want one container with a command")
	}
	for _, v := range pod.Spec.Volumes {
		if v.HostPath.Type == "DirectoryOrCreate" {
			folders = append(folders, p.move(v.HostPath.Path))
		}
	}
	for _, arg := range pod.Spec.Containers[0].Command {
		command = append(command, p.argument(arg))
	}
	if command[0] == "kube-apiserver" && !slices.ContainsFunc(command, func(a string) bool { return strings.HasPrefix(a, "--bind-address=") }) {
		command = append(command, "--bind-address="+p.address)
	}
	return command, folders, nil
}

// argument moves paths and addresses in one argument of the form --flag=value.
func (p place) argument(arg string) string {
	flag, value, found := strings.Cut(arg, "=")
	if !found {
		return arg
	}
	if strings.HasPrefix(value, "/") {
		return flag + "=" + p.move(value)
	}
	var moved []string
	for part := range strings.SplitSeq(value, ",") {
		// The declared address on its own is what the API server advertises, which must not be loopback.
		part = strings.NewReplacer("://127.0.0.1:", "://"+p.address+":", "://"+p.declared+":", "://"+p.address+":").Replace(part)
		if net.ParseIP(part).IsLoopback() {
			part = p.address
		}
		if !slices.Contains(moved, part) { // both of etcd's addresses are one here
			moved = append(moved, part)
		}
	}
	return flag + "=" + strings.Join(moved, ",")
}

// move is a path of the machine's as it lies on the host.
func (p place) move(path string) string {
	if path == p.root || strings.HasPrefix(path, p.root+"/") {
		return path
	}
	return filepath.Join(p.root, path)
}

//go:embed simulator-rights.yaml
var simulatorRights string

// initialise does in the new cluster what the rest of kubeadm init does.
func (k *keeper) initialise(ctx context.Context) error {
	if err := k.begin("init", "giving administrators and the simulator their rights"); err != nil {
		return err
	}
	admins := []string{"create", "clusterrolebinding", "kubeadm:cluster-admins", "--clusterrole=cluster-admin", "--group=kubeadm:cluster-admins"}
	if _, err := k.kubectl(ctx, superAdminPath, "", admins...); err != nil {
		return err
	}
	if _, err := k.kubectl(ctx, superAdminPath, simulatorRights, "create", "-f", "-"); err != nil {
		return err
	}
	credential, err := k.kube(ctx, "", "kubeadm", "kubeconfig", "user", "--config="+k.path(movedPath),
		"--client-name=lagrum-simulator", "--org=lagrum:simulators")
	if err != nil {
		return err
	}
	if err := records.WriteFile(k.lab.machineFile(k.machine.Name, fileSimulator), []byte(credential), 0o600); err != nil {
		return err
	}
	if err := k.register(ctx); err != nil {
		return err
	}
	name := k.machine.Name
	for _, args := range [][]string{
		{"label", "node", name, "node-role.kubernetes.io/control-plane=", "node.kubernetes.io/exclude-from-external-load-balancers="},
		{"taint", "node", name, "node-role.kubernetes.io/control-plane:NoSchedule"},
	} {
		if _, err := k.kubectl(ctx, superAdminPath, "", args...); err != nil {
			return err
		}
	}
	if _, err := k.kube(ctx, "", "kubeadm", "init", "phase", "upload-config", "all",
		"--config="+k.path(uploadPath), "--kubeconfig="+k.path(superAdminPath)); err != nil {
		return err
	}
	// The way past RBAC is for a cluster that is being made.
	return remove(k.path(superAdminPath))
}
