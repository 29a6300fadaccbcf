package bootstrap

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// The types below are the part of kubeadm.k8s.io/v1beta4 and kubelet.config.k8s.io/v1beta1 that Lagrum sets, under
// upstream's field names. The module tests/kubeadm decodes what they render with upstream's own types, strictly.

type typeMeta struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

type initConfiguration struct {
	typeMeta
	LocalAPIEndpoint apiEndpoint      `json:"localAPIEndpoint"`
	NodeRegistration nodeRegistration `json:"nodeRegistration"`
	Patches          *patches         `json:"patches,omitempty"`
	SkipPhases       []string         `json:"skipPhases"`
	Timeouts         timeouts         `json:"timeouts"`
}

type joinConfiguration struct {
	typeMeta
	ControlPlane     *joinControlPlane `json:"controlPlane,omitempty"`
	Discovery        discovery         `json:"discovery"`
	NodeRegistration nodeRegistration  `json:"nodeRegistration"`
	Patches          *patches          `json:"patches,omitempty"`
	Timeouts         timeouts          `json:"timeouts"`
}

type patches struct {
	Directory string `json:"directory"`
}

type joinControlPlane struct {
	LocalAPIEndpoint apiEndpoint `json:"localAPIEndpoint"`
}

type discovery struct {
	File fileDiscovery `json:"file"`
}

type fileDiscovery struct {
	KubeConfigPath string `json:"kubeConfigPath"`
}

// apiEndpoint leaves advertiseAddress out: kubeadm takes the address of the interface with the default route, which
// is known to the machine and not to the program that rendered its user-data.
type apiEndpoint struct {
	BindPort int `json:"bindPort"`
}

// nodeRegistration leaves taints out: kubeadm then taints control planes and nothing else.
type nodeRegistration struct {
	Name             string `json:"name"`
	CRISocket        string `json:"criSocket"`
	ImagePullPolicy  string `json:"imagePullPolicy"`
	KubeletExtraArgs []arg  `json:"kubeletExtraArgs,omitempty"`
}

type arg struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type timeouts struct {
	ControlPlaneComponentHealthCheck string `json:"controlPlaneComponentHealthCheck"`
	Discovery                        string `json:"discovery"`
	EtcdAPICall                      string `json:"etcdAPICall"`
	KubeletHealthCheck               string `json:"kubeletHealthCheck"`
	KubernetesAPICall                string `json:"kubernetesAPICall"`
	TLSBootstrap                     string `json:"tlsBootstrap"`
}

type clusterConfiguration struct {
	typeMeta
	APIServer            apiServer  `json:"apiServer"`
	ClusterName          string     `json:"clusterName"`
	ControlPlaneEndpoint string     `json:"controlPlaneEndpoint"`
	ControllerManager    component  `json:"controllerManager"`
	DNS                  addon      `json:"dns"`
	EncryptionAlgorithm  string     `json:"encryptionAlgorithm"`
	Etcd                 etcd       `json:"etcd"`
	ImageRepository      string     `json:"imageRepository,omitempty"`
	KubernetesVersion    string     `json:"kubernetesVersion"`
	Networking           networking `json:"networking"`
	Proxy                addon      `json:"proxy"`
	Scheduler            component  `json:"scheduler"`
}

// component is a static pod that has flags of ours and nothing else.
type component struct {
	ExtraArgs []arg `json:"extraArgs"`
}

type apiServer struct {
	CertSANs     []string        `json:"certSANs"`
	ExtraArgs    []arg           `json:"extraArgs"`
	ExtraVolumes []hostPathMount `json:"extraVolumes"`
}

type hostPathMount struct {
	Name      string `json:"name"`
	HostPath  string `json:"hostPath"`
	MountPath string `json:"mountPath"`
	PathType  string `json:"pathType"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
}

type addon struct {
	Disabled bool `json:"disabled"`
}

type etcd struct {
	Local localEtcd `json:"local"`
}

type localEtcd struct {
	DataDir   string `json:"dataDir"`
	ExtraArgs []arg  `json:"extraArgs"`
	ImageTag  string `json:"imageTag"`
}

type networking struct {
	DNSDomain     string `json:"dnsDomain"`
	PodSubnet     string `json:"podSubnet"`
	ServiceSubnet string `json:"serviceSubnet"`
}

// kubeletConfiguration says nothing of cgroups: kubeadm's default, the systemd driver, is right for a virtual
// machine, and a node image that differs says so in a drop-in of its own.
type kubeletConfiguration struct {
	typeMeta
	Authentication kubeletAuthentication `json:"authentication"`
	Authorization  kubeletAuthorization  `json:"authorization"`
	ClusterDNS     []string              `json:"clusterDNS"`
	ClusterDomain  string                `json:"clusterDomain"`
	// Events a second.
	EventRecordQPS        int  `json:"eventRecordQPS"`
	MakeIPTablesUtilChain bool `json:"makeIPTablesUtilChains"`
	// Processes of one pod.
	PodPidsLimit       int  `json:"podPidsLimit"`
	ReadOnlyPort       int  `json:"readOnlyPort"` // 0: closed
	RotateCertificates bool `json:"rotateCertificates"`
	// Containers that name no seccomp profile get the runtime's.
	SeccompDefault bool `json:"seccompDefault"`
	// The kubelet asks the cluster for the certificate that it serves with.
	ServerTLSBootstrap bool `json:"serverTLSBootstrap"`
	// Pods get this long to end when the machine shuts down; the last ten seconds are for critical pods.
	ShutdownGracePeriod             string `json:"shutdownGracePeriod"`
	ShutdownGracePeriodCriticalPods string `json:"shutdownGracePeriodCriticalPods"`
	// An exec or port-forward over which nothing is sent ends after this time.
	StreamingConnectionIdleTimeout string   `json:"streamingConnectionIdleTimeout"`
	TLSCipherSuites                []string `json:"tlsCipherSuites"`
	TLSMinVersion                  string   `json:"tlsMinVersion"`
}

type kubeletAuthentication struct {
	Anonymous enabled     `json:"anonymous"`
	Webhook   enabled     `json:"webhook"`
	X509      kubeletX509 `json:"x509"`
}

type enabled struct {
	Enabled bool `json:"enabled"`
}

type kubeletX509 struct {
	ClientCAFile string `json:"clientCAFile"`
}

type kubeletAuthorization struct {
	Mode string `json:"mode"`
}

const (
	kubeadmAPI = "kubeadm.k8s.io/v1beta4"
	criSocket  = "unix:///run/containerd/containerd.sock"
)

// slow are bounds for a host where several nodes share two cores and their images are still arriving. kubeadm's own
// (one to five minutes) are for a node that is alone; a longer bound costs nothing where things go well. The one for
// etcd stays short: a control plane that began to join while a member of etcd was dead learns that the member is gone
// only by trying anew.
func slow() timeouts {
	return timeouts{
		ControlPlaneComponentHealthCheck: "15m0s",
		Discovery:                        "5m0s",
		EtcdAPICall:                      "3m0s",
		KubeletHealthCheck:               "10m0s",
		KubernetesAPICall:                "5m0s",
		TLSBootstrap:                     "10m0s",
	}
}

// kubeadmConfig renders the file that kubeadm init or kubeadm join reads.
func kubeadmConfig(in Input) ([]byte, error) {
	if in.Node.Initialises {
		return documents(newInit(in), newCluster(in.Cluster), newKubelet(in.Cluster))
	}
	return documents(newJoin(in))
}

// ClusterConfiguration renders the document that kubeadm keeps in the cluster and makes every joining control plane's
// static pods from. The program declares it there, so that a control plane of a later generation gets the flags of its
// own plan and not those of the first boot.
func ClusterConfiguration(c Cluster) ([]byte, error) { return documents(newCluster(c)) }

func newInit(in Input) initConfiguration {
	return initConfiguration{
		typeMeta:         typeMeta{kubeadmAPI, "InitConfiguration"},
		LocalAPIEndpoint: apiEndpoint{in.Cluster.APIPort},
		NodeRegistration: register(in),
		Patches:          in.Node.patched(),
		// No bootstrap token and no anonymous cluster-info: nodes join with a client certificate, and the program
		// declares the roles that the phase would make. The join command that kubeadm prints needs that phase.
		SkipPhases: []string{"bootstrap-token", "show-join-command"},
		Timeouts:   slow(),
	}
}

func newJoin(in Input) joinConfiguration {
	join := joinConfiguration{
		typeMeta:         typeMeta{kubeadmAPI, "JoinConfiguration"},
		Discovery:        discovery{fileDiscovery{joinKubeconfigPath}},
		NodeRegistration: register(in),
		Patches:          in.Node.patched(),
		Timeouts:         slow(),
	}
	if in.Node.ControlPlane {
		join.ControlPlane = &joinControlPlane{apiEndpoint{in.Cluster.APIPort}}
	}
	return join
}

func register(in Input) nodeRegistration {
	n := in.Node
	r := nodeRegistration{Name: n.Name, CRISocket: criSocket, ImagePullPolicy: "IfNotPresent"}
	if in.MachineID != "" {
		r.KubeletExtraArgs = []arg{
			{"cloud-provider", "external"},
			// Without an address of its own choice a node has none until its controller has run, and what a cluster starts with
			// needs one. Unspecified means that of the default route.
			{"node-ip", "0.0.0.0"},
			{"provider-id", in.MachineID + instanceID},
		}
	}
	if len(n.Labels) > 0 {
		labels := make([]string, 0, len(n.Labels))
		for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
			labels = append(labels, key+"="+n.Labels[key])
		}
		r.KubeletExtraArgs = append(r.KubeletExtraArgs, arg{"node-labels", strings.Join(labels, ",")})
	}
	return r
}

// instanceID stands for what the cloud calls the machine, until the boot script knows.
const instanceID = "INSTANCE-ID"

func newCluster(c Cluster) clusterConfiguration {
	return clusterConfiguration{
		typeMeta:             typeMeta{kubeadmAPI, "ClusterConfiguration"},
		APIServer:            newAPIServer(c),
		ClusterName:          c.Name,
		ControlPlaneEndpoint: net.JoinHostPort(c.Endpoint, strconv.Itoa(c.APIPort)),
		ControllerManager:    component{controllerManagerArgs()},
		// CoreDNS and kube-proxy are resources of the program. Disabled here, and not skipped as phases, they stay
		// out of a later kubeadm upgrade too, and kubeadm does not ask for their images.
		DNS:                 addon{Disabled: true},
		Proxy:               addon{Disabled: true},
		EncryptionAlgorithm: "ECDSA-P256",
		Etcd:                etcd{localEtcd{DataDir: "/var/lib/etcd", ExtraArgs: etcdArgs(), ImageTag: c.EtcdTag}},
		ImageRepository:     c.Registry,
		// A fixed version: without one kubeadm asks the internet for the newest.
		KubernetesVersion: c.Version,
		Networking:        networking{DNSDomain: c.Domain, PodSubnet: c.PodCIDR, ServiceSubnet: c.ServiceCIDR},
		Scheduler:         component{schedulerArgs()},
	}
}

// documents renders values as one YAML stream.
func documents(values ...any) ([]byte, error) {
	var out bytes.Buffer
	for i, v := range values {
		if i > 0 {
			out.WriteString("---\n")
		}
		doc, err := yaml.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("rendering %T: %w", v, err)
		}
		out.Write(doc)
	}
	return out.Bytes(), nil
}
