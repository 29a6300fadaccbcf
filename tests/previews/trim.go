package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// longest text that is kept whole. Machines' user-data are longer, and no review shows them.
const longest = 4096

// trim keeps of a preview what a review reads, and nothing of this machine.
func (w *world) trim(preview []byte) ([]byte, error) {
	var digest map[string]any
	if err := decode(preview, &digest); err != nil {
		return nil, err
	}
	delete(digest, "duration")
	for _, s := range list(digest["steps"]) {
		only(s, "op", "urn", "oldState", "newState", "diffReasons", "replaceReasons", "detailedDiff")
		for _, side := range []string{"oldState", "newState"} {
			state, ok := s[side].(map[string]any)
			if !ok {
				continue
			}
			only(state, "type", "inputs", "protect", "retainOnDelete", "additionalSecretOutputs")
			if s["op"] == "same" {
				delete(state, "inputs")
			}
			state["inputs"] = shorten(state["inputs"])
			if state["inputs"] == nil {
				delete(state, "inputs")
			}
		}
	}
	for _, d := range list(digest["diagnostics"]) {
		only(d, "urn", "message", "severity")
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(digest)
	return out.Bytes(), err
}

func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func list(v any) []map[string]any {
	var found []map[string]any
	all, _ := v.([]any)
	for _, e := range all {
		if m, ok := e.(map[string]any); ok {
			found = append(found, m)
		}
	}
	return found
}

func only(m map[string]any, keys ...string) {
	for k := range m {
		keep := false
		for _, want := range keys {
			keep = keep || k == want
		}
		if !keep {
			delete(m, k)
		}
	}
}

// shorten cuts long texts; the digest keeps two that differ different.
func shorten(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = shorten(e)
		}
	case []any:
		for i, e := range v {
			v[i] = shorten(e)
		}
	case string:
		if len(v) > longest {
			return fmt.Sprintf("%s... (cut; sha256 %x)", v[:80], sha256.Sum256([]byte(v)))
		}
	}
	return v
}

func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, e := range v {
			walk(e, visit)
		}
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	}
}

// texts are all texts in a value.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case map[string]any:
		var found []string
		for _, e := range v {
			found = append(found, texts(e)...)
		}
		return found
	case []any:
		var found []string
		for _, e := range v {
			found = append(found, texts(e)...)
		}
		return found
	}
	return nil
}
