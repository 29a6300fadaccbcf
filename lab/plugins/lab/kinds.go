package lab

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/plugins/standin"
)

func networks(host Host) kind {
	return kind{
		check:    checked(machines.NetworkSpec.Validate),
		computed: []resource.PropertyKey{"bridge", "gateway"},
		create: created(func(ctx context.Context, s machines.NetworkSpec, owner string) (string, resource.PropertyMap, error) {
			n, err := host.CreateNetwork(ctx, s, owner)
			return n.Name, text("bridge", n.Bridge, "gateway", n.Gateway), err
		}),
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, error) {
			n, err := host.Network(id)
			return properties(n.NetworkSpec), text("bridge", n.Bridge, "gateway", n.Gateway), err
		},
		remove: host.DeleteNetwork,
	}
}

func firewalls(host Host) kind {
	return kind{
		check:   checked(machines.FirewallSpec.Validate),
		inPlace: []resource.PropertyKey{"rules"},
		create: created(func(ctx context.Context, s machines.FirewallSpec, owner string) (string, resource.PropertyMap, error) {
			f, err := host.CreateFirewall(ctx, s, owner)
			return f.Name, nil, err
		}),
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, error) {
			f, err := host.Firewall(id)
			return properties(f.FirewallSpec), nil, err
		},
		update: func(ctx context.Context, _ string, inputs resource.PropertyMap) error {
			var s machines.FirewallSpec
			if err := standin.Decode(inputs, &s); err != nil {
				return err
			}
			_, err := host.UpdateFirewall(ctx, s)
			return err
		},
		remove: host.DeleteFirewall,
	}
}

func loadBalancers(host Host) kind {
	return kind{
		check:    checked(machines.LoadBalancerSpec.Validate),
		computed: []resource.PropertyKey{"address"},
		create: created(func(ctx context.Context, s machines.LoadBalancerSpec, owner string) (string, resource.PropertyMap, error) {
			b, err := host.CreateLoadBalancer(ctx, s, owner)
			return b.Name, text("address", b.Address), err
		}),
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, error) {
			b, err := host.LoadBalancer(id)
			return properties(b.LoadBalancerSpec), text("address", b.Address), err
		},
		remove: host.DeleteLoadBalancer,
	}
}

func members(host Host) kind {
	return kind{
		check: checked(machines.MemberSpec.Validate),
		create: created(func(ctx context.Context, s machines.MemberSpec, owner string) (string, resource.PropertyMap, error) {
			m, err := host.AddMember(ctx, s, owner)
			return m.Name, nil, err
		}),
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, error) {
			m, err := host.Member(id)
			return properties(m.MemberSpec), nil, err
		},
		remove: host.RemoveMember,
	}
}

// machineInputs are a machine's specification with what it is born with.
type machineInputs struct {
	machines.MachineSpec
	UserData string `json:"userData"`
	Secrets  string `json:"secrets"` // base64 of a tar archive
}

func (in machineInputs) spec() (machines.MachineSpec, error) {
	s := in.MachineSpec
	archive, err := base64.StdEncoding.DecodeString(in.Secrets)
	if err != nil {
		// The value itself must not show.
		return s, errors.New("secrets: no base64; give the tar archive in base64")
	}
	s.UserData, s.Secrets = in.UserData, archive
	return s, nil
}

func allMachines(host Host) kind {
	return kind{
		check: checked(func(in machineInputs) error {
			s, err := in.spec()
			return errors.Join(err, s.Validate())
		}),
		inPlace:  []resource.PropertyKey{"tags"},
		computed: []resource.PropertyKey{"address"},
		secret:   []resource.PropertyKey{"secrets"},
		create: created(func(ctx context.Context, in machineInputs, owner string) (string, resource.PropertyMap, error) {
			s, err := in.spec()
			if err != nil {
				return "", nil, err
			}
			m, err := host.CreateMachine(ctx, s, owner)
			return m.Name, text("address", m.Address), err
		}),
		read: func(id string) (resource.PropertyMap, resource.PropertyMap, error) {
			m, err := host.Machine(id)
			return properties(m.MachineSpec), text("address", m.Address), err
		},
		update: func(_ context.Context, id string, inputs resource.PropertyMap) error {
			var in machineInputs
			if err := standin.Decode(inputs, &in); err != nil {
				return err
			}
			return host.SetTags(id, in.Tags)
		},
		remove: host.DeleteMachine,
	}
}

// checked decodes inputs, which refuses unknown keys and wrong types, and validates what came out.
func checked[S any](validate func(S) error) func(resource.PropertyMap) error {
	return func(inputs resource.PropertyMap) error {
		var s S
		if err := standin.Decode(inputs, &s); err != nil {
			return err
		}
		return validate(s)
	}
}

func created[S any](
	create func(context.Context, S, string) (string, resource.PropertyMap, error),
) func(context.Context, string, resource.PropertyMap) (string, resource.PropertyMap, error) {
	return func(ctx context.Context, owner string, inputs resource.PropertyMap) (string, resource.PropertyMap, error) {
		var s S
		if err := standin.Decode(inputs, &s); err != nil {
			return "", nil, err
		}
		return create(ctx, s, owner)
	}
}

// properties turns a specification into the inputs that would make it.
func properties(spec any) resource.PropertyMap {
	encoded, err := json.Marshal(spec)
	if err != nil {
		return nil // specifications hold strings, numbers, lists and maps of them only
	}
	var plain map[string]any
	if err := json.Unmarshal(encoded, &plain); err != nil {
		return nil
	}
	return resource.NewPropertyMapFromMap(plain)
}

// text makes string properties from names and values in turn.
func text(pairs ...string) resource.PropertyMap {
	made := resource.PropertyMap{}
	for i := 0; i+1 < len(pairs); i += 2 {
		made[resource.PropertyKey(pairs[i])] = resource.NewProperty(pairs[i+1])
	}
	return made
}
