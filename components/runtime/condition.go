package runtime

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// condition is what the words of one lead to.
type condition struct {
	fields, macros, lists []string
}

// The words of Falco's language that rules use: https://falco.org/docs/concepts/rules/conditions/.
var (
	word       = regexp.MustCompile(`^(?:"[^"]*"|[A-Za-z_][A-Za-z0-9_.]*|[0-9]+|!=|<=|>=|[=<>(),])`)
	operators  = []string{"=", "!=", "<", "<=", ">", ">=", "contains", "startswith", "endswith", "in", "exists"}
	connecting = []string{"and", "or", "not"}
)

// parse reads a condition, or says where it stops being one.
func parse(text string) (condition, error) {
	p := &parser{}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		found := word.FindString(rest)
		if found == "" {
			return condition{}, fmt.Errorf("cannot read %q", rest)
		}
		p.words, rest = append(p.words, found), rest[len(found):]
	}
	if err := p.either(); err != nil {
		return condition{}, err
	}
	if next := p.peek(); next != "" {
		return condition{}, fmt.Errorf("%q after its end", next)
	}
	return p.found, nil
}

// parser descends: or, and, not, a comparison.
type parser struct {
	words []string
	found condition
}

func (p *parser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *parser) next() string {
	w := p.peek()
	if w != "" {
		p.words = p.words[1:]
	}
	return w
}

func (p *parser) chain(by string, each func() error) error {
	for {
		if err := each(); err != nil {
			return err
		}
		if p.peek() != by {
			return nil
		}
		p.next()
	}
}

func (p *parser) either() error { return p.chain("or", p.both) }
func (p *parser) both() error   { return p.chain("and", p.negated) }

func (p *parser) negated() error {
	if p.peek() == "not" {
		p.next()
		return p.negated()
	}
	if p.peek() != "(" {
		return p.comparison()
	}
	p.next()
	if err := p.either(); err != nil {
		return err
	}
	return p.expect(")")
}

func (p *parser) expect(w string) error {
	if got := p.next(); got != w {
		return fmt.Errorf("wants %q, has %q", w, got)
	}
	return nil
}

func (p *parser) comparison() error {
	name := p.next()
	if name == "" || !bare(name) || slices.Contains(connecting, name) || slices.Contains(operators, name) {
		return fmt.Errorf("wants a field or a macro, has %q", name)
	}
	if !slices.Contains(operators, p.peek()) {
		if strings.Contains(name, ".") {
			return fmt.Errorf("field %s is compared with nothing", name)
		}
		p.found.macros = append(p.found.macros, name)
		return nil
	}
	p.found.fields = append(p.found.fields, name)
	switch p.next() {
	case "exists":
		return nil
	case "in":
		return p.values()
	}
	if value := p.next(); value == "" || (bare(value) && value != "true" && value != "false") || strings.ContainsAny(value[:1], "(),=<>!") {
		return fmt.Errorf("field %s: compared with %q, which is neither a number nor quoted", name, value)
	}
	return nil
}

// values are those of in: literals, and the names of lists.
func (p *parser) values() error {
	if err := p.expect("("); err != nil {
		return err
	}
	for {
		value := p.next()
		switch {
		case value == "" || strings.ContainsAny(value[:1], "(),=<>!"):
			return fmt.Errorf("wants a value, has %q", value)
		case bare(value):
			p.found.lists = append(p.found.lists, value)
		}
		if p.peek() != "," {
			return p.expect(")")
		}
		p.next()
	}
}

// bare tells a word without quotes from a literal.
func bare(w string) bool { return w[0] == '_' || (w[0]|0x20 >= 'a' && w[0]|0x20 <= 'z') }
