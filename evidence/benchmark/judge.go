package benchmark

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Entry says why a check that kube-bench does not pass is no fault.
type Entry struct {
	ID string // of the benchmark
	// Status is what the entry answers. One for WARN says nothing of a FAIL.
	Status Status
	// Proof names a test of our own that makes the check: "lab STEP" on a real cluster, "api TestName" on a real API server, or
	// "policy TestName" over all that declared stacks make. It needs no expiry, and is never an answer to a FAIL.
	Proof string
	// The rest is a waiver's: who answers for it, why, and the last day on which it holds.
	Owner, Reason string
	Expires       time.Time
}

func (e Entry) waiver() bool { return e.Proof == "" }

// Finding is one check on one node.
type Finding struct {
	Node   string `json:"node"`
	ID     string `json:"id"`
	Text   string `json:"text"`
	Status Status `json:"status"`
	// By is what answers for a check that did not pass: the proof, or the waiver's reason.
	By      string `json:"by,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Expires string `json:"expires,omitempty"` // 2027-05-31
	Actual  string `json:"actual,omitempty"`
}

// Verdict is the judgement of all nodes; it is stored as JSON.
type Verdict struct {
	Benchmark string         `json:"benchmark"`
	Made      string         `json:"made"` // RFC 3339, UTC
	Raw       map[Status]int `json:"raw"`  // as kube-bench counted, before the table
	Proved    int            `json:"proved"`
	Waived    int            `json:"waived"`
	Findings  []Finding      `json:"findings"`
	// Problems is what is left: nothing, where all holds.
	Problems []string `json:"problems"`
}

// sections are the parts of the benchmark; a cluster of which one was not checked has not passed.
var sections = []string{"master", "etcd", "controlplane", "node", "policies"}

// Judge joins what kube-bench said with the table, as of now.
func Judge(now time.Time, nodes []Node, table []Entry) Verdict {
	v := Verdict{Benchmark: Name, Made: now.UTC().Format(time.RFC3339), Raw: map[Status]int{Pass: 0, Fail: 0, Warn: 0}, Problems: []string{}}
	problem := func(format string, args ...any) { v.Problems = append(v.Problems, fmt.Sprintf(format, args...)) }
	type key struct {
		id     string
		status Status
	}
	entries := map[key]Entry{}
	for _, e := range table {
		k := key{e.ID, e.Status}
		if _, twice := entries[k]; twice {
			problem("table: %s: two entries for %s", e.ID, e.Status)
		}
		entries[k] = e
		for _, fault := range e.faults() {
			problem("table: %s: %s", e.ID, fault)
		}
	}
	used, seen := map[key]bool{}, map[string]bool{}
	for _, node := range nodes {
		for _, controls := range node.Report.Controls {
			seen[controls.Type] = true
			for _, group := range controls.Groups {
				for _, check := range group.Checks {
					v.Raw[check.Status]++
					f := Finding{Node: node.Name, ID: check.ID, Text: check.Text, Status: check.Status, Actual: check.Actual}
					k := key{check.ID, check.Status}
					e, found := entries[k]
					switch {
					case check.Status == Pass && strings.Contains(check.Actual, ": not found"):
						problem("%s: %s %s: it passed because a program that it needs is missing; %s", node.Name, check.Status, check.ID, oneLine(check.Actual))
					case check.Status == Pass:
					case !found:
						problem("%s: %s %s: %s: repair it, or enter a proof or a waiver; %s", node.Name, check.Status, check.ID, check.Text, oneLine(check.Actual+" "+check.Reason))
					case e.waiver() && !now.Before(e.Expires.AddDate(0, 0, 1)):
						problem("%s: %s %s: the waiver of %s ended on %s: %s", node.Name, check.Status, check.ID, e.Owner, e.Expires.Format(time.DateOnly), e.Reason)
						used[k] = true
					case e.waiver():
						v.Waived++
						f.By, f.Owner, f.Expires = e.Reason, e.Owner, e.Expires.Format(time.DateOnly)
						used[k] = true
					default:
						v.Proved++
						f.By = e.Proof
						used[k] = true
					}
					v.Findings = append(v.Findings, f)
				}
			}
		}
	}
	for _, s := range sections {
		if !seen[s] {
			problem("no node was checked for section %s", s)
		}
	}
	for k := range entries {
		if !used[k] {
			problem("table: %s: stale: no node has a %s there any more; remove the entry", k.id, k.status)
		}
	}
	slices.Sort(v.Problems)
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(a.Node, b.Node) })
	return v
}

// faults are what an entry lacks.
func (e Entry) faults() []string {
	var faults []string
	if e.Status != Fail && e.Status != Warn {
		faults = append(faults, fmt.Sprintf("status %q: want FAIL or WARN", e.Status))
	}
	if e.waiver() {
		if e.Owner == "" || e.Reason == "" || e.Expires.IsZero() {
			faults = append(faults, "a waiver needs owner, reason and expiry")
		}
		return faults
	}
	if e.Status == Fail {
		faults = append(faults, "a FAIL is repaired or waived; no proof of our own answers it")
	}
	return faults
}

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		text = text[:300] + "..."
	}
	return "it found: " + text
}

// Summary prints a verdict for people.
func (v Verdict) Summary(out io.Writer) error {
	_, err := fmt.Fprintf(out, "kube-bench, benchmark %s: %d PASS, %d FAIL, %d WARN; of those that are no PASS, %d proved by tests of our own, %d waived, %d open\n",
		v.Benchmark, v.Raw[Pass], v.Raw[Fail], v.Raw[Warn], v.Proved, v.Waived, len(v.Problems))
	if err != nil {
		return err
	}
	for _, p := range v.Problems {
		if _, err := fmt.Fprintln(out, "  "+p); err != nil {
			return err
		}
	}
	return nil
}
