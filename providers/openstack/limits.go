package openstack

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// limits bound one create, update or delete of the kinds that have a queue behind them: long enough for a cloud at work,
// short enough that a service that is stuck ends the update while somebody still waits for it. A create that outlives its
// limit was begun all the same, and is carried out when its service returns: lagrum doctor finds what it left.
var limits = map[string]string{
	// Cinder writes the image and encrypts it; a large disk takes minutes.
	"openstack:blockstorage/volume:Volume": "20m",
	// Nova looks for a host, attaches the disks and starts the machine; before a delete it stops, and pods have their grace.
	"openstack:compute/instance:Instance": "15m",
	// Octavia starts machines of its own for it.
	"openstack:loadbalancer/loadBalancer:LoadBalancer": "15m",
	// Each of these waits until the load balancer is done with the one before.
	"openstack:loadbalancer/listener:Listener": "10m",
	"openstack:loadbalancer/pool:Pool":         "10m",
	"openstack:loadbalancer/monitor:Monitor":   "10m",
	"openstack:loadbalancer/member:Member":     "10m",
}

// usual is the limit of what Neutron, Keystone and Barbican answer at once; a delete waits until others let go.
const usual = "5m"

// limited gives every resource the limit of its kind, so that none is forgotten.
func limited(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
	if !strings.HasPrefix(args.Type, "openstack:") {
		return nil
	}
	limit, queued := limits[args.Type]
	if !queued {
		limit = usual
	}
	bound := pulumi.Timeouts(&pulumi.CustomTimeouts{Create: limit, Update: limit, Delete: limit})
	return &pulumi.ResourceTransformationResult{Props: args.Props, Opts: append(args.Opts, bound)}
}
