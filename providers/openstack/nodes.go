package openstack

import (
	"fmt"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/blockstorage"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/compute"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/networking"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

type nodes struct {
	pulumi.ResourceState
}

// Nodes makes the pool's machines, each with encrypted volumes and a port of its own, and puts control planes behind the
// load balancer.
func (c *Cloud) Nodes(
	ctx *pulumi.Context, name string, args *providers.NodesArgs, opts ...pulumi.ResourceOption,
) (*providers.Nodes, error) {
	made := &providers.Nodes{Machines: map[string]providers.Machine{}}
	facts := pulumi.Map{"role": pulumi.String(args.Pool.Role), "size": pulumi.String(args.Pool.Size)}
	err := construct.Component(ctx, "lagrum:openstack:Nodes", name, &nodes{}, facts, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			// Control planes must not share a host, or the loss of one host takes the quorum; workers should not.
			policy := "anti-affinity"
			if args.Pool.Role == plan.Worker {
				policy = "soft-anti-affinity"
			}
			group, err := compute.NewServerGroup(ctx, name, &compute.ServerGroupArgs{
				Name: physical(args.Plan, args.Pool.Name), Policies: pulumi.ToStringArray([]string{policy}),
			}, parent)
			if err != nil {
				return nil, fmt.Errorf("server group: %w", err)
			}
			// Nova checks that members are apart when it has placed them: two that are placed at once may both choose the last
			// free host, and one ends in ERROR. So control planes are made one after another.
			var before []pulumi.Resource
			for _, node := range args.Pool.Nodes {
				m, err := c.newMachine(ctx, args, node, group, before, parent)
				if err != nil {
					return nil, fmt.Errorf("node %s: %w", node.Name, err)
				}
				made.Machines[node.Name] = m
				if args.Pool.Role == plan.ControlPlane {
					before = []pulumi.Resource{m.Resource}
				}
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (c *Cloud) newMachine(
	ctx *pulumi.Context, args *providers.NodesArgs, node plan.Node, group *compute.ServerGroup, after []pulumi.Resource,
	parent pulumi.ResourceOption,
) (providers.Machine, error) {
	p, o := args.Plan, args.Foundation.Own.(own)
	child := p.Name + "-" + node.Name
	port, err := networking.NewPort(ctx, child, &networking.PortArgs{
		Name: physical(p, node.Name), Tags: tags(p, "openstack:networking/port:Port"), NetworkId: o.network,
		FixedIps:         networking.PortFixedIpArray{networking.PortFixedIpArgs{SubnetId: o.subnet}},
		SecurityGroupIds: pulumi.StringArray{o.groups[firewall.GroupOf(args.Pool.Role)]},
	}, parent)
	if err != nil {
		return providers.Machine{}, fmt.Errorf("port: %w", err)
	}
	kept := pulumi.Protect(p.Protect && !node.Leaving) // a worker is let go once it is drained
	var disks compute.InstanceBlockDeviceArray
	for i, disk := range args.Pool.Disks {
		volume, err := c.newVolume(ctx, child, p, node, disk, parent, kept)
		if err != nil {
			return providers.Machine{}, err
		}
		boot := i
		if disk.Name != rootDisk {
			boot = -1
		}
		disks = append(disks, compute.InstanceBlockDeviceArgs{
			SourceType: pulumi.String("volume"), DestinationType: pulumi.String("volume"), Uuid: volume.ID(), BootIndex: pulumi.Int(boot),
			DeleteOnTermination: pulumi.Bool(false), // the volumes are resources of their own
		})
	}
	instance, err := compute.NewInstance(ctx, child, &compute.InstanceArgs{
		Name: physical(p, node.Name), Tags: whose(p), Metadata: metadata(p, "openstack:compute/instance:Instance"),
		FlavorName:       pulumi.String(args.Pool.Size),
		AvailabilityZone: pulumi.String(node.Zone), BlockDevices: disks, UserData: args.UserData[node.Name],
		Networks:          compute.InstanceNetworkArray{compute.InstanceNetworkArgs{Port: port.ID()}},
		SchedulerHints:    compute.InstanceSchedulerHintArray{compute.InstanceSchedulerHintArgs{Group: group.ID()}},
		StopBeforeDestroy: pulumi.Bool(true), // pods get their grace
	}, parent, kept, pulumi.DependsOn(after),
		// Its port and volumes cannot be another's while it stands, one in ERROR included.
		pulumi.DeleteBeforeReplace(true),
		// A change would destroy the server; it is renewed by declaring a new generation.
		pulumi.IgnoreChanges([]string{"userData"}), pulumi.AdditionalSecretOutputs([]string{"userData"}))
	if err != nil {
		return providers.Machine{}, fmt.Errorf("instance: %w", err)
	}
	address := port.AllFixedIps.Index(pulumi.Int(0))
	machine := providers.Machine{Address: address, Resource: instance}
	if args.Pool.Role != plan.ControlPlane {
		return machine, newGatewayMembers(ctx, child, node.Name, p, o, address, instance, parent)
	}
	machine.Member, err = newMember(ctx, child+"-api", node.Name, p, o, address, parent)
	return machine, err
}

// rootDisk is the disk that a machine boots from.
const rootDisk = "root"

// newVolume makes one volume, encrypted by the cloud or, of a data disk, by the node. The root volume is made from the image before the machine: Nova gives up while
// Cinder still writes an encrypted volume.
func (c *Cloud) newVolume(
	ctx *pulumi.Context, child string, p *plan.Plan, node plan.Node, disk plan.Disk, opts ...pulumi.ResourceOption,
) (*blockstorage.Volume, error) {
	args := &blockstorage.VolumeArgs{
		Name: physical(p, node.Name+"-"+disk.Name), Metadata: metadata(p, "openstack:blockstorage/volume:Volume"),
		Size:       pulumi.Int(disk.GiB),
		VolumeType: pulumi.String(c.facts.VolumeType), AvailabilityZone: pulumi.String(node.Zone),
	}
	if disk.Name == rootDisk {
		args.ImageId = pulumi.String(c.facts.Image)
	} else {
		args.VolumeType = pulumi.String(c.facts.DataVolumeType)
	}
	made, err := blockstorage.NewVolume(ctx, child+"-"+disk.Name, args,
		append(opts, pulumi.IgnoreChanges([]string{"imageId"}))...)
	if err != nil {
		return nil, fmt.Errorf("volume %s: %w", disk.Name, err)
	}
	return made, nil
}
