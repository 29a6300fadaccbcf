package aws

import "github.com/lagrum/lagrum/providers"

// limits are those of AWS. What a create that outlives its limit left is found by the tag lagrum.dev/stack.
var limits = providers.Limits{
	Package: "aws",
	// What AWS answers at once.
	Usual: "5m",
	Kinds: map[string]string{
		// EC2 looks for a host and starts the machine; before its end it stops, and pods have their grace.
		"aws:ec2/instance:Instance": "15m",
		// Both come with machinery of AWS's own in each zone.
		"aws:lb/loadBalancer:LoadBalancer": "15m",
		"aws:ec2/natGateway:NatGateway":    "15m",
		// A new volume is filled in the background; detaching one stops its machine first.
		"aws:ebs/volume:Volume":                     "10m",
		"aws:ec2/volumeAttachment:VolumeAttachment": "15m",
		// Interfaces of load balancers and NAT gateways hold on to these for minutes after their end.
		"aws:ec2/vpc:Vpc":                         "15m",
		"aws:ec2/subnet:Subnet":                   "15m",
		"aws:ec2/securityGroup:SecurityGroup":     "15m",
		"aws:ec2/internetGateway:InternetGateway": "15m",
		// What a key's policy names is seen everywhere a while after it was made.
		"aws:kms/key:Key": "10m",
	},
}
