package lab

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

type nodes struct {
	pulumi.ResourceState
}

type machine struct {
	pulumi.CustomResourceState
	Address pulumi.StringOutput `pulumi:"address"`
}

// size is what a lab machine gets, written <cores>c<GiB>g. The host's cores are shared, so cores are a weight and no
// promise.
type size struct{ cpus, memoryMiB int }

var sizePattern = regexp.MustCompile(`^(?:vm-)?([1-9][0-9]?)c([1-9][0-9]?)g$`)

func parseSize(text string) (size, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return size{}, fmt.Errorf("%q is no size of the lab; write <cores>c<GiB>g, such as 2c2g, or vm-2c2g for a virtual machine", text)
	}
	// The pattern admits two digits at most, so neither can fail.
	cpus, _ := strconv.Atoi(m[1])
	gib, _ := strconv.Atoi(m[2])
	return size{cpus: cpus, memoryMiB: gib * 1024}, nil
}

// Nodes makes the pool's machines, and puts control planes behind the API's load balancer and workers behind the gateway's.
func (c *Cloud) Nodes(
	ctx *pulumi.Context, name string, args *providers.NodesArgs, opts ...pulumi.ResourceOption,
) (*providers.Nodes, error) {
	size, err := parseSize(args.Pool.Size)
	if err != nil {
		return nil, fmt.Errorf("size: %w", err)
	}
	made := &providers.Nodes{Machines: map[string]providers.Machine{}}
	facts := pulumi.Map{"role": pulumi.String(args.Pool.Role), "size": pulumi.String(args.Pool.Size)}
	err = construct.Component(ctx, "lagrum:lab:Nodes", name, &nodes{}, facts, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			for _, node := range args.Pool.Nodes {
				m, err := newMachine(ctx, args, node, size, parent)
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

func newMachine(
	ctx *pulumi.Context, args *providers.NodesArgs, node plan.Node, size size, parent pulumi.ResourceOption,
) (providers.Machine, error) {
	made := args.Foundation.Own.(own)
	gib := map[string]int{}
	for _, d := range args.Pool.Disks {
		gib[d.Name] = d.GiB
	}
	inputs := pulumi.Map{
		"name": pulumi.String(node.Name), "network": made.network, "role": pulumi.String(args.Pool.Role),
		"cpus": pulumi.Int(size.cpus), "memoryMiB": pulumi.Int(size.memoryMiB), "diskGiB": pulumi.Int(gib["root"]),
		"userData": args.UserData[node.Name], "secrets": pulumi.ToSecret(args.Secrets[node.Name].Bundle),
		"tags": pulumi.ToStringMap(args.Plan.Tags),
	}
	if args.Pool.Virtual {
		inputs["virtual"], inputs["dataGiB"] = pulumi.Bool(true), pulumi.Int(gib["data"])
	}
	// What an operator's DNS would say: where people log in, API servers look for keys.
	if l := args.Plan.Cluster.Login; l != nil && made.gateway != nil && args.Pool.Role == plan.ControlPlane && !args.Pool.Virtual {
		inputs["hosts"] = pulumi.StringMap{l.Host: made.gateway.Address}
	}
	m := &machine{}
	err := ctx.RegisterResource("lab:index:Machine", args.Plan.Name+"-"+node.Name, inputs, m, parent, pulumi.Version(Version),
		pulumi.Protect(args.Plan.Protect && !node.Leaving), // a worker is let go once it is drained
		// A node keeps what it was born with; it is renewed by declaring a new generation.
		pulumi.IgnoreChanges([]string{"userData", "secrets", "hosts"}))
	if err != nil {
		return providers.Machine{}, err
	}
	machine := providers.Machine{Address: m.Address, Resource: m}
	if args.Pool.Role != plan.ControlPlane {
		if made.gateway == nil {
			return machine, nil
		}
		_, err := newMember(ctx, args.Plan.Name+"-"+node.Name+"-gateway", node.Name, made.gateway.ID().ToStringOutput(), m.Address, parent)
		return machine, err
	}
	machine.Member, err = newMember(ctx, args.Plan.Name+"-"+node.Name+"-api", node.Name, made.balancer, m.Address, parent)
	return machine, err
}
