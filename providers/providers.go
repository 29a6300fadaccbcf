// Package providers is the contract between the cluster and the clouds.
//
// A cloud adapter turns the plan's neutral pools, firewall rules, volumes and load balancers into
// resources of its cloud and returns the neutral outputs below. Which cloud made them cannot be told from the
// outputs. Adapters never import components.
//
// Object stores are apart: where they lie the site says, whatever cloud the machines are in (providers/objectstore).
package providers

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers/firewall"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Cloud is one cloud adapter, bound to one stack. Its methods are called in the order written here: the API's
// address exists before the first node, because the node's user-data names it.
type Cloud interface {
	// Foundation makes the network, the firewall, the API's load balancer, and the gateway's where the plan has one.
	Foundation(ctx *pulumi.Context, name string, args *FoundationArgs, opts ...pulumi.ResourceOption) (*Foundation, error)
	// NodeSecrets lays the secret bundle of each node of a pool where that node, and nobody else, can fetch it.
	NodeSecrets(ctx *pulumi.Context, name string, args *NodeSecretsArgs, opts ...pulumi.ResourceOption) (map[string]NodeSecret, error)
	// Nodes makes the machines of one pool, and for a control plane puts them behind the load balancer.
	Nodes(ctx *pulumi.Context, name string, args *NodesArgs, opts ...pulumi.ResourceOption) (*Nodes, error)
	// MachineID is what the cloud's own controllers call the machine of a node, up to the id that the machine alone knows:
	// aws:///eu-north-1a/. It is empty on a cloud without such controllers. It makes nothing.
	MachineID(node plan.Node) string
	// Integration gives the controllers that a cluster runs for its cloud their rights, one credential each. It is nil on a
	// cloud without such controllers.
	Integration(ctx *pulumi.Context, name string, args *IntegrationArgs, opts ...pulumi.ResourceOption) (*Integration, error)
}

// Secrets reads a secret of the stack's configuration by its key below lagrum:, such as openstackCredentialSecret.
type Secrets func(key string) (pulumi.StringOutput, error)

// FoundationArgs are the facts a cloud needs before any node exists.
type FoundationArgs struct {
	Plan  *plan.Plan
	Rules []firewall.Rule
}

// Foundation is what nodes stand on.
type Foundation struct {
	// Endpoint is the host name or address of the API's load balancer, without port.
	Endpoint pulumi.StringOutput
	// Gateway is the host name or address of the load balancer of web traffic; set where the plan has a gateway.
	Gateway pulumi.StringOutput
	// Own is what the adapter needs of it later; nobody else reads it.
	Own any
}

// NodeSecretsArgs describe the secrets of one pool.
type NodeSecretsArgs struct {
	Plan       *plan.Plan
	Pool       plan.Pool
	Foundation *Foundation
	// Bundles by node name: tar archives in base64 (bootstrap.Bundle). Always secret.
	Bundles map[string]pulumi.StringInput
}

// NodeSecret is the way to one node's bundle.
type NodeSecret struct {
	// Fetch is the one provider-specific fragment of the node's boot script: a shell command that writes the bundle, a
	// tar archive, to standard output. It is secret where it holds a credential.
	Fetch pulumi.StringInput
	// Bundle is set by a cloud that hands it over with the machine itself.
	Bundle pulumi.StringInput
}

// NodesArgs describe one pool.
type NodesArgs struct {
	Plan       *plan.Plan
	Pool       plan.Pool
	Foundation *Foundation
	// UserData by node name: cloud-init bytes. No secret of the cluster is in them.
	UserData map[string]pulumi.StringInput
	// Secrets by node name, as NodeSecrets laid them.
	Secrets map[string]NodeSecret
}

// Nodes is a made pool.
type Nodes struct {
	// Machines by node name.
	Machines map[string]Machine
	// Own is what the adapter needs of it later; nobody else reads it.
	Own any
}

// Machine is one made node.
type Machine struct {
	Address pulumi.StringOutput
	// Alias is the name by which the cloud's controllers know the node besides its own; nil where they have none.
	Alias pulumi.StringInput
	// Resource is the concrete machine: things that need the node to exist depend on it.
	Resource pulumi.Resource
	// Member is the machine's place behind the API's load balancer; nil for workers.
	Member pulumi.Resource
}

// IntegrationArgs are what the rights of controllers are made of.
type IntegrationArgs struct {
	Plan       *plan.Plan
	Foundation *Foundation
	// Pools by name, as Nodes made them.
	Pools map[string]*Nodes
}

// Integration is what a cluster's controllers need to act in their cloud.
type Integration struct {
	// Machines configures the cloud controller manager, Volumes the controller of the storage driver: the file that each
	// reads. Secret where it holds a credential; empty where the driver reads none.
	Machines, Volumes pulumi.StringOutput
	// Encryption are the parameters by which a StorageClass asks the driver for a volume that is encrypted as this stack's
	// disks are.
	Encryption map[string]pulumi.StringOutput
	// Tags are set on every volume that the driver makes, where the driver can.
	Tags map[string]string
}

// ObjectStore is a bucket under object lock, made by package objectstore wherever the site says that it lies.
type ObjectStore struct {
	Endpoint pulumi.StringOutput
	Region   string // that requests are signed for
	// Bucket is known once its lock, its ceiling and its policy are there.
	Bucket pulumi.StringOutput
	// Credentials by consumer name, each a secret output.
	Credentials map[string]Credential
}

// Credential of one consumer for one bucket.
type Credential struct {
	KeyID  pulumi.StringOutput
	Secret pulumi.StringOutput
}
