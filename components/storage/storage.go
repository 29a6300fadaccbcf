// Package storage gives a cluster encrypted volumes of its cloud: a CSI driver, and the two classes that there are.
//
// Both classes are encrypted as the machines' own disks are. They differ in what becomes of a volume whose claim is deleted:
// encrypted, the default, lets it go with its claim; encrypted-retain keeps it, for whatever the law says must be kept. An
// admission policy refuses every other class of the driver.
//
// The driver has two halves. Its controller asks the cloud, and runs on control planes, where the right to do that is; its
// node plugin mounts, runs privileged on every node, and has no right in the cloud.
package storage

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	storagev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/storage/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:storage:Storage"

// The classes that there are.
const (
	// Encrypted is the default. Its volumes go with their claims: what nobody declared to be a record is not kept.
	Encrypted = "encrypted"
	// Retained is for record data. Its volumes stay when their claims are deleted, until a person deletes them in the cloud.
	Retained = "encrypted-retain"
)

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Endpoint is the host of the API's load balancer, without port.
	Endpoint pulumi.StringInput
	// Config is the file that the driver's controller reads of its cloud. Secret where it holds a credential.
	Config pulumi.StringInput
	// Encryption are the parameters by which a class asks for encrypted volumes.
	Encryption map[string]pulumi.StringOutput
	// Tags are set on every volume, where the driver can.
	Tags map[string]string
	// After are the workloads without which the driver cannot start: the cluster's network, and what tells nodes of their
	// machines.
	After []pulumi.Resource
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// Storage is storage that can be claimed.
type Storage struct {
	pulumi.ResourceState

	// Ready are the classes. Whatever claims volumes depends on them.
	Ready []pulumi.Resource
}

// New installs the driver and its classes. The caller's options must carry the cluster's Kubernetes provider.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Storage, error) {
	s := &Storage{}
	kind := args.Plan.Cloud.Kind
	catalogue := images.For(args.Plan.Cluster)
	d, known := drivers(args, catalogue)[kind]
	if !known {
		return nil, fmt.Errorf("%s: cloud.kind: %q has no storage driver", name, kind)
	}
	err := construct.Component(ctx, token, name, s, pulumi.Map{"driver": pulumi.String(d.name)}, opts,
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			b := &builder{
				Set: workload.Set{Ctx: ctx, Name: name, PartOf: "storage", Parent: parent, Guards: args.Guards}, args: args, driver: d, images: catalogue,
				api: workload.APIAddress(args.Endpoint, args.Plan.Cluster.APIPort),
			}
			policies, err := b.policies()
			if err != nil {
				return nil, err
			}
			if err := b.introduce(); err != nil {
				return nil, err
			}
			controller, err := b.controller()
			if err != nil {
				return nil, err
			}
			node, err := b.node()
			if err != nil {
				return nil, err
			}
			s.Ready, err = b.classes(append(policies, controller, node))
			return pulumi.Map{}, err
		})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// builder holds what all parts share while New runs.
type builder struct {
	workload.Set
	args   *Args
	driver driver
	images images.Catalogue
	api    corev1.EnvVarArray
}

// introduce tells Kubernetes how the driver wants to be treated.
func (b *builder) introduce() error {
	_, err := storagev1.NewCSIDriver(b.Ctx, b.Name+"-driver", &storagev1.CSIDriverArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(b.driver.name), Labels: b.Labels(b.driver.part)},
		Spec: &storagev1.CSIDriverSpecArgs{
			AttachRequired: pulumi.Bool(true), PodInfoOnMount: pulumi.Bool(false),
			FsGroupPolicy:        pulumi.String("File"),
			VolumeLifecycleModes: pulumi.ToStringArray([]string{"Persistent"}),
		},
	}, b.Parent)
	if err != nil {
		return fmt.Errorf("CSI driver: %w", err)
	}
	return nil
}

// classes makes the two classes. A volume is made where its pod is, so that it never lies in a zone without it.
func (b *builder) classes(needs []pulumi.Resource) ([]pulumi.Resource, error) {
	parameters := pulumi.StringMap{"csi.storage.k8s.io/fstype": pulumi.String("ext4")}
	for key, value := range b.args.Encryption {
		parameters[key] = value
	}
	var made []pulumi.Resource
	for _, class := range []struct {
		name, reclaim string
		standard      bool
	}{{Encrypted, "Delete", true}, {Retained, "Retain", false}} {
		metadata := &metav1.ObjectMetaArgs{Name: pulumi.String(class.name), Labels: b.Labels(b.driver.part)}
		if class.standard {
			metadata.Annotations = pulumi.StringMap{"storageclass.kubernetes.io/is-default-class": pulumi.String("true")}
		}
		one, err := storagev1.NewStorageClass(b.Ctx, b.Name+"-"+class.name, &storagev1.StorageClassArgs{
			Metadata: metadata, Provisioner: pulumi.String(b.driver.name), Parameters: parameters,
			ReclaimPolicy: pulumi.String(class.reclaim), VolumeBindingMode: pulumi.String("WaitForFirstConsumer"),
			AllowVolumeExpansion: pulumi.Bool(true),
		}, b.Parent, pulumi.DependsOn(needs))
		if err != nil {
			return nil, fmt.Errorf("class %s: %w", class.name, err)
		}
		made = append(made, one)
	}
	return made, nil
}
