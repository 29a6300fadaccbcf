package benchmark_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/evidence/benchmark"
)

var now = time.Date(2026, time.November, 25, 12, 0, 0, 0, time.UTC)

// check is one line of a made report: section, id, status, what it found.
type check struct{ section, id, status, actual string }

// every section has one check, which passes.
func passing() []check {
	var all []check
	for i, section := range []string{"master", "etcd", "controlplane", "node", "policies"} {
		all = append(all, check{section, fmt.Sprintf("%d.1", i+1), "PASS", ""})
	}
	return all
}

func report(version string, checks []check) []byte {
	var controls []string
	for _, c := range checks {
		controls = append(controls, fmt.Sprintf(`{"version": %q, "node_type": %q, "tests": [{"results": [{"test_number": %q, "test_desc": "Ensure it", "status": %q, "actual_value": %q}]}]}`,
			version, c.section, c.id, c.status, c.actual))
	}
	return []byte(`{"Controls": [` + strings.Join(controls, ",") + `]}`)
}

func judge(t *testing.T, checks []check, table ...benchmark.Entry) benchmark.Verdict {
	t.Helper()
	node, err := benchmark.Parse("cp-1", report(benchmark.Name, checks))
	require.NoError(t, err)
	return benchmark.Judge(now, []benchmark.Node{node}, table)
}

func TestJudge(t *testing.T) {
	t.Parallel()
	waiver := benchmark.Entry{ID: "1.2.5", Status: benchmark.Fail, Owner: "officer", Reason: "not built yet", Expires: now.Truncate(24 * time.Hour)}
	expired, nobodys := waiver, waiver
	expired.Expires = waiver.Expires.AddDate(0, 0, -1)
	nobodys.Owner = ""
	proof := benchmark.Entry{ID: "1.2.5", Status: benchmark.Warn, Proof: "lab a test"}
	proofOfFail := proof
	proofOfFail.Status = benchmark.Fail
	failed := append(passing(), check{"master", "1.2.5", "FAIL", "--profiling=true"})
	warned := append(passing(), check{"master", "1.2.5", "WARN", ""})
	tests := []struct {
		name   string
		checks []check
		table  []benchmark.Entry
		want   []string
	}{
		{"all passes", passing(), nil, nil},
		{"a FAIL that nobody answers for", failed, nil, []string{"FAIL 1.2.5"}},
		{"a WARN that nobody answers for", warned, nil, []string{"WARN 1.2.5"}},
		{"a waiver on its last day", failed, []benchmark.Entry{waiver}, nil},
		{"a waiver after its last day", failed, []benchmark.Entry{expired}, []string{"the waiver of officer ended on 2026-11-24: not built yet"}},
		{"a waiver of nobody", failed, []benchmark.Entry{nobodys}, []string{"a waiver needs owner, reason and expiry"}},
		{"a waiver for what passes", passing(), []benchmark.Entry{waiver}, []string{"stale"}},
		{"a waiver of a FAIL is none of a WARN", warned, []benchmark.Entry{waiver}, []string{"WARN 1.2.5", "stale"}},
		{"a proof", warned, []benchmark.Entry{proof}, nil},
		{"a proof is none for a FAIL", failed, []benchmark.Entry{proof}, []string{"FAIL 1.2.5", "stale"}},
		{"a proof entered for a FAIL", failed, []benchmark.Entry{proofOfFail}, []string{"no proof of our own answers it"}},
		{"two entries", failed, []benchmark.Entry{waiver, waiver}, []string{"two entries"}},
		{"a section that was not checked", passing()[1:], nil, []string{"no node was checked for section master"}},
		{"a check that passed for want of a program", append(passing(), check{"policies", "5.1.5", "PASS", "/bin/sh: 1: jq: not found"}), nil, []string{"a program that it needs is missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			verdict := judge(t, tt.checks, tt.table...)
			require.Len(t, verdict.Problems, len(tt.want), verdict.Problems)
			all := strings.Join(verdict.Problems, "\n")
			for _, want := range tt.want {
				assert.Contains(t, all, want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		text       []byte
	}{
		{"another benchmark", `benchmark "cis-1.24", want cis-1.11`, report("cis-1.24", passing())},
		{"a skipped check", "no check may be skipped", report(benchmark.Name, append(passing(), check{"master", "1.2.5", "INFO", ""}))},
		{"no checks", "holds no checks", []byte(`{"Controls": []}`)},
		{"no JSON", "invalid character", []byte("error")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := benchmark.Parse("cp-1", tt.text)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// TestKeptVerdict judges what kube-bench found in a real lab: without the table it has problems, with it none, and a flag
// that is lost is seen.
func TestKeptVerdict(t *testing.T) {
	t.Parallel()
	read := func(change func(string) string) []benchmark.Node {
		var nodes []benchmark.Node
		for _, name := range []string{"cp-1-g1", "workers-1-g1"} {
			text, err := os.ReadFile("testdata/" + name + ".json")
			require.NoError(t, err)
			node, err := benchmark.Parse(name, []byte(change(string(text))))
			require.NoError(t, err)
			nodes = append(nodes, node)
		}
		return nodes
	}
	same := func(s string) string { return s }
	assert.Empty(t, benchmark.Judge(now, read(same), benchmark.Table()).Problems)
	assert.NotEmpty(t, benchmark.Judge(now, read(same), nil).Problems)
	assert.NotEmpty(t, benchmark.Judge(now.AddDate(2, 0, 0), read(same), benchmark.Table()).Problems, "waivers end")
	nodes := read(same)
	lost := 0
	for i, controls := range nodes[0].Report.Controls {
		for j, group := range controls.Groups {
			for k, c := range group.Checks {
				if c.ID == "1.2.15" {
					nodes[0].Report.Controls[i].Groups[j].Checks[k].Status = benchmark.Fail
					lost++
				}
			}
		}
	}
	require.Equal(t, 1, lost)
	problems := benchmark.Judge(now, nodes, benchmark.Table()).Problems
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0], "FAIL 1.2.15")
}

func TestSummary(t *testing.T) {
	t.Parallel()
	verdict := judge(t, append(passing(), check{"master", "1.2.5", "FAIL", "x"}))
	var out strings.Builder
	require.NoError(t, verdict.Summary(&out))
	assert.Contains(t, out.String(), "5 PASS, 1 FAIL, 0 WARN")
	assert.Contains(t, out.String(), "1 open\n  cp-1: FAIL 1.2.5")
	text, err := json.Marshal(verdict)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"made":"2026-11-25T12:00:00Z"`)
}

func TestDocumentShowsTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/hardening-nodes.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), benchmark.Markdown(benchmark.Table()))
}

// A proof names a test that exists, on the rung that it says: a step of the end-to-end tests, or a test of that name.
func TestProofsExist(t *testing.T) {
	t.Parallel()
	rungs := map[string]string{}
	for rung, folders := range map[string][]string{"lab": {"e2e"}, "api": {"admission", "access"}, "policy": {"stacks"}} {
		for _, folder := range folders {
			files, err := filepath.Glob("../../tests/" + folder + "/*_test.go")
			require.NoError(t, err)
			require.NotEmpty(t, files, folder)
			for _, file := range files {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				rungs[rung] += string(text)
			}
		}
	}
	for _, e := range benchmark.Table() {
		if e.Proof == "" {
			continue
		}
		rung, name, _ := strings.Cut(e.Proof, " ")
		require.Contains(t, rungs, rung, e.Proof)
		assert.True(t, strings.Contains(rungs[rung], `step(t, "`+name+`"`) || strings.Contains(rungs[rung], "func "+name+"(t "), e.Proof)
	}
}
