package aws

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// limits bound one create, update or delete of the kinds that have a queue behind them: long enough for a cloud at work,
// short enough that a service that is stuck ends the update while somebody still waits for it. A create that outlives its
// limit was begun all the same: the tag lagrum.dev/stack finds what it left.
var limits = map[string]string{
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
}

// usual is the limit of what AWS answers at once.
const usual = "5m"

// limited gives every resource the limit of its kind, so that none is forgotten.
func limited(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
	if !strings.HasPrefix(args.Type, "aws:") {
		return nil
	}
	limit, queued := limits[args.Type]
	if !queued {
		limit = usual
	}
	bound := pulumi.Timeouts(&pulumi.CustomTimeouts{Create: limit, Update: limit, Delete: limit})
	return &pulumi.ResourceTransformationResult{Props: args.Props, Opts: append(args.Opts, bound)}
}
