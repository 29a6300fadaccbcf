package review

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
)

// stateful is a kind of resource whose loss is not undone by making it again.
type stateful struct {
	types *regexp.Regexp
	kind  Kind
	what  string
	when  func(change, *plan.Plan) bool // nil: always
}

// statefuls is the table of them. Its patterns, as those of the tables below, are compiled once for all changes, by the
// first review: every other command would only wait for them.
var statefuls = sync.OnceValue(func() []stateful {
	return []stateful{
		{re(`^tls:index/privateKey:PrivateKey$`), KeyLost, "a private key", nil},
		{re(`^tls:index/(selfSignedCert:SelfSignedCert|locallySignedCert:LocallySignedCert)$`), KeyLost, "a certificate authority", isAuthority},
		{re(`^random:index/(randomPassword:RandomPassword|randomBytes:RandomBytes)$`), KeyLost, "a generated key", nil},
		{re(`^aws:kms/(key:Key|replicaKey:ReplicaKey|externalKey:ExternalKey)$`), KeyLost, "an encryption key", nil},
		{re(`^aws:secretsmanager/secret:Secret$`), KeyLost, "a stored secret", nil},
		{re(`^openstack:keymanager/(secretV1:SecretV1|containerV1:ContainerV1|orderV1:OrderV1)$`), KeyLost, "a stored secret", nil},
		{re(`^(lab:index:Machine|aws:ec2/instance:Instance|openstack:compute/instance:Instance)$`), ControlPlaneLost, "a control-plane machine", isControlPlane},
		{re(`^(aws:s3/bucket(V2)?:Bucket(V2)?|openstack:objectstorage/container:Container)$`), StoreLost, "an object store", nil},
		{re(`^(aws:ebs/volume:Volume|openstack:blockstorage/volume:Volume|kubernetes:core/v1:PersistentVolume(Claim)?)$`), DataLost, "a volume", nil},
		{re(`^kubernetes:core/v1:Namespace$`), DataLost, "a namespace, with all that is in it", nil},
		{re(`^kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition$`), DataLost, "a kind of object, with all objects of it", nil},
	}
})

// guards are resources that protect another: their loss is a weakening by itself.
var guards = sync.OnceValue(func() []stateful {
	return []stateful{
		{re(`^aws:s3/bucketObjectLockConfiguration`), Lock, "a lock", nil},
		{re(`^aws:s3/bucketVersioning`), Lock, "the versions, which the lock needs", nil},
		{re(`^aws:s3/bucketServerSideEncryptionConfiguration`), Encryption, "the encryption of an object store", nil},
		{re(`^aws:s3/bucketPolicy:`), Lock, "the policy that denies what destroys", nil},
		{re(`^aws:s3/bucketPublicAccessBlock:`), Opened, "a block of public access", nil},
		{re(`^kubernetes:networking.k8s.io/v1:NetworkPolicy$`), Opened, "a network policy", nil},
		{re(`^lab:index:Firewall$`), Opened, "a firewall", nil},
	}
})

func re(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

func isAuthority(c change, _ *plan.Plan) bool {
	return c.step.OldState != nil && c.step.OldState.Inputs["isCaCertificate"] == true
}

// isControlPlane reads the machine's role, or finds it among the nodes of the plan that was.
func isControlPlane(c change, was *plan.Plan) bool {
	if c.step.OldState != nil {
		in := c.step.OldState.Inputs
		for _, at := range []any{in["role"], tagOf(in["tags"]), tagOf(in["metadata"])} {
			if at == string(plan.ControlPlane) {
				return true
			}
		}
	}
	if was == nil {
		return false
	}
	return slices.ContainsFunc(was.Pools, func(p plan.Pool) bool {
		return p.Role == plan.ControlPlane && slices.ContainsFunc(p.Nodes, func(n plan.Node) bool { return c.name == was.Name+"-"+n.Name })
	})
}

func tagOf(tags any) any {
	m, _ := asMap(tags)
	return m["lagrum.dev/role"]
}

// resourceFlags finds the red flags of a preview.
func resourceFlags(p *preview, changes []change, was, now *plan.Plan, l law) []flag {
	var found []flag
	for _, c := range changes {
		if c.verb == deleted || c.verb == replaced {
			found = append(found, lossFlags(c, was, now)...)
		}
		found = append(found, ruleFlags(c, p.existed())...)
		found = append(found, propertyFlags(c)...)
		found = append(found, regionFlags(c)...)
	}
	// A protection alone changes nothing that the provider sees, so the engine calls the step "same".
	for _, s := range p.Steps {
		found = append(found, protectionFlags(s)...)
	}
	return found
}

func lossFlags(c change, was, now *plan.Plan) []flag {
	var found []flag
	verb := "is deleted"
	if c.verb == replaced {
		verb = "is replaced" + because(c.reasons)
	}
	for _, k := range statefuls() {
		if !k.types.MatchString(c.typ) || k.when != nil && !k.when(c, was) {
			continue
		}
		severity, remark := Severe, ""
		switch {
		case c.step.OldState != nil && c.step.OldState.RetainOnDelete:
			severity, remark = Flagged, "; the object itself stays where it is"
		case k.kind == ControlPlaneLost && c.verb == deleted && retires(now, c.name) != "":
			severity, remark = Flagged, "; the plan retires it, "+code(retires(now, c.name))+" takes its place"
		}
		found = append(found, flag{kind: k.kind, severity: severity, says: fmt.Sprintf("%s, %s, %s%s", resource(c), k.what, verb, remark)})
	}
	for _, k := range guards() {
		if c.verb == deleted && k.types.MatchString(c.typ) {
			found = append(found, flag{kind: k.kind, severity: Severe, says: fmt.Sprintf("%s, %s, %s", resource(c), k.what, verb)})
		}
	}
	return found
}

// retires names the node that takes the place of a retired control-plane machine.
func retires(now *plan.Plan, machine string) string {
	if now == nil {
		return ""
	}
	for _, r := range now.Retirements {
		if machine == now.Name+"-"+r.Node {
			return r.Replacement
		}
	}
	return ""
}

func because(reasons []string) string {
	if len(reasons) == 0 {
		return ""
	}
	quoted := make([]string, len(reasons))
	for i, r := range reasons {
		quoted[i] = code(r)
	}
	return ", because of " + strings.Join(quoted, ", ")
}

func resource(c change) string { return code(c.name) + " (" + code(c.typ) + ")" }

// protectionFlags see what the engine itself keeps of a resource.
func protectionFlags(s step) []flag {
	if s.OldState == nil || s.NewState == nil {
		return nil
	}
	c := change{name: nameOf(s.URN), typ: typeOf(s.URN)}
	var found []flag
	if s.OldState.Protect && !s.NewState.Protect {
		found = append(found, flag{kind: Unprotected, severity: Severe, says: resource(c) + ": the engine would no longer refuse to delete it"})
	}
	if s.OldState.RetainOnDelete && !s.NewState.RetainOnDelete {
		found = append(found, flag{kind: Unprotected, severity: Severe, says: resource(c) + ": taking it out of the program would now delete the object too"})
	}
	return found
}

// guarded is a property that protects, encrypts or locks.
type guarded struct {
	types *regexp.Regexp // nil: every type
	// path is matched against the property's path, without indices.
	path *regexp.Regexp
	kind Kind
	// worse tells a weakening; any other change is flagged without being severe.
	worse func(old, now any) bool
}

var guardedProperties = sync.OnceValue(func() []guarded {
	lost := func(old, now any) bool { return truthy(old) && !truthy(now) }
	gained := func(old, now any) bool { return !truthy(old) && truthy(now) }
	shorter := func(old, now any) bool { a, b := number(old), number(now); return a > b }
	fromCompliance := func(old, now any) bool { return old == "COMPLIANCE" && now != "COMPLIANCE" }
	return []guarded{
		{nil, re(`(?i)(^|\.)(encrypted|storageEncrypted|enableKeyRotation|kmsKeyId|kmsKeyArn|kmsMasterKeyId|sseAlgorithm|encryptionConfiguration|serverSideEncryptionConfigurations?)$`), Encryption, lost},
		{re(`^openstack:blockstorage/`), re(`^volumeType$`), Encryption, lost},
		{re(`^aws:kms/`), re(`^deletionWindowInDays$`), Unprotected, shorter},
		{nil, re(`^(deletionProtection|disableApiTermination)$`), Unprotected, lost},
		{nil, re(`^forceDestroy$`), Unprotected, gained},
		{nil, re(`(^|\.)objectLock(Enabled|Configuration)(\.objectLockEnabled)?$`), Lock, lost},
		{nil, re(`(^|\.)defaultRetention\.mode$`), Lock, fromCompliance},
		{nil, re(`(^|\.)defaultRetention\.(days|years)$`), LogsShortened, shorter},
		{re(`^aws:s3/bucketLifecycleConfiguration|^aws:s3/bucket`), re(`(^|\.)(expirations?|noncurrentVersionExpirations?)\.(days|noncurrentDays)$`), LogsShortened, shorter},
		{re(`^aws:s3/bucket`), re(`(^|\.)(versioning|versioningConfiguration)\.(status|enabled)$`), Lock, lost},
		{re(`^aws:s3/bucketPublicAccessBlock:`), re(`^(blockPublicAcls|blockPublicPolicy|ignorePublicAcls|restrictPublicBuckets)$`), Opened, lost},
	}
})

func propertyFlags(c change) []flag {
	if c.verb != changed && c.verb != replaced {
		return nil
	}
	var found []flag
	for _, p := range c.properties {
		path := pathText(slices.DeleteFunc(slices.Clone(p.path), func(k string) bool { return strings.HasPrefix(k, "[") }))
		for _, g := range guardedProperties() {
			if g.types != nil && !g.types.MatchString(c.typ) || !g.path.MatchString(path) {
				continue
			}
			worse := !p.hidden && g.worse(p.old, p.new)
			if g.kind == LogsShortened && !worse || g.kind == Opened && !worse {
				continue // longer, or closed: what the flag is about did not happen
			}
			severity := Flagged
			if worse {
				severity = Severe
			}
			found = append(found, flag{kind: g.kind, severity: severity, says: resource(c) + ": " + propertyText(p)})
			break
		}
	}
	return found
}

// truthy: a switch that is on, a name that is there.
func truthy(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != "" && v != "Disabled" && v != "Suspended" && v != "false"
	default:
		return !empty(v)
	}
}

// awsInsideEEA tells whether a region of AWS is known to stand in a country of the EEA. London and Zurich do not.
func awsInsideEEA(region string) bool {
	at, known := plan.AWSCountry(region)
	return known && slices.Contains(country.EEA(), at)
}

// regionFlags see where a resource lies.
func regionFlags(c change) []flag {
	aws := strings.HasPrefix(c.typ, "aws:") || c.typ == "pulumi:providers:aws"
	outside := func(region any) bool {
		return aws && region != nil && !awsInsideEEA(valueText(region))
	}
	if c.verb == added && c.step.NewState != nil {
		if region := c.step.NewState.Inputs["region"]; outside(region) && region != unknownText {
			return []flag{{kind: Residency, severity: Severe, says: fmt.Sprintf("%s lies in %s, outside the EEA", resource(c), code(valueText(region)))}}
		}
		return nil
	}
	var found []flag
	for _, p := range c.properties {
		if len(p.path) != 1 || p.path[0] != "region" || p.hidden {
			continue
		}
		severity, remark := Flagged, ""
		if outside(p.new) {
			severity, remark = Severe, ", which is outside the EEA"
		}
		found = append(found, flag{kind: Residency, severity: severity, says: resource(c) + ": " + propertyText(p) + remark})
	}
	return found
}
