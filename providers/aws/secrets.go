package aws

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/secretsmanager"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

type nodeSecrets struct {
	pulumi.ResourceState
}

// NodeSecrets puts each bundle into Secrets Manager. A node proves who it is by its machine's role, so that no credential
// stands in its user-data.
func (c *Cloud) NodeSecrets(
	ctx *pulumi.Context, name string, args *providers.NodeSecretsArgs, opts ...pulumi.ResourceOption,
) (map[string]providers.NodeSecret, error) {
	p, o := args.Plan, args.Foundation.Own.(own)
	laid := map[string]providers.NodeSecret{}
	err := construct.Component(ctx, "lagrum:aws:NodeSecrets", name, &nodeSecrets{}, pulumi.Map{}, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			for _, node := range args.Pool.Nodes {
				child := p.Name + "-" + node.Name + "-bundle"
				secret, err := secretsmanager.NewSecret(ctx, child, &secretsmanager.SecretArgs{
					Name:        pulumi.String(bundles(p, args.Pool.Name) + node.Name),
					Description: pulumi.String("the one boot of " + node.Name), KmsKeyId: o.key,
					Tags: served(p, "aws:secretsmanager/secret:Secret"),
					// A bundle goes with its node. AWS would keep it for a month: keys that nobody needs, under a name that a
					// rebuilt site wants again. The state has what is in it.
					RecoveryWindowInDays: pulumi.Int(0),
				}, parent)
				if err != nil {
					return nil, fmt.Errorf("node %s: secret: %w", node.Name, err)
				}
				// A node boots once: a bundle whose window has passed since is no reason to lay another.
				version, err := secretsmanager.NewSecretVersion(ctx, child, &secretsmanager.SecretVersionArgs{
					SecretId: secret.ID(), SecretString: pulumi.ToSecret(args.Bundles[node.Name]).(pulumi.StringOutput),
				}, parent, pulumi.IgnoreChanges([]string{"secretString"}))
				if err != nil {
					return nil, fmt.Errorf("node %s: secret's value: %w", node.Name, err)
				}
				region := p.Cloud.Region
				fetch := after(secret.Arn, version.ID()).ApplyT(func(arn string) string {
					return fetch(metadataService, "https://secretsmanager."+region+".amazonaws.com", region, arn)
				})
				laid[node.Name] = providers.NodeSecret{Fetch: fetch.(pulumi.StringOutput)}
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return laid, nil
}

// bundles is what the names of a pool's bundles begin with.
func bundles(p *plan.Plan, pool string) string { return "lagrum/" + p.Cluster.Name + "/" + pool + "/" }

// metadataService answers on every machine of AWS.
const metadataService = "http://169.254.169.254"

// fetch asks the metadata service for the role's credential (with a token, as IMDSv2 wants) and reads the bundle with it.
// What is secret goes through a file descriptor, so that no list of processes shows it. curl signs the request itself:
// the node image needs no tools of AWS.
func fetch(metadata, service, region, secret string) string {
	return fmt.Sprintf("metadata='%s'\nservice='%s'\nregion='%s'\nsecret='%s'\n", metadata, service, region, secret) + fetchScript
}

const fetchScript = `token=$(curl --silent --show-error --fail --max-time 10 --noproxy '*' --request PUT \
  --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/latest/api/token")
role() {
  printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token" | curl --silent --show-error --fail --max-time 10 --noproxy '*' \
    --config - "$metadata/latest/meta-data/iam/security-credentials/$1"
}
name=$(role '')
credential=$(role "$name")
value() { printf '%s' "$credential" | tr ',{' '\n\n' | sed -n "s/^ *\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }
[ -n "$(value SecretAccessKey)" ] || { echo "error: the metadata service gave no credential of the machine's role" >&2; exit 1; }
answer=$(printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' "$(value AccessKeyId)" "$(value SecretAccessKey)" "$(value Token)" |
  curl --silent --show-error --fail-with-body --max-time 30 --config - --aws-sigv4 "aws:amz:$region:secretsmanager" \
    --header 'Content-Type: application/x-amz-json-1.1' --header 'X-Amz-Target: secretsmanager.GetSecretValue' \
    --data "{\"SecretId\":\"$secret\"}" "$service/") || { printf 'error: Secrets Manager: %s\n' "$answer" >&2; exit 1; }
printf '%s' "$answer" | sed -n 's/.*"SecretString" *: *"\([A-Za-z0-9+/=]*\)".*/\1/p' | base64 -d`

// newKey makes the key that everything of the stack is encrypted with. It is the stack's own, so that its policy is, and
// the key's end is the end of every disk. AWS renews its material each year and waits 30 days before it deletes it.
func newKey(ctx *pulumi.Context, name string, p *plan.Plan, parent pulumi.ResourceOption) (pulumi.StringOutput, error) {
	policy, err := keyPolicy(p.Cloud.AWS.Account, p.Cloud.Region)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("key: %w", err)
	}
	key, err := kms.NewKey(ctx, name, &kms.KeyArgs{
		Description: pulumi.String("disks and node secrets of " + p.Cluster.Name), Tags: named(p, "aws:kms/key:Key", "key"),
		EnableKeyRotation: pulumi.Bool(true), DeletionWindowInDays: pulumi.Int(30), Policy: pulumi.String(policy),
	}, parent, pulumi.Protect(p.Protect))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("key: %w", err)
	}
	_, err = kms.NewAlias(ctx, name, &kms.AliasArgs{Name: pulumi.String("alias/lagrum/" + p.Cluster.Name), TargetKeyId: key.ID()}, parent)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("alias of the key: %w", err)
	}
	return key.Arn, nil
}

// newProfile gives the machines of a pool their role: they may read the bundles of their pool, and nothing else. Machines
// start after that right.
func newProfile(
	ctx *pulumi.Context, name string, p *plan.Plan, poolName string, key pulumi.StringOutput, shared *pool, parent pulumi.ResourceOption,
) error {
	trust, err := document(statement{Effect: "Allow", Action: []string{"sts:AssumeRole"}, Principal: map[string]string{"Service": "ec2.amazonaws.com"}})
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	// All of ours lie under one path, so that whoever runs this program needs rights over no other role.
	path := pulumi.String("/lagrum/")
	role, err := iam.NewRole(ctx, name, &iam.RoleArgs{
		Name: physical(p, poolName), Path: path, AssumeRolePolicy: pulumi.String(trust),
		Description: pulumi.String("machines of pool " + poolName + " of " + p.Cluster.Name), Tags: served(p, "aws:iam/role:Role"),
	}, parent)
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	account, region, prefix := p.Cloud.AWS.Account, p.Cloud.Region, bundles(p, poolName)
	policy, err := iam.NewRolePolicy(ctx, name, &iam.RolePolicyArgs{
		Name: pulumi.String("bundles"), Role: role.Name,
		Policy: key.ApplyT(func(key string) (string, error) { return nodePolicy(account, region, prefix, key) }).(pulumi.StringOutput),
	}, parent)
	if err != nil {
		return fmt.Errorf("rights of the role: %w", err)
	}
	profile, err := iam.NewInstanceProfile(ctx, name, &iam.InstanceProfileArgs{Name: physical(p, poolName), Path: path, Role: role.Name}, parent)
	if err != nil {
		return fmt.Errorf("instance profile: %w", err)
	}
	shared.role, shared.profile, shared.right = role, profile, policy
	return nil
}

// statement is one statement of a policy.
type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  string                       `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

func document(statements ...statement) (string, error) {
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	return string(text), err
}

// nodePolicy lets a machine read the bundles of its pool, and use the key for that alone.
func nodePolicy(account, region, prefix, key string) (string, error) {
	return document(
		statement{Sid: "ReadBundlesOfThePool", Effect: "Allow", Action: []string{"secretsmanager:GetSecretValue"},
			Resource: "arn:aws:secretsmanager:" + region + ":" + account + ":secret:" + prefix + "*"},
		statement{Sid: "OpenThem", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: key,
			Condition: map[string]map[string]string{"StringEquals": {"kms:ViaService": "secretsmanager." + region + ".amazonaws.com"}}},
	)
}

// keyPolicy lets the account's people administer the key, and nobody use it but through the two services that encrypt
// with it. Both halves only admit the account: whoever is to do either needs the right from IAM as well.
func keyPolicy(account, region string) (string, error) {
	people := map[string]string{"AWS": "arn:aws:iam::" + account + ":root"}
	use := []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}
	through := func(sid, service string, actions []string, more map[string]string) statement {
		condition := map[string]map[string]string{"StringEquals": {"kms:ViaService": service + "." + region + ".amazonaws.com"}}
		if more != nil {
			condition["Bool"] = more
		}
		return statement{Sid: sid, Effect: "Allow", Principal: people, Action: actions, Resource: "*", Condition: condition}
	}
	return document(
		statement{Sid: "Administer", Effect: "Allow", Principal: people, Resource: "*", Action: []string{
			"kms:Describe*", "kms:Get*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Enable*", "kms:Disable*", "kms:RevokeGrant",
			"kms:CreateAlias", "kms:DeleteAlias", "kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion",
		}},
		through("DisksThroughEC2", "ec2", use, nil),
		// A volume that is attached holds a grant for as long as it is.
		through("GrantsForDisks", "ec2", []string{"kms:CreateGrant"}, map[string]string{"kms:GrantIsForAWSResource": "true"}),
		through("BundlesThroughSecretsManager", "secretsmanager", use, nil),
	)
}
