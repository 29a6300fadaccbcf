package stacks

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/harness"
)

// declaredDoors are the only names under which a source may be wide, and the one port of each.
var declaredDoors = map[string]float64{"gateway-https-from-declared-": 443, "gateway-http-from-declared-": 80}

// wide tells whether a source is more than somebody in particular.
func wide(source string) bool {
	p, err := netip.ParsePrefix(source)
	return err != nil || p.Bits() < 8
}

// openings lists what strangers could come in by, beyond the two ports of a gateway that the site calls public.
func openings(stack string, site map[string]any, r *harness.Recording) []string {
	var found []string
	open := func(made *harness.Resource, format string, args ...any) {
		found = append(found, made.Type+" "+made.Name+": "+fmt.Sprintf(format, args...))
	}
	public, _ := harness.Dig(site, "gateway", "public").(bool)
	sources, _ := harness.Dig(site, "gateway", "sources").([]any)
	// A rule is the gateway's by its name, its one port, its group, and the source that the site declares.
	door := func(rule *harness.Resource, source string, first, last any) bool {
		name, ours := strings.CutPrefix(strings.TrimSuffix(rule.Name, source), stack+"-")
		port, known := declaredDoors[name]
		return ours && known && public && first == port && last == port && slices.Contains(sources, any(source)) &&
			slices.ContainsFunc(rule.Dependencies, func(urn string) bool { return strings.HasSuffix(urn, "::"+stack+"-gateway") })
	}
	for _, rule := range r.Of("openstack:networking/secGroupRule:SecGroupRule") {
		source, named := rule.Inputs["remoteIpPrefix"].(string)
		if rule.Inputs["direction"] == "ingress" && named && wide(source) && !door(rule, source, rule.Inputs["portRangeMin"], rule.Inputs["portRangeMax"]) {
			open(rule, "from %s", source)
		}
	}
	for _, rule := range r.Of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
		for _, family := range []string{"cidrIpv4", "cidrIpv6"} {
			source, named := rule.Inputs[family].(string)
			if named && wide(source) && !door(rule, source, rule.Inputs["fromPort"], rule.Inputs["toPort"]) {
				open(rule, "from %s", source)
			}
		}
	}
	for _, listener := range r.Of("openstack:loadbalancer/listener:Listener") {
		allowed, _ := listener.Inputs["allowedCidrs"].([]any)
		if len(allowed) == 0 {
			open(listener, "takes every source")
		}
		gateway := public && (listener.Name == stack+"-gateway-https" || listener.Name == stack+"-gateway-http")
		for _, source := range allowed {
			if wide(source.(string)) && !(gateway && slices.Contains(sources, source)) {
				open(listener, "takes %s", source)
			}
		}
	}
	for _, balancer := range r.Of("aws:lb/loadBalancer:LoadBalancer") {
		if balancer.Inputs["internal"] != true && !(public && balancer.Name == stack+"-gateway") {
			open(balancer, "has addresses on the Internet")
		}
	}
	for _, address := range r.Of("openstack:networking/floatingIp:FloatingIp") {
		leads := slices.ContainsFunc(address.Dependencies, func(urn string) bool { return strings.HasSuffix(urn, "port:Port::"+stack+"-gateway") })
		if !public || address.Name != stack+"-gateway" || !leads {
			open(address, "is an address on the Internet")
		}
	}
	for _, kind := range []string{"openstack:networking/floatingIpAssociate:FloatingIpAssociate", "openstack:compute/floatingIp:FloatingIp"} {
		for _, made := range r.Of(kind) {
			open(made, "leads from the Internet by another way")
		}
	}
	return found
}

// The policy must see what it forbids: each row opens one thing in what a declared stack makes.
func TestOpeningsAreSeen(t *testing.T) {
	t.Parallel()
	const (
		ostackRule, awsRule = "openstack:networking/secGroupRule:SecGroupRule", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
		world               = "0.0.0.0/0"
	)
	for _, row := range []struct {
		name, stack string
		site        func(site map[string]any)
		open        func(t *testing.T, r *harness.Recording)
		want        string // nothing where empty
	}{
		{name: "OpenStack as declared", stack: "se-prod"},
		{name: "AWS as declared", stack: "dk-prod"},
		{name: "the API", stack: "se-prod", want: ostackRule + " se-prod-api-from-declared-192.0.2.0/24: from 0.0.0.0/0", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, ostackRule, "se-prod-api-from-declared-192.0.2.0/24").Inputs["remoteIpPrefix"] = world
		}},
		{name: "the API on AWS", stack: "dk-prod", want: awsRule + " dk-prod-api-from-declared-192.0.2.0/24: from ::/0", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, awsRule, "dk-prod-api-from-declared-192.0.2.0/24").Inputs["cidrIpv6"] = "::/0"
		}},
		{name: "the API in the gateway's clothes", stack: "se-prod", want: ostackRule + " se-prod-gateway-https-from-declared-0.0.0.0/0: from 0.0.0.0/0", open: func(t *testing.T, r *harness.Recording) {
			rule := r.Get(t, ostackRule, "se-prod-gateway-https-from-declared-"+world)
			rule.Inputs["portRangeMin"], rule.Inputs["portRangeMax"] = 6443.0, 6443.0
		}},
		{name: "SSH beside the gateway", stack: "se-prod", want: ostackRule + " se-prod-gateway-http-from-declared-0.0.0.0/0: from 0.0.0.0/0", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, ostackRule, "se-prod-gateway-http-from-declared-"+world).Inputs["portRangeMin"] = 22.0
		}},
		{name: "the gateway's row in another group", stack: "se-prod", want: ostackRule + " se-prod-gateway-https-from-declared-0.0.0.0/0: from 0.0.0.0/0", open: func(t *testing.T, r *harness.Recording) {
			rule := r.Get(t, ostackRule, "se-prod-gateway-https-from-declared-"+world)
			rule.Dependencies = []string{r.Get(t, "openstack:networking/secGroup:SecGroup", "se-prod-worker").URN}
		}},
		{name: "the node port", stack: "se-prod", want: ostackRule + " se-prod-gateway-https-behind-balancer-172.31.0.0/20: from 0.0.0.0/0", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, ostackRule, "se-prod-gateway-https-behind-balancer-172.31.0.0/20").Inputs["remoteIpPrefix"] = world
		}},
		{name: "wider than declared", stack: "dk-prod", want: awsRule + " dk-prod-gateway-https-from-declared-198.51.100.0/24: from 0.0.0.0/0", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, awsRule, "dk-prod-gateway-https-from-declared-198.51.100.0/24").Inputs["cidrIpv4"] = world
		}},
		{name: "the API's listener", stack: "se-prod", want: "openstack:loadbalancer/listener:Listener se-prod-api: takes 0.0.0.0/0", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, "openstack:loadbalancer/listener:Listener", "se-prod-api").Inputs["allowedCidrs"] = []any{world}
		}},
		{name: "a listener without sources", stack: "se-prod", want: "openstack:loadbalancer/listener:Listener se-prod-api: takes every source", open: func(t *testing.T, r *harness.Recording) {
			delete(r.Get(t, "openstack:loadbalancer/listener:Listener", "se-prod-api").Inputs, "allowedCidrs")
		}},
		{name: "the API's balancer", stack: "dk-prod", want: "aws:lb/loadBalancer:LoadBalancer dk-prod-api: has addresses on the Internet", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, "aws:lb/loadBalancer:LoadBalancer", "dk-prod-api").Inputs["internal"] = false
		}},
		{name: "a floating address of the API", stack: "se-prod", want: "openstack:networking/floatingIp:FloatingIp se-prod-gateway: is an address on the Internet", open: func(t *testing.T, r *harness.Recording) {
			r.Get(t, "openstack:networking/floatingIp:FloatingIp", "se-prod-gateway").Dependencies = []string{r.Get(t, "openstack:networking/port:Port", "se-prod-api").URN}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, row.stack, declared(t)[row.stack], false)
			if row.open != nil {
				row.open(t, r)
			}
			found := openings(row.stack, siteOf(t, row.stack), r)
			if row.want == "" {
				require.Empty(t, found)
				return
			}
			require.Equal(t, []string{row.want}, found)
		})
	}
}

// Without public the gateway has no address on the Internet in either cloud, and nothing else about it differs.
func TestGatewayIsPublicOnlyWhereTheSiteSaysSo(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"se-prod", "dk-prod"} {
		public := run(t, stack, declared(t)[stack], false)
		config := edited(t, stack, func(site map[string]any) { site["gateway"] = map[string]any{"sources": []any{"192.0.2.0/24"}} })
		private := run(t, stack, config, false)
		assert.Empty(t, private.Of("openstack:networking/floatingIp:FloatingIp"))
		if stack == "se-prod" {
			assert.Len(t, public.Of("openstack:networking/floatingIp:FloatingIp"), 1)
			assert.Equal(t, "203.0.113.7", public.Exports["gateway"])
			assert.Regexp(t, `^172\.31\.`, private.Exports["gateway"])
			continue
		}
		for r, internal := range map[*harness.Recording]bool{public: false, private: true} {
			gateway := r.Get(t, "aws:lb/loadBalancer:LoadBalancer", stack+"-gateway")
			assert.Equal(t, internal, gateway.Inputs["internal"])
			where := "-nodes-"
			if !internal {
				where = "-public-"
			}
			for _, zone := range []string{"a", "b", "c"} {
				assert.Contains(t, gateway.Dependencies, r.Get(t, "aws:ec2/subnet:Subnet", stack+where+zone).URN)
			}
		}
	}
}

// withoutLogin takes out who may log in, and with it who could.
func withoutLogin(site map[string]any) {
	delete(site["identity"].(map[string]any), "login")
	delete(site, "access")
}

// A site without a gateway has nothing of one: no group, no port, no row, no output.
func TestNoGatewayUnlessDeclared(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"se-prod", "dk-prod"} {
		r := run(t, stack, edited(t, stack, func(site map[string]any) {
			withoutLogin(site)
			delete(site, "gateway")
		}), false)
		for _, made := range r.Resources {
			// AWS's own kinds of gateway lead out.
			if strings.Contains(made.Type, "Gateway") {
				continue
			}
			assert.NotContains(t, made.Name, "gateway", made.URN)
		}
		assert.NotContains(t, r.Exports, "gateway")
	}
}

// Every worker is behind both ports, one on its way out included, and no control plane is; each is told who the client is.
func TestGatewayLeadsToWorkers(t *testing.T) {
	t.Parallel()
	member := regexp.MustCompile(`-(workers-\d+-g\d+)-gateway-(https?)$`)
	for stack, kind := range map[string]string{"se-prod": "openstack:loadbalancer/member:Member", "dk-prod": "aws:lb/targetGroupAttachment:TargetGroupAttachment"} {
		r := run(t, stack, edited(t, stack, func(site map[string]any) {
			withoutLogin(site) // Dex behind the gateway is not told of clients
			for i := range site["nodePools"].([]any) {
				if pool := pool(site, i); pool["role"] == "worker" {
					pool["count"], pool["leaving"] = 2, []any{fmt.Sprintf("workers-3-g%v", generation(pool))}
				}
			}
		}), false)
		ports := map[string]float64{"https": 30443, "http": 30080}
		behind := map[string]int{}
		for _, made := range r.Of(kind) {
			m := member.FindStringSubmatch(made.Name)
			if m == nil {
				require.True(t, strings.HasSuffix(made.Name, "-api"), made.URN)
				continue
			}
			behind[m[1]]++
			port := made.Inputs["port"]
			if kind == "openstack:loadbalancer/member:Member" {
				port = made.Inputs["protocolPort"]
			}
			assert.Equal(t, ports[m[2]], port, made.URN)
			machine := func(urn string) bool { return strings.Contains(urn, "nstance:Instance::"+stack+"-"+m[1]) }
			assert.True(t, slices.ContainsFunc(made.Dependencies, machine), "%s: leaves before its machine does", made.URN)
		}
		assert.Len(t, behind, 3, stack)
		for node, count := range behind {
			assert.Equal(t, 2, count, node)
		}
		for _, name := range []string{"https", "http"} {
			if stack == "se-prod" {
				assert.Equal(t, "PROXY", r.Get(t, "openstack:loadbalancer/pool:Pool", stack+"-gateway-"+name).Inputs["protocol"])
				assert.Equal(t, "TCP", r.Get(t, "openstack:loadbalancer/monitor:Monitor", stack+"-gateway-"+name).Inputs["type"])
				continue
			}
			targets := r.Get(t, "aws:lb/targetGroup:TargetGroup", stack+"-gateway-"+name).Inputs
			assert.Equal(t, []any{true, "false"}, []any{targets["proxyProtocolV2"], targets["preserveClientIp"]})
			assert.LessOrEqual(t, len(targets["name"].(string))-len(stack)+24, 32, "a target group's name, under the longest cluster's")
		}
	}
}

func generation(pool map[string]any) any {
	if g := pool["generation"]; g != nil {
		return g
	}
	return 1
}
