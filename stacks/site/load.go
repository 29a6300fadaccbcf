package site

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// key is the configuration key of the site; problems of the whole document name it.
const key = "lagrum:site"

// Problem is one mistake in a site.
type Problem struct {
	// Path of the mistake, e.g. nodePools[1].zones[0].
	Path string
	// Value that is wrong, shortened, and masked where it looks like a secret. Empty where there is none to show.
	Value string
	// Message says what is wrong.
	Message string
	// Remedy says what to write instead.
	Remedy string
}

// String reads: path: "value" message; remedy.
func (p Problem) String() string {
	if p.Value == "" {
		return fmt.Sprintf("%s: %s; %s", p.Path, p.Message, p.Remedy)
	}
	return fmt.Sprintf("%s: %q %s; %s", p.Path, p.Value, p.Message, p.Remedy)
}

// Problems are all mistakes of a site. It is the error of Load.
type Problems []Problem

// Error has a line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// Warning is something that is allowed and probably not meant.
type Warning Problem

// String reads like a problem.
func (w Warning) String() string { return Problem(w).String() }

// Load reads a site from YAML or JSON. Unknown and repeated keys are mistakes, and so is a key that looks like a
// secret. Defaults are filled in. The error is Problems and holds every mistake: those of single values, and those
// of values that do not fit together as far as they could be read. On an error the site is empty.
func Load(data []byte) (Site, []Warning, error) {
	root, problem := document(data)
	if problem != nil {
		return Site{}, nil, Problems{*problem}
	}
	var s Site
	d := &decoder{}
	d.decode(root.Content[0], reflect.ValueOf(&s).Elem(), "", "")
	s.fill()
	c := &checker{unread: d.unread}
	c.site(&s)
	if problems := append(d.problems, c.problems...); len(problems) > 0 {
		return Site{}, nil, problems
	}
	return s, c.warnings, nil
}

// Marshal is the inverse of Load: YAML with every default written out.
func Marshal(s Site) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Stack(), err)
	}
	return out.Bytes(), nil
}

// document parses the one document that data must hold.
func document(data []byte) (*yaml.Node, *Problem) {
	in := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := in.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &Problem{Path: key, Message: "is empty", Remedy: "describe the site, see docs/site.md"}
	case err != nil:
		return nil, &Problem{Path: key, Message: "is neither YAML nor JSON", Remedy: err.Error()}
	}
	if err := in.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Problem{Path: key, Message: "has text after its first document", Remedy: "keep one document"}
	}
	return &doc, nil
}
