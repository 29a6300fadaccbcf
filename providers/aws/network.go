package aws

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

type foundation struct {
	pulumi.ResourceState
}

// own is what later resources need of the foundation.
type own struct {
	key     pulumi.StringOutput            // ARN
	vpc     pulumi.StringOutput            // id
	subnets map[string]pulumi.StringOutput // ids of the nodes' subnets by zone
	out     map[string]pulumi.StringOutput // the same, once there is a way out of them
	groups  map[firewall.Group]pulumi.StringOutput
	targets pulumi.StringOutput            // ARN of the API's target group
	public  map[string]pulumi.StringOutput // ids of the public subnets by zone, once they lead to the Internet
	gateway *gateway                       // nil where the plan has none
}

// Foundation makes the stack's key, the node network with a way out, the security groups, the API's load
// balancer and the gateway's.
func (c *Cloud) Foundation(
	ctx *pulumi.Context, name string, args *providers.FoundationArgs, opts ...pulumi.ResourceOption,
) (*providers.Foundation, error) {
	made := &providers.Foundation{}
	p := args.Plan
	facts := pulumi.Map{"nodeCIDR": pulumi.String(p.Network.NodeCIDR), "account": pulumi.String(c.facts.Account)}
	err := construct.Component(ctx, "lagrum:aws:Foundation", name, &foundation{}, facts, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			o := own{}
			var err error
			if o.key, err = newKey(ctx, name+"-key", p, parent); err != nil {
				return nil, err
			}
			if err := newNetwork(ctx, name, p, &o, parent); err != nil {
				return nil, err
			}
			if o.groups, err = newFirewall(ctx, name, args, o.vpc, parent); err != nil {
				return nil, err
			}
			if made.Endpoint, o.targets, err = newLoadBalancer(ctx, name+"-api", p, o, parent); err != nil {
				return nil, err
			}
			outputs := pulumi.Map{"endpoint": made.Endpoint}
			if p.Gateway != nil {
				if o.gateway, err = newGateway(ctx, name+"-gateway", p, o, parent); err != nil {
					return nil, fmt.Errorf("gateway: %w", err)
				}
				made.Gateway, outputs["gateway"] = o.gateway.host, o.gateway.host
			}
			made.Own = o
			return outputs, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// newNetwork makes the VPC, and in each zone a private subnet for nodes and a small public one for the NAT gateway
// and the public face of the gateway, if the plan has one: a zone that is lost takes no other's way out with it. Routes are resources of their own, so that the
// operator's routes to the site's declared sources can stand in the same tables.
func newNetwork(ctx *pulumi.Context, name string, p *plan.Plan, o *own, parent pulumi.ResourceOption) error {
	cut, err := carve(p)
	if err != nil {
		return err
	}
	vpc, err := ec2.NewVpc(ctx, name+"-network", &ec2.VpcArgs{
		CidrBlock: pulumi.String(cut.vpc.String()), Tags: named(p, "aws:ec2/vpc:Vpc", "nodes"),
		EnableDnsSupport: pulumi.Bool(true), EnableDnsHostnames: pulumi.Bool(true), // the API's name is resolved in it
	}, parent)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	o.vpc = vpc.ID().ToStringOutput()
	// What names no security group gets the network's default one, which AWS makes open between its members.
	_, err = ec2.NewDefaultSecurityGroup(ctx, name+"-default", &ec2.DefaultSecurityGroupArgs{
		VpcId: o.vpc, Tags: named(p, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default-closed"),
		Ingress: ec2.DefaultSecurityGroupIngressArray{}, Egress: ec2.DefaultSecurityGroupEgressArray{},
	}, parent)
	if err != nil {
		return fmt.Errorf("default security group: %w", err)
	}
	internet, err := ec2.NewInternetGateway(ctx, name+"-internet", &ec2.InternetGatewayArgs{VpcId: o.vpc, Tags: named(p, "aws:ec2/internetGateway:InternetGateway", "out")}, parent)
	if err != nil {
		return fmt.Errorf("internet gateway: %w", err)
	}
	public, err := ec2.NewRouteTable(ctx, name+"-public", &ec2.RouteTableArgs{VpcId: o.vpc, Tags: named(p, "aws:ec2/routeTable:RouteTable", "public")}, parent)
	if err != nil {
		return fmt.Errorf("public route table: %w", err)
	}
	outward, err := ec2.NewRoute(ctx, name+"-public", &ec2.RouteArgs{
		RouteTableId: public.ID(), DestinationCidrBlock: pulumi.String(everywhere), GatewayId: internet.ID(),
	}, parent)
	if err != nil {
		return fmt.Errorf("public route: %w", err)
	}
	o.subnets, o.out, o.public = map[string]pulumi.StringOutput{}, map[string]pulumi.StringOutput{}, map[string]pulumi.StringOutput{}
	for _, zone := range p.Cloud.Zones {
		z := zoneNetwork{ctx: ctx, name: name, p: p, zone: zone, vpc: o.vpc, parent: parent}
		var nat *ec2.NatGateway
		nat, o.public[zone], err = z.gateway(cut.public[zone], public, outward)
		if err != nil {
			return fmt.Errorf("zone %s: %w", zone, err)
		}
		if o.subnets[zone], o.out[zone], err = z.nodes(cut.nodes[zone], nat); err != nil {
			return fmt.Errorf("zone %s: %w", zone, err)
		}
	}
	return nil
}

const everywhere = "0.0.0.0/0"

// zoneNetwork is what the two halves of a zone's network share.
type zoneNetwork struct {
	ctx        *pulumi.Context
	name, zone string
	p          *plan.Plan
	vpc        pulumi.StringOutput
	parent     pulumi.ResourceOption
}

func (z *zoneNetwork) subnet(role string, cidr netip.Prefix) (*ec2.Subnet, error) {
	return ec2.NewSubnet(z.ctx, z.name+"-"+role+"-"+z.zone, &ec2.SubnetArgs{
		VpcId: z.vpc, CidrBlock: pulumi.String(cidr.String()), AvailabilityZone: zoneName(z.p, z.zone),
		MapPublicIpOnLaunch: pulumi.Bool(false), Tags: named(z.p, "aws:ec2/subnet:Subnet", role+"-"+z.zone),
	}, z.parent)
}

// gateway makes the zone's public subnet and its NAT gateway, by which nothing comes in. The subnet's id is known once
// it leads to the Internet.
func (z *zoneNetwork) gateway(cidr netip.Prefix, table *ec2.RouteTable, outward *ec2.Route) (nat *ec2.NatGateway, public pulumi.StringOutput, err error) {
	subnet, err := z.subnet("public", cidr)
	if err != nil {
		return nil, public, fmt.Errorf("public subnet: %w", err)
	}
	associated, err := ec2.NewRouteTableAssociation(z.ctx, z.name+"-public-"+z.zone, &ec2.RouteTableAssociationArgs{
		SubnetId: subnet.ID(), RouteTableId: table.ID(),
	}, z.parent)
	if err != nil {
		return nil, public, fmt.Errorf("public route table association: %w", err)
	}
	// An address cannot be taken from a network that has lost its internet gateway, nor a NAT gateway start in one: the
	// route says that it is attached.
	routed := pulumi.DependsOn([]pulumi.Resource{outward})
	address, err := ec2.NewEip(z.ctx, z.name+"-nat-"+z.zone, &ec2.EipArgs{
		Domain: pulumi.String("vpc"), Tags: named(z.p, "aws:ec2/eip:Eip", "nat-"+z.zone),
	}, z.parent, routed)
	if err != nil {
		return nil, public, fmt.Errorf("address of the NAT gateway: %w", err)
	}
	nat, err = ec2.NewNatGateway(z.ctx, z.name+"-nat-"+z.zone, &ec2.NatGatewayArgs{
		SubnetId: subnet.ID(), AllocationId: address.ID(), ConnectivityType: pulumi.String("public"),
		Tags: named(z.p, "aws:ec2/natGateway:NatGateway", "nat-"+z.zone),
	}, z.parent, routed)
	if err != nil {
		return nil, public, fmt.Errorf("NAT gateway: %w", err)
	}
	return nat, after(subnet.ID().ToStringOutput(), outward.ID(), associated.ID()), nil
}

// nodes makes the zone's private subnet. Its second form is for machines, which need a way out when they boot.
func (z *zoneNetwork) nodes(cidr netip.Prefix, nat *ec2.NatGateway) (id, routed pulumi.StringOutput, err error) {
	subnet, err := z.subnet("nodes", cidr)
	if err != nil {
		return id, routed, fmt.Errorf("subnet: %w", err)
	}
	table, err := ec2.NewRouteTable(z.ctx, z.name+"-nodes-"+z.zone, &ec2.RouteTableArgs{VpcId: z.vpc, Tags: named(z.p, "aws:ec2/routeTable:RouteTable", "nodes-"+z.zone)}, z.parent)
	if err != nil {
		return id, routed, fmt.Errorf("route table: %w", err)
	}
	route, err := ec2.NewRoute(z.ctx, z.name+"-nodes-"+z.zone, &ec2.RouteArgs{
		RouteTableId: table.ID(), DestinationCidrBlock: pulumi.String(everywhere), NatGatewayId: nat.ID(),
	}, z.parent)
	if err != nil {
		return id, routed, fmt.Errorf("route: %w", err)
	}
	associated, err := ec2.NewRouteTableAssociation(z.ctx, z.name+"-nodes-"+z.zone, &ec2.RouteTableAssociationArgs{
		SubnetId: subnet.ID(), RouteTableId: table.ID(),
	}, z.parent)
	if err != nil {
		return id, routed, fmt.Errorf("route table association: %w", err)
	}
	id = subnet.ID().ToStringOutput()
	return id, after(id, route.ID(), associated.ID()), nil
}

// zoneName is a zone as AWS names it: eu-north-1a.
func zoneName(p *plan.Plan, zone string) pulumi.String { return pulumi.String(p.Cloud.Region + zone) }

// addresses are how the node network is cut.
type addresses struct {
	vpc netip.Prefix
	// nodes and public are subnets by zone.
	nodes, public map[string]netip.Prefix
}

const (
	// zoneLetters are the zones that a region of AWS in Europe can have; none has had a fourth.
	zoneLetters = "abc"
	// AWS takes networks of /16 to /28, and subnets of at least /28.
	widest, narrowest = 16, 28
	// taken are the addresses of a nodes' subnet that no node gets: five of AWS's own and one of each load balancer in it.
	taken = 5 + 1
)

// carve cuts the node network. What a zone gets depends on its letter alone, so that a zone that comes or goes moves no
// other's nodes: a, b and c have a quarter each for nodes, and in the last quarter sixteen addresses each for their NAT
// gateways; the rest is kept. Of a node network wider than AWS allows, the first /16 is used. Every address that is made
// lies in the declared network, which is what the operator's routes lead to.
func carve(p *plan.Plan) (addresses, error) {
	declared, err := netip.ParsePrefix(p.Network.NodeCIDR)
	if err != nil || !declared.Addr().Is4() {
		return addresses{}, fmt.Errorf("cluster.nodeCIDR: %q is no IPv4 network; use one such as 172.31.0.0/20", p.Network.NodeCIDR)
	}
	cut := addresses{
		vpc:   netip.PrefixFrom(declared.Addr(), max(declared.Bits(), widest)).Masked(),
		nodes: map[string]netip.Prefix{}, public: map[string]netip.Prefix{},
	}
	quarter := cut.vpc.Bits() + 2
	for _, zone := range p.Cloud.Zones {
		letter := strings.Index(zoneLetters, zone)
		if letter < 0 || len(zone) != 1 {
			return addresses{}, fmt.Errorf("nodePools zones: %q is no zone of a European region of AWS; use a, b or c", zone)
		}
		if quarter > narrowest || letter >= 1<<(narrowest-quarter) {
			return addresses{}, fmt.Errorf("cluster.nodeCIDR: %q has no room for zone %s, where AWS wants 16 addresses for nodes and "+
				"16 for the way out; use a /%d or larger", p.Network.NodeCIDR, zone, narrowest-2-letter)
		}
		cut.nodes[zone] = part(cut.vpc, quarter, letter)
		cut.public[zone] = part(part(cut.vpc, quarter, len(zoneLetters)), narrowest, letter)
		room := 1<<(32-quarter) - taken
		if p.Gateway != nil && !p.Gateway.Public {
			room--
		}
		if wanted := most(p, zone); wanted > room {
			return addresses{}, fmt.Errorf("cluster.nodeCIDR: %q leaves zone %s room for %d nodes, and %d may exist during a replacement; "+
				"use a larger network", p.Network.NodeCIDR, zone, room, wanted)
		}
	}
	return cut, nil
}

// part is the nth subnet of that many bits.
func part(whole netip.Prefix, bits, n int) netip.Prefix {
	a := whole.Addr().As4()
	start := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	start += uint32(n) << (32 - bits)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(start >> 24), byte(start >> 16), byte(start >> 8), byte(start)}), bits)
}

// most is how many nodes a zone may have at once: all of them, and those of its largest pool once more, since a
// replacement is made before its predecessor goes.
func most(p *plan.Plan, zone string) int {
	all, largest := 0, 0
	for _, pool := range p.Pools {
		here := 0
		for _, node := range pool.Nodes {
			if node.Zone == zone {
				here++
			}
		}
		all += here
		largest = max(largest, here)
	}
	return all + largest
}
