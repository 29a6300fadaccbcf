package bootstrap

import "fmt"

// patchesDir is where kubeadm finds what it changes in the files that it writes for this node (kubeadm.k8s.io/v1beta4, Patches).
const patchesDir = "/etc/lagrum/patches"

// etcdUser is the number of etcd's user and group on control planes, which nothing else runs as. CIS 1.1.12 wants etcd's data
// to be that user's; CIS 1.1.19 wants what lies below /etc/kubernetes/pki to be root's, so etcd serves with copies.
const (
	etcdUser  = 2379
	etcdFiles = "/etc/lagrum/etcd"
)

// The types below are the part of a Pod that is changed in etcd's, under upstream's field names.
type (
	podPatch struct {
		Spec podSpecPatch `json:"spec"`
	}
	podSpecPatch struct {
		Containers []containerPatch `json:"containers"`
		Volumes    []volumePatch    `json:"volumes"`
	}
	containerPatch struct {
		Name            string          `json:"name"`
		SecurityContext securityContext `json:"securityContext"`
		VolumeMounts    []volumeMount   `json:"volumeMounts"`
	}
	securityContext struct {
		AllowPrivilegeEscalation bool         `json:"allowPrivilegeEscalation"`
		Capabilities             capabilities `json:"capabilities"`
		ReadOnlyRootFilesystem   bool         `json:"readOnlyRootFilesystem"`
		RunAsGroup               int          `json:"runAsGroup"`
		RunAsNonRoot             bool         `json:"runAsNonRoot"`
		RunAsUser                int          `json:"runAsUser"`
	}
	capabilities struct {
		Drop []string `json:"drop"`
	}
	volumeMount struct {
		MountPath string `json:"mountPath"`
		Name      string `json:"name"`
		ReadOnly  bool   `json:"readOnly"`
	}
	volumePatch struct {
		HostPath hostPath `json:"hostPath"`
		Name     string   `json:"name"`
	}
	hostPath struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
)

// kubeletPatch is for what holds on some nodes and not on all: kubeadm keeps one kubelet configuration for the whole cluster.
type kubeletPatch struct {
	ProtectKernelDefaults bool `json:"protectKernelDefaults"`
}

// patch is of what kubeadm knows by a name.
type patch struct {
	target string
	body   any
}

// patches are the node's; none on a worker whose kernel is another's.
func (n Node) patches() []patch {
	var all []patch
	if n.ControlPlane {
		all = append(all, patch{"etcd", etcdPatch()})
	}
	if n.OwnKernel {
		all = append(all, patch{"kubeletconfiguration", kubeletPatch{ProtectKernelDefaults: true}})
	}
	return all
}

// patchFiles are the patches where kubeadm finds them.
func (n Node) patchFiles() ([]File, error) {
	var files []File
	for _, p := range n.patches() {
		path := fmt.Sprintf("%s/%s.yaml", patchesDir, p.target)
		content, err := documents(p.body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, File{path, 0o600, content})
	}
	return files, nil
}

// patched is what kubeadm's configuration says of them; nil where there are none.
func (n Node) patched() *patches {
	if len(n.patches()) == 0 {
		return nil
	}
	return &patches{patchesDir}
}

// etcdPatch has etcd run as its own user, with no right beyond, write its data and nothing else, and read its copies in the place
// where kubeadm has it look.
func etcdPatch() podPatch {
	const certificates = "etcd-certs" // kubeadm's name
	return podPatch{podSpecPatch{
		Containers: []containerPatch{{
			Name: "etcd",
			SecurityContext: securityContext{
				Capabilities: capabilities{Drop: []string{"ALL"}}, ReadOnlyRootFilesystem: true,
				RunAsGroup: etcdUser, RunAsNonRoot: true, RunAsUser: etcdUser,
			},
			VolumeMounts: []volumeMount{{"/etc/kubernetes/pki/etcd", certificates, true}},
		}},
		Volumes: []volumePatch{{hostPath{etcdFiles, "Directory"}, certificates}},
	}}
}
