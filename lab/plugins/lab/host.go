package lab

import (
	"context"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/processes"
)

// Host makes the lab's objects: package machines where machines can run, package processes where they cannot. The
// resource types are the same.
type Host interface {
	Name() string
	// Dir is the state directory.
	Dir() string

	CreateNetwork(ctx context.Context, spec machines.NetworkSpec, owner string) (machines.Network, error)
	Network(name string) (machines.Network, error)
	DeleteNetwork(ctx context.Context, name string) error

	CreateFirewall(ctx context.Context, spec machines.FirewallSpec, owner string) (machines.Firewall, error)
	UpdateFirewall(ctx context.Context, spec machines.FirewallSpec) (machines.Firewall, error)
	Firewall(name string) (machines.Firewall, error)
	DeleteFirewall(ctx context.Context, name string) error

	CreateLoadBalancer(ctx context.Context, spec machines.LoadBalancerSpec, owner string) (machines.LoadBalancer, error)
	LoadBalancer(name string) (machines.LoadBalancer, error)
	DeleteLoadBalancer(ctx context.Context, name string) error

	AddMember(ctx context.Context, spec machines.MemberSpec, owner string) (machines.Member, error)
	Member(name string) (machines.Member, error)
	RemoveMember(ctx context.Context, name string) error

	CreateMachine(ctx context.Context, spec machines.MachineSpec, owner string) (machines.Machine, error)
	Machine(name string) (machines.Machine, error)
	SetTags(name string, tags map[string]string) error
	DeleteMachine(ctx context.Context, name string) error

	// RemoveOwned removes every object that a Pulumi URN made, and tells which.
	RemoveOwned(ctx context.Context, owner string) ([]string, error)
}

// OpenHost opens the host of the lab that the environment names: LAGRUM_LAB (default dev) and LAGRUM_LAB_MACHINES
// (default nspawn).
func OpenHost() (Host, error) {
	name := machines.EnvironmentName()
	kind, err := processes.Asked()
	if err != nil {
		return nil, err
	}
	if kind == processes.Processes {
		return processes.Open(name, "")
	}
	return machines.Open(name, "")
}
