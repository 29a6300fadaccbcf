package aws

import "github.com/lagrum/lagrum/requirements"

// Controls are what the resources of an AWS account serve. No test has met AWS: policies over the graph are the highest
// rung here.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.EncryptionAtRest,
			Resources:  []string{"aws:ec2/instance:Instance", "aws:ebs/volume:Volume", "aws:secretsmanager/secret:Secret", "aws:kms/key:Key"},
			How:        "every disk and every bundle of secrets is encrypted with a key of the stack's own, which rotates",
			Proofs:     []string{"policy TestEveryDiskIsEncrypted"},
		},
		{
			Capability: requirements.KeyManagement, Resources: []string{"aws:kms/key:Key"},
			How:    "the engine refuses to delete the key in production, and the service waits thirty days before it does",
			Proofs: []string{"policy TestLifecycleOptions"},
		},
		{
			Capability: requirements.NetworkSegmentation,
			Resources: []string{"aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
				"aws:lb/loadBalancer:LoadBalancer"},
			How:    "the rows of one shared table say who may talk to whom and why; the API has no address on the Internet, and a gateway has one only where the site says so",
			Proofs: []string{"policy TestNothingIsOpenToTheWorld", "policy TestOpeningsAreSeen", "policy TestGatewayIsPublicOnlyWhereTheSiteSaysSo"},
		},
		{
			Capability: requirements.SecretsManagement, Resources: []string{"aws:secretsmanager/secret:Secret", "aws:iam/role:Role"},
			How:    "a node's keys lie in Secrets Manager, and the role of its pool reads that pool's and nothing else",
			Proofs: []string{"unit TestFetch"},
		},
		{
			Capability: requirements.Redundancy,
			Resources:  []string{"aws:ec2/placementGroup:PlacementGroup", "aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"},
			How:        "control planes never share a rack, and the load balancer leaves out an API server that has lost its etcd",
			Proofs:     []string{"policy TestLoadBalancerOnAWS", "policy TestGraph"},
		},
		{
			Capability: requirements.AssetInventory, Resources: []string{"aws:ec2/vpc:Vpc", "aws:ec2/instance:Instance"},
			How:    "everything that the cloud can tag says which stack, country and operator it belongs to",
			Proofs: []string{"policy TestEverythingIsTagged"},
		},
		{
			Capability: requirements.EncryptionAtRest, Resources: []string{"aws:iam/rolePolicy:RolePolicy"},
			How:    "the cluster's storage driver has a right to make encrypted volumes only, and to change those alone that it made",
			Proofs: []string{"unit TestEveryChangeIsBounded", "policy TestControllersHaveTheirRightsOnControlPlanesAlone"},
		},
	}
}
