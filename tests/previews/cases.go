package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

type site = map[string]any

func cluster(s site) map[string]any { return s["cluster"].(map[string]any) }

func pool(s site, name string) map[string]any {
	for _, p := range list(s["nodePools"]) {
		if p["name"] == name {
			return p
		}
	}
	panic("no pool " + name)
}

func logs(s site, class string) map[string]any {
	for _, l := range list(s["retention"].(map[string]any)["logs"]) {
		if l["class"] == class {
			return l
		}
	}
	panic("no class " + class)
}

// recording is one change of the site.
type recording struct {
	name string
	edit func(site)
	// state crafts the state that the change meets, where no edit of a site leads there in the lab.
	state func(*world) error
	// fails: the engine refuses the preview.
	fails bool
}

func cases() []recording {
	return []recording{
		{name: "no-change"},
		{name: "worker-added", edit: func(s site) { pool(s, "workers")["count"] = 2 }},
		{name: "pool-removed", edit: func(s site) { s["nodePools"] = []any{pool(s, "cp")} }},
		{name: "mirror-changed", edit: func(s site) { s["registry"] = "registry.example.org" }},
		{name: "control-plane-renewed", edit: func(s site) { pool(s, "cp")["replacements"] = []any{1} }},
		{name: "control-plane-resized", edit: func(s site) { pool(s, "cp")["size"] = "2c3g" }},
		{name: "node-network-moved", edit: func(s site) { cluster(s)["nodeCIDR"] = "172.31.78.0/24" }},
		{name: "stack-renamed", edit: func(s site) { s["environment"] = "test" }},
		{name: "api-widened", edit: func(s site) { cluster(s)["apiSources"] = []any{"192.0.0.0/16", "198.51.100.0/24"} }},
		{name: "api-narrowed", edit: func(s site) { cluster(s)["apiSources"] = []any{"192.0.2.128/25"} }},
		{name: "wireguard-on", edit: wireGuard},
		// The lab's kernel has no WireGuard, so that no update leads to this state: it is the real one with what the
		// preview of wireguard-on would have changed.
		{name: "wireguard-off", state: withWireGuard},
		{name: "floor-shortened", edit: func(s site) { logs(s, "patient-access")["floorDays"] = 366 }},
		{name: "ceiling-shortened", edit: func(s site) { logs(s, "platform-security")["ceilingDays"] = 400 }},
		{name: "records-shortened", edit: func(s site) { s["retention"].(map[string]any)["recordYears"] = 3 }},
		{name: "outside-the-eea", edit: func(s site) {
			s["dataCentre"].(map[string]any)["country"] = "us"
			s["waivers"] = []any{map[string]any{"requirement": "EU-GDPR-44", "reason": "No patient data: a trial of one quarter, ended by moving back",
				"owner": "Example Person, security officer", "until": time.Now().UTC().AddDate(0, 3, 0).Format(time.DateOnly)}}
		}},
		// The program protects nothing of a dev stack. The state says that somebody did, by: pulumi state protect
		{name: "protection-removed", state: protected("dev-pki-ca", "dev-pki-encryption")},
		{name: "protected-deleted", state: protected("dev-workers-1-g1"), edit: func(s site) { s["nodePools"] = []any{pool(s, "cp")} }, fails: true},
		{name: "site-refused", edit: func(s site) { s["dataCentre"].(map[string]any)["country"] = "us" }, fails: true},
	}
}

func wireGuard(s site) { s["cloud"].(map[string]any)["lab"] = map[string]any{"wireguard": true} }

// protected marks resources of the state as protected, by the names that end their URNs.
func protected(names ...string) func(*world) error {
	return func(w *world) error {
		var state struct {
			Deployment struct {
				Resources []struct{ URN string }
			}
		}
		if err := json.Unmarshal(w.state, &state); err != nil {
			return err
		}
		found := 0
		for _, r := range state.Deployment.Resources {
			for _, name := range names {
				if !strings.HasSuffix(r.URN, "::"+name) {
					continue
				}
				found++
				if _, err := w.pulumi("state", "protect", "--yes", r.URN); err != nil {
					return err
				}
			}
		}
		if found < len(names) {
			return fmt.Errorf("the state holds %d of %v", found, names)
		}
		return nil
	}
}

// withWireGuard crafts the state as an update with WireGuard would leave it, and leaves the site so.
func withWireGuard(w *world) error {
	if err := w.edit(wireGuard); err != nil {
		return err
	}
	text, err := w.pulumi("preview", "--json")
	if err != nil {
		return err
	}
	var digest, state map[string]any
	if err := decode(text, &digest); err != nil {
		return err
	}
	if err := decode(w.state, &state); err != nil {
		return err
	}
	inputs := map[any]map[string]any{}
	for _, s := range list(digest["steps"]) {
		now, ok := s["newState"].(map[string]any)
		if !ok || s["op"] == "same" {
			continue
		}
		in, _ := now["inputs"].(map[string]any)
		inputs[s["urn"]] = in
	}
	made := 0
	for _, r := range list(state["deployment"].(map[string]any)["resources"]) {
		in := inputs[r["urn"]]
		if len(in) == 0 || r["type"] == "pulumi:pulumi:Stack" {
			continue
		}
		made++
		r["inputs"] = in
		if out, ok := r["outputs"].(map[string]any); ok {
			for k, v := range in {
				if _, ok := out[k]; ok {
					out[k] = v
				}
			}
		}
	}
	if made == 0 {
		return fmt.Errorf("the preview with WireGuard changes nothing")
	}
	crafted, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return w.restore(crafted)
}
