package review

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// opening is one thing that a firewall lets through, whichever cloud says so.
type opening struct {
	name, from, to, protocol string
	first, last              float64
	// sources are CIDRs; none where from is a group of machines.
	sources []string
}

// openings reads a resource's rules: of types that hold many, and of types that are one.
func openings(typ string, in map[string]any) (rules []opening, firewall bool) {
	switch typ {
	case "lab:index:Firewall":
		list, _ := in["rules"].([]any)
		for _, e := range list {
			r, _ := asMap(e)
			rules = append(rules, opening{name: text(r["name"]), from: text(r["from"]), to: text(r["to"]), protocol: text(r["protocol"]),
				first: number(r["firstPort"]), last: number(r["lastPort"]), sources: texts(r["sources"])})
		}
		return rules, true
	case "openstack:networking/secGroupRule:SecGroupRule":
		if in["direction"] == "egress" {
			return nil, true
		}
		return []opening{{from: text(in["remoteGroupId"]), to: text(in["securityGroupId"]), protocol: text(in["protocol"]),
			first: number(in["portRangeMin"]), last: number(in["portRangeMax"]),
			sources: anyone(texts(in["remoteIpPrefix"]), in["remoteGroupId"])}}, true
	case "aws:ec2/securityGroupRule:SecurityGroupRule":
		if in["type"] == "egress" {
			return nil, true
		}
		return []opening{{from: text(in["sourceSecurityGroupId"]), to: text(in["securityGroupId"]), protocol: text(in["protocol"]),
			first: number(in["fromPort"]), last: number(in["toPort"]),
			sources: slices.Concat(texts(in["cidrBlocks"]), texts(in["ipv6CidrBlocks"]))}}, true
	case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
		return []opening{{from: text(in["referencedSecurityGroupId"]), to: text(in["securityGroupId"]), protocol: text(in["ipProtocol"]),
			first: number(in["fromPort"]), last: number(in["toPort"]),
			sources: slices.Concat(texts(in["cidrIpv4"]), texts(in["cidrIpv6"]))}}, true
	case "aws:ec2/securityGroup:SecurityGroup":
		list, _ := in["ingress"].([]any)
		for i, e := range list {
			r, _ := asMap(e)
			rules = append(rules, opening{name: fmt.Sprintf("ingress %d", i), from: strings.Join(texts(r["securityGroups"]), ","), protocol: text(r["protocol"]),
				first: number(r["fromPort"]), last: number(r["toPort"]), sources: slices.Concat(texts(r["cidrBlocks"]), texts(r["ipv6CidrBlocks"]))})
		}
		return rules, true
	}
	return nil, false
}

// anyone: on OpenStack a rule that names neither a prefix nor a group is open to everybody.
func anyone(prefixes []string, group any) []string {
	if len(prefixes) == 0 && empty(group) {
		return []string{"0.0.0.0/0"}
	}
	return prefixes
}

// ruleFlags compares what a firewall let through with what it would. In a stack that is new every rule is new, and a new
// firewall closes more than it opens: there only what is open to the world is worth a flag.
func ruleFlags(c change, existed bool) []flag {
	var was, now []opening
	isFirewall := false
	if s := c.step.OldState; s != nil && c.verb != added {
		was, isFirewall = openings(c.typ, s.Inputs)
	}
	if s := c.step.NewState; s != nil && c.verb != deleted {
		rules, ok := openings(c.typ, s.Inputs)
		now, isFirewall = rules, isFirewall || ok
	}
	if !isFirewall {
		return nil
	}
	var found []flag
	whole := c.typ == "lab:index:Firewall" || c.typ == "aws:ec2/securityGroup:SecurityGroup"
	fresh := !existed || whole && c.verb == added
	for _, r := range now {
		severity := Flagged
		if r.world() {
			severity = Severe
		}
		if slices.ContainsFunc(was, func(old opening) bool { return old.admits(r) }) || severity == Flagged && fresh {
			continue
		}
		says := resource(c)
		if r.name != "" {
			says += ", by its rule " + code(r.name) + ","
		}
		says += fmt.Sprintf(" lets in %s", r)
		if i := slices.IndexFunc(was, func(old opening) bool { return old.name == r.name && r.name != "" || len(was) == 1 && len(now) == 1 }); i >= 0 {
			says += fmt.Sprintf("; so far %s", was[i])
		}
		found = append(found, flag{kind: Opened, severity: severity, says: says})
	}
	return found
}

// admits tells whether all that the other lets through is let through already. Several rules together may do so too;
// then a flag is one too many, which is the safe side.
func (o opening) admits(other opening) bool {
	every := o.protocol == "-1" || o.protocol == ""
	if o.from != other.from || o.to != other.to || !every && o.protocol != other.protocol {
		return false
	}
	if !every && (other.first < o.first || other.last > o.last) {
		return false
	}
	if len(o.sources) == 0 || len(other.sources) == 0 {
		return len(o.sources) == len(other.sources)
	}
	return !slices.ContainsFunc(other.sources, func(s string) bool {
		return !slices.ContainsFunc(o.sources, func(wide string) bool { return contains(wide, s) })
	})
}

func contains(wide, narrow string) bool {
	a, errA := netip.ParsePrefix(wide)
	b, errB := netip.ParsePrefix(narrow)
	if errA != nil || errB != nil {
		return wide == narrow
	}
	return a.Bits() <= b.Bits() && a.Contains(b.Addr())
}

// world tells a source that is everybody, or so wide that it is the Internet in pieces: the bounds are the plan's own.
func (o opening) world() bool {
	return slices.ContainsFunc(o.sources, func(s string) bool {
		p, err := netip.ParsePrefix(s)
		return err == nil && (p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 16)
	})
}

func (o opening) String() string {
	var parts []string
	switch from := code(strings.Join(o.sources, ", ")); {
	case len(o.sources) > 0:
		parts = append(parts, from)
	case o.from != "":
		parts = append(parts, code(o.from))
	default:
		parts = append(parts, "nobody by address")
	}
	if o.to != "" {
		parts = append(parts, "to "+code(o.to))
	}
	protocol := o.protocol
	if protocol == "-1" || protocol == "" {
		protocol = "every protocol"
	}
	switch {
	case o.first == 0 && o.last == 0:
	case o.first == o.last:
		protocol += fmt.Sprintf(" %.0f", o.first)
	default:
		protocol += fmt.Sprintf(" %.0f-%.0f", o.first, o.last)
	}
	return strings.Join(append(parts, "on "+code(protocol)), " ")
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return valueText(v)
}

func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		found := make([]string, 0, len(v))
		for _, e := range v {
			found = append(found, text(e))
		}
		return found
	default:
		if t := text(v); t != "" {
			return []string{t}
		}
		return nil
	}
}

// number reads a number that may be written as text; 0 where there is none.
func number(v any) float64 {
	n, ok := v.(json.Number)
	if !ok {
		n = json.Number(text(v))
	}
	f, err := n.Float64()
	if err != nil {
		return 0
	}
	return f
}
