// Package detection tells from an API server's audit log what wants a person's eye: who got into a container, read a Secret,
// changed rights or the rules of admission, broke the glass, or came in by a way that there is not.
//
// Rules are data with a predicate in Go; they look at events that the audit policy of package bootstrap records, and at nothing
// else. Where they run in a cluster is not decided here. See docs/detection.md.
package detection

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lagrum/lagrum/stacks/plan"
)

// Alert is what a person is told: who did what, where and when, and where to read on. It holds nothing of what was sent.
type Alert struct {
	Rule     string    `json:"rule"`
	Severity Severity  `json:"severity"`
	Who      string    `json:"who"`
	As       string    `json:"as,omitempty"` // whom they impersonated
	What     string    `json:"what"`         // verb and object
	Where    string    `json:"where"`        // namespace, or cluster
	From     []string  `json:"from,omitempty"`
	Code     int       `json:"code"`
	When     time.Time `json:"when"`
	AuditID  string    `json:"auditID,omitempty"`
}

// Detector reads the audit log of one cluster.
type Detector struct {
	facts *facts
	rules []Rule
	// told are the alerts of an event by its id: one request is recorded at several stages.
	told map[string]bool
	last time.Time
}

// longest is a line that is read as an event; the API server cuts what is longer than its own limit (--audit-log-truncate).
const longest = 16 << 20

// New is a detector for a cluster of a plan.
func New(p *plan.Plan) *Detector { return with(p, Rules()) }

func with(p *plan.Plan, rules []Rule) *Detector {
	return &Detector{facts: factsOf(p), rules: rules, told: map[string]bool{}}
}

// Read judges lines of an audit log, in their order. A line that is no event is an alert of its own, but for the last one without
// its end, which is still being written.
func (d *Detector) Read(log io.Reader) ([]Alert, error) {
	var alerts []Alert
	lines := bufio.NewReaderSize(log, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return alerts, nil
		}
		if err != nil {
			return alerts, fmt.Errorf("audit log: %w", err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			alerts = append(alerts, d.line(line)...)
		}
	}
}

func (d *Detector) line(line []byte) []Alert {
	var e Event
	if len(line) > longest || json.Unmarshal(line, &e) != nil || e.AuditID == "" || e.At.IsZero() {
		return d.enabled(Unreadable, Alert{What: fmt.Sprintf("a line of %d bytes", len(line)), When: d.last})
	}
	alerts := d.Silence(e.At)
	if e.At.After(d.last) {
		d.last = e.At
	}
	for _, r := range d.rules {
		if r.fires == nil || d.told[r.Name+e.AuditID] || !r.fires(d.facts, &e) {
			continue
		}
		d.told[r.Name+e.AuditID] = true
		alerts = append(alerts, e.alert(r))
	}
	return alerts
}

// Silence is an alert where nothing was read for too long before a point in time. Whoever reads asks it on the clock too: a log
// that has ended gives no line to ask it by.
func (d *Detector) Silence(now time.Time) []Alert {
	if d.last.IsZero() || now.Sub(d.last) <= Quiet {
		return nil
	}
	return d.enabled(Silent, Alert{What: fmt.Sprintf("no event for %s", now.Sub(d.last).Round(time.Second)), When: d.last})
}

// enabled is an alert of a rule about the log itself.
func (d *Detector) enabled(rule string, a Alert) []Alert {
	i := slices.IndexFunc(d.rules, func(r Rule) bool { return r.Name == rule })
	if i < 0 {
		return nil
	}
	a.Rule, a.Severity, a.Where = rule, d.rules[i].Severity, "audit log"
	return []Alert{a}
}

func (e *Event) alert(r Rule) Alert {
	a := Alert{Rule: r.Name, Severity: r.Severity, Who: e.User.Username, What: e.Verb + " " + e.path(), Where: "cluster", From: e.SourceIPs,
		Code: e.code(), When: e.At, AuditID: e.AuditID}
	if a.Who == "" {
		a.Who = "nobody that is known"
	}
	if e.Impersonate != nil {
		a.As = e.Impersonate.Username
	}
	if e.Object != nil && e.Object.Namespace != "" {
		a.Where = e.Object.Namespace
	}
	return a
}
