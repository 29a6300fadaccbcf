package review

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
)

func urn(typ, name string) string { return "urn:pulumi:s::lagrum::" + typ + "::" + name }

// made writes a preview of steps given as JSON.
func made(steps ...string) Input {
	return Input{Stack: "s", Preview: []byte(`{"steps":[` + strings.Join(steps, ",") + `]}`)}
}

func update(typ, old, now string) string {
	return fmt.Sprintf(`{"op":"update","urn":%q,"oldState":%s,"newState":%s}`, urn(typ, "r"), old, now)
}

// The table from flags to requirements: every id exists, what it names is about the flag's capability, and no kind is
// without a requirement in any country, nor where the country is not known.
func TestEveryKindTouchesARequirement(t *testing.T) {
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	laws := map[string]law{"unknown": {}}
	for _, p := range country.Profiles() {
		laws[p.Code] = lawFor(p, "")
		for _, o := range p.Overlays {
			laws[o.Name] = lawFor(p, o.Operator)
		}
	}
	require.Greater(t, len(laws), 3)
	for _, k := range kinds() {
		for _, id := range k.ids {
			_, ok := catalogue.ByID(id)
			require.True(t, ok, "%s: %s is not in the catalogue", k.kind, id)
		}
		for name, l := range laws {
			touched := k.touched(catalogue, l, nil)
			require.NotEmpty(t, touched, "%s in %s", k.kind, name)
			for _, row := range touched {
				about := false
				for _, c := range k.capabilities {
					for _, has := range row.Capabilities {
						about = about || c == has
					}
				}
				require.True(t, about, "%s in %s: %s is not about %v", k.kind, name, row.ID, k.capabilities)
				require.True(t, row.Decides(), "%s in %s: %s decides nothing", k.kind, name, row.ID)
				if len(l.overlays) == 0 {
					require.NotContains(t, []requirements.Status{requirements.OverlaySE, requirements.OverlayDK}, row.Status, "%s in %s: %s", k.kind, name, row.ID)
				}
			}
		}
	}
}

// What the plan itself cites goes before the table.
func TestThePlansCitationsComeFirst(t *testing.T) {
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	touched := kindOf(LogsShortened).touched(catalogue, law{}, []string{"SE-HSLF-4-9-7", "SE-HSLF-4-9-7"})
	require.Len(t, touched, 1)
	require.Equal(t, "SE-HSLF-4-9-7", touched[0].ID)
}

// Every way in which a value is known for a secret hides it; each row fails if its way is removed.
func TestSecretsNeverShow(t *testing.T) {
	const sentinel = "SENTINEL"
	pem := "-----BEGIN EC PRIVATE KEY-----\n" + sentinel + "\n-----END EC PRIVATE KEY-----"
	quote := func(s string) string { q, _ := json.Marshal(s); return string(q) }
	for name, row := range map[string]struct{ typ, old, now string }{
		"by the serialised form": {"x:y:Z",
			`{"inputs":{"a":{"4dabf18193072939515e22adb298388d":"1b","plaintext":"SENTINEL1"}}}`,
			`{"inputs":{"a":{"4dabf18193072939515e22adb298388d":"1b","plaintext":"SENTINEL2"}}}`},
		"by the name":          {"x:y:Z", `{"inputs":{"b":{"adminPassword":"SENTINEL1"}}}`, `{"inputs":{"b":{"adminPassword":"SENTINEL2"}}}`},
		"by the name of lists": {"x:y:Z", `{"inputs":{"tokens":["SENTINEL1"]}}`, `{"inputs":{"tokens":["SENTINEL2"]}}`},
		"by the kind":          {"kubernetes:core/v1:Secret", `{"inputs":{"data":{"c":"SENTINEL1"}}}`, `{"inputs":{"data":{"c":"SENTINEL2"}}}`},
		"by the text":          {"x:y:Z", `{"inputs":{"d":"none"}}`, `{"inputs":{"d":` + quote(pem) + `}}`},
		"by the declared outputs": {"x:y:Z", `{"inputs":{"e":{"f":"SENTINEL1"}},"additionalSecretOutputs":["e"]}`,
			`{"inputs":{"e":{"f":"SENTINEL2"}},"additionalSecretOutputs":["e"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			text := review(t, made(update(row.typ, row.old, row.now))).Markdown()
			require.NotContains(t, text, sentinel)
			require.Contains(t, text, "secret", "that it changes is told")
		})
	}
	t.Run("in diagnostics", func(t *testing.T) {
		in := Input{Stack: "s", Preview: []byte(`{"diagnostics":[{"severity":"error","message":` + quote("it failed: "+pem+" so") + `}]}`)}
		text := review(t, in).Markdown()
		require.NotContains(t, text, sentinel)
		require.Contains(t, text, "it failed: [secret] so")
	})
	t.Run("a name that only sounds like one", func(t *testing.T) {
		text := review(t, made(update("x:y:Z", `{"inputs":{"secretName":"old"}}`, `{"inputs":{"secretName":"new"}}`))).Markdown()
		require.Contains(t, text, "`secretName`: `old` → `new`")
	})
	t.Run("the engine's mask", func(t *testing.T) {
		step := strings.Replace(update("x:y:Z", `{"inputs":{"g":"[secret]"}}`, `{"inputs":{"g":"[secret]"}}`), `"op"`, `"diffReasons":["g"],"op"`, 1)
		require.Contains(t, review(t, made(step)).Markdown(), "`g`: another secret value")
	})
}

func TestUnreadablePreviews(t *testing.T) {
	for name, row := range map[string]struct{ text, says string }{
		"nothing":           {" \n", "the preview printed nothing"},
		"no JSON":           {"Previewing update", "is no digest in JSON"},
		"a stream":          {`{"steps":[]}{"steps":[]}`, "more than one JSON document"},
		"another document":  {`{"version":3}`, "neither steps nor diagnostics"},
		"unknown operation": {`{"steps":[{"op":"vanish","urn":"` + urn("a:b:C", "n") + `"}]}`, `steps[0].op: "vanish" is no operation`},
		"no URN":            {`{"steps":[{"op":"create","urn":"n"}]}`, `steps[0].urn: "n" is no URN`},
	} {
		t.Run(name, func(t *testing.T) {
			r := review(t, Input{Stack: "s", Preview: []byte(row.text)})
			require.Equal(t, CodeFailed, r.Code())
			require.Contains(t, r.Markdown(), row.says)
		})
	}
	t.Run("a plan", func(t *testing.T) {
		r := review(t, Input{Stack: "s", Preview: []byte(`{"steps":[]}`), OldPlan: []byte("["), Plans: true})
		require.Equal(t, CodeFailed, r.Code())
		require.Contains(t, r.Markdown(), "the old plan is no plan in JSON")
	})
}

// What the engine does in two or three steps is one replacement.
func TestReplacementIsOneChange(t *testing.T) {
	u := urn("kubernetes:core/v1:Namespace", "n")
	for _, ops := range [][]string{{"replace"}, {"create-replacement", "replace", "delete-replaced"}, {"delete-replaced", "create-replacement"}, {"delete", "create"}, {"create", "delete"}} {
		var steps []string
		for _, op := range ops {
			steps = append(steps, fmt.Sprintf(`{"op":%q,"urn":%q,"oldState":{},"newState":{}}`, op, u))
		}
		r := review(t, made(steps...))
		require.Len(t, r.stacks[0].changes, 1, ops)
		require.Equal(t, replaced, r.stacks[0].changes[0].verb, ops)
		require.Equal(t, CodeSevere, r.Code(), ops)
	}
}

// A protection alone is a step that changes nothing; without --show-sames it would not be there, which is said.
func TestProtectionNeedsTheUntouched(t *testing.T) {
	in := Input{Stack: "s", Preview: []byte(`{"steps":[{"op":"same","urn":"` + urn("pulumi:pulumi:Stack", "s") + `"}],"changeSummary":{"same":5}}`)}
	require.Contains(t, review(t, in).Markdown(), "without `--show-sames`")
	for _, option := range []string{"protect", "retainOnDelete"} {
		taken := fmt.Sprintf(`{"op":"same","urn":%q,"oldState":{%q:true},"newState":{}}`, urn("a:b:C", "n"), option)
		require.Equal(t, CodeSevere, review(t, made(taken)).Code(), option)
		given := fmt.Sprintf(`{"op":"same","urn":%q,"oldState":{},"newState":{%q:true}}`, urn("a:b:C", "n"), option)
		require.Equal(t, CodeOrdinary, review(t, made(given)).Code(), option)
	}
}

func TestOpenings(t *testing.T) {
	base := opening{from: "g", to: "h", protocol: "tcp", first: 10, last: 20}
	with := func(change func(*opening)) opening { o := base; change(&o); return o }
	sources := func(s ...string) opening { return with(func(o *opening) { o.from, o.sources = "", s }) }
	for name, row := range map[string]struct {
		was, now opening
		admits   bool
	}{
		"itself":         {base, base, true},
		"fewer ports":    {base, with(func(o *opening) { o.first = 15 }), true},
		"lower port":     {base, with(func(o *opening) { o.first = 9 }), false},
		"higher port":    {base, with(func(o *opening) { o.last = 21 }), false},
		"protocol":       {base, with(func(o *opening) { o.protocol = "udp" }), false},
		"from another":   {base, with(func(o *opening) { o.from = "i" }), false},
		"to another":     {base, with(func(o *opening) { o.to = "i" }), false},
		"of everything":  {with(func(o *opening) { o.protocol, o.first, o.last = "-1", 0, 0 }), base, true},
		"to everything":  {base, with(func(o *opening) { o.protocol = "-1" }), false},
		"smaller source": {sources("192.0.2.0/24"), sources("192.0.2.128/25"), true},
		"wider source":   {sources("192.0.2.128/25"), sources("192.0.2.0/24"), false},
		"more sources":   {sources("192.0.2.0/24"), sources("192.0.2.0/24", "198.51.100.0/24"), false},
		"fewer sources":  {sources("192.0.2.0/24", "198.51.100.0/24"), sources("198.51.100.0/24"), true},
		"IPv6":           {sources("2001:db8::/32"), sources("2001:db8:1::/48"), true},
		"unknown source": {sources("192.0.2.0/24"), sources("known after the update"), false},
	} {
		require.Equal(t, row.admits, row.was.admits(row.now), name)
	}
	for source, world := range map[string]bool{"0.0.0.0/0": true, "::/0": true, "128.0.0.0/1": true, "10.0.0.0/8": false, "2000::/3": true, "2001:db8::/32": false} {
		require.Equal(t, world, opening{sources: []string{source}}.world(), source)
	}
}

// In a new stack each rule is new: only what is open to the world is worth a flag.
func TestNewStackIsNotAllFlags(t *testing.T) {
	rule := func(source string) string {
		return fmt.Sprintf(`{"op":"create","urn":%q,"newState":{"inputs":{"ipProtocol":"tcp","fromPort":6443,"toPort":6443,"cidrIpv4":%q}}}`,
			urn("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "r"), source)
	}
	existing := fmt.Sprintf(`{"op":"same","urn":%q,"oldState":{},"newState":{}}`, urn("a:b:C", "n"))
	require.Equal(t, CodeOrdinary, review(t, made(rule("192.0.2.0/24"))).Code())
	require.Equal(t, CodeFlagged, review(t, made(existing, rule("192.0.2.0/24"))).Code())
	require.Equal(t, CodeSevere, review(t, made(rule("0.0.0.0/0"))).Code())
}

func TestWaivers(t *testing.T) {
	waiver := func(until string, paths ...string) plan.Waiver {
		return plan.Waiver{Requirement: "SE-PDL-1-2", Reason: "a reason", Owner: "an owner", Until: until, Paths: paths}
	}
	for name, row := range map[string]struct {
		was, now []plan.Waiver
		kind     Kind
		severity Severity
	}{
		"none":      {nil, nil, "", Ordinary},
		"new":       {nil, []plan.Waiver{waiver("2027-01-01", "cluster.version")}, Waived, Flagged},
		"same":      {[]plan.Waiver{waiver("2027-01-01", "a")}, []plan.Waiver{waiver("2027-01-01", "a")}, "", Ordinary},
		"shorter":   {[]plan.Waiver{waiver("2027-01-01", "a")}, []plan.Waiver{waiver("2026-12-31", "a")}, "", Ordinary},
		"longer":    {[]plan.Waiver{waiver("2027-01-01", "a")}, []plan.Waiver{waiver("2027-01-02", "a")}, Waived, Flagged},
		"more":      {[]plan.Waiver{waiver("2027-01-01", "a")}, []plan.Waiver{waiver("2027-01-01", "a", "b")}, Waived, Flagged},
		"gone":      {[]plan.Waiver{waiver("2027-01-01", "a")}, nil, "", Ordinary},
		"residency": {nil, []plan.Waiver{waiver("2027-01-01", "backup.country")}, Residency, Severe},
	} {
		flags := waiverFlags(&plan.Plan{Waivers: row.was}, &plan.Plan{Waivers: row.now})
		if row.severity == Ordinary {
			require.Empty(t, flags, name)
			continue
		}
		require.Len(t, flags, 1, name)
		require.Equal(t, row.kind, flags[0].kind, name)
		require.Equal(t, row.severity, flags[0].severity, name)
	}
}

// A site's values are shown, and cannot do anything: no span, fence, line or comment is left by them.
func TestValuesStayInTheirSpans(t *testing.T) {
	for value, want := range map[string]string{
		"a":             "`a`",
		"":              "(empty)",
		"a`b":           "`` a`b ``",
		"``":            "``` `` ```",
		"a\nb":          "`a\\nb`",
		"\u202eevil":    "`\\u202eevil`",
		"<!-- x -->":    "`<!-- x -->`",
		"@team |</td> ": "`@team |</td> `",
	} {
		require.Equal(t, want, code(value))
	}
	require.Equal(t, "````text\na\n```\nb\n````\n", block("a\n```\nb\n"))
}

func TestLongValuesShowTheirDifference(t *testing.T) {
	same := strings.Repeat("x", 500)
	old, now := valueTexts(same+"old"+same, same+"new"+same)
	require.Contains(t, old, "…xxx")
	require.Contains(t, old, "old")
	require.Contains(t, now, "new")
	require.Less(t, len(old), 150)
	old, now = valueTexts(same, same+"!")
	require.NotEqual(t, old, now)
	require.Contains(t, now, "!")
}

func TestPaths(t *testing.T) {
	for path, root := range map[string]string{"spec.replicas": "spec", `data["net-conf.json"]`: "data", "rules[0].x": "rules", `["a.b"].c`: "a.b", "x": "x"} {
		require.Equal(t, root, rootOf(path))
	}
	require.Equal(t, `data["net-conf.json"].rules[etcd].x`, pathText([]string{"data", "net-conf.json", "rules", "[etcd]", "x"}))
}

// A list of named objects is compared by name: one put in at the front is one that is new.
func TestListsOfNamedObjects(t *testing.T) {
	parsed := func(text string) any {
		var v any
		require.NoError(t, json.Unmarshal([]byte(text), &v))
		return v
	}
	found := differences([]string{"rules"}, parsed(`[{"name":"b","x":"1"}]`), parsed(`[{"name":"a","x":"1"},{"name":"b","x":"1"}]`))
	require.Len(t, found, 1)
	require.Equal(t, "rules[a]", pathText(found[0].path))
	require.Empty(t, differences(nil, parsed(`{"a":[]}`), parsed(`{}`)), "empty is absent")
}

// The plan's declared join window moves with every plan, and says nothing.
func TestJoinWindowIsNoChange(t *testing.T) {
	text, err := os.ReadFile("testdata/no-change/old.plan.json")
	require.NoError(t, err)
	var p plan.Plan
	require.NoError(t, json.Unmarshal(text, &p))
	p.Cluster.Join.NotAfter = p.Cluster.Join.NotAfter.AddDate(1, 0, 0)
	moved, err := p.JSON()
	require.NoError(t, err)
	require.Empty(t, planChanges(text, moved))
}
