package bootstrap

import (
	"fmt"
	"io/fs"
)

// File is one file on a node.
type File struct {
	Path    string // absolute
	Mode    fs.FileMode
	Content []byte
}

// The API server reads its files from one directory, mounted read-only. The audit log is the only thing it writes.
const (
	apiServerDir       = "/etc/kubernetes/lagrum"
	auditPolicyPath    = apiServerDir + "/audit.yaml"
	admissionPath      = apiServerDir + "/admission.yaml"
	authenticationPath = apiServerDir + "/authentication.yaml"
	encryptionPath     = apiServerDir + "/encryption.yaml"
	auditLogDir        = "/var/log/kubernetes/audit"
)

func newAPIServer(c Cluster) apiServer {
	return apiServer{
		CertSANs:  []string{c.Endpoint},
		ExtraArgs: apiServerArgs(),
		ExtraVolumes: []hostPathMount{
			{Name: "lagrum", HostPath: apiServerDir, MountPath: apiServerDir, PathType: "Directory", ReadOnly: true},
			{Name: "lagrum-audit", HostPath: auditLogDir, MountPath: auditLogDir, PathType: "DirectoryOrCreate"},
		},
	}
}

// apiServerFiles are the API server's files that hold no secret. Every control plane has them before its API server
// starts; a later change reaches control planes by replacing them one after the other.
func apiServerFiles(login *Login) ([]File, error) {
	var files []File
	for _, f := range []struct {
		path  string
		value any
	}{
		{admissionPath, newAdmission()},
		{auditPolicyPath, newAuditPolicy()},
		{authenticationPath, newAuthentication(login)},
	} {
		content, err := documents(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		files = append(files, File{Path: f.path, Mode: 0o600, Content: content})
	}
	return files, nil
}
