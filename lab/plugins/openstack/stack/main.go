// A stack for the test of the lab's OpenStack: one of each kind of resource that a site's cluster is made of. It is a
// program of this module, since the SDK has one importer in the product.
package main

import (
	"fmt"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/blockstorage"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/compute"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/images"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/loadbalancer"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/networking"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() { pulumi.Run(program) }

const (
	apiPort = 6443
	nodes   = 2
)

// tags mark everything that can carry one.
var tags = pulumi.ToStringArray([]string{"lagrum", "country=se"})

func program(ctx *pulumi.Context) error {
	// Who logs in, and where, is in the environment.
	provider, err := openstack.NewProvider(ctx, "cloud", &openstack.ProviderArgs{UseOctavia: pulumi.Bool(true)})
	if err != nil {
		return err
	}
	in := pulumi.Provider(provider)
	n, err := newNetwork(ctx, in)
	if err != nil {
		return err
	}
	if err := newBalancer(ctx, n, in); err != nil {
		return err
	}
	return newNodes(ctx, n, in)
}

// network is what nodes and the load balancer are put into.
type network struct {
	id     pulumi.IDOutput
	subnet *networking.Subnet
	group  *networking.SecGroup
	routed pulumi.Resource
	rules  []pulumi.Resource
}

func newNetwork(ctx *pulumi.Context, in pulumi.ResourceOrInvokeOption) (*network, error) {
	external, err := networking.LookupNetwork(ctx, &networking.LookupNetworkArgs{Name: pulumi.StringRef("external")}, in)
	if err != nil {
		return nil, err
	}
	net, err := networking.NewNetwork(ctx, "nodes", &networking.NetworkArgs{AdminStateUp: pulumi.Bool(true), Tags: tags}, in)
	if err != nil {
		return nil, err
	}
	subnet, err := networking.NewSubnet(ctx, "nodes", &networking.SubnetArgs{
		NetworkId: net.ID(), Cidr: pulumi.String("10.60.0.0/24"), IpVersion: pulumi.Int(4), Tags: tags,
		AllocationPools: networking.SubnetAllocationPoolArray{
			networking.SubnetAllocationPoolArgs{Start: pulumi.String("10.60.0.10"), End: pulumi.String("10.60.0.200")},
		},
	}, in)
	if err != nil {
		return nil, err
	}
	router, err := networking.NewRouter(ctx, "nodes", &networking.RouterArgs{ExternalNetworkId: pulumi.String(external.Id), Tags: tags}, in)
	if err != nil {
		return nil, err
	}
	routed, err := networking.NewRouterInterface(ctx, "nodes", &networking.RouterInterfaceArgs{RouterId: router.ID(), SubnetId: subnet.ID()}, in)
	if err != nil {
		return nil, err
	}
	group, err := networking.NewSecGroup(ctx, "control-plane", &networking.SecGroupArgs{
		Description: pulumi.String("control plane of the test stack"), DeleteDefaultRules: pulumi.Bool(true), Tags: tags,
	}, in)
	if err != nil {
		return nil, err
	}
	n := &network{id: net.ID(), subnet: subnet, group: group, routed: routed}
	for name, args := range map[string]*networking.SecGroupRuleArgs{
		"api": {
			Direction: pulumi.String("ingress"), Ethertype: pulumi.String("IPv4"), Protocol: pulumi.String("tcp"),
			PortRangeMin: pulumi.Int(apiPort), PortRangeMax: pulumi.Int(apiPort), RemoteIpPrefix: pulumi.String("198.51.100.0/24"),
			Description: pulumi.String("administrators reach the API"),
		},
		"among-themselves": {
			Direction: pulumi.String("ingress"), Ethertype: pulumi.String("IPv4"), RemoteGroupId: group.ID(),
			Description: pulumi.String("nodes reach each other"),
		},
		"out": {
			Direction: pulumi.String("egress"), Ethertype: pulumi.String("IPv4"),
			Description: pulumi.String("nodes reach everything"),
		},
	} {
		args.SecurityGroupId = group.ID()
		rule, err := networking.NewSecGroupRule(ctx, name, args, in)
		if err != nil {
			return nil, err
		}
		n.rules = append(n.rules, rule)
	}
	ctx.Export("network", net.ID())
	ctx.Export("subnet", subnet.ID())
	ctx.Export("securityGroup", group.ID())
	return n, nil
}

// newPort makes a port of its own for each node and for the load balancer: Octavia's own would carry no security group.
func (n *network) newPort(ctx *pulumi.Context, name, address string, in pulumi.ResourceOption) (*networking.Port, error) {
	return networking.NewPort(ctx, name, &networking.PortArgs{
		NetworkId: n.id, AdminStateUp: pulumi.Bool(true), SecurityGroupIds: pulumi.StringArray{n.group.ID()}, Tags: tags,
		FixedIps: networking.PortFixedIpArray{networking.PortFixedIpArgs{SubnetId: n.subnet.ID(), IpAddress: pulumi.String(address)}},
	}, in, pulumi.DependsOn(n.rules))
}

func nodeAddress(i int) string { return fmt.Sprintf("10.60.0.%d", 21+i) }

func newBalancer(ctx *pulumi.Context, n *network, in pulumi.ResourceOrInvokeOption) error {
	port, err := n.newPort(ctx, "api", "10.60.0.20", in)
	if err != nil {
		return err
	}
	balancer, err := loadbalancer.NewLoadBalancer(ctx, "api", &loadbalancer.LoadBalancerArgs{VipPortId: port.ID(), Tags: tags}, in)
	if err != nil {
		return err
	}
	listener, err := loadbalancer.NewListener(ctx, "api", &loadbalancer.ListenerArgs{
		LoadbalancerId: balancer.ID(), Protocol: pulumi.String("TCP"), ProtocolPort: pulumi.Int(apiPort),
		AllowedCidrs: pulumi.ToStringArray([]string{"10.60.0.0/24", "198.51.100.0/24"}), Tags: tags,
	}, in)
	if err != nil {
		return err
	}
	pool, err := loadbalancer.NewPool(ctx, "api", &loadbalancer.PoolArgs{
		ListenerId: listener.ID(), Protocol: pulumi.String("TCP"), LbMethod: pulumi.String("ROUND_ROBIN"),
	}, in)
	if err != nil {
		return err
	}
	for i := range nodes {
		if _, err := loadbalancer.NewMember(ctx, fmt.Sprintf("node-%d", i), &loadbalancer.MemberArgs{
			PoolId: pool.ID(), Address: pulumi.String(nodeAddress(i)), ProtocolPort: pulumi.Int(apiPort), SubnetId: n.subnet.ID(),
		}, in); err != nil {
			return err
		}
	}
	ctx.Export("loadBalancer", balancer.ID())
	ctx.Export("listener", listener.ID())
	return nil
}

func newNodes(ctx *pulumi.Context, n *network, in pulumi.ResourceOrInvokeOption) error {
	image, err := images.LookupImage(ctx, &images.LookupImageArgs{Name: pulumi.StringRef("lab-image"), MostRecent: pulumi.BoolRef(true)}, in)
	if err != nil {
		return err
	}
	spread, err := compute.NewServerGroup(ctx, "control-plane", &compute.ServerGroupArgs{Policies: pulumi.ToStringArray([]string{"anti-affinity"})}, in)
	if err != nil {
		return err
	}
	var servers, volumes pulumi.StringArray
	before := []pulumi.Resource{n.routed}
	for i := range nodes {
		name := fmt.Sprintf("node-%d", i)
		port, err := n.newPort(ctx, name, nodeAddress(i), in)
		if err != nil {
			return err
		}
		volume := func(role string, args blockstorage.VolumeArgs) (*blockstorage.Volume, error) {
			args.Size, args.VolumeType, args.Metadata = pulumi.Int(1), pulumi.String("luks"), pulumi.Map{"country": pulumi.String("se")}
			made, err := blockstorage.NewVolume(ctx, name+"-"+role, &args, in)
			if err == nil {
				volumes = append(volumes, made.ID())
			}
			return made, err
		}
		boot, err := volume("boot", blockstorage.VolumeArgs{ImageId: pulumi.String(image.Id)})
		if err != nil {
			return err
		}
		data, err := volume("data", blockstorage.VolumeArgs{})
		if err != nil {
			return err
		}
		server, err := compute.NewInstance(ctx, name, &compute.InstanceArgs{
			FlavorName: pulumi.String("lab.small"), ConfigDrive: pulumi.Bool(true), UserData: pulumi.String("#cloud-config\n{}\n"), Tags: tags,
			Networks:       compute.InstanceNetworkArray{compute.InstanceNetworkArgs{Port: port.ID()}},
			SchedulerHints: compute.InstanceSchedulerHintArray{compute.InstanceSchedulerHintArgs{Group: spread.ID()}},
			BlockDevices: compute.InstanceBlockDeviceArray{
				disk(boot, 0), disk(data, -1),
			},
		}, in, pulumi.DependsOn(before))
		if err != nil {
			return err
		}
		// One after another: Nova lets two members of a group that are made at once meet on one host, refuses both there, and
		// gives up after three hosts.
		before = append(before, server)
		servers = append(servers, server.ID())
	}
	ctx.Export("servers", servers)
	ctx.Export("volumes", volumes)
	return nil
}

func disk(volume *blockstorage.Volume, index int) compute.InstanceBlockDeviceArgs {
	return compute.InstanceBlockDeviceArgs{
		Uuid: volume.ID(), SourceType: pulumi.String("volume"), DestinationType: pulumi.String("volume"), BootIndex: pulumi.Int(index),
	}
}
