package stacks

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/harness"
)

// onAWS runs a policy over every declared stack on AWS.
func onAWS(t *testing.T, check func(t *testing.T, name string, r *harness.Recording)) {
	t.Helper()
	seen := 0
	for name := range declared(t) {
		if harness.Dig(siteOf(t, name), "cloud", "aws") != nil {
			seen++
		}
	}
	require.NotZero(t, seen, "no stack on AWS is declared")
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		if harness.Dig(siteOf(t, name), "cloud", "aws") != nil {
			check(t, name, r)
		}
	})
}

// unknown says that a value is known only once the cloud has made it: in a preview.
func unknown(value any) bool { return value == harness.UnknownText }

// encryptedOnAWS wants the stack's own key, and by its ARN, on everything that AWS can encrypt.
func encryptedOnAWS(t *testing.T, name string, r *harness.Recording) {
	t.Helper()
	keys := []*harness.Resource{r.Get(t, "aws:kms/key:Key", name+"-key")} // those of object stores are apart
	require.Equal(t, true, keys[0].Inputs["enableKeyRotation"])
	require.Equal(t, 30.0, keys[0].Inputs["deletionWindowInDays"])
	ours := func(value any, made *harness.Resource) {
		require.NotNil(t, value, "%s: no key", made.URN)
		require.Contains(t, made.Dependencies, keys[0].URN, made.URN)
		require.True(t, unknown(value) || strings.HasPrefix(value.(string), "arn:aws:") && strings.Contains(value.(string), ":"+name+"-key-"),
			"%s: %v is not the stack's key", made.URN, value)
	}
	volumes := r.Of("aws:ebs/volume:Volume")
	require.NotEmpty(t, volumes)
	for _, volume := range volumes {
		require.Equal(t, true, volume.Inputs["encrypted"], volume.URN)
		ours(volume.Inputs["kmsKeyId"], volume)
	}
	machines := r.Of("aws:ec2/instance:Instance")
	require.NotEmpty(t, machines)
	for _, machine := range machines {
		require.Equal(t, true, harness.Dig(machine.Inputs["rootBlockDevice"], "encrypted"), machine.URN)
		ours(harness.Dig(machine.Inputs["rootBlockDevice"], "kmsKeyId"), machine)
		for _, other := range []string{"ebsBlockDevices", "ephemeralBlockDevices", "launchTemplate"} {
			require.NotContains(t, machine.Inputs, other, machine.URN)
		}
	}
	secrets := r.Of("aws:secretsmanager/secret:Secret")
	require.Len(t, secrets, len(machines), "a bundle for each machine")
	for _, secret := range secrets {
		ours(secret.Inputs["kmsKeyId"], secret)
	}
}

// closedOnAWS is the part of TestNothingIsOpenToTheWorld that looks at AWS.
func closedOnAWS(t *testing.T, r *harness.Recording) {
	t.Helper()
	for _, rule := range r.Of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
		require.NotEmpty(t, rule.Inputs["description"], "%s: every rule says why", rule.URN)
		require.Contains(t, []any{"tcp", "udp", "icmp"}, rule.Inputs["ipProtocol"], "%s: opens every port", rule.URN)
		if rule.Inputs["ipProtocol"] != "icmp" {
			require.False(t, rule.Inputs["fromPort"].(float64) <= 22 && 22 <= rule.Inputs["toPort"].(float64), "%s: opens SSH", rule.URN)
		}
		require.NotContains(t, rule.Inputs, "prefixListId", rule.URN)
		bounded := rule.Inputs["referencedSecurityGroupId"] != nil
		for _, family := range []string{"cidrIpv4", "cidrIpv6"} {
			bounded = bounded || rule.Inputs[family] != nil // how wide, openings tells
		}
		require.True(t, bounded, "%s: names no source", rule.URN)
	}
	nodesOut := regexp.MustCompile(`-(control-plane|worker)-out$`)
	for _, rule := range r.Of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") {
		require.NotEmpty(t, rule.Inputs["description"], "%s: every rule says why", rule.URN)
		if !nodesOut.MatchString(rule.Name) {
			require.NotEmpty(t, rule.Inputs["referencedSecurityGroupId"], "%s: the load balancer is let out to a group alone", rule.URN)
		}
	}
	for _, group := range r.Of("aws:ec2/securityGroup:SecurityGroup") {
		require.NotContains(t, group.Inputs, "ingress", "%s: rules are resources of their own", group.URN)
		require.NotContains(t, group.Inputs, "egress", "%s: rules are resources of their own", group.URN)
	}
	for _, group := range r.Of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup") {
		require.Empty(t, group.Inputs["ingress"], "%s: the network's default group is closed", group.URN)
		require.Empty(t, group.Inputs["egress"], "%s: the network's default group is closed", group.URN)
	}
	require.Len(t, r.Of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"), len(r.Of("aws:ec2/vpc:Vpc")))
	require.Empty(t, r.Of("aws:ec2/securityGroupRule:SecurityGroupRule"), "rules of the old kind say no reason each")
}

// No machine and no load balancer but a public gateway has an address on the Internet. The public addresses that there are belong to NAT
// gateways, one for each zone, and nothing comes in by those.
func TestNoPublicAddressOnAWS(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, name string, r *harness.Recording) {
		for _, machine := range r.Of("aws:ec2/instance:Instance") {
			require.Equal(t, false, machine.Inputs["associatePublicIpAddress"], machine.URN)
			require.NotContains(t, machine.Inputs, "keyName", "%s: nobody logs in", machine.URN)
		}
		for _, subnet := range r.Of("aws:ec2/subnet:Subnet") {
			require.Equal(t, false, subnet.Inputs["mapPublicIpOnLaunch"], subnet.URN)
		}
		for _, balancer := range r.Of("aws:lb/loadBalancer:LoadBalancer") {
			require.NotEmpty(t, balancer.Inputs["securityGroups"], "%s: takes every source", balancer.URN)
		}
		addresses := r.Of("aws:ec2/eip:Eip")
		require.Len(t, addresses, len(r.Of("aws:ec2/natGateway:NatGateway")))
		for _, address := range addresses {
			require.NotContains(t, address.Inputs, "instance", address.URN)
			require.NotContains(t, address.Inputs, "networkInterface", address.URN)
		}
		require.Empty(t, r.Of("aws:ec2/eipAssociation:EipAssociation"))
		for _, route := range r.Of("aws:ec2/route:Route") {
			if strings.HasPrefix(route.Name, name+"-nodes-") {
				require.NotContains(t, route.Inputs, "gatewayId", "%s: nodes lie open to the Internet", route.URN)
			}
		}
	})
}

// The metadata service hands out the credential of the machine's role: it wants a token, and its answer reaches no pod of
// the pod network.
func TestMetadataServiceIsClosedToPods(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, _ string, r *harness.Recording) {
		for _, machine := range r.Of("aws:ec2/instance:Instance") {
			require.Equal(t, map[string]any{
				"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1.0,
				"httpProtocolIpv6": "disabled", "instanceMetadataTags": "disabled",
			}, machine.Inputs["metadataOptions"], machine.URN)
		}
	})
}

// A role may read the bundles of its pool, open them by the one service, and do nothing else.
func TestRolesHaveLeastRights(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, name string, r *harness.Recording) {
		policies := slices.DeleteFunc(r.Of("aws:iam/rolePolicy:RolePolicy"), func(policy *harness.Resource) bool {
			return policy.Inputs["name"] != "bundles"
		})
		require.Len(t, policies, len(r.Of("aws:iam/role:Role")))
		require.Empty(t, r.Of("aws:iam/rolePolicyAttachment:RolePolicyAttachment"))
		for _, role := range r.Of("aws:iam/role:Role") {
			require.NotContains(t, role.Inputs, "managedPolicyArns", role.URN)
			require.NotContains(t, role.Inputs, "inlinePolicies", role.URN)
		}
		for _, policy := range policies {
			if unknown(policy.Inputs["policy"]) {
				continue
			}
			var document struct {
				Statement []struct {
					Action    []string
					Resource  string
					Condition map[string]map[string]string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(policy.Inputs["policy"].(string)), &document), policy.URN)
			require.Len(t, document.Statement, 2, policy.URN)
			read, open := document.Statement[0], document.Statement[1]
			pool := strings.TrimPrefix(policy.Name, name+"-")
			require.Equal(t, []string{"secretsmanager:GetSecretValue"}, read.Action, policy.URN)
			require.True(t, strings.HasSuffix(read.Resource, ":secret:lagrum/"+name+"/"+pool+"/*"), policy.URN)
			require.Equal(t, []string{"kms:Decrypt"}, open.Action, policy.URN)
			require.True(t, strings.HasPrefix(open.Resource, "arn:aws:"), policy.URN)
			require.Contains(t, open.Condition["StringEquals"]["kms:ViaService"], "secretsmanager.", policy.URN)
		}
	})
}

// What the controllers of a cluster may do is a right of control planes. Both rights are theirs, and no pool of workers has
// either.
func TestControllersHaveTheirRightsOnControlPlanesAlone(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, name string, r *harness.Recording) {
		roles := map[string][]string{}
		for _, policy := range r.Of("aws:iam/rolePolicy:RolePolicy") {
			if right := policy.Inputs["name"].(string); right != "bundles" {
				roles[right] = append(roles[right], policy.Name)
			}
		}
		require.Equal(t, map[string][]string{
			"machines": {name + "-integration-cp-machines"}, "volumes": {name + "-integration-cp-volumes"},
		}, roles)
	})
}

// The provider works in the site's account and region alone, with a credential that no configuration holds.
func TestAWSStaysInItsAccountAndRegion(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, name string, r *harness.Recording) {
		declared := harness.Dig(siteOf(t, name), "cloud", "aws")
		provider := r.Get(t, "pulumi:providers:aws", name+"-aws").Inputs
		require.Equal(t, harness.Dig(declared, "region"), provider["region"])
		require.Equal(t, []any{harness.Dig(declared, "account")}, provider["allowedAccountIds"])
		require.Equal(t, false, provider["skipRequestingAccountId"], "the provider asks which account it is in")
		for _, credential := range []string{"accessKey", "secretKey", "token", "profile", "assumeRole"} {
			require.NotContains(t, provider, credential)
		}
		for _, made := range r.Resources {
			if zone, placed := made.Inputs["availabilityZone"].(string); placed && strings.HasPrefix(made.Type, "aws:") {
				require.Regexp(t, "^"+regexp.QuoteMeta(harness.Dig(declared, "region").(string))+"[abc]$", zone, made.URN)
			}
		}
	})
}

// taggedOnAWS wants the plan's tags from the provider, on every resource and root disk, and nothing that hides one.
func taggedOnAWS(t *testing.T, name string, r *harness.Recording) {
	t.Helper()
	for _, provider := range r.Of("pulumi:providers:aws") {
		require.Equal(t, name, harness.Dig(provider.Inputs["defaultTags"], "tags", "lagrum.dev/stack"))
	}
	ours := regexp.MustCompile(`^(` + name + `-|lagrum/` + name + `/|alias/lagrum/` + name + `(-store|-backup)?$|(bundles|machines|volumes)$)`)
	for _, made := range r.Resources {
		if !strings.HasPrefix(made.Type, "aws:") {
			continue
		}
		given, _ := made.Inputs["tags"].(map[string]any)
		root, _ := harness.Dig(made.Inputs["rootBlockDevice"], "tags").(map[string]any)
		for _, tags := range []map[string]any{given, root} {
			for key := range tags {
				require.Regexp(t, `^(Name|lagrum\.dev/requirements(-[2-9])?)$`, key, "%s: would hide a tag of the provider, or differ for ever", made.URN)
			}
		}
		if made.Type == "aws:ec2/instance:Instance" {
			require.Equal(t, given["Name"].(string)+"-root", root["Name"], made.URN)
		}
		if physical, given := made.Inputs["name"].(string); given {
			require.Regexp(t, ours, physical, made.URN)
		}
	}
}

// AWS takes 64 KiB as a secret and 16 KiB as user-data; user-data is no secret there, since no credential is in it.
func TestBundlesAndUserDataFitOnAWS(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, _ string, r *harness.Recording) {
		for _, version := range r.Of("aws:secretsmanager/secretVersion:SecretVersion") {
			value := version.Raw["secretString"]
			require.True(t, value.IsSecret() || value.IsOutput() && value.OutputValue().Secret, version.URN)
			if value.IsSecret() && value.SecretValue().Element.IsString() {
				require.LessOrEqual(t, len(value.SecretValue().Element.StringValue()), 65536, version.URN)
			}
		}
		for _, machine := range r.Of("aws:ec2/instance:Instance") {
			text := machine.Inputs["userData"].(string)
			require.NotEqual(t, harness.SecretText, text, machine.URN)
			require.LessOrEqual(t, len(text), 16384, machine.URN)
		}
		for _, secret := range r.Of("aws:secretsmanager/secret:Secret") {
			require.Equal(t, 0.0, secret.Inputs["recoveryWindowInDays"], secret.URN)
		}
	})
}

// The API's load balancer checks that an API server is ready, lets a control plane reach itself, and holds no connection
// to a member that is gone.
func TestLoadBalancerOnAWS(t *testing.T) {
	t.Parallel()
	onAWS(t, func(t *testing.T, name string, r *harness.Recording) {
		targets := r.Get(t, "aws:lb/targetGroup:TargetGroup", name+"-api").Inputs
		require.Equal(t, "HTTPS", harness.Dig(targets["healthCheck"], "protocol"))
		require.Equal(t, "/readyz", harness.Dig(targets["healthCheck"], "path"))
		require.Equal(t, "false", targets["preserveClientIp"])
		require.Equal(t, true, targets["connectionTermination"])
		require.Equal(t, []any{map[string]any{"enableUnhealthyConnectionTermination": true}}, targets["targetHealthStates"])
		require.LessOrEqual(t, targets["deregistrationDelay"], 30.0)
		require.Equal(t, true, r.Get(t, "aws:lb/loadBalancer:LoadBalancer", name+"-api").Inputs["enableCrossZoneLoadBalancing"])
		require.Len(t, r.Of("aws:lb/targetGroupAttachment:TargetGroupAttachment"), 3+2*3, "three control planes, and three workers behind two ports")
	})
}
