// Package doctor repairs a stack whose update was killed.
//
// A killed engine leaves two things: its lock, and creates that it had begun but whose outcome it could not write
// down. Neither may be guessed away: a lock may belong to an update that still runs, and a begun create may have made
// something. The doctor looks, says what it found, and hands the answers to the official CLI.
package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// Pending is a create that was begun and never concluded.
type Pending struct {
	URN    string
	Type   string
	Inputs map[string]any
}

// Verdict is what became of a pending create.
type Verdict string

// The verdicts.
const (
	// Import: it was made and is whole; the state takes it in under ID.
	Import Verdict = "import"
	// Clear: nothing was made, or what was half made has been removed.
	Clear Verdict = "clear"
	// Unknown: only a person can tell.
	Unknown Verdict = "unknown"
)

// Finding is the answer for one pending create.
type Finding struct {
	Verdict Verdict
	ID      string // for Import
	Why     string
}

// Finder looks at the world for one kind of resource.
type Finder interface {
	// Handles tells whether this finder knows the type.
	Handles(resourceType string) bool
	// Find tells what became of the create. It may remove what was half made, and says so in Why.
	Find(ctx context.Context, p Pending) (Finding, error)
}

// CLI is the official pulumi command, run for one stack.
type CLI func(ctx context.Context, args ...string) (stdout []byte, err error)

// Doctor repairs one stack.
type Doctor struct {
	Pulumi CLI
	// Lock tells who holds the stack's lock; nil where the backend cannot be looked into.
	Lock    func(stack string) (*Lock, error)
	Finders []Finder
	Out     io.Writer
}

// ErrAlive says that an update is running.
var ErrAlive = errors.New("an update is running")

// ErrUndecided says that at least one pending create needs a person.
var ErrUndecided = errors.New("pending creates that only a person can decide")

// Heal clears a dead lock and resolves all pending creates. It changes nothing if the lock's owner may be alive, and no
// state if one of the creates is Unknown.
func (d *Doctor) Heal(ctx context.Context, stack string) error {
	if err := d.clearLock(ctx, stack); err != nil {
		return err
	}
	exported, err := d.Pulumi(ctx, "stack", "export")
	if err != nil {
		return fmt.Errorf("stack %s: export: %w", stack, err)
	}
	pending, err := PendingCreates(exported)
	if err != nil {
		return fmt.Errorf("stack %s: %w", stack, err)
	}
	if len(pending) == 0 {
		fmt.Fprintf(d.Out, "stack %s: no pending create\n", stack)
		return nil
	}
	imports, err := d.decide(ctx, pending)
	if err != nil {
		return fmt.Errorf("stack %s: %w", stack, err)
	}
	healed, err := resolve(exported, imports)
	if err != nil {
		return fmt.Errorf("stack %s: %w", stack, err)
	}
	if err := d.load(ctx, healed); err != nil {
		return fmt.Errorf("stack %s: import: %w", stack, err)
	}
	// What was taken in has no outputs yet, and other operations were interrupted too: read everything back.
	if _, err := d.Pulumi(ctx, "refresh", "--yes", "--skip-preview", "--non-interactive"); err != nil {
		return fmt.Errorf("stack %s: refresh: %w", stack, err)
	}
	fmt.Fprintf(d.Out, "stack %s: healed; run pulumi up to converge\n", stack)
	return nil
}

func (d *Doctor) clearLock(ctx context.Context, stack string) error {
	if d.Lock == nil {
		fmt.Fprintf(d.Out, "stack %s: this backend's lock cannot be looked into; if no update runs anywhere, clear it by: pulumi cancel\n", stack)
		return nil
	}
	lock, err := d.Lock(stack)
	if err != nil {
		return fmt.Errorf("stack %s: lock: %w", stack, err)
	}
	if lock == nil {
		fmt.Fprintf(d.Out, "stack %s: not locked\n", stack)
		return nil
	}
	if lock.Alive() {
		return fmt.Errorf("stack %s: %w: process %d of %s on %s holds the lock since %s; wait for it or end it",
			stack, ErrAlive, lock.PID, lock.Username, lock.Hostname, lock.Timestamp.Format("15:04:05"))
	}
	fmt.Fprintf(d.Out, "stack %s: the lock of process %d is dead (it no longer runs): cleared\n", stack, lock.PID)
	if _, err := d.Pulumi(ctx, "cancel", "--yes"); err != nil {
		return fmt.Errorf("stack %s: cancel: %w", stack, err)
	}
	return nil
}

// load hands a state back to the backend. It holds ciphertexts of the stack's secrets, so nobody else may read it.
func (d *Doctor) load(ctx context.Context, state []byte) error {
	file, err := os.CreateTemp("", "lagrum-doctor-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(state)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	_, err = d.Pulumi(ctx, "stack", "import", "--file", file.Name())
	return err
}

// decide asks the finders; the answer is the id of every create that was concluded, by URN.
func (d *Doctor) decide(ctx context.Context, pending []Pending) (map[string]string, error) {
	imports := map[string]string{}
	var undecided []string
	for _, p := range pending {
		finding, err := d.find(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.URN, err)
		}
		fmt.Fprintf(d.Out, "  %-7s %s: %s\n", finding.Verdict, p.URN, finding.Why)
		switch finding.Verdict {
		case Import:
			imports[p.URN] = finding.ID
		case Unknown:
			undecided = append(undecided, p.URN)
		}
	}
	if len(undecided) > 0 {
		return nil, fmt.Errorf("%w: %s; look whether each exists, then run pulumi refresh and answer its questions",
			ErrUndecided, strings.Join(undecided, ", "))
	}
	return imports, nil
}

func (d *Doctor) find(ctx context.Context, p Pending) (Finding, error) {
	for _, finder := range d.Finders {
		if finder.Handles(p.Type) {
			return finder.Find(ctx, p)
		}
	}
	return Finding{Verdict: Unknown, Why: "no way to look for this type"}, nil
}

// PendingCreates reads the pending creates out of an exported stack, in the order of their URNs.
func PendingCreates(exported []byte) ([]Pending, error) {
	var checkpoint struct {
		Deployment struct {
			PendingOperations []struct {
				Type     string `json:"type"`
				Resource struct {
					URN    string         `json:"urn"`
					Type   string         `json:"type"`
					Inputs map[string]any `json:"inputs"`
				} `json:"resource"`
			} `json:"pending_operations"`
		} `json:"deployment"`
	}
	if err := json.Unmarshal(exported, &checkpoint); err != nil {
		return nil, fmt.Errorf("exported state: %w", err)
	}
	var pending []Pending
	for _, op := range checkpoint.Deployment.PendingOperations {
		// Interrupted updates, deletes and reads need no answer: the next refresh reads what is there.
		if op.Type != "creating" {
			continue
		}
		pending = append(pending, Pending{URN: op.Resource.URN, Type: op.Resource.Type, Inputs: op.Resource.Inputs})
	}
	sort.Slice(pending, func(i, j int) bool { return pending[i].URN < pending[j].URN })
	return pending, nil
}

// resolve takes every pending create out of a state: those with an id become resources, which the next refresh reads,
// the others are forgotten. The CLI's own --import-pending-creates of this version marks a create as imported and then
// drops it.
func resolve(exported []byte, ids map[string]string) ([]byte, error) {
	var state map[string]any
	decoder := json.NewDecoder(bytes.NewReader(exported))
	decoder.UseNumber() // what is not understood here must come out as it went in
	if err := decoder.Decode(&state); err != nil {
		return nil, fmt.Errorf("exported state: %w", err)
	}
	deployment, _ := state["deployment"].(map[string]any)
	operations, _ := deployment["pending_operations"].([]any)
	resources, _ := deployment["resources"].([]any)
	var left []any
	for _, o := range operations {
		operation, _ := o.(map[string]any)
		if operation["type"] != "creating" {
			left = append(left, o)
			continue
		}
		made, _ := operation["resource"].(map[string]any)
		urn, _ := made["urn"].(string)
		id, concluded := ids[urn]
		if !concluded {
			continue
		}
		// The create may have been one half of a replacement: what it replaces is still there to be deleted.
		for _, r := range resources {
			if old, _ := r.(map[string]any); old["urn"] == urn {
				old["delete"] = true
			}
		}
		made["id"] = id
		delete(made, "outputs")
		resources = append(resources, made)
	}
	deployment["pending_operations"], deployment["resources"] = left, resources
	return json.Marshal(state)
}
