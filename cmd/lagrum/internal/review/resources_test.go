package review

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
)

func create(typ, inputs string) string {
	return fmt.Sprintf(`{"op":"create","urn":%q,"newState":{"inputs":%s}}`, urn(typ, "r"), inputs)
}

func TestRulesOfEveryCloud(t *testing.T) {
	existing := fmt.Sprintf(`{"op":"same","urn":%q,"oldState":{},"newState":{}}`, urn("a:b:C", "n"))
	for name, row := range map[string]struct {
		step string
		code int
	}{
		"openstack, in, from a network": {create("openstack:networking/secGroupRule:SecGroupRule", `{"direction":"ingress","remoteIpPrefix":"192.0.2.0/24"}`), CodeFlagged},
		"openstack, in, from a group":   {create("openstack:networking/secGroupRule:SecGroupRule", `{"direction":"ingress","remoteGroupId":"g"}`), CodeFlagged},
		"openstack, in, from anybody":   {create("openstack:networking/secGroupRule:SecGroupRule", `{"direction":"ingress"}`), CodeSevere},
		"openstack, out":                {create("openstack:networking/secGroupRule:SecGroupRule", `{"direction":"egress"}`), CodeOrdinary},
		"aws rule, in":                  {create("aws:ec2/securityGroupRule:SecurityGroupRule", `{"type":"ingress","cidrBlocks":["192.0.2.0/24"]}`), CodeFlagged},
		"aws rule, out":                 {create("aws:ec2/securityGroupRule:SecurityGroupRule", `{"type":"egress","cidrBlocks":["0.0.0.0/0"]}`), CodeOrdinary},
		"aws rule, IPv6":                {create("aws:ec2/securityGroupRule:SecurityGroupRule", `{"type":"ingress","ipv6CidrBlocks":["::/0"]}`), CodeSevere},
		"aws ingress rule, IPv6":        {create("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", `{"cidrIpv6":"::/0"}`), CodeSevere},
		"aws group, new and closed":     {create("aws:ec2/securityGroup:SecurityGroup", `{"ingress":[{"protocol":"tcp","cidrBlocks":["192.0.2.0/24"]}]}`), CodeOrdinary},
		"aws group, new and open":       {create("aws:ec2/securityGroup:SecurityGroup", `{"ingress":[{"protocol":"tcp","cidrBlocks":["0.0.0.0/0"]}]}`), CodeSevere},
		"aws group, opened": {update("aws:ec2/securityGroup:SecurityGroup", `{"inputs":{"ingress":[]}}`,
			`{"inputs":{"ingress":[{"protocol":"tcp","fromPort":22,"toPort":22,"cidrBlocks":["192.0.2.0/24"]}]}}`), CodeFlagged},
	} {
		require.Equal(t, row.code, review(t, made(existing, row.step)).Code(), name)
	}
}

func TestRegions(t *testing.T) {
	for name, row := range map[string]struct {
		step string
		code int
	}{
		"new inside":         {create("pulumi:providers:aws", `{"region":"eu-north-1"}`), CodeOrdinary},
		"new outside":        {create("pulumi:providers:aws", `{"region":"eu-west-2"}`), CodeSevere},
		"new unknown":        {create("aws:s3/bucketV2:BucketV2", `{"region":"`+unknownText+`"}`), CodeOrdinary},
		"moved inside":       {update("pulumi:providers:aws", `{"inputs":{"region":"eu-north-1"}}`, `{"inputs":{"region":"eu-west-1"}}`), CodeFlagged},
		"moved outside":      {update("pulumi:providers:aws", `{"inputs":{"region":"eu-north-1"}}`, `{"inputs":{"region":"eu-central-2"}}`), CodeSevere},
		"of another cloud":   {update("pulumi:providers:openstack", `{"inputs":{"region":"A"}}`, `{"inputs":{"region":"B"}}`), CodeFlagged},
		"new, another cloud": {create("pulumi:providers:openstack", `{"region":"B"}`), CodeOrdinary},
	} {
		require.Equal(t, row.code, review(t, made(row.step)).Code(), name)
	}
}

// A machine says its role in the lab and by its tags; where it does not, the plan that was knows its name.
func TestControlPlanesAreFound(t *testing.T) {
	was := &plan.Plan{Name: "se-prod", Pools: []plan.Pool{
		{Role: plan.ControlPlane, Nodes: []plan.Node{{Name: "cp-1-g1"}}}, {Role: plan.Worker, Nodes: []plan.Node{{Name: "workers-1-g1"}}}}}
	for name, row := range map[string]struct {
		machine string
		inputs  map[string]any
		was     *plan.Plan
		want    bool
	}{
		"role":             {"x", map[string]any{"role": "control-plane"}, nil, true},
		"tag":              {"x", map[string]any{"tags": map[string]any{"lagrum.dev/role": "control-plane"}}, nil, true},
		"metadata":         {"x", map[string]any{"metadata": map[string]any{"lagrum.dev/role": "control-plane"}}, nil, true},
		"plan":             {"se-prod-cp-1-g1", nil, was, true},
		"plan, a worker":   {"se-prod-workers-1-g1", nil, was, false},
		"worker by role":   {"x", map[string]any{"role": "worker"}, nil, false},
		"nothing is known": {"se-prod-cp-1-g1", nil, nil, false},
	} {
		c := change{name: row.machine, step: step{OldState: &state{Inputs: row.inputs}}}
		require.Equal(t, row.want, isControlPlane(c, row.was), name)
	}
}

// The stack's country, and what binds its operator besides, come from the plan, else from the site of the preview.
func TestLawOfAStack(t *testing.T) {
	l := lawOf(nil, &plan.Plan{Country: "dk", Duties: plan.Duties{Overlays: []string{"dk-state"}}}, nil)
	require.Equal(t, []string{"dk-state"}, l.overlays)
	require.EqualValues(t, "dk", l.profile)
	l = lawOf(&plan.Plan{Country: "se"}, nil, nil)
	require.Empty(t, l.overlays)
	require.EqualValues(t, "se", l.profile)
	l = lawOf(nil, nil, &preview{Config: map[string]string{"lagrum:site": `{"country":"se","operator":{"kind":"state"}}`}})
	require.Equal(t, []string{"se-state"}, l.overlays)
	require.False(t, lawOf(nil, &plan.Plan{Country: "xx"}, &preview{}).known)
}

func TestWhatIsShown(t *testing.T) {
	shown := func(steps ...string) string { return review(t, made(steps...)).Markdown() }
	require.Contains(t, shown(update("a:b:C", `{"inputs":{"n":12345678901234567}}`, `{"inputs":{"n":12345678901234568}}`)),
		"`n`: `12345678901234567` → `12345678901234568`", "numbers keep their digits")
	require.Contains(t, shown(update("a:b:C", `{"inputs":{"x":1,"__defaults":["y"]}}`, `{"inputs":{"x":2,"__defaults":["z"]}}`)), "`x`: `1` → `2`")
	require.NotContains(t, shown(update("a:b:C", `{"inputs":{"x":1,"__defaults":["y"]}}`, `{"inputs":{"x":2,"__defaults":["z"]}}`)), "__defaults")
	require.Contains(t, shown(update("a:b:C", `{"protect":true,"inputs":{"x":1}}`, `{"inputs":{"x":2}}`)), "`protect (of the engine)`: `true` → `false`")
	require.Contains(t, shown(update("a:b:C", `{"retainOnDelete":true}`, `{}`)), "`retainOnDelete (of the engine)`: `true` → `false`")
	require.Contains(t, shown(fmt.Sprintf(`{"op":"create","urn":%q,"newState":{}}`, urn("pulumi:pulumi:Stack", "s")), create("a:b:C", `{}`)), "1 added",
		"the stack itself is no resource that somebody declared")
	drifted := strings.Replace(update("a:b:C", `{"inputs":{"x":1}}`, `{"inputs":{"x":1}}`), `"op"`, `"detailedDiff":{"x.y":{}},"op"`, 1)
	require.Contains(t, shown(drifted), "`x`: differs from what exists")
}

func TestProblemsAreShown(t *testing.T) {
	in := Input{Stack: "s", Preview: []byte(`{"steps":[],"maybeCorrupt":true}`)}
	require.Equal(t, CodeFailed, review(t, in).Code())
	require.Contains(t, review(t, in).Markdown(), "the state may be corrupt")
	long := `{"diagnostics":[{"severity":"error","message":"` + strings.Repeat("x", 90000) + `"}]}`
	require.Less(t, len(review(t, Input{Stack: "s", Preview: []byte(long)}).Markdown()), 65536)
}

func TestMissingPlans(t *testing.T) {
	some, err := (plan.Plan{Country: "se", Waivers: []plan.Waiver{{Requirement: "SE-PDL-1-2", Until: "2027-01-01", Paths: []string{"a"}}}}).JSON()
	require.NoError(t, err)
	quiet := []byte(`{"steps":[]}`)
	both := review(t, Input{Stack: "s", Preview: quiet, Plans: true})
	require.Equal(t, CodeOrdinary, both.Code())
	require.Contains(t, both.Markdown(), "No plan of the stack was given")
	fresh := review(t, Input{Stack: "s", Preview: quiet, Plans: true, NewPlan: some})
	require.Contains(t, fresh.Markdown(), "The stack had no plan before")
	require.Equal(t, CodeFlagged, fresh.Code(), "the waivers of a new stack are new")
	gone := review(t, Input{Stack: "s", Preview: quiet, Plans: true, OldPlan: some})
	require.Equal(t, CodeFlagged, gone.Code())
	require.NotContains(t, gone.Markdown(), "Touches:", "nobody knows what a missing plan touches")
}

// A flag that cites nothing of its own, beside one that does, is not left without its law.
func TestFlagsWithAndWithoutCitationsOfTheirOwn(t *testing.T) {
	old := plan.Plan{Country: "se", Duties: plan.Duties{Logs: []plan.LogClass{{Name: "patient-access", FloorDays: 2000, CeilingDays: 3000, Cites: []string{"EU-GDPR-5-1-e"}}}}}
	was, err := old.JSON()
	require.NoError(t, err)
	var shorter plan.Plan
	require.NoError(t, json.Unmarshal(was, &shorter))
	shorter.Duties.Logs[0].FloorDays = 1900
	now, err := shorter.JSON()
	require.NoError(t, err)
	in := made(update("aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2",
		`{"inputs":{"rule":{"defaultRetention":{"days":2000}}}}`, `{"inputs":{"rule":{"defaultRetention":{"days":1900}}}}`))
	in.OldPlan, in.NewPlan, in.Plans = was, now, true
	text := review(t, in).Markdown()
	require.Contains(t, text, "[EU-GDPR-5-1-e]")
	require.Contains(t, text, "[SE-HSLF-4-9-7]")
}
