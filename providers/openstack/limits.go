package openstack

import "github.com/lagrum/lagrum/providers"

// limits are those of OpenStack. A create that outlives its limit is carried out when its service returns: lagrum doctor
// finds what it left.
var limits = providers.Limits{
	Package: "openstack",
	// What Neutron, Keystone and Barbican answer at once; a delete waits until others let go.
	Usual: "5m",
	Kinds: map[string]string{
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
	},
}
