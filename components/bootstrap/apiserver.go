package bootstrap

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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
		CertSANs: []string{c.Endpoint},
		ExtraArgs: []arg{
			{"admission-control-config-file", admissionPath},
			// Days, files and MiB: CIS Kubernetes Benchmark v1.9, 1.2.17 to 1.2.19.
			{"audit-log-maxage", "30"},
			{"audit-log-maxbackup", "10"},
			{"audit-log-maxsize", "100"},
			{"audit-log-path", auditLogDir + "/audit.log"},
			{"audit-policy-file", auditPolicyPath},
			{"authentication-config", authenticationPath},
			{"encryption-provider-config", encryptionPath},
		},
		ExtraVolumes: []hostPathMount{
			{Name: "lagrum", HostPath: apiServerDir, MountPath: apiServerDir, PathType: "Directory", ReadOnly: true},
			{Name: "lagrum-audit", HostPath: auditLogDir, MountPath: auditLogDir, PathType: "DirectoryOrCreate"},
		},
	}
}

// apiServerFiles are the API server's files that hold no secret. Every control plane has them before its API server
// starts; a later change reaches control planes by replacing them one after the other.
func apiServerFiles() ([]File, error) {
	var files []File
	for _, f := range []struct {
		path  string
		value any
	}{
		{admissionPath, newAdmission()},
		{auditPolicyPath, newAuditPolicy()},
		{authenticationPath, newAuthentication()},
	} {
		content, err := documents(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		files = append(files, File{Path: f.path, Mode: 0o600, Content: content})
	}
	return files, nil
}

// auditPolicy is the part of audit.k8s.io/v1 Policy that Lagrum sets.
type auditPolicy struct {
	typeMeta
	OmitStages []string    `json:"omitStages"`
	Rules      []auditRule `json:"rules"`
}

type auditRule struct {
	Level           string           `json:"level"`
	NonResourceURLs []string         `json:"nonResourceURLs,omitempty"`
	Resources       []auditResources `json:"resources,omitempty"`
	Users           []string         `json:"users,omitempty"`
	UserGroups      []string         `json:"userGroups,omitempty"`
	Verbs           []string         `json:"verbs,omitempty"`
}

type auditResources struct {
	Group     string   `json:"group"`
	Resources []string `json:"resources,omitempty"`
}

// newAuditPolicy records who did what to which object for everything but the cluster's own heartbeat. The first rule
// that fits decides, so what may carry secrets comes before what is recorded with its body.
func newAuditPolicy() auditPolicy {
	write := []string{"create", "update", "patch", "delete", "deletecollection"}
	return auditPolicy{
		typeMeta:   typeMeta{"audit.k8s.io/v1", "Policy"},
		OmitStages: []string{"RequestReceived"},
		Rules: []auditRule{
			// Health probes and leases: thousands an hour, from the cluster to itself.
			{Level: "None", NonResourceURLs: []string{"/healthz*", "/livez*", "/readyz*"}},
			{
				Level:     "None",
				Resources: []auditResources{{Group: "coordination.k8s.io", Resources: []string{"leases"}}},
				Users:     []string{"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"},
			},
			{
				Level:      "None",
				Resources:  []auditResources{{Group: "coordination.k8s.io", Resources: []string{"leases"}}},
				UserGroups: []string{"system:nodes"},
			},
			// Bodies of these hold secrets or personal data, whatever a later rule may ask for.
			{
				Level: "Metadata",
				Resources: []auditResources{
					{Group: "", Resources: []string{"configmaps", "secrets", "serviceaccounts/token"}},
					{Group: "authentication.k8s.io"},
				},
			},
			// Changes of rights are recorded with what was asked for.
			{
				Level: "Request",
				Resources: []auditResources{
					{Group: "admissionregistration.k8s.io"},
					{Group: "certificates.k8s.io"},
					{Group: "rbac.authorization.k8s.io"},
				},
				Verbs: write,
			},
			{Level: "Metadata"},
		},
	}
}

// admissionConfiguration is the part of apiserver.config.k8s.io/v1 AdmissionConfiguration that Lagrum sets.
type admissionConfiguration struct {
	typeMeta
	Plugins []admissionPlugin `json:"plugins"`
}

type admissionPlugin struct {
	Name          string              `json:"name"`
	Configuration podSecurityDefaults `json:"configuration"`
}

type podSecurityDefaults struct {
	typeMeta
	Defaults map[string]string `json:"defaults"`
}

// newAdmission warns of and records pods that Pod Security's restricted level would refuse. It refuses nothing by
// itself: namespaces carry the level that is enforced.
func newAdmission() admissionConfiguration {
	return admissionConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "AdmissionConfiguration"},
		Plugins: []admissionPlugin{{
			Name: "PodSecurity",
			Configuration: podSecurityDefaults{
				typeMeta: typeMeta{"pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration"},
				Defaults: map[string]string{
					"audit": "restricted", "audit-version": "latest",
					"enforce": "privileged", "enforce-version": "latest",
					"warn": "restricted", "warn-version": "latest",
				},
			},
		}},
	}
}

// authenticationConfiguration is the part of apiserver.config.k8s.io/v1 AuthenticationConfiguration that Lagrum sets.
type authenticationConfiguration struct {
	typeMeta
	Anonymous anonymous `json:"anonymous"`
}

type anonymous struct {
	Conditions []anonymousCondition `json:"conditions"`
	Enabled    bool                 `json:"enabled"`
}

type anonymousCondition struct {
	Path string `json:"path"`
}

// newAuthentication lets anonymous requests reach the health endpoints and nothing else (CIS v1.9, 1.2.1): the load
// balancer and the kubelet's probes have no credential. The paths are matched whole.
func newAuthentication() authenticationConfiguration {
	return authenticationConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "AuthenticationConfiguration"},
		Anonymous: anonymous{
			Enabled:    true,
			Conditions: []anonymousCondition{{"/healthz"}, {"/livez"}, {"/readyz"}},
		},
	}
}

// encryptionConfiguration is the part of apiserver.config.k8s.io/v1 EncryptionConfiguration that Lagrum sets.
type encryptionConfiguration struct {
	typeMeta
	Resources []encryptedResources `json:"resources"`
}

type encryptedResources struct {
	Providers []encryptionProvider `json:"providers"`
	Resources []string             `json:"resources"`
}

type encryptionProvider struct {
	Identity  *struct{}  `json:"identity,omitempty"`
	Secretbox *secretbox `json:"secretbox,omitempty"`
}

type secretbox struct {
	Keys []encryptionKey `json:"keys"`
}

type encryptionKey struct {
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

// newEncryption encrypts Secrets and ConfigMaps in etcd. identity comes last: what lies there in clear can still be
// read, and is encrypted when it is next written.
//
// The key's name is stored beside every value, and one name must never stand for two keys. So it is derived from
// the key, one way.
func newEncryption(key []byte) encryptionConfiguration {
	name := sha256.Sum256(append([]byte("lagrum encryption key name\x00"), key...))
	return encryptionConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "EncryptionConfiguration"},
		Resources: []encryptedResources{{
			Resources: []string{"secrets", "configmaps"},
			Providers: []encryptionProvider{
				{Secretbox: &secretbox{Keys: []encryptionKey{{
					Name:   "key-" + hex.EncodeToString(name[:4]),
					Secret: base64.StdEncoding.EncodeToString(key),
				}}}},
				{Identity: &struct{}{}},
			},
		}},
	}
}
