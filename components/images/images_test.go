package images_test

import (
	"reflect"
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
