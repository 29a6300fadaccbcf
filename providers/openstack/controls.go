package openstack

import "github.com/lagrum/lagrum/requirements"

// Controls are what the resources of an OpenStack project serve.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.EncryptionAtRest,
			Resources:  []string{"openstack:blockstorage/volume:Volume", "openstack:compute/instance:Instance"},
			How:        "every disk is of the volume type that the site names as encrypted, and no machine boots from anything else",
			Proofs:     []string{"policy TestEveryDiskIsEncrypted"},
		},
		{
			Capability: requirements.NetworkSegmentation,
			Resources: []string{"openstack:networking/secGroup:SecGroup", "openstack:networking/secGroupRule:SecGroupRule",
				"openstack:loadbalancer/listener:Listener", "openstack:networking/router:Router"},
			How:    "the rows of one shared table say who may talk to whom and why; the API has no address on the Internet and knows its sources, and a gateway has one only where the site says so",
			Proofs: []string{"policy TestNothingIsOpenToTheWorld", "policy TestOpeningsAreSeen", "policy TestGatewayIsPublicOnlyWhereTheSiteSaysSo"},
		},
		{
			Capability: requirements.SecretsManagement,
			Resources:  []string{"openstack:keymanager/secretV1:SecretV1", "openstack:identity/applicationCredential:ApplicationCredential"},
			How:        "a node's keys lie in Barbican, and the credential that reads them reads nothing else and ends with the window of joining",
			Proofs:     []string{"unit TestFetch", "policy TestLifecycleOptions"},
		},
		{
			Capability: requirements.SecretsManagement,
			Resources:  []string{"openstack:identity/applicationCredential:ApplicationCredential"},
			How:        "each part of the cluster that speaks to the cloud has a credential of its own, which Keystone limits to the requests it makes",
			Proofs:     []string{"unit TestAccessRules", "policy TestCredentialsOfControllersOnOpenStack"},
		},
		{
			Capability: requirements.Redundancy,
			Resources:  []string{"openstack:compute/serverGroup:ServerGroup", "openstack:loadbalancer/loadBalancer:LoadBalancer", "openstack:loadbalancer/monitor:Monitor"},
			How:        "control planes never share a host, and the load balancer leaves out an API server that has lost its etcd",
			Proofs:     []string{"policy TestGraph"},
		},
		{
			Capability: requirements.AssetInventory, Resources: []string{"openstack:networking/network:Network", "openstack:compute/instance:Instance"},
			How:    "everything that the cloud can tag says which stack, country and operator it belongs to",
			Proofs: []string{"policy TestEverythingIsTagged"},
		},
	}
}
