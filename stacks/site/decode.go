package site

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder walks a document and the Go type that it should be side by side, and goes on after a mistake. The types
// used are few: structs, pointers to them, slices, string maps, numbers, booleans and texts.
type decoder struct {
	problems Problems
	// unread are the problems with a value that could therefore not be read. The others, such as a key that nobody
	// knows, leave the values that are there as good as they were.
	unread Problems
}

// problem reports a value that could not be read.
func (d *decoder) problem(path string, value, message, remedy string) {
	d.unread = append(d.unread, d.note(path, value, message, remedy))
}

// note reports a mistake that costs no value.
func (d *decoder) note(path string, value, message, remedy string) Problem {
	if path == "" {
		path = key
	}
	p := Problem{path, value, message, remedy}
	d.problems = append(d.problems, p)
	return p
}

// decode reads n into v. A v that could not be read is zero afterwards, so that no default passes for it.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path, example string) {
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, v, text, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path, example)
	case reflect.Struct:
		if d.is(n, v, path, "!!map") {
			d.section(n, v, path)
		}
	case reflect.Slice:
		v.SetZero()
		if d.is(n, v, path, "!!seq") {
			for i, item := range n.Content {
				v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
				d.decode(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), example)
			}
		}
	case reflect.Map:
		if d.is(n, v, path, "!!map") {
			d.words(n, v, path)
		}
	case reflect.Bool:
		if d.is(n, v, path, "!!bool") {
			d.scalar(n, v, path, "is not true or false", "write true or false")
		}
	case reflect.Int:
		if d.is(n, v, path, "!!int") {
			d.scalar(n, v, path, "is out of range", "write a smaller number")
		}
	case reflect.String:
		if d.is(n, v, path, "!!str") {
			v.SetString(n.Value)
		}
	}
}

// text reads a value type or a word of a closed list.
func (d *decoder) text(n *yaml.Node, v reflect.Value, target encoding.TextUnmarshaler, path string) {
	tag := "!!str" // a day without quotes is a point in time, also to Pulumi
	if v.Type() == reflect.TypeFor[Days]() {
		tag = "!!int"
	}
	if !d.is(n, v, path, tag) {
		return
	}
	if err := target.UnmarshalText([]byte(n.Value)); err != nil {
		v.SetZero()
		var m *Malformed
		if errors.As(err, &m) {
			d.problem(path, m.Value, m.Reason, m.Remedy)
		}
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path, message, remedy string) {
	if err := n.Decode(v.Addr().Interface()); err != nil {
		v.SetZero()
		d.problem(path, shown(n.Value), message, remedy)
	}
}

// section reads a mapping into a struct: defaults first, then each key, then what is missing.
func (d *decoder) section(n *yaml.Node, v reflect.Value, path string) {
	preset(v.Addr().Interface())
	fields := Fields(v.Type())
	known := make([]string, len(fields))
	for i := range fields {
		known[i] = fields[i].Key
	}
	given := map[string]bool{}
	pairs := d.pairs(n, path)
	for _, p := range pairs {
		given[p.key] = true
	}
	for _, p := range pairs {
		i := slices.Index(known, p.key)
		if i < 0 {
			meant := nearest(p.key, known)
			remedy := "remove it; known here: " + strings.Join(known, ", ")
			if meant != "" {
				remedy = "did you mean " + meant + "?"
			}
			d.note(p.path, "", "is not a known key", remedy)
			if meant == "" || given[meant] {
				continue
			}
			// What was meant is read too, so that its own mistakes show in the same run.
			i, given[meant], p.path = slices.Index(known, meant), true, join(path, meant)
		}
		d.decode(p.value, v.Field(fields[i].index), p.path, fields[i].Example)
	}
	for _, f := range fields {
		if f.Required && !given[f.Key] && v.Field(f.index).IsZero() {
			d.problem(join(path, f.Key), "", "is missing", f.addition())
		}
	}
}

// words reads a mapping of texts.
func (d *decoder) words(n *yaml.Node, v reflect.Value, path string) {
	words := map[string]string{}
	for _, p := range d.pairs(n, path) {
		var word string
		d.decode(p.value, reflect.ValueOf(&word).Elem(), p.path, "")
		words[p.key] = word
	}
	if len(words) > 0 {
		v.Set(reflect.ValueOf(words))
	}
}

type pair struct {
	key, path string
	value     *yaml.Node
}

// pairs lists the usable keys of a mapping and reports the others: repeated ones, and those of secrets, whose
// values are never looked at.
func (d *decoder) pairs(n *yaml.Node, path string) []pair {
	var pairs []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		at := join(path, shown(k.Value))
		switch {
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!null":
			d.problem(path, "", "has a key that is not text", "write each key as a plain word")
		case namesSecret(k.Value):
			d.note(at, "", "looks like a secret, and a site holds none",
				"take it out and run: pulumi config set --secret lagrum:"+shown(k.Value))
		case seen[k.Value]:
			d.note(at, "", "is given twice", "keep one")
		default:
			pairs = append(pairs, pair{k.Value, at, n.Content[i+1]})
		}
		seen[k.Value] = true
	}
	return pairs
}

// is reports a node that has none of the tags, and empties v for it.
func (d *decoder) is(n *yaml.Node, v reflect.Value, path string, tags ...string) bool {
	tag := n.ShortTag()
	if n.Kind != yaml.AliasNode && n.Anchor == "" && slices.Contains(tags, tag) {
		return true
	}
	v.SetZero()
	names := map[string]string{
		"!!map": "a mapping", "!!seq": "a list", "!!str": "text", "!!timestamp": "a point in time", "!!int": "a whole number",
		"!!float": "a number", "!!bool": "true or false",
	}
	value := ""
	if n.Kind == yaml.ScalarNode {
		value = shown(n.Value)
	}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.problem(path, "", "uses an anchor or an alias", "write the value out")
	case tag == "!!null":
		d.problem(path, "", "has no value", "write "+names[tags[0]]+", or take the key out")
	case names[tag] == "":
		d.problem(path, value, "has a tag of its own", "write "+names[tags[0]]+" without a tag")
	case names[tags[0]] == "text" && n.Kind == yaml.ScalarNode:
		d.problem(path, value, "is "+names[tag]+", not text", "write it in quotes")
	default:
		d.problem(path, value, "is "+names[tag]+", not "+names[tags[0]], "write "+names[tags[0]])
	}
	return false
}

// join appends a key to a path, in brackets where it is no plain word.
func join(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}
