// Package images is the one catalogue of every container image that Lagrum runs.
//
// No other package writes an image reference: what a cluster pulls, under which licence and why, is read here, and a
// site behind an air gap mirrors exactly this list. References carry tags; a digest belongs to a lock file that is
// made where the upstream registry can be reached, and is never invented.
package images

import (
	"path"

	"github.com/lagrum/lagrum/stacks/plan"
)

// Versions of images that no site chooses: they move with the objects that run them.
const (
	flannelTag    = "v0.26.7"
	kubeRouterTag = "v2.1.0"
)

// apache2 is the licence of every image so far (SPDX identifier).
const apache2 = "Apache-2.0"

// Image is one row of the catalogue.
type Image struct {
	// Upstream is the repository where its makers publish it, without tag.
	Upstream string
	Tag      string
	// Licence is an SPDX identifier.
	Licence string
	// Use says what runs it.
	Use string

	mirror string
}

// Ref is the reference that a container is given. Behind a mirror it is <mirror>/<last path element>:<tag>, the
// layout that kubeadm's imageRepository expects too.
func (i Image) Ref() string {
	if i.mirror == "" {
		return i.Upstream + ":" + i.Tag
	}
	return i.mirror + "/" + path.Base(i.Upstream) + ":" + i.Tag
}

// Catalogue holds the images of one cluster, by the name of what they run.
type Catalogue struct {
	APIServer, ControllerManager, Scheduler, Etcd, Pause Image // pulled by kubeadm and the container runtime
	KubeProxy, Flannel, KubeRouter, CoreDNS              Image // pulled by our own objects
}

// For gives the catalogue at the versions of a cluster. Every image comes from the cluster's registry where it names
// one, else from upstream.
func For(c plan.Cluster) Catalogue {
	image := func(upstream, tag, use string) Image {
		return Image{Upstream: upstream, Tag: tag, Licence: apache2, Use: use, mirror: c.Registry}
	}
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
	}
}

// All lists the catalogue in a fixed order: what a mirror must hold, and what the licence table prints.
func (c Catalogue) All() []Image {
	return []Image{
		c.APIServer, c.ControllerManager, c.Scheduler, c.Etcd, c.Pause,
		c.KubeProxy, c.Flannel, c.KubeRouter, c.CoreDNS,
	}
}
