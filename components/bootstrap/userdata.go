package bootstrap

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// Where things lie on a node.
const (
	bootPath           = "/usr/local/sbin/lagrum-boot"
	secretsPath        = "/usr/local/sbin/lagrum-secrets"
	factsPath          = "/etc/lagrum/node.env"
	kubeadmPath        = "/etc/lagrum/kubeadm.yaml"
	joinKubeconfigPath = "/run/lagrum/join.conf"
)

// bootScript is the same on every node of every cloud. What differs between nodes stands in factsPath, what differs
// between clouds in secretsPath.
//
//go:embed boot.sh
var bootScript string

// metadataRules close the metadata service to pods; metadataUnit loads them on every boot, and without it no kubelet
// starts.
//
//go:embed metadata.nft
var metadataRules string

//go:embed metadata.service
var metadataUnit string

// UserData renders the node's cloud-init user-data: text that fits AWS (16 KiB as it is) and OpenStack (64 KiB in
// base64) and holds no secret. All mistakes in the input are reported at once, each with its path and value.
func UserData(in Input) ([]byte, error) {
	files, err := nodeFiles(in)
	if err != nil {
		return nil, err
	}
	config := cloudConfig{
		Hostname: in.Node.Name,
		RunCmd:   [][]string{{bootPath}},
		Users:    []user{{Name: "root", LockPasswd: true}},
	}
	for _, f := range files {
		w, err := newWriteFile(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		config.WriteFiles = append(config.WriteFiles, w)
	}
	body, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("rendering user-data of %s: %w", in.Node.Name, err)
	}
	return append([]byte("#cloud-config\n"), body...), nil
}

// nodeFiles are the files that user-data writes, in the order in which it does.
func nodeFiles(in Input) ([]File, error) {
	if err := in.validate(); err != nil {
		return nil, fmt.Errorf("bootstrap of node %q:\n%w", in.Node.Name, err)
	}
	kubeadm, err := kubeadmConfig(in)
	if err != nil {
		return nil, err
	}
	facts, err := facts(in)
	if err != nil {
		return nil, err
	}
	files := []File{
		{factsPath, 0o644, facts},
		{kubeadmPath, 0o600, kubeadm},
	}
	if in.Node.ControlPlane {
		apiServer, err := apiServerFiles(in.Cluster.Login)
		if err != nil {
			return nil, err
		}
		files = append(files, apiServer...)
	}
	data, err := in.Node.Data.files()
	if err != nil {
		return nil, err
	}
	patches, err := in.Node.patchFiles()
	if err != nil {
		return nil, err
	}
	files = append(append(files, data...), patches...)
	return append(files,
		// The same settings after a reboot; the boot script sees to them now.
		File{"/etc/modules-load.d/lagrum.conf", 0o644, []byte("overlay\nbr_netfilter\n")},
		File{"/etc/sysctl.d/90-lagrum.conf", 0o644, in.Node.sysctls()},
		File{"/etc/lagrum/metadata.nft", 0o644, []byte(metadataRules)},
		File{"/etc/systemd/system/lagrum-metadata.service", 0o644, []byte(metadataUnit)},
		File{secretsPath, 0o700, []byte("#!/bin/sh\nset -eu\n" + strings.TrimSpace(in.SecretFetch) + "\n")},
		File{bootPath, 0o755, scriptOf(bootScript)},
	), nil
}

// scriptOf is a script without the lines that are comments alone: AWS takes 16 KiB of user-data, and who reads a node's script
// finds them in the repository.
func scriptOf(text string) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); !strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "#!") {
			out.WriteString(line)
		}
	}
	return out.Bytes()
}

// facts renders what the boot script reads. validate has seen to it that no value needs quoting.
func facts(in Input) ([]byte, error) {
	lines := [][2]string{
		{"NODE", in.Node.Name},
		{"PAUSE_IMAGE", in.Cluster.PauseImage},
		{"ROLE", in.Node.role()},
		{"SERVER", "https://" + net.JoinHostPort(in.Cluster.Endpoint, strconv.Itoa(in.Cluster.APIPort))},
		{"VERSION", in.Cluster.Version},
	}
	if d := in.Node.Data; d != nil {
		lines = append(lines, [2]string{"DATA_GIB", strconv.Itoa(d.GiB)})
	}
	if in.Node.ControlPlane {
		lines = append(lines, [2]string{"ETCD_USER", strconv.Itoa(etcdUser)})
	}
	if in.Node.role() == "control-plane" {
		// kubeadm takes the flags of a joining control plane from the cluster, not from the node's own file.
		config, err := ClusterConfiguration(in.Cluster)
		if err != nil {
			return nil, err
		}
		lines = append(lines, [2]string{"CLUSTER_SHA256", fmt.Sprintf("%x", sha256.Sum256(config))})
	}
	if in.Node.EncryptionAfter != "" {
		lines = append(lines, [2]string{"ENCRYPTION_AFTER", in.Node.EncryptionAfter})
	}
	var b bytes.Buffer
	for _, line := range lines {
		fmt.Fprintf(&b, "LAGRUM_%s='%s'\n", line[0], line[1])
	}
	return b.Bytes(), nil
}

// cloudConfig is the part of cloud-init's format that Lagrum uses.
type cloudConfig struct {
	Hostname string     `json:"hostname"`
	RunCmd   [][]string `json:"runcmd"`
	// Users is root alone, without a password: cloud-init then makes no user of the image's own, and gives nobody the
	// keys that a cloud hands out. Nobody logs in to a node.
	Users      []user      `json:"users"`
	WriteFiles []writeFile `json:"write_files"`
}

type user struct {
	LockPasswd bool   `json:"lock_passwd"`
	Name       string `json:"name"`
}

type writeFile struct {
	Content     string `json:"content"`
	Encoding    string `json:"encoding,omitempty"`
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
}

// newWriteFile compresses a file where that makes it smaller, and leaves short files readable.
func newWriteFile(f File) (writeFile, error) {
	w := writeFile{Content: string(f.Content), Path: f.Path, Permissions: fmt.Sprintf("%04o", f.Mode.Perm())}
	const readable = 1024 // bytes
	if len(f.Content) <= readable {
		return w, nil
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return writeFile{}, err
	}
	if _, err := z.Write(f.Content); err != nil {
		return writeFile{}, err
	}
	if err := z.Close(); err != nil {
		return writeFile{}, err
	}
	if encoded := base64.StdEncoding.EncodeToString(packed.Bytes()); len(encoded) < len(w.Content) {
		w.Content, w.Encoding = encoded, "gz+b64"
	}
	return w, nil
}
