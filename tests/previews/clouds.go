package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lagrum/lagrum/tests/engine"
)

// inCluster are the objects of the cluster, whose API nobody answers for.
var inCluster = []string{"--exclude", "**kubernetes:**"}

// cloudCases are the changes of each stack on OpenStack: the declared one of production, and its like for tests.
func cloudCases() map[string][]recording {
	workers := func(s site) map[string]any { return pool(s, "workers") }
	leave := func(s site) { workers(s)["count"], workers(s)["leaving"] = 2, []any{"workers-3-g2"} }
	otherDisks := func(s site) { openStack(s)["encryptedVolumeType"] = "luks-2" }
	return map[string][]recording{
		"se-test": {
			{name: "se-test-disks-of-another-type", edit: otherDisks},
			{name: "se-test-stores-given-up", edit: func(s site) { delete(s, "objectStore") }},
			{name: "se-test-lock-shortened", edit: func(s site) { logs(s, "platform-security")["floorDays"] = 60 }},
		},
		"se-prod": {
			{name: "se-prod-no-change"},
			{name: "se-prod-disks-of-another-type", edit: otherDisks, fails: true},
			{name: "se-prod-image-changed", edit: func(s site) { openStack(s)["image"] = "11111111-2222-4333-8444-555555555555" }},
			// More law: what the resources serve changes on them, and nothing is made anew for it.
			{name: "se-prod-operator-of-the-state", edit: func(s site) { s["operator"].(map[string]any)["kind"] = "state" }},
			{name: "se-prod-worker-leaves", edit: leave},
			{name: "se-prod-worker-left", state: updated(leave), edit: func(s site) { workers(s)["count"] = 2 }},
			// The same in one update is what the engine refuses.
			{name: "se-prod-worker-cut-off", edit: func(s site) { workers(s)["count"] = 2 }, fails: true},
			{name: "se-prod-rarer-backups", edit: func(s site) { s["backup"].(map[string]any)["interval"] = "24h" }},
			{name: "se-prod-one-factor", edit: func(s site) {
				list(s["identity"].(map[string]any)["connectors"])[0]["mfa"] = false
				s["waivers"] = []any{map[string]any{"requirement": "SE-HSLF-3-15-2", "reason": "The identity provider is being replaced; the new one asks for two factors",
					"owner": "Example Person, security officer", "until": time.Now().UTC().AddDate(0, 3, 0).Format(time.DateOnly)}}
			}},
			{name: "se-prod-one-factor-refused", edit: func(s site) { list(s["identity"].(map[string]any)["connectors"])[0]["mfa"] = false }, fails: true},
		},
	}
}

func openStack(s site) map[string]any {
	return s["cloud"].(map[string]any)["openstack"].(map[string]any)
}

// updated leaves the state and the site as an update would that the edit asks for.
func updated(change func(site)) func(*world) error {
	return func(w *world) error {
		if err := w.edit(change); err != nil {
			return err
		}
		_, err := w.pulumi(append([]string{"up", "--yes", "--skip-preview"}, inCluster...)...)
		return err
	}
}

func recordClouds(root string) error {
	dir, err := os.MkdirTemp("", "lagrum-previews-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e, err := engine.Prepare(context.Background(), root, dir, engine.Clouds())
	if err != nil {
		return err
	}
	for stack, cases := range cloudCases() {
		declared, err := os.ReadFile(filepath.Join(root, "Pulumi.se-prod.yaml"))
		if err != nil {
			return err
		}
		// The same site where no patients depend on it, so that nothing is protected.
		declared = bytes.Replace(declared, []byte("environment: prod"), []byte("environment: "+strings.TrimPrefix(stack, "se-")), 1)
		if err := e.Init(stack, declared); err != nil {
			return err
		}
		w := &world{root: root, project: dir, stack: stack, cli: e.CLI, companion: e.Companion, env: e.Env, only: inCluster}
		if w.base, err = os.ReadFile(w.stackFile()); err != nil { // with the secrets of the stack
			return err
		}
		if _, err := w.pulumi(append([]string{"up", "--yes", "--skip-preview"}, inCluster...)...); err != nil {
			return fmt.Errorf("stack %s: %w", stack, err)
		}
		if err := w.recordAll(cases); err != nil {
			return fmt.Errorf("stack %s: %w", stack, err)
		}
	}
	return nil
}
