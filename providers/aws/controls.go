package aws

import "github.com/lagrum/lagrum/requirements"

// Controls are what the resources of an AWS account serve. No test has met AWS: policies over the graph are the highest
// rung here.
func Controls() []requirements.Control {
	return []requirements.Control{
		{
			Capability: requirements.EncryptionAtRest, Resources: []string{"aws:ec2/instance:Instance", "aws:kms/key:Key"},
			How:    "every disk is encrypted with a key of the stack's own, which rotates",
			Proofs: []string{"policy TestEveryDiskIsEncrypted"},
		},
		{
			Capability: requirements.KeyManagement, Resources: []string{"aws:kms/key:Key"},
			How:    "the engine refuses to delete the key in production, and the service waits thirty days before it does",
			Proofs: []string{"policy TestLifecycleOptions"},
		},
		{
			Capability: requirements.NetworkSegmentation,
			Resources:  []string{"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:lb/loadBalancer:LoadBalancer"},
			How:        "the rows of one shared table say who may talk to whom and why; the API has no address on the Internet, and a gateway has one only where the site says so",
			Proofs:     []string{"policy TestNothingIsOpenToTheWorld", "policy TestOpeningsAreSeen", "policy TestGatewayIsPublicOnlyWhereTheSiteSaysSo"},
		},
		{
			Capability: requirements.SecretsManagement, Resources: []string{"aws:secretsmanager/secret:Secret", "aws:iam/role:Role"},
			How:    "a node's keys lie in Secrets Manager, and the role of its pool reads that pool's and nothing else",
			Proofs: []string{"unit TestFetch"},
		},
	}
}
