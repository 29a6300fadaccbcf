// Package bootstrap renders what a node boots with: kubeadm configuration, cloud-init user-data, the bundle of secret
// files, and the kubeconfig files that are signed outside the cluster.
//
// It is pure: the same input gives the same bytes, in every cloud and in the lab, so that every byte a node starts
// from can be reviewed before a machine exists. It imports no Pulumi module and no cloud.
package bootstrap

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Input is everything that decides a node's user-data. It holds no secret.
type Input struct {
	Cluster Cluster
	Node    Node
	// SecretFetch is a shell command that writes the node's secret bundle (see Bundle) to standard output; the one
	// provider-specific fragment. It is retried for five minutes, so it may fail while the network comes up.
	SecretFetch string
	// MachineID is what a cloud's controller calls the node's machine, up to the id that the machine alone knows, such as
	// aws:///eu-north-1a/. Where it is set the node waits for that controller to be told where it is and what it is made of;
	// empty where there is none.
	MachineID string
}

// Cluster holds the facts that all nodes share.
type Cluster struct {
	Name    string // DNS label
	Version string // v1.36.3
	// Registry is kubeadm's imageRepository; empty means kubeadm's default, registry.k8s.io.
	Registry string
	EtcdTag  string // image tag of etcd, e.g. 3.6.5-0
	// PauseImage is the full reference of the sandbox image. Its tag has to be the one that kubeadm of this version
	// asks for (3.10.2 for v1.36.3): kubeadm wants that image on every control plane before it starts.
	PauseImage  string
	Endpoint    string // host name or address of the API's load balancer, without port
	APIPort     int    // of the load balancer and of every API server
	Domain      string
	ServiceCIDR string
	PodCIDR     string
	DNSAddress  string // inside ServiceCIDR
	// Login is nil where only certificates and service accounts get in.
	Login *Login
}

// Node holds the facts of one node.
type Node struct {
	Name         string // DNS label
	ControlPlane bool
	// Initialises is true only for the node that runs kubeadm init.
	Initialises bool
	// Labels are set by the kubelet when it registers. Kubernetes lets a kubelet choose only some labels in its own
	// domains; UserData refuses the others.
	Labels map[string]string
	// EncryptionAfter names the step of a change of etcd's key that has to be over before this control plane joins, such as
	// 1-2: it has keys that those before would not have. Empty where there is none.
	EncryptionAfter string
	// OwnKernel says that no other machine runs on the node's kernel, so that its settings are the node's to make. Only the
	// containers of a lab share their host's.
	OwnKernel bool
	// Data is the node's data disk; nil where everything lies on the root disk.
	Data *Data
}

// Secrets are the files that reach a node through the cloud's secret channel, never through user-data.
type Secrets struct {
	// JoinKubeconfig is the short-lived credential with which a node joins; empty for the initialising node.
	JoinKubeconfig []byte
	// The rest is for control planes only. A worker learns the cluster's authority from JoinKubeconfig, and kubeadm
	// refuses to join a worker that already has a ca.crt.
	ClusterCA, ClusterCAKey, FrontProxyCA, FrontProxyCAKey, EtcdCA, EtcdCAKey, ServiceAccountKey, ServiceAccountPub []byte
	// EncryptionKey is 32 bytes for secretbox; bootstrap renders the EncryptionConfiguration from it.
	EncryptionKey []byte
	// ReadingKeys are as long, and are only read with: the next key before it writes, or the last one until what it wrote is
	// written anew.
	ReadingKeys [][]byte
}

// JoinCredential is the input of JoinKubeconfig.
type JoinCredential struct {
	Pool                string // the pool is the credential's user name: system:bootstrap:<pool>
	Server              string // https://host:port
	CA, CAKey           []byte // PEM; the key is ECDSA
	NotBefore, NotAfter time.Time
}

// role is what a node does on its first boot, in the words of the boot script.
func (n Node) role() string {
	switch {
	case n.Initialises:
		return "init"
	case n.ControlPlane:
		return "control-plane"
	default:
		return "worker"
	}
}

var (
	dnsLabel     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	dnsName      = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	release      = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+$`)
	imageTag     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	registryName = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$`)
	imageRef     = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]{64})?$`)
	labelKey     = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	machineID    = regexp.MustCompile(`^[a-z]+://([a-z0-9-]*/)+$`)
	keyNumbers   = regexp.MustCompile(`^([0-9]+(-[0-9]+)?)?$`)
	labelValue   = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

// validate reports every mistake at once. What it lets through is safe to put on a command line and in a shell
// variable, which is why the patterns are narrower than what Kubernetes would take.
func (in Input) validate() error {
	var errs []error
	want := func(path, value string, ok bool, remedy string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %q: want %s", path, value, remedy))
		}
	}
	c, n := in.Cluster, in.Node
	want("cluster.name", c.Name, dnsLabel.MatchString(c.Name), "a DNS label")
	want("cluster.version", c.Version, release.MatchString(c.Version), "a release such as v1.36.3")
	want("cluster.registry", c.Registry, c.Registry == "" || registryName.MatchString(c.Registry), "host[:port][/path], or nothing for the upstream registry")
	want("cluster.etcdTag", c.EtcdTag, imageTag.MatchString(c.EtcdTag), "an image tag such as 3.6.5-0")
	want("cluster.pauseImage", c.PauseImage, imageRef.MatchString(c.PauseImage), "a full image reference such as registry.k8s.io/pause:3.10.2")
	_, addrErr := netip.ParseAddr(c.Endpoint)
	want("cluster.endpoint", c.Endpoint, addrErr == nil || dnsName.MatchString(c.Endpoint), "a host name or an address, without port")
	want("cluster.apiPort", fmt.Sprint(c.APIPort), c.APIPort > 0 && c.APIPort < 65536, "a port from 1 to 65535")
	want("cluster.domain", c.Domain, dnsName.MatchString(c.Domain), "a DNS domain such as cluster.local")
	services, err := netip.ParsePrefix(c.ServiceCIDR)
	want("cluster.serviceCIDR", c.ServiceCIDR, err == nil, "a network such as 10.96.0.0/16")
	_, err = netip.ParsePrefix(c.PodCIDR)
	want("cluster.podCIDR", c.PodCIDR, err == nil, "a network such as 10.244.0.0/16")
	dns, err := netip.ParseAddr(c.DNSAddress)
	want("cluster.dnsAddress", c.DNSAddress, err == nil && services.Contains(dns), "an address inside cluster.serviceCIDR")
	want("node.name", n.Name, dnsLabel.MatchString(n.Name), "a DNS label")
	want("node.initialises", n.Name, n.ControlPlane || !n.Initialises, "a control plane: a worker cannot initialise a cluster")
	want("node.encryptionAfter", n.EncryptionAfter, keyNumbers.MatchString(n.EncryptionAfter) && (n.EncryptionAfter == "" || n.role() == "control-plane"),
		"numbers of keys such as 1-2, for a control plane that joins")
	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		path := fmt.Sprintf("node.labels[%s]", key)
		want(path, key, labelKey.MatchString(key), "a Kubernetes label key")
		want(path, key, kubeletMaySet(key), "a key that a kubelet may set on itself: outside kubernetes.io and k8s.io, or below node.kubernetes.io or kubelet.kubernetes.io")
		want(path, n.Labels[key], labelValue.MatchString(n.Labels[key]), "a Kubernetes label value")
	}
	n.Data.validate(want)
	want("machineID", in.MachineID, in.MachineID == "" || machineID.MatchString(in.MachineID), "the beginning of a cloud's name for a machine, such as aws:///eu-north-1a/")
	want("secretFetch", in.SecretFetch, strings.TrimSpace(in.SecretFetch) != "", "a shell command that writes the secret bundle to standard output")
	return errors.Join(errs...)
}

// kubeletMaySet tells whether a kubelet may give itself the label. A kubelet with any other label in Kubernetes' own
// domains does not start (k8s.io/kubelet/pkg/apis, well_known_labels.go; without the deprecated beta keys).
func kubeletMaySet(key string) bool {
	domain, _, prefixed := strings.Cut(key, "/")
	below := func(parent string) bool { return domain == parent || strings.HasSuffix(domain, "."+parent) }
	switch {
	case !prefixed || !below("kubernetes.io") && !below("k8s.io"):
		return true
	case below("node.kubernetes.io"), below("kubelet.kubernetes.io"):
		return true
	default:
		return slices.Contains([]string{
			"kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os",
			"topology.kubernetes.io/region", "topology.kubernetes.io/zone",
		}, key)
	}
}
