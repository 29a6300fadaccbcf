// Package images is the one catalogue of every container image that Lagrum runs.
//
// No other package writes an image reference: what a cluster pulls, under which licence and why, is read here, and a
// site behind an air gap mirrors exactly this list. References carry tags, and the digest where the plan has one: digests
// come from a lock file that is made where a registry can be reached, and are never invented.
package images

import (
	"cmp"
	"path"
	"slices"

	"github.com/lagrum/lagrum/stacks/plan"
)

// Versions of images that no site chooses: they move with the objects that run them.
const (
	flannelTag    = "v0.26.7"
	kubeRouterTag = "v2.1.0"
	dexTag        = "v2.41.1"
	falcoTag      = "0.45.0"
	traefikTag    = "v3.5.3"

	// Both programs of cloud-provider-openstack are released together, for one minor version of Kubernetes.
	openStackTag     = "v1.36.0"
	awsControllerTag = "v1.36.1"
	ebsCSITag        = "v1.61.1"
	// The sidecars are those that Cinder CSI is released with. That of EBS speaks the same CSI.
	provisionerTag = "v5.3.0"
	attacherTag    = "v4.10.0"
	resizerTag     = "v1.14.0"
	registrarTag   = "v2.15.0"
	livenessTag    = "v2.17.0"
)

// The licences of the images (SPDX identifiers): the first is that of all but one.
const (
	apache2 = "Apache-2.0"
	mit     = "MIT"
)

// Image is one row of the catalogue.
type Image struct {
	// Upstream is the repository where its makers publish it, without tag.
	Upstream string
	Tag      string
	// Licence is an SPDX identifier.
	Licence string
	// Use says what runs it.
	Use string
	// Digest is what the plan says that the tag stands for; empty where that is not known.
	Digest string

	mirror string
}

// Name is the upstream repository with the tag: what the lock file knows the image by, wherever it is pulled from.
func (i Image) Name() string { return i.Upstream + ":" + i.Tag }

// Ref is the reference that a container is given. It keeps the tag beside the digest, for people; the digest alone decides.
func (i Image) Ref() string {
	if i.Digest == "" {
		return i.Tagged()
	}
	return i.Tagged() + "@" + i.Digest
}

// Tagged is the reference without digest, as kubeadm and the container runtime pull. Behind a mirror it is
// <mirror>/<last path element>:<tag>, the layout that kubeadm's imageRepository expects too.
func (i Image) Tagged() string {
	if i.mirror == "" {
		return i.Name()
	}
	return i.mirror + "/" + path.Base(i.Upstream) + ":" + i.Tag
}

// Catalogue holds the images of one cluster, by the name of what they run.
type Catalogue struct {
	APIServer, ControllerManager, Scheduler, Etcd, Pause Image // pulled by kubeadm and the container runtime
	KubeProxy, Flannel, KubeRouter, CoreDNS, Dex         Image // pulled by our own objects
	Traefik                                              Image

	// Pulled by what a cluster runs for its cloud: the controller managers and storage drivers of each, and what stands
	// between a driver and Kubernetes on both.
	OpenStackController, CinderCSI, AWSController, EBSCSI                       Image
	CSIProvisioner, CSIAttacher, CSIResizer, CSINodeRegistrar, CSILivenessProbe Image

	// Pulled on every cloud: nothing here can make one for the lab.
	Falco Image
}

// For gives the catalogue at the versions of a cluster. Every image comes from the cluster's registry where it names
// one, else from upstream.
func For(c plan.Cluster) Catalogue {
	image := func(upstream, tag, use string) Image {
		return Image{Upstream: upstream, Tag: tag, Licence: apache2, Use: use, Digest: c.Digests[upstream+":"+tag], mirror: c.Registry}
	}
	traefik := image("docker.io/library/traefik", traefikTag, "web traffic to what runs in the cluster, where the site has a gateway")
	traefik.Licence = mit
	return Catalogue{
		APIServer:         image("registry.k8s.io/kube-apiserver", c.Version, "static pod of every control-plane node"),
		ControllerManager: image("registry.k8s.io/kube-controller-manager", c.Version, "static pod of every control-plane node"),
		Scheduler:         image("registry.k8s.io/kube-scheduler", c.Version, "static pod of every control-plane node"),
		Etcd:              image("registry.k8s.io/etcd", c.EtcdTag, "static pod of every control-plane node; etcdctl of control-plane retirement"),
		Pause:             image("registry.k8s.io/pause", c.PauseTag, "sandbox of every pod"),
		KubeProxy:         image("registry.k8s.io/kube-proxy", c.Version, "service routing on every node"),
		Flannel:           image("ghcr.io/flannel-io/flannel", flannelTag, "pod network on every node"),
		KubeRouter:        image("docker.io/cloudnativelabs/kube-router", kubeRouterTag, "NetworkPolicy on every node"),
		CoreDNS:           image("registry.k8s.io/coredns/coredns", c.CoreDNSTag, "cluster DNS"),
		Dex:               image("ghcr.io/dexidp/dex", dexTag, "logins of people, where the site declares them"),
		Traefik:           traefik,

		OpenStackController: image("registry.k8s.io/provider-os/openstack-cloud-controller-manager", openStackTag, "cloud controller manager on OpenStack"),
		CinderCSI:           image("registry.k8s.io/provider-os/cinder-csi-plugin", openStackTag, "storage driver on OpenStack"),
		AWSController:       image("registry.k8s.io/provider-aws/cloud-controller-manager", awsControllerTag, "cloud controller manager on AWS"),
		EBSCSI:              image("public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver", ebsCSITag, "storage driver on AWS"),
		CSIProvisioner:      image("registry.k8s.io/sig-storage/csi-provisioner", provisionerTag, "volumes for claims"),
		CSIAttacher:         image("registry.k8s.io/sig-storage/csi-attacher", attacherTag, "attaching volumes to nodes"),
		CSIResizer:          image("registry.k8s.io/sig-storage/csi-resizer", resizerTag, "making volumes larger"),
		CSINodeRegistrar:    image("registry.k8s.io/sig-storage/csi-node-driver-registrar", registrarTag, "introducing the driver to each kubelet"),
		CSILivenessProbe:    image("registry.k8s.io/sig-storage/livenessprobe", livenessTag, "asking the driver whether it is alive"),
		Falco:               image("docker.io/falcosecurity/falco", falcoTag, "intrusion detection on every node"),
	}
}

// All lists the catalogue in a fixed order: what a mirror for every cloud must hold, and what the licence table prints.
func (c Catalogue) All() []Image {
	return append(c.everywhere(), slices.Concat(
		[]Image{c.OpenStackController, c.CinderCSI, c.AWSController, c.EBSCSI}, c.onClouds())...)
}

// On lists what a cluster on one cloud pulls, by the plan's name of the cloud.
func (c Catalogue) On(cloud string) []Image {
	switch cloud {
	case "openstack":
		return append(c.everywhere(), append([]Image{c.OpenStackController, c.CinderCSI}, c.onClouds()...)...)
	case "aws":
		return append(c.everywhere(), append([]Image{c.AWSController, c.EBSCSI}, c.onClouds()...)...)
	default:
		return c.everywhere()
	}
}

// Deployed lists what the cluster of a plan pulls.
func Deployed(p *plan.Plan) []Image {
	c := For(p.Cluster)
	return slices.DeleteFunc(c.On(p.Cloud.Kind), func(i Image) bool {
		return i == c.Dex && p.Cluster.Login == nil || i == c.Traefik && p.Gateway == nil
	})
}

// Union is what several lists hold, each image once and sorted by name.
func Union(lists ...[]Image) []Image {
	all := slices.SortedFunc(slices.Values(slices.Concat(lists...)), func(a, b Image) int { return cmp.Compare(a.Name(), b.Name()) })
	return slices.CompactFunc(all, func(a, b Image) bool { return a.Name() == b.Name() })
}

// Names are the images' names, in their order.
func Names(all []Image) []string {
	names := make([]string, len(all))
	for i, image := range all {
		names[i] = image.Name()
	}
	return names
}

// Pin gives a plan the digests of what its cluster pulls, and names what has none. In a laboratory nothing has one, and
// nothing lacks one: its images are made on the machine itself.
func Pin(p *plan.Plan, digests map[string]string) (unresolved []string) {
	if p.Cloud.Kind == "lab" {
		return nil
	}
	p.Cluster.Digests = nil
	for _, name := range Names(Union(Deployed(p))) {
		found, known := digests[name]
		if !known {
			unresolved = append(unresolved, name)
			continue
		}
		if p.Cluster.Digests == nil {
			p.Cluster.Digests = map[string]string{}
		}
		p.Cluster.Digests[name] = found
	}
	return unresolved
}

func (c Catalogue) everywhere() []Image {
	return []Image{
		c.APIServer, c.ControllerManager, c.Scheduler, c.Etcd, c.Pause,
		c.KubeProxy, c.Flannel, c.KubeRouter, c.CoreDNS, c.Dex, c.Traefik,
	}
}

// onClouds is what runs on every cloud and not in the lab.
func (c Catalogue) onClouds() []Image {
	return []Image{c.CSIProvisioner, c.CSIAttacher, c.CSIResizer, c.CSINodeRegistrar, c.CSILivenessProbe, c.Falco}
}
