package bootstrap

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bundle packs the node's secret files into a tar archive whose names are relative to the root directory. A node gets
// what its role needs and nothing more: a worker never sees a key of the cluster, the initialising node has no
// cluster to join. Secrets that are missing, and an encryption key that is not 32 bytes long, are errors; no error
// tells a value.
func Bundle(s Secrets, n Node) ([]byte, error) {
	files, err := secretFiles(s, n)
	if err != nil {
		return nil, fmt.Errorf("secret bundle of node %q:\n%w", n.Name, err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     strings.TrimPrefix(f.Path, "/"),
			Mode:     int64(f.Mode.Perm()),
			Size:     int64(len(f.Content)),
			// A constant, so that equal secrets give equal bytes; not zero, which tar calls implausible.
			ModTime: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
			Format:  tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("secret bundle of node %q: %s: %w", n.Name, f.Path, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, fmt.Errorf("secret bundle of node %q: %s: %w", n.Name, f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("secret bundle of node %q: %w", n.Name, err)
	}
	return out.Bytes(), nil
}

func secretFiles(s Secrets, n Node) ([]File, error) {
	type secret struct {
		field string
		file  File
	}
	var needed []secret
	if n.ControlPlane {
		if len(s.EncryptionKey) != 32 {
			return nil, fmt.Errorf("secrets.EncryptionKey: %d bytes: want 32, the length of a secretbox key", len(s.EncryptionKey))
		}
		for i, key := range s.ReadingKeys {
			if len(key) != 32 {
				return nil, fmt.Errorf("secrets.ReadingKeys[%d]: %d bytes: want 32, the length of a secretbox key", i, len(key))
			}
		}
		encryption, err := documents(newEncryption(append([][]byte{s.EncryptionKey}, s.ReadingKeys...)...))
		if err != nil {
			return nil, err
		}
		const pki = "/etc/kubernetes/pki/"
		needed = append(needed,
			secret{"EncryptionKey", File{encryptionPath, 0o600, encryption}},
			secret{"ClusterCA", File{pki + "ca.crt", 0o644, s.ClusterCA}},
			secret{"ClusterCAKey", File{pki + "ca.key", 0o600, s.ClusterCAKey}},
			secret{"EtcdCA", File{pki + "etcd/ca.crt", 0o644, s.EtcdCA}},
			secret{"EtcdCAKey", File{pki + "etcd/ca.key", 0o600, s.EtcdCAKey}},
			secret{"FrontProxyCA", File{pki + "front-proxy-ca.crt", 0o644, s.FrontProxyCA}},
			secret{"FrontProxyCAKey", File{pki + "front-proxy-ca.key", 0o600, s.FrontProxyCAKey}},
			secret{"ServiceAccountKey", File{pki + "sa.key", 0o600, s.ServiceAccountKey}},
			secret{"ServiceAccountPub", File{pki + "sa.pub", 0o644, s.ServiceAccountPub}},
		)
	}
	if !n.Initialises {
		needed = append(needed, secret{"JoinKubeconfig", File{joinKubeconfigPath, 0o600, s.JoinKubeconfig}})
	}
	var errs []error
	files := make([]File, 0, len(needed))
	for _, f := range needed {
		if len(f.file.Content) == 0 {
			errs = append(errs, fmt.Errorf("secrets.%s: empty: a node with role %s needs it", f.field, n.role()))
		}
		files = append(files, f.file)
	}
	return files, errors.Join(errs...)
}
