package review

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// change is what happens to one resource.
type change struct {
	urn, name, typ string
	verb           verb
	step           step // the one that says most
	properties     []property
	reasons        []string // what forces a replacement
}

// property is one value that differs. A nil side does not exist.
type property struct {
	path     []string
	old, new any
	// hidden: both sides look the same, and yet the engine sees a difference: a secret, or what exists drifted.
	hidden bool
}

// changes collects what happens to each resource, once each, by what happens and then by name.
func (p *preview) changes() []change {
	byURN := map[string]*change{}
	known := verbs()
	for _, s := range p.Steps {
		v := known[s.Op]
		c, seen := byURN[s.URN]
		switch {
		case !seen:
			c = &change{urn: s.URN, name: nameOf(s.URN), typ: typeOf(s.URN), verb: v, step: s}
			byURN[s.URN] = c
		case c.verb == added && v == deleted || c.verb == deleted && v == added:
			c.verb = replaced // two steps of one replacement
		case v != untouched && (c.verb == untouched || v < c.verb):
			c.verb = v
		}
		if seen && s.NewState != nil && s.OldState != nil {
			c.step = s
		}
		c.reasons = append(c.reasons, s.ReplaceReasons...)
	}
	var found []change
	for _, urn := range slices.Sorted(maps.Keys(byURN)) {
		c := byURN[urn]
		if c.verb == untouched || c.typ == "pulumi:pulumi:Stack" {
			continue
		}
		slices.Sort(c.reasons)
		c.reasons = slices.Compact(c.reasons)
		if c.verb == changed || c.verb == replaced {
			c.properties = c.step.properties()
		}
		found = append(found, *c)
	}
	slices.SortStableFunc(found, func(a, b change) int {
		if a.verb != b.verb {
			return int(a.verb) - int(b.verb)
		}
		return strings.Compare(a.name+"\x00"+a.typ, b.name+"\x00"+b.typ)
	})
	return found
}

// properties are the inputs that differ. What the engine names besides has the same inputs on both sides: a secret,
// whose values it hides, or an object that somebody changed behind the program.
func (s step) properties() []property {
	if s.OldState == nil || s.NewState == nil {
		return nil
	}
	found := differences(nil, s.OldState.Inputs, s.NewState.Inputs)
	if s.OldState.Protect != s.NewState.Protect {
		found = append(found, property{path: []string{"protect (of the engine)"}, old: s.OldState.Protect, new: s.NewState.Protect})
	}
	if s.OldState.RetainOnDelete != s.NewState.RetainOnDelete {
		found = append(found, property{path: []string{"retainOnDelete (of the engine)"}, old: s.OldState.RetainOnDelete, new: s.NewState.RetainOnDelete})
	}
	seen := map[string]bool{}
	for _, p := range found {
		seen[p.path[0]] = true
	}
	named := slices.Concat(s.DiffReasons, s.ReplaceReasons, slices.Collect(maps.Keys(s.DetailedDiff)))
	slices.Sort(named)
	for _, path := range slices.Compact(named) {
		if root := rootOf(path); root != "" && !seen[root] {
			seen[root] = true
			found = append(found, property{path: []string{root}, old: s.OldState.Inputs[root], new: s.NewState.Inputs[root], hidden: true})
		}
	}
	slices.SortStableFunc(found, func(a, b property) int { return strings.Compare(pathText(a.path), pathText(b.path)) })
	return found
}

// rootOf is the first key of a property path of the engine: spec.replicas, rules[0].port, ["a.b"].c.
func rootOf(path string) string {
	if quoted, ok := strings.CutPrefix(path, `["`); ok {
		root, _, _ := strings.Cut(quoted, `"]`)
		return root
	}
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return path
}

// differences compares two values down to the leaves.
func differences(path []string, old, now any) []property {
	if same(old, now) {
		return nil
	}
	at := func(key string) []string { return append(slices.Clone(path), key) }
	om, oldIsMap := asMap(old)
	nm, newIsMap := asMap(now)
	if oldIsMap && newIsMap {
		var found []property
		keys := slices.Sorted(maps.Keys(om))
		for k := range nm {
			if _, ok := om[k]; !ok {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		for _, k := range keys {
			if strings.HasPrefix(k, "__") { // the engine's and the bridges' own
				continue
			}
			found = append(found, differences(at(k), om[k], nm[k])...)
		}
		return found
	}
	ol, oldIsList := old.([]any)
	nl, newIsList := now.([]any)
	if oldIsList && newIsList {
		if on, ok := byName(ol); ok {
			if nn, ok := byName(nl); ok {
				var found []property
				for _, p := range differences(path, on, nn) {
					if len(p.path) > len(path) {
						p.path[len(path)] = "[" + p.path[len(path)] + "]"
					}
					found = append(found, p)
				}
				return found
			}
		}
		if nested(ol) && nested(nl) {
			var found []property
			for i := range max(len(ol), len(nl)) {
				found = append(found, differences(at("["+strconv.Itoa(i)+"]"), element(ol, i), element(nl, i))...)
			}
			return found
		}
	}
	return []property{{path: slices.Clone(path), old: old, new: now}}
}

func asMap(v any) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	return m, ok
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// byName turns a list of objects that have names into a map, so that an object put in at the front does not look like a
// change of all.
func byName(list []any) (map[string]any, bool) {
	made := map[string]any{}
	for _, e := range list {
		m, ok := asMap(e)
		if !ok {
			return nil, false
		}
		name, ok := m["name"].(string)
		if !ok || made[name] != nil {
			return nil, false
		}
		made[name] = m
	}
	return made, len(made) > 0
}

// nested tells a list of objects or lists from a list of plain values, which is shown as a whole.
func nested(list []any) bool {
	return slices.ContainsFunc(list, func(e any) bool {
		switch e.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	})
}

func same(a, b any) bool {
	if a == nil || b == nil {
		return empty(a) && empty(b)
	}
	return reflect.DeepEqual(a, b)
}

// empty values and absent ones mean the same to the engine's providers.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// pathText writes a path as people write it.
func pathText(path []string) string {
	var out strings.Builder
	for _, key := range path {
		switch {
		case strings.HasPrefix(key, "["):
			out.WriteString(key)
		case strings.ContainsAny(key, ". ") && out.Len() > 0:
			out.WriteString("[" + strconv.Quote(key) + "]")
		default:
			if out.Len() > 0 {
				out.WriteByte('.')
			}
			out.WriteString(key)
		}
	}
	return out.String()
}

// Where values are cut. A value is there to be recognised; who wants all of it runs the preview.
const longest, context = 80, 24

// valueTexts renders both sides of a property. Of two long texts the part around the first difference is shown.
func valueTexts(old, now any) (string, string) {
	a, b := valueText(old), valueText(now)
	if len(a) <= longest && len(b) <= longest {
		return a, b
	}
	ar, br := []rune(a), []rune(b)
	from := 0
	for from < len(ar) && from < len(br) && ar[from] == br[from] {
		from++
	}
	from = max(0, from-context)
	return window(ar, from), window(br, from)
}

func window(text []rune, from int) string {
	if from >= len(text) {
		from = max(0, len(text)-context)
	}
	if from < context { // a cut that saves nothing
		from = 0
	}
	cut := text[from:]
	end := ""
	if len(cut) > longest {
		end = fmt.Sprintf("… (%d more)", len(cut)-longest)
		cut = cut[:longest]
	}
	if from > 0 {
		return "…" + string(cut) + end
	}
	return string(cut) + end
}

// valueText renders a value on one line.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case secret:
		return secretText
	case string:
		if v == unknownText {
			return afterTheUpdate
		}
		return oneLine(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = valueText(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if !strings.HasPrefix(k, "__") {
				parts = append(parts, k+": "+valueText(v[k]))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return oneLine(fmt.Sprint(v))
	}
}

// oneLine writes what would break a line, or hide in it, as an escape.
func oneLine(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case !strconv.IsPrint(r):
			out.WriteString(fmt.Sprintf(`\u%04x`, r))
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
