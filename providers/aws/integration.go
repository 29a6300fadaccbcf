package aws

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

type integration struct {
	pulumi.ResourceState
}

// MachineID is how cloud-provider-aws calls an instance: with its zone.
func (c *Cloud) MachineID(node plan.Node) string { return "aws:///" + c.region + node.Zone + "/" }

// Integration gives the roles of control planes what the cloud controller manager and the controller of the storage driver
// do: both run there, and there alone is a way from them to the metadata service, which hands out the role's credential.
// The rights of workers stay as they are.
func (c *Cloud) Integration(
	ctx *pulumi.Context, name string, args *providers.IntegrationArgs, opts ...pulumi.ResourceOption,
) (*providers.Integration, error) {
	p, o := args.Plan, args.Foundation.Own.(own)
	made := &providers.Integration{
		Machines: pulumi.String(cloudConfig(p)).ToStringOutput(), Volumes: pulumi.String("").ToStringOutput(),
		Encryption: map[string]pulumi.StringOutput{
			"encrypted": pulumi.String("true").ToStringOutput(), "kmsKeyId": o.key,
		},
		Tags: volumeTags(p),
	}
	err := construct.Component(ctx, "lagrum:aws:Integration", name, &integration{}, pulumi.Map{}, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			machines, err := machinesPolicy(p)
			if err != nil {
				return nil, err
			}
			volumes := o.key.ApplyT(func(key string) (string, error) { return volumesPolicy(p, key) }).(pulumi.StringOutput)
			for _, pool := range p.Pools {
				if pool.Role != plan.ControlPlane {
					continue
				}
				role := args.Pools[pool.Name].Own.(poolOwn).role
				for _, right := range []struct {
					over   string
					policy pulumi.StringInput
				}{{"machines", pulumi.String(machines)}, {"volumes", volumes}} {
					_, err := iam.NewRolePolicy(ctx, name+"-"+pool.Name+"-"+right.over, &iam.RolePolicyArgs{
						Name: pulumi.String(right.over), Role: role, Policy: right.policy,
					}, parent)
					if err != nil {
						return nil, fmt.Errorf("pool %s: rights over %s: %w", pool.Name, right.over, err)
					}
				}
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// cloudConfig is what cloud-provider-aws reads. It takes the cluster's name from here and not from tags, which one other
// cluster in the account could bear too.
func cloudConfig(p *plan.Plan) string {
	return fmt.Sprintf("[Global]\nKubernetesClusterID = %s\nRegion = %s\n", p.Cluster.Name, p.Cloud.Region)
}

// volumeTags are the stack's tags that fit on the driver's command line. An operator's name may hold what does not.
func volumeTags(p *plan.Plan) map[string]string {
	all := providers.AWSTags(p)
	for key := range all {
		if !slices.Contains([]string{stackTag, "lagrum.dev/country", "lagrum.dev/environment"}, key) {
			delete(all, key)
		}
	}
	return all
}

// stackTag is on everything that the stack makes, and says whose it is.
const stackTag = "lagrum.dev/stack"

// machinesPolicy lets the cloud controller manager look at machines. AWS bounds what is described by nothing but its region.
func machinesPolicy(p *plan.Plan) (string, error) {
	return document(statement{Sid: "LookAtMachines", Effect: "Allow", Resource: "*", Condition: inRegion(p), Action: []string{
		"ec2:DescribeAvailabilityZones", "ec2:DescribeInstanceTopology", "ec2:DescribeInstances",
	}})
}

// volumesPolicy lets the storage driver make volumes of this cluster, encrypted with the stack's key, attach them to the
// stack's machines, and change or delete those alone that it made. The disks of machines bear no such tag. The key itself
// is used through EC2 only, as its own policy says too.
func volumesPolicy(p *plan.Plan, key string) (string, error) {
	region, account, cluster := p.Cloud.Region, p.Cloud.AWS.Account, clusterTag(p)
	arn := func(kind string) string { return "arn:aws:ec2:" + region + ":" + account + ":" + kind + "/*" }
	equals := func(pairs ...string) map[string]map[string]string {
		all := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		return map[string]map[string]string{"StringEquals": all}
	}
	ours := equals("ec2:ResourceTag/"+cluster, "owned")
	create := equals("aws:RequestTag/"+cluster, "owned", "aws:RequestTag/"+stackTag, p.Name)
	create["Bool"] = map[string]string{"ec2:Encrypted": "true"}
	grant := equals("kms:ViaService", "ec2."+region+".amazonaws.com")
	grant["Bool"] = map[string]string{"kms:GrantIsForAWSResource": "true"}
	return document(
		statement{Sid: "LookAtVolumes", Effect: "Allow", Resource: "*", Condition: inRegion(p), Action: []string{
			"ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeVolumeStatus", "ec2:DescribeVolumes",
			"ec2:DescribeVolumesModifications",
		}},
		statement{Sid: "MakeEncryptedVolumes", Effect: "Allow", Action: []string{"ec2:CreateVolume"}, Resource: arn("volume"), Condition: create},
		statement{Sid: "TagThemWhenMade", Effect: "Allow", Action: []string{"ec2:CreateTags"}, Resource: arn("volume"),
			Condition: equals("ec2:CreateAction", "CreateVolume")},
		statement{Sid: "ChangeThoseMade", Effect: "Allow", Resource: arn("volume"), Condition: ours,
			Action: []string{"ec2:AttachVolume", "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:ModifyVolume"}},
		statement{Sid: "AttachToMachinesOfTheStack", Effect: "Allow", Resource: arn("instance"),
			Condition: equals("ec2:ResourceTag/"+stackTag, p.Name), Action: []string{"ec2:AttachVolume", "ec2:DetachVolume"}},
		statement{Sid: "EncryptThem", Effect: "Allow", Resource: key, Condition: equals("kms:ViaService", "ec2."+region+".amazonaws.com"),
			Action: []string{"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"}},
		// A volume that is attached holds a grant for as long as it is.
		statement{Sid: "GrantTheKeyToVolumes", Effect: "Allow", Resource: key, Condition: grant, Action: []string{"kms:CreateGrant"}},
	)
}

// clusterTag is what the driver puts on every volume that it makes for a cluster, with the value owned.
func clusterTag(p *plan.Plan) string { return "kubernetes.io/cluster/" + p.Cluster.Name }

func inRegion(p *plan.Plan) map[string]map[string]string {
	return map[string]map[string]string{"StringEquals": {"aws:RequestedRegion": p.Cloud.Region}}
}
