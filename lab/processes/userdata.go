package processes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/lab/records"
)

// cloudConfig is the part of cloud-init's user-data that a node's consists of.
type cloudConfig struct {
	WriteFiles []struct {
		Path        string `json:"path"`
		Content     string `json:"content"`
		Encoding    string `json:"encoding"`
		Permissions string `json:"permissions"`
	} `json:"write_files"`
}

// file is one of user-data's files, decoded.
type file struct {
	path    string
	mode    fs.FileMode
	content []byte
}

// parseCloudConfig reads user-data, which may be compressed.
func parseCloudConfig(userData []byte) (cloudConfig, error) {
	var config cloudConfig
	if bytes.HasPrefix(userData, []byte{0x1f, 0x8b}) {
		var err error
		if userData, err = gunzip(userData); err != nil {
			return config, fmt.Errorf("userData: %w", err)
		}
	}
	if !bytes.HasPrefix(userData, []byte("#cloud-config\n")) {
		return config, errors.New("userData: does not begin with #cloud-config; a lab without machines runs nothing else")
	}
	if err := yaml.Unmarshal(userData, &config); err != nil {
		return config, fmt.Errorf("userData: %w", err)
	}
	return config, nil
}

func gunzip(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// files decodes the files as cloud-init would.
func (c cloudConfig) files() ([]file, error) {
	var files []file
	for i, f := range c.WriteFiles {
		fail := func(err error) error { return fmt.Errorf("userData: write_files[%d] %s: %w", i, f.Path, err) }
		content := []byte(f.Content)
		var err error
		switch f.Encoding {
		case "":
		case "b64", "gz+b64":
			if content, err = base64.StdEncoding.DecodeString(f.Content); err == nil && f.Encoding == "gz+b64" {
				content, err = gunzip(content)
			}
		default:
			err = fmt.Errorf("encoding %q is unknown; use b64 or gz+b64", f.Encoding)
		}
		if err != nil {
			return nil, fail(err)
		}
		mode, err := strconv.ParseUint(f.Permissions, 8, 32)
		if err != nil {
			return nil, fail(fmt.Errorf("permissions: %w", err))
		}
		files = append(files, file{f.Path, fs.FileMode(mode), content})
	}
	return files, nil
}

// Where the files that a machine without a system of its own needs lie.
const (
	factsPath   = "/etc/lagrum/node.env"
	kubeadmPath = "/etc/lagrum/kubeadm.yaml"
	joinPath    = "/run/lagrum/join.conf"
	pkiPath     = "/etc/kubernetes/pki"
)

// Roles of a node, as its facts tell them.
const (
	roleInit         = "init"
	roleControlPlane = "control-plane"
	roleWorker       = "worker"
)

// facts are what the boot script is told of its node.
type facts struct{ node, role, server, version string }

// facts reads the facts out of user-data.
func (c cloudConfig) facts() (facts, error) {
	files, err := c.files()
	if err != nil {
		return facts{}, err
	}
	for _, f := range files {
		if f.path == factsPath {
			return parseFacts(string(f.content))
		}
	}
	return facts{}, fmt.Errorf("userData: has no file %s: is it a node's?", factsPath)
}

func parseFacts(text string) (facts, error) {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found {
			values[name] = strings.Trim(value, "'")
		}
	}
	f := facts{values["LAGRUM_NODE"], values["LAGRUM_ROLE"], values["LAGRUM_SERVER"], values["LAGRUM_VERSION"]}
	if f.node == "" || f.server == "" || f.version == "" {
		return facts{}, fmt.Errorf("%s: node %q, server %q, version %q: each has to be told", factsPath, f.node, f.server, f.version)
	}
	switch f.role {
	case roleInit, roleControlPlane, roleWorker:
		return f, nil
	default:
		return facts{}, fmt.Errorf("%s: role %q is unknown; use %s, %s or %s", factsPath, f.role, roleInit, roleControlPlane, roleWorker)
	}
}

// writeFiles puts user-data's files below root.
func (c cloudConfig) writeFiles(root string) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		path, err := below(root, f.path)
		if err != nil {
			return err
		}
		if err := records.WriteFile(path, f.content, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// unpack puts a secret bundle's files below root.
func unpack(root string, bundle io.Reader) error {
	for r := tar.NewReader(bundle); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("secrets: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			return fmt.Errorf("secrets: %s is no plain file", header.Name)
		}
		path, err := below(root, header.Name)
		if err != nil {
			return fmt.Errorf("secrets: %w", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("secrets: %s: %w", header.Name, err)
		}
		if err := records.WriteFile(path, content, header.FileInfo().Mode().Perm()); err != nil {
			return err
		}
	}
}

// below is a path of the machine's as it lies on the host. One that would leave root is refused.
func below(root, path string) (string, error) {
	relative := strings.TrimPrefix(path, "/")
	if !filepath.IsLocal(relative) {
		return "", fmt.Errorf("path %q leaves the machine's root", path)
	}
	return filepath.Join(root, relative), nil
}

// remove deletes files that may not be there.
func remove(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
