package aws

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

type nodes struct {
	pulumi.ResourceState
}

// pool is what the machines of one pool share.
type pool struct {
	placement *ec2.PlacementGroup
	role      *iam.Role
	profile   *iam.InstanceProfile
	right     *iam.RolePolicy
	devices   map[string]string // by disk
}

// poolOwn is what later resources need of a pool.
type poolOwn struct {
	role pulumi.StringOutput // name
}

// Nodes makes the pool's machines with their role and their encrypted disks, and puts control planes behind the load
// balancer.
func (c *Cloud) Nodes(
	ctx *pulumi.Context, name string, args *providers.NodesArgs, opts ...pulumi.ResourceOption,
) (*providers.Nodes, error) {
	made := &providers.Nodes{Machines: map[string]providers.Machine{}}
	p, o := args.Plan, args.Foundation.Own.(own)
	facts := pulumi.Map{"role": pulumi.String(args.Pool.Role), "size": pulumi.String(args.Pool.Size)}
	err := construct.Component(ctx, "lagrum:aws:Nodes", name, &nodes{}, facts, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			shared := pool{}
			var err error
			if shared.devices, err = devices(args.Pool.Disks); err != nil {
				return nil, fmt.Errorf("disks: %w", err)
			}
			if shared.placement, err = newPlacement(ctx, name, p, args.Pool, parent); err != nil {
				return nil, err
			}
			if err := newProfile(ctx, name, p, args.Pool.Name, o.key, &shared, parent); err != nil {
				return nil, err
			}
			made.Own = poolOwn{role: shared.role.Name}
			for _, node := range args.Pool.Nodes {
				m, err := newMachine(ctx, args, node, shared, parent)
				if err != nil {
					return nil, fmt.Errorf("node %s: %w", node.Name, err)
				}
				made.Machines[node.Name] = m
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// newPlacement keeps machines apart. Control planes must not share a rack, or the loss of one takes the quorum. Workers
// are spread over as many partitions as there can be: a group of strict spread holds seven machines in a zone.
func newPlacement(
	ctx *pulumi.Context, name string, p *plan.Plan, pool plan.Pool, parent pulumi.ResourceOption,
) (*ec2.PlacementGroup, error) {
	args := &ec2.PlacementGroupArgs{Name: physical(p, pool.Name), Strategy: pulumi.String("spread"),
		Tags: served(p, "aws:ec2/placementGroup:PlacementGroup")}
	if pool.Role == plan.Worker {
		args.Strategy, args.PartitionCount = pulumi.String("partition"), pulumi.Int(7)
	}
	made, err := ec2.NewPlacementGroup(ctx, name, args, parent)
	if err != nil {
		return nil, fmt.Errorf("placement group: %w", err)
	}
	return made, nil
}

func newMachine(
	ctx *pulumi.Context, args *providers.NodesArgs, node plan.Node, shared pool, parent pulumi.ResourceOption,
) (providers.Machine, error) {
	p, o := args.Plan, args.Foundation.Own.(own)
	child := p.Name + "-" + node.Name
	kept := pulumi.Protect(p.Protect && !node.Leaving) // a worker is let go once it is drained
	instance, err := ec2.NewInstance(ctx, child, &ec2.InstanceArgs{
		Ami: pulumi.String(p.Cloud.AWS.Image), InstanceType: pulumi.String(args.Pool.Size), UserData: args.UserData[node.Name],
		AvailabilityZone: zoneName(p, node.Zone), PlacementGroup: shared.placement.Name, Tags: named(p, "aws:ec2/instance:Instance", node.Name),
		SubnetId: o.out[node.Zone], VpcSecurityGroupIds: pulumi.StringArray{o.groups[firewall.GroupOf(args.Pool.Role)]},
		AssociatePublicIpAddress: pulumi.Bool(false),
		IamInstanceProfile:       shared.profile.Name,
		// The metadata service hands out the role's credential. It wants a token, and the answer dies at the first hop: pods
		// of the pod network are a hop further away.
		MetadataOptions: ec2.InstanceMetadataOptionsArgs{
			HttpEndpoint: pulumi.String("enabled"), HttpTokens: pulumi.String("required"), HttpPutResponseHopLimit: pulumi.Int(1),
			HttpProtocolIpv6: pulumi.String("disabled"), InstanceMetadataTags: pulumi.String("disabled"),
		},
		RootBlockDevice: rootDevice(p, args.Pool.Disks, node, o.key),
	}, parent, kept, pulumi.DependsOn([]pulumi.Resource{shared.right}), // it reads its bundle when it boots
		// A change would stop or replace the machine; it is renewed by declaring a new generation.
		pulumi.IgnoreChanges([]string{"ami", "userData", "userDataBase64"}))
	if err != nil {
		return providers.Machine{}, fmt.Errorf("instance: %w", err)
	}
	for _, disk := range args.Pool.Disks {
		if disk.Name == rootDisk {
			continue
		}
		if err := newVolume(ctx, child+"-"+disk.Name, p, node, disk, shared.devices[disk.Name], instance, o.key, parent, kept); err != nil {
			return providers.Machine{}, fmt.Errorf("volume %s: %w", disk.Name, err)
		}
	}
	machine := providers.Machine{Address: instance.PrivateIp, Alias: instance.PrivateDns, Resource: instance}
	if args.Pool.Role != plan.ControlPlane {
		return machine, newGatewayMembers(ctx, child, p, o, instance.ID(), parent)
	}
	machine.Member, err = newMember(ctx, child+"-api", p, o, instance.ID(), parent)
	return machine, err
}

// rootDisk is the disk that a machine boots from.
const rootDisk = "root"

// volumeType has 3000 operations and 125 MiB a second whatever its size, which etcd needs of a small disk.
const volumeType = "gp3"

// rootDevice is the root disk. It is part of the machine and goes with it. Its key is named by ARN, and the provider's tags
// are not repeated here, though they reach it: either way it would differ at every refresh
// (hashicorp/terraform-provider-aws#36448).
func rootDevice(p *plan.Plan, disks []plan.Disk, node plan.Node, key pulumi.StringInput) ec2.InstanceRootBlockDeviceArgs {
	device := ec2.InstanceRootBlockDeviceArgs{
		Encrypted: pulumi.Bool(true), KmsKeyId: key, VolumeType: pulumi.String(volumeType), DeleteOnTermination: pulumi.Bool(true),
		Tags: named(p, "aws:ebs/volume:Volume", node.Name+"-"+rootDisk),
	}
	for _, disk := range disks {
		if disk.Name == rootDisk {
			device.VolumeSize = pulumi.Int(disk.GiB)
		}
	}
	return device
}

// newVolume makes one encrypted data disk and attaches it.
func newVolume(
	ctx *pulumi.Context, name string, p *plan.Plan, node plan.Node, disk plan.Disk, device string, instance *ec2.Instance,
	key pulumi.StringInput, parent, kept pulumi.ResourceOption,
) error {
	volume, err := ebs.NewVolume(ctx, name, &ebs.VolumeArgs{
		AvailabilityZone: zoneName(p, node.Zone), Size: pulumi.Int(disk.GiB), Type: pulumi.String(volumeType),
		Encrypted: pulumi.Bool(true), KmsKeyId: key, Tags: named(p, "aws:ebs/volume:Volume", node.Name+"-"+disk.Name),
	}, parent, kept)
	if err != nil {
		return err
	}
	_, err = ec2.NewVolumeAttachment(ctx, name, &ec2.VolumeAttachmentArgs{
		DeviceName: pulumi.String(device), InstanceId: instance.ID(), VolumeId: volume.ID(),
		StopInstanceBeforeDetaching: pulumi.Bool(true), // a mounted disk does not let go
	}, parent)
	return err
}

// devices gives every data disk the name that AWS attaches it under: /dev/sdf to /dev/sdp, in the order in which the site
// lists them. A disk that is added later is listed last, or those after it move.
func devices(disks []plan.Disk) (map[string]string, error) {
	const letters = "fghijklmnop"
	given := map[string]string{}
	for _, disk := range disks {
		if disk.Name == rootDisk {
			continue
		}
		if len(given) == len(letters) {
			return nil, fmt.Errorf("%q is one more than the %d data disks that AWS attaches; declare fewer, larger ones", disk.Name, len(letters))
		}
		given[disk.Name] = "/dev/sd" + letters[len(given):len(given)+1]
	}
	return given, nil
}
