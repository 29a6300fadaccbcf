// Package benchmark judges what kube-bench says of a cluster's nodes. A check that fails, or that kube-bench leaves to a
// person, needs an entry in a table: a check of our own by name, or a waiver with owner, reason and expiry.
package benchmark

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Name is the benchmark that kube-bench is told to run. None of its check files is for Kubernetes 1.36; this is the newest
// for Kubernetes itself (of 1.29 to 1.32) in kube-bench v0.14.0.
const Name = "cis-1.11"

// Status is what kube-bench says of a check.
type Status string

// A WARN is a check that failed without being scored, or one that only a person can make.
const (
	Pass Status = "PASS"
	Fail Status = "FAIL"
	Warn Status = "WARN"
)

// Report is the part of kube-bench's JSON that is judged.
type Report struct {
	Controls []Controls `json:"Controls"`
}

// Controls are the checks of one file, as "master" or "node".
type Controls struct {
	Version string  `json:"version"`
	Type    string  `json:"node_type"`
	Groups  []Group `json:"tests"`
}

// Group is a section of the benchmark.
type Group struct {
	Checks []Check `json:"results"`
}

// Check is one recommendation on one node.
type Check struct {
	ID     string `json:"test_number"`
	Text   string `json:"test_desc"`
	Status Status `json:"status"`
	Actual string `json:"actual_value"`
	Reason string `json:"reason,omitempty"`
}

// Node is a node with what kube-bench said of it.
type Node struct {
	Name   string
	Report Report
}

// Parse reads the JSON that kube-bench wrote on a node. It refuses a report of another benchmark, and one without checks:
// a node of which nothing was said has not passed.
func Parse(node string, text []byte) (Node, error) {
	var report Report
	if err := json.Unmarshal(text, &report); err != nil {
		return Node{}, fmt.Errorf("kube-bench on %s: %w", node, err)
	}
	if len(report.Controls) == 0 {
		return Node{}, fmt.Errorf("kube-bench on %s: the report holds no checks", node)
	}
	var errs []error
	for _, c := range report.Controls {
		if c.Version != Name {
			errs = append(errs, fmt.Errorf("kube-bench on %s: %s: benchmark %q, want %s", node, c.Type, c.Version, Name))
		}
		for _, g := range c.Groups {
			for _, check := range g.Checks {
				switch check.Status {
				case Pass, Fail, Warn:
				default:
					errs = append(errs, fmt.Errorf("kube-bench on %s: check %s: status %q: no check may be skipped", node, check.ID, check.Status))
				}
			}
		}
	}
	return Node{Name: node, Report: report}, errors.Join(errs...)
}
