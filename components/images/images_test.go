package images_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/stacks/plan"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	cluster := plan.Cluster{Version: "v1.36.3", EtcdTag: "3.6.5-0", PauseTag: "3.10.2", CoreDNSTag: "v1.15.0"}
	mirrored := cluster
	mirrored.Registry = "registry.example.org/health"

	for _, row := range []struct {
		name    string
		cluster plan.Cluster
		want    []string
	}{
		{"upstream", cluster, []string{
			"registry.k8s.io/kube-apiserver:v1.36.3",
			"registry.k8s.io/kube-controller-manager:v1.36.3",
			"registry.k8s.io/kube-scheduler:v1.36.3",
			"registry.k8s.io/etcd:3.6.5-0",
			"registry.k8s.io/pause:3.10.2",
			"registry.k8s.io/kube-proxy:v1.36.3",
			"ghcr.io/flannel-io/flannel:v0.26.7",
			"docker.io/cloudnativelabs/kube-router:v2.1.0",
			"registry.k8s.io/coredns/coredns:v1.15.0",
			"ghcr.io/dexidp/dex:v2.41.1",
			"docker.io/library/traefik:v3.5.3",
			"registry.k8s.io/provider-os/openstack-cloud-controller-manager:v1.36.0",
			"registry.k8s.io/provider-os/cinder-csi-plugin:v1.36.0",
			"registry.k8s.io/provider-aws/cloud-controller-manager:v1.36.1",
			"public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver:v1.61.1",
			"registry.k8s.io/sig-storage/csi-provisioner:v5.3.0",
			"registry.k8s.io/sig-storage/csi-attacher:v4.10.0",
			"registry.k8s.io/sig-storage/csi-resizer:v1.14.0",
			"registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.15.0",
			"registry.k8s.io/sig-storage/livenessprobe:v2.17.0",
			"docker.io/falcosecurity/falco:0.45.0",
		}},
		{"behind a mirror", mirrored, []string{
			"registry.example.org/health/kube-apiserver:v1.36.3",
			"registry.example.org/health/kube-controller-manager:v1.36.3",
			"registry.example.org/health/kube-scheduler:v1.36.3",
			"registry.example.org/health/etcd:3.6.5-0",
			"registry.example.org/health/pause:3.10.2",
			"registry.example.org/health/kube-proxy:v1.36.3",
			"registry.example.org/health/flannel:v0.26.7",
			"registry.example.org/health/kube-router:v2.1.0",
			"registry.example.org/health/coredns:v1.15.0",
			"registry.example.org/health/dex:v2.41.1",
			"registry.example.org/health/traefik:v3.5.3",
			"registry.example.org/health/openstack-cloud-controller-manager:v1.36.0",
			"registry.example.org/health/cinder-csi-plugin:v1.36.0",
			"registry.example.org/health/cloud-controller-manager:v1.36.1",
			"registry.example.org/health/aws-ebs-csi-driver:v1.61.1",
			"registry.example.org/health/csi-provisioner:v5.3.0",
			"registry.example.org/health/csi-attacher:v4.10.0",
			"registry.example.org/health/csi-resizer:v1.14.0",
			"registry.example.org/health/csi-node-driver-registrar:v2.15.0",
			"registry.example.org/health/livenessprobe:v2.17.0",
			"registry.example.org/health/falco:0.45.0",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var refs []string
			for _, image := range images.For(row.cluster).All() {
				refs = append(refs, image.Ref())
			}
			assert.Equal(t, row.want, refs)
		})
	}
}

// A cluster pulls what its own cloud needs, and the laboratory, which has none, nothing of any.
func TestImagesOfACloud(t *testing.T) {
	t.Parallel()
	catalogue := images.For(plan.Cluster{})
	all, lab, openstack, aws := catalogue.All(), catalogue.On("lab"), catalogue.On("openstack"), catalogue.On("aws")
	assert.Subset(t, openstack, lab)
	assert.Subset(t, aws, lab)
	assert.ElementsMatch(t, all, append(append([]images.Image{}, openstack...), catalogue.AWSController, catalogue.EBSCSI))
	assert.NotContains(t, lab, catalogue.CSIProvisioner)
	assert.NotContains(t, aws, catalogue.CinderCSI)
	assert.NotContains(t, openstack, catalogue.EBSCSI)
	assert.Contains(t, aws, catalogue.CSIProvisioner)
	assert.NotContains(t, lab, catalogue.Falco)
}

// Behind a mirror only the last part of an upstream's name is left: no two may have the same.
func TestNamesAreApartBehindAMirror(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, image := range images.For(plan.Cluster{Registry: "registry.example.org"}).All() {
		name, _, _ := strings.Cut(image.Ref(), ":")
		assert.Empty(t, seen[name], "%s and %s would be one image", image.Upstream, seen[name])
		seen[name] = image.Upstream
	}
}

// A mirror is filled from All: an image missing there would be found out only behind the air gap.
func TestAllListsEveryImageOfTheCatalogue(t *testing.T) {
	t.Parallel()
	catalogue := images.For(plan.Cluster{Version: "v1", EtcdTag: "e", PauseTag: "p", CoreDNSTag: "c"})
	all := catalogue.All()
	fields := reflect.ValueOf(catalogue)
	assert.Len(t, all, fields.NumField())
	for i := range fields.NumField() {
		image := fields.Field(i).Interface().(images.Image)
		assert.Contains(t, all, image, fields.Type().Field(i).Name)
		assert.NotEmpty(t, image.Licence, fields.Type().Field(i).Name)
		assert.NotEmpty(t, image.Use, fields.Type().Field(i).Name)
	}
}

// A digest goes to the image that it is of, beside the tag, and a mirror keeps it.
func TestDigests(t *testing.T) {
	t.Parallel()
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	cluster := plan.Cluster{Version: "v1.36.3", EtcdTag: "3.6.5-0", Digests: map[string]string{"registry.k8s.io/etcd:3.6.5-0": digest}}
	assert.Equal(t, "registry.k8s.io/etcd:3.6.5-0@"+digest, images.For(cluster).Etcd.Ref())
	cluster.Registry = "registry.example.org/health"
	catalogue := images.For(cluster)
	assert.Equal(t, "registry.example.org/health/etcd:3.6.5-0@"+digest, catalogue.Etcd.Ref())
	assert.Equal(t, "registry.example.org/health/etcd:3.6.5-0", catalogue.Etcd.Tagged())
	assert.Equal(t, "registry.k8s.io/etcd:3.6.5-0", catalogue.Etcd.Name())
	assert.Equal(t, "registry.example.org/health/kube-proxy:v1.36.3", catalogue.KubeProxy.Ref())
	cluster.EtcdTag = "3.6.6-0"
	assert.Equal(t, "registry.example.org/health/etcd:3.6.6-0", images.For(cluster).Etcd.Ref(), "the digest was another tag's")
}

func TestPin(t *testing.T) {
	t.Parallel()
	known := map[string]string{}
	p := plan.Plan{Cloud: plan.Cloud{Kind: "openstack"}, Cluster: plan.Cluster{Version: "v1.36.3", EtcdTag: "e", PauseTag: "p", CoreDNSTag: "c"}}
	for _, name := range images.Names(images.For(p.Cluster).All()) {
		known[name] = "sha256:of " + name
	}
	assert.Empty(t, images.Pin(&p, known))
	assert.Len(t, p.Cluster.Digests, len(images.Deployed(&p)))
	assert.NotContains(t, p.Cluster.Digests, images.For(p.Cluster).EBSCSI.Name(), "it is pulled elsewhere")
	assert.NotContains(t, p.Cluster.Digests, images.For(p.Cluster).Dex.Name(), "nobody logs in")

	delete(known, "registry.k8s.io/etcd:e")
	assert.Equal(t, []string{"registry.k8s.io/etcd:e"}, images.Pin(&p, known))
	p.Cluster.Login = &plan.Login{}
	delete(known, "ghcr.io/dexidp/dex:v2.41.1")
	assert.Equal(t, []string{"ghcr.io/dexidp/dex:v2.41.1", "registry.k8s.io/etcd:e"}, images.Pin(&p, known))

	lab := plan.Plan{Cloud: plan.Cloud{Kind: "lab"}}
	assert.Empty(t, images.Pin(&lab, known))
	assert.Nil(t, lab.Cluster.Digests)
}
